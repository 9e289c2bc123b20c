from __future__ import annotations

import pytest

from msa_desktop.base.events import Event, EventBus, TagProgress, TagWork
from msa_desktop.base.jobs import JobControl
from msa_desktop.base.model import TrackId
from msa_desktop.services.progress import ProgressCounter, ProposingProgress, RateWindow
from tests.support_llm import METAL, Stepwise


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_counts_each_file_once_and_estimates_the_rest() -> None:
    clock = Clock()
    counter = ProgressCounter(clock)
    ids = [TrackId(n) for n in range(10)]
    counter.waiting(ids)
    counter.waiting(ids[:3])
    for n in range(5):
        clock.now += 2.0
        counter.finished(ids[n], failed=n == 0)
        counter.finished(ids[n])
    now = counter.snapshot(paused=False, current=("a",))
    assert (now.done, now.total, now.failed) == (5, 10, 1)
    assert now.rate == pytest.approx(0.5)
    assert now.seconds_left == pytest.approx(10.0)
    assert counter.snapshot(paused=True, current=()).seconds_left is None


def test_dropped_files_do_not_count() -> None:
    counter = ProgressCounter()
    counter.waiting([TrackId(1), TrackId(2)])
    counter.dropped([TrackId(2)])
    counter.finished(TrackId(1))
    assert counter.idle
    assert counter.snapshot(paused=False, current=()).total == 1


def test_starts_again_when_all_was_done() -> None:
    counter = ProgressCounter()
    counter.waiting([TrackId(1)])
    counter.finished(TrackId(1))
    counter.waiting([TrackId(2)])
    now = counter.snapshot(paused=False, current=())
    assert (now.done, now.total, now.rate) == (0, 1, 0.0)


def test_the_rate_is_the_last_half_minutes() -> None:
    clock = Clock()
    counter = ProgressCounter(clock)
    counter.waiting(TrackId(n) for n in range(1000))
    for n in range(100):  # slow at first
        clock.now += 10.0
        counter.finished(TrackId(n))
    for n in range(100, 400):  # then ten a second
        clock.now += 0.1
        counter.finished(TrackId(n))
    assert counter.snapshot(paused=False, current=()).rate == pytest.approx(10.0, rel=0.1)


def test_a_pause_leaves_no_trace_in_the_rate() -> None:
    clock = Clock()
    counter = ProgressCounter(clock)
    counter.waiting(TrackId(n) for n in range(100))
    for n in range(10):
        clock.now += 1.0
        counter.finished(TrackId(n))
    clock.now += 1000.0
    counter.restart_clock()
    assert counter.snapshot(paused=False, current=()).rate == 0.0
    for n in range(10, 15):
        clock.now += 1.0
        counter.finished(TrackId(n))
    assert counter.snapshot(paused=False, current=()).rate == pytest.approx(1.0)


def test_a_slow_rate_is_measured_over_as_long_as_it_takes() -> None:
    clock = Clock()
    window = RateWindow(clock)
    for _ in range(2):
        clock.now += 50.0
        window.add()
        assert window.rate == 0.0, "too few to tell"
    for _ in range(5):
        clock.now += 50.0
        window.add()
    assert window.rate == pytest.approx(0.02)
    clock.now += 1.0
    window.add(30)
    assert window.rate == pytest.approx(30.0, rel=0.1)


class Held(JobControl):
    """Holds for a thousand seconds of the test's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def hold(self) -> None:
        self._clock.now += 1000.0
        self.resume()


def test_proposing_tells_its_rate_and_a_pause_is_no_work() -> None:
    clock, bus, tagger = Clock(), EventBus(), Stepwise()
    told: list[Event] = []
    bus.subscribe(told.append)
    control = Held(clock)
    progress = ProposingProgress(20, tagger, control, bus, clock)
    assert progress.goes_on()
    assert told == []
    for _ in range(4):
        clock.now += 2.0
        tagger.let.release()
        tagger.suggest(METAL)
        progress.add(2, 1)  # every other one was not listened to yet
    progress.tell()
    assert told[-1] == TagProgress(
        TagWork.PROPOSE, 8, 20, rate=0.5, seconds_left=24.0, tokens_rate=20.0
    )
    control.pause()
    del told[:]
    assert progress.goes_on()
    assert told == [
        TagProgress(TagWork.PROPOSE, 8, 20, rate=0.5, paused=True, tokens_rate=20.0),
        TagProgress(TagWork.PROPOSE, 8, 20, tokens_rate=20.0),
    ]
    assert progress.rate == pytest.approx(0.5)
    control.cancel()
    assert not progress.goes_on()
    progress.end()
    assert told[-1] == TagProgress(TagWork.PROPOSE, 8, 20, running=False)
