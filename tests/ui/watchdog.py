"""Measures how long the event loop of the window is kept waiting."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer

_SCHEDULE = Path("/proc/thread-self/schedstat")
_TICK_MS = 2


class Watchdog(QObject):
    """Ticks in the event loop; a gap between two ticks is a stall of the window.

    Time that the thread was ready to run and got no processor, because other programs had them
    all, is not counted: it says nothing of the window. (Linux tells it; elsewhere it is counted.)
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest = 0.0
        self.ticks = 0
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._last = self._now()
        self._timer.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._timer.stop()

    def _tick(self) -> None:
        now = self._now()
        self.longest = max(self.longest, now - self._last)
        self.ticks += 1
        self._last = now

    @staticmethod
    def _now() -> float:
        """Seconds that this thread ran or slept; not those it queued for a processor."""
        queued = 0.0
        if _SCHEDULE.exists():
            queued = int(_SCHEDULE.read_text("ascii").split()[1]) / 1e9
        return time.perf_counter() - queued
