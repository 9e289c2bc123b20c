from __future__ import annotations

import pytest

from msa_desktop.base.model import TrackId
from msa_desktop.services.progress import ProgressCounter


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
