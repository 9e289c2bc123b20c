from __future__ import annotations

import threading

import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken, JobControl


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


def _holding(control: JobControl) -> threading.Thread:
    holding = threading.Thread(target=control.hold)
    holding.start()
    holding.join(0.05)
    return holding


def test_a_job_is_held_until_it_may_go_on() -> None:
    control = JobControl()
    control.hold()
    control.pause()
    assert control.paused
    holding = _holding(control)
    assert holding.is_alive()
    control.resume()
    holding.join(10)
    assert not holding.is_alive()
    control.check()


def test_a_held_job_can_be_ended_and_an_ended_one_is_not_held() -> None:
    control = JobControl()
    control.pause()
    holding = _holding(control)
    assert holding.is_alive()
    control.cancel()
    holding.join(10)
    assert not holding.is_alive()
    control.pause()
    control.hold()
    assert not control.paused
    with pytest.raises(Cancelled):
        control.check()


def test_a_hold_has_moments_at_which_a_signal_is_heard() -> None:
    control = JobControl()
    event = control._going = _Impatient()
    control.hold()
    assert len(event.waits) == 3
    assert all(timeout is not None and timeout <= 1 for timeout in event.waits)
