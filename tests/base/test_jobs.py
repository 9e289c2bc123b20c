from __future__ import annotations

import threading

import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken


class _Impatient(threading.Event):
    """Notes how long it was waited for, and is set at the third time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return len(self.waits) == 3


def test_a_wait_has_moments_at_which_a_signal_is_heard() -> None:
    token = CancelToken()
    event = token._event = _Impatient()
    token.wait()
    assert len(event.waits) == 3
    assert all(timeout is not None and timeout <= 1 for timeout in event.waits)


def test_a_wait_ends_with_the_job() -> None:
    token = CancelToken()
    waiting = threading.Thread(target=token.wait)
    waiting.start()
    token.cancel()
    waiting.join(10)
    assert not waiting.is_alive()
    with pytest.raises(Cancelled):
        token.check()
