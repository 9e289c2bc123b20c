"""How far the background listening is: counts, rate and the time that is left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from msa_desktop.base.events import AnalysisProgress
from msa_desktop.base.model import TrackId

_RATE_WINDOW = 30.0  # seconds over which the rate is measured
_LEAST_FOR_RATE = 3  # finished files before a rate is worth saying


class ProgressCounter:
    """Counts files, each once, from the moment it waits until its end. Thread-safe.

    The counts start again when a new file comes after everything was finished.

    Args:
        clock: Seconds, monotonic; a test hands in its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Condition()
        self._waiting: set[TrackId] = set()
        self._done = 0
        self._failed = 0
        self._ends: deque[float] = deque()

    def waiting(self, ids: Iterable[TrackId]) -> None:
        """These files wait for the analysis; ones that already wait are not counted twice."""
        with self._lock:
            if not self._waiting:
                self._done = self._failed = 0
                self._ends.clear()
            if not self._ends:
                self._ends.append(self._clock())
            self._waiting.update(ids)

    def finished(self, track_id: TrackId, *, failed: bool = False) -> None:
        """One file came to its end."""
        with self._lock:
            if track_id not in self._waiting:
                return
            self._waiting.remove(track_id)
            self._done += 1
            self._failed += failed
            self._ends.append(self._clock())
            self._lock.notify_all()

    def dropped(self, ids: Iterable[TrackId]) -> None:
        """These files no longer wait: cancelled, removed from the library."""
        with self._lock:
            self._waiting.difference_update(ids)
            self._lock.notify_all()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        with self._lock:
            return not self._waiting

    def wait(self, timeout: float) -> None:
        """Returns when nothing waits, or after `timeout` seconds."""
        with self._lock:
            self._lock.wait_for(lambda: not self._waiting, timeout)

    def restart_clock(self) -> None:
        """Forgets the rate: after a pause the old one would mislead."""
        with self._lock:
            self._ends.clear()
            self._ends.append(self._clock())

    def snapshot(self, *, paused: bool, current: tuple[str, ...]) -> AnalysisProgress:
        """The counts as an event."""
        with self._lock:
            now = self._clock()
            while len(self._ends) > _LEAST_FOR_RATE + 1 and now - self._ends[0] > _RATE_WINDOW:
                self._ends.popleft()
            ended = len(self._ends) - 1
            span = now - self._ends[0] if self._ends else 0.0
            left = len(self._waiting)
            known = left and ended >= _LEAST_FOR_RATE and span > 0
            rate = ended / span if known else 0.0
            return AnalysisProgress(
                done=self._done,
                total=self._done + left,
                failed=self._failed,
                rate=rate,
                seconds_left=left / rate if rate and left and not paused else None,
                paused=paused,
                current=current,
            )
