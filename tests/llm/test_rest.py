from __future__ import annotations

import threading
import time

import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken, JobControl
from msa_desktop.llm._rest import ModelError, Rest


class Clock(threading.Event):
    """Time that passes only where somebody waits; the program's closing, too."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def failed(times: int, *, lasting: bool = False) -> Rest:
    rest = Rest()
    for _ in range(times):
        rest.failed(ModelError("why", lasting=lasting))
    return rest


def test_pauses_grow_and_end_with_a_success(clock: Clock) -> None:
    rest, pauses = Rest(), []
    for _ in range(12):
        rest.failed(ModelError("why"))
        began = clock.now
        while True:
            try:
                rest.wait(None, clock)
                break
            except ModelError as error:
                assert str(error) == "why"
                clock.now += 1
        pauses.append(round(clock.now - began))
    assert pauses[:4] == [0, 5, 10, 20]
    assert max(pauses) == 300
    rest.succeeded()
    rest.failed(ModelError("why"))
    began = clock.now
    rest.wait(None, clock)
    assert clock.now == began


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0), (2, 5), (3, 10), (4, 20)])
def test_the_first_pauses_are_waited_out(clock: Clock, failures: int, seconds: int) -> None:
    began = clock.now
    failed(failures).wait(CancelToken(), clock)
    assert clock.now - began == pytest.approx(seconds)


@pytest.mark.parametrize(("failures", "lasting"), [(5, False), (1, True), (2, True)])
def test_a_long_or_useless_one_is_not(clock: Clock, failures: int, lasting: bool) -> None:
    began = clock.now
    with pytest.raises(ModelError, match="why"):
        failed(failures, lasting=lasting).wait(None, clock)
    assert clock.now == began


def test_a_wait_ends_where_nobody_wants_the_answer(clock: Clock) -> None:
    cancel = CancelToken()
    cancel.cancel()
    began = clock.now
    with pytest.raises(Cancelled):
        failed(2).wait(cancel, clock)
    clock.set()
    with pytest.raises(Cancelled):
        failed(2).wait(None, clock)
    assert clock.now - began < 1


def test_who_pauses_does_not_wait_for_it(clock: Clock) -> None:
    control = JobControl()
    control.pause()
    began = clock.now
    failed(4).wait(control, clock)
    assert clock.now == began
