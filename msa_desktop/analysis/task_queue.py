"""The order in which files are worked on."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from itertools import islice

from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.model import TrackId

_Key = tuple[TrackId, Work]

Room = Callable[[Task], int]
"""How many more processes may listen with the encoders of a task."""


def _enough(_: Task) -> int:
    return sys.maxsize


class TaskQueue:
    """Urgent tasks first, then the others in the order of `Work`.

    Within each, first come, first served. Holds one task at most for one work on one track.
    Thread-safe; every operation takes the same time however long the queue is.

    Attributes:
        paused: Gives out urgent waveforms only: the person plays that file now.
    """

    def __init__(self) -> None:
        self.paused = False
        self._lock = threading.Lock()
        self._urgent: OrderedDict[_Key, Task] = OrderedDict()
        self._waiting: dict[Work, OrderedDict[_Key, Task]] = {work: OrderedDict() for work in Work}

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._queues()))

    def put(self, task: Task, *, urgent: bool = False) -> None:
        """Adds a task at the end of its kind, or in place of one for the same work and track."""
        key = (task.track_id, task.work)
        with self._lock:
            if urgent or key in self._urgent:
                self._waiting[task.work].pop(key, None)
                self._urgent[key] = task
            else:
                self._waiting[task.work][key] = task

    def put_back(self, task: Task) -> None:
        """Makes a task the very next one, unless a newer one for the same work waits."""
        key = (task.track_id, task.work)
        with self._lock:
            newer = self._waiting[task.work].pop(key, task)
            self._urgent.setdefault(key, newer)
            self._urgent.move_to_end(key, last=False)

    def prioritise(self, track_id: TrackId) -> None:
        """Everything that waits for this track goes before all else."""
        with self._lock:
            for work in reversed(Work):
                key = (track_id, work)
                task = self._waiting[work].pop(key, None)
                if task is not None:
                    self._urgent[key] = task
                if key in self._urgent:
                    self._urgent.move_to_end(key, last=False)

    def take(self, together: int = 1, room: Room = _enough) -> tuple[Task, ...]:
        """The next task, no longer in the queue; none where there is nothing to do.

        Args:
            together: So many tasks at most that listen with the same encoders are given at once,
                but for urgent ones.
            room: As for `takeable`: a task that has none is passed over.
        """
        with self._lock:
            if self.paused:
                key = next(filter(_runs_in_pause, self._urgent), None)
                return (self._urgent.pop(key),) if key is not None else ()
            for key, task in self._urgent.items():
                if _may_go(task, room):
                    return (self._urgent.pop(key),)
            filled = filter(None, self._waiting.values())
            queue = next((one for one in filled if _may_go(next(iter(one.values())), room)), None)
            if queue is None:
                return ()
            taken = [queue.popitem(last=False)[1]]
            if queue is self._waiting[Work.LISTEN]:
                while len(taken) < together and queue:
                    key, task = next(iter(queue.items()))
                    if task.encoders != taken[0].encoders:
                        break
                    taken.append(queue.pop(key))
            return tuple(taken)

    def takeable(self, room: Room = _enough) -> int:
        """How many times `take` would give a task now, if the others that listen listen alike.

        Args:
            room: How many more may listen with the encoders of a task.
        """
        with self._lock:
            if self.paused:
                return sum(map(_runs_in_pause, self._urgent))
            listening = [task for task in self._urgent.values() if task.work is Work.LISTEN]
            waiting = self._waiting[Work.LISTEN]
            first = next(iter([*listening, *islice(waiting.values(), 1)]), None)
            count = len(listening) + len(waiting)
            others = sum(map(len, self._queues())) - count
            return others if first is None else others + min(count, room(first))

    def drop(self, ids: Iterable[TrackId], works: Collection[Work] = tuple(Work)) -> None:
        """Drops what waits for these tracks, or only some of their works."""
        with self._lock:
            for track_id in ids:
                for work in works:
                    self._waiting[work].pop((track_id, work), None)
                    self._urgent.pop((track_id, work), None)

    def clear(self, work: Work | None = None) -> list[Task]:
        """Drops every task, or those of one work, and returns them in their order."""
        with self._lock:
            dropped = []
            for queue in self._queues():
                for key in [key for key in queue if work is None or key[1] is work]:
                    dropped.append(queue.pop(key))
        return dropped

    def _queues(self) -> tuple[OrderedDict[_Key, Task], ...]:
        return (self._urgent, *self._waiting.values())


def _runs_in_pause(key: _Key) -> bool:
    return key[1] is Work.PEAKS


def _may_go(task: Task, room: Room) -> bool:
    return task.work is not Work.LISTEN or room(task) > 0
