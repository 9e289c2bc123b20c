"""Measures how long the event loop of the window is kept waiting.

The aim is 50 ms; a test fails at `LIMIT`. A mistake that grows with the library (a query or a loop
over 50,000 rows in the window's thread) passes that as well, and a busy machine does not. What was
measured is in the report: `pytest tests/ui -k never_stalls --junitxml FILE`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from pytestqt.qtbot import QtBot

LIMIT = 0.150
"""Seconds that the event loop may be kept waiting in a test."""

AIM = 0.050
"""Seconds that nothing in the window should take."""

Steps = Iterable[Callable[[], object]]
"""What a person does, step by step."""

_TRIES = 3
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


def longest_stall(qtbot: QtBot, window: QObject, steps: Steps, *, pause: int, rest: int) -> float:
    """Takes the steps, and returns the longest wait of the event loop, in seconds.

    The best of some tries: what another program does to this machine is not the window's doing.

    Args:
        pause: Milliseconds after each step.
        rest: Milliseconds after the last.
    """
    steps = list(steps)
    longest = []
    for _ in range(_TRIES):
        watchdog = Watchdog(window)
        for step in steps:
            step()
            qtbot.wait(pause)
        qtbot.wait(rest)
        watchdog.stop()
        assert watchdog.ticks > len(steps)
        longest.append(watchdog.longest)
        if watchdog.longest < AIM:
            break
    return min(longest)
