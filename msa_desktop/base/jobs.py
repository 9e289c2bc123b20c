"""Long work: ended or held between its items; progress, told now and then."""

from __future__ import annotations

import math
import threading
import time

from msa_desktop.base.errors import Cancelled

_LISTEN_EVERY = 0.5  # seconds between two moments at which a signal is heard
_TELL_EVERY = 0.1  # seconds between two progress events: as often as a person can see


class CancelToken:
    """Set from any thread; the job raises `Cancelled` at its next item."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Asks the job to end."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raises `Cancelled` if the job was asked to end."""
        if self._event.is_set():
            raise Cancelled

    def wait(self) -> None:
        """Returns when the job was asked to end."""
        # Windows does not interrupt a wait without an end: Ctrl+C would go unheard.
        while not self._event.wait(_LISTEN_EVERY):
            pass


class JobControl(CancelToken):
    """A cancel token of a job that can be held, too. Set from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._going = threading.Event()
        self._going.set()

    def pause(self) -> None:
        """Asks the job to hold before its next item; one that was asked to end does not."""
        self._going.clear()
        if self.cancelled:  # without a lock: `cancel` sets its mark first, and lets go after
            self._going.set()

    def resume(self) -> None:
        """Lets the job go on."""
        self._going.set()

    def cancel(self) -> None:
        """Asks the job to end, also where it is held."""
        super().cancel()
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the job is to hold."""
        return not self._going.is_set()

    def hold(self) -> None:
        """Returns when the job may go on, or is to end."""
        while not self._going.wait(_LISTEN_EVERY):
            pass


class Throttle:
    """Says when it is time to tell of progress again. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told_at = -math.inf

    def is_due(self) -> bool:
        """Whether it is time; if so, the next time is a while from now."""
        with self._lock:
            now = time.monotonic()
            due = now >= self._told_at + _TELL_EVERY
            if due:
                self._told_at = now
        return due
