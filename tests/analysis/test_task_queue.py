"""The order of the queue."""

from __future__ import annotations

import time

from msa_desktop.analysis.task_queue import TaskQueue
from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.model import TrackId
from msa_desktop.encoders._base import EncoderFacts

READ, LISTEN, MEASURE, PEAKS = Work.READ, Work.LISTEN, Work.MEASURE, Work.PEAKS


def task(number: int, work: Work = READ, path: str = "a.mp3") -> Task:
    return Task(TrackId(number), path, work)


def drain(queue: TaskQueue) -> list[tuple[int, Work]]:
    order: list[tuple[int, Work]] = []
    while taken := queue.take():
        order += [(one.track_id, one.work) for one in taken]
    return order


def test_urgent_then_reading_then_listening_then_the_rest() -> None:
    queue = TaskQueue()
    for number, work in enumerate((PEAKS, LISTEN, READ, LISTEN, READ)):
        queue.put(task(number, work))
    queue.put(task(7, LISTEN), urgent=True)
    queue.put(task(8, LISTEN), urgent=True)
    queue.put(task(9, MEASURE))
    assert len(queue) == 8
    assert drain(queue) == [
        (7, LISTEN),
        (8, LISTEN),
        (2, READ),
        (4, READ),
        (1, LISTEN),
        (3, LISTEN),
        (9, MEASURE),
        (0, PEAKS),
    ]
    assert len(queue) == 0


def test_tracks_for_the_same_ears_are_given_together() -> None:
    queue = TaskQueue()
    own = EncoderFacts("own", "1", 2)
    for number in range(7):
        by = (own,) if number == 5 else ()
        queue.put(Task(TrackId(number), "a.mp3", LISTEN, by))
    queue.put(task(7, LISTEN), urgent=True)
    queue.put(task(8, READ))
    given = [[one.track_id for one in queue.take(3)] for _ in range(7)]
    assert given == [[7], [8], [0, 1, 2], [3, 4], [5], [6], []]


def test_prioritise_brings_all_of_a_track_to_the_front() -> None:
    queue = TaskQueue()
    queue.put(task(1, LISTEN), urgent=True)
    for number in (2, 3):
        queue.put(task(number, LISTEN))
    queue.put(task(3, READ))
    queue.put(task(2, READ))
    queue.prioritise(TrackId(3))
    queue.prioritise(TrackId(99))
    assert drain(queue) == [(3, READ), (3, LISTEN), (1, LISTEN), (2, READ), (2, LISTEN)]
    queue.put(task(1), urgent=True)
    queue.put(task(2), urgent=True)
    queue.prioritise(TrackId(2))
    assert drain(queue) == [(2, READ), (1, READ)]


def test_a_newer_task_for_the_same_work_replaces_the_older() -> None:
    queue = TaskQueue()
    queue.put(task(1, READ, "old.mp3"))
    queue.put(task(2))
    queue.put(task(1, READ, "new.mp3"))
    assert queue.clear() == [task(1, READ, "new.mp3"), task(2)]
    queue.put(task(1, READ, "old.mp3"))
    queue.put(task(1, READ, "urgent.mp3"), urgent=True)
    queue.put(task(1, READ, "newest.mp3"))
    assert queue.clear() == [task(1, READ, "newest.mp3")]


def test_put_back_goes_first_and_yields_to_a_newer_one() -> None:
    queue = TaskQueue()
    queue.put(task(1), urgent=True)
    queue.put(task(2, READ, "new.mp3"))
    queue.put_back(task(2, READ, "old.mp3"))
    queue.put_back(task(3))
    assert queue.clear() == [task(3), task(2, READ, "new.mp3"), task(1)]


def test_a_pause_lets_only_urgent_waveforms_through() -> None:
    queue = TaskQueue()
    queue.paused = True
    queue.put(task(1), urgent=True)
    queue.put(task(2, PEAKS))
    queue.put(task(3, PEAKS), urgent=True)
    assert queue.takeable() == 1
    assert drain(queue) == [(3, PEAKS)]
    queue.paused = False
    assert queue.takeable() == 2


def test_what_listens_can_be_left_for_later() -> None:
    queue = TaskQueue()
    queue.put(task(1, LISTEN), urgent=True)
    queue.put(task(2, LISTEN))
    queue.put(task(3, LISTEN))
    queue.put(task(4, PEAKS))
    queue.put(task(5), urgent=True)
    rooms = [lambda _: 0, lambda _: 2, lambda _: 9]
    assert [queue.takeable(room) for room in rooms] == [2, 4, 5]
    assert queue.take(1, rooms[0]) == (task(5),)
    assert queue.take(1, rooms[0]) == (task(4, PEAKS),)
    assert queue.take(1, rooms[0]) == ()
    assert drain(queue) == [(1, LISTEN), (2, LISTEN), (3, LISTEN)]


def test_a_hundred_thousand_tasks_are_no_burden() -> None:
    def cost(number: int) -> float:
        queue = TaskQueue()
        began = time.process_time()
        for n in range(number):
            queue.put(task(n))
        for n in range(0, number, 100):
            queue.prioritise(TrackId(number - n - 1))
        assert len(drain(queue)) == number
        return (time.process_time() - began) / number

    assert cost(100_000) < 10 * cost(2_000)


def test_dropped_tracks_are_left_out() -> None:
    queue = TaskQueue()
    for number in (1, 2, 3):
        queue.put(task(number))
        queue.put(task(number, LISTEN), urgent=number == 2)
    queue.drop([TrackId(1), TrackId(2), TrackId(9)])
    assert drain(queue) == [(3, READ), (3, LISTEN)]
