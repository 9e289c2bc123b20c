"""How far long work is: counts, rate and the time that is left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from msa_desktop.base.events import AnalysisProgress, EventBus, TagProgress, TagWork
from msa_desktop.base.jobs import JobControl, Throttle
from msa_desktop.base.model import TrackId
from msa_desktop.llm._base import Tagger

_RATE_WINDOW = 30.0  # seconds over which the rate is measured
_LEAST_FOR_RATE = 3  # finished files before a rate is worth saying


class RateWindow:
    """How fast things are finished: over the last half minute, longer where they are slow.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()
        self._finished = 0
        self.restart()

    def restart(self) -> None:
        """Forgets the rate: after a pause the old one would mislead."""
        self._marks.clear()
        self._marks.append((self._clock(), self._finished))

    def add(self, count: int = 1) -> None:
        """So many were finished since the last time."""
        self._finished += count
        self._marks.append((self._clock(), self._finished))

    @property
    def rate(self) -> float:
        """Things a second; 0 while too few were finished to tell."""
        now, marks = self._clock(), self._marks
        while (
            now - marks[0][0] > _RATE_WINDOW
            and len(marks) > 1
            and self._finished - marks[1][1] >= _LEAST_FOR_RATE
        ):
            marks.popleft()
        began, before = marks[0]
        count = self._finished - before
        return count / (now - began) if count >= _LEAST_FOR_RATE and now > began else 0.0


class ProgressCounter:
    """Counts files, each once, from the moment it waits until its end. Thread-safe.

    The counts start again when a new file comes after everything was finished.

    Args:
        clock: Seconds, monotonic; a test hands in its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Condition()
        self._waiting: set[TrackId] = set()
        self._done = 0
        self._failed = 0
        self._speed = RateWindow(clock)

    def waiting(self, ids: Iterable[TrackId]) -> None:
        """These files wait for the analysis; ones that already wait are not counted twice."""
        with self._lock:
            if not self._waiting:
                self._done = self._failed = 0
                self._speed.restart()
            self._waiting.update(ids)

    def finished(self, track_id: TrackId, *, failed: bool = False) -> None:
        """One file came to its end."""
        with self._lock:
            if track_id not in self._waiting:
                return
            self._waiting.remove(track_id)
            self._done += 1
            self._failed += failed
            self._speed.add()
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
            self._speed.restart()

    def snapshot(self, *, paused: bool, current: tuple[str, ...]) -> AnalysisProgress:
        """The counts as an event."""
        with self._lock:
            left = len(self._waiting)
            rate = self._speed.rate if left else 0.0
            return AnalysisProgress(
                done=self._done,
                total=self._done + left,
                failed=self._failed,
                rate=rate,
                seconds_left=left / rate if rate and not paused else None,
                paused=paused,
                current=current,
            )


class ProposingProgress:
    """Tells how far proposing is and how fast it goes, and holds it where the person pauses.

    Args:
        total: Tracks there are.
        tagger: What makes the proposals.
        control: Ends or holds the work.
        events: Where it is told.
        clock: Seconds, monotonic; a test hands in its own.

    Attributes:
        done: Tracks that were dealt with, of `total`.
    """

    def __init__(
        self,
        total: int,
        tagger: Tagger,
        control: JobControl,
        events: EventBus,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = 0
        self._total = total
        self._tagger = tagger
        self._control = control
        self._events = events
        self._clock = clock
        self._throttle = Throttle()
        self._speed = RateWindow(clock)
        self._looked_at = 0
        self._tokens_before = tagger.tokens
        self._began = clock()  # later by every pause, so that what has passed since is work

    @property
    def rate(self) -> float:
        """Tracks a second that were looked at since the beginning, pauses left out."""
        seconds = self._clock() - self._began
        return self._looked_at / seconds if seconds > 0 else 0.0

    @property
    def tokens_rate(self) -> float:
        """Tokens a second that a language model wrote while it wrote; 0 without one."""
        return self._tagger.tokens.rate_since(self._tokens_before)

    def add(self, passed: int, looked_at: int) -> None:
        """So many more tracks were dealt with, of which so many could be looked at."""
        self.done += passed
        self._looked_at += looked_at
        self._speed.add(looked_at)
        if self._throttle.is_due():
            self.tell()

    def goes_on(self) -> bool:
        """Waits for as long as the person pauses; whether they did not end it."""
        if self._control.paused:
            self.tell(paused=True)
            paused_at = self._clock()
            self._control.hold()
            self._began += self._clock() - paused_at
            self._speed.restart()
            self.tell()
        return not self._control.cancelled

    def tell(self, *, paused: bool = False) -> None:
        """Tells how far it is."""
        rate = self._speed.rate
        left = (self._total - self.done) / rate if rate and not paused else None
        self._events.publish(
            TagProgress(
                TagWork.PROPOSE,
                self.done,
                self._total,
                rate=rate,
                seconds_left=left,
                paused=paused,
                tokens_rate=self.tokens_rate,
            )
        )

    def end(self) -> None:
        """Tells that it has ended."""
        self._events.publish(TagProgress(TagWork.PROPOSE, self.done, self._total, running=False))
