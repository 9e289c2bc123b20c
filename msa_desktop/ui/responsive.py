"""Keeps Python itself from making the window stutter, or from ending it."""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QObject, QTimer

# How long a busy thread keeps Python's lock when another wants it. Painting a screen takes the
# lock some dozens of times; at Python's own 5 ms each, a thread that only counted brought stalls
# of 106 to 190 ms, and of 26 to 43 ms so.
_SWITCH_SECONDS = 0.0005
_TICK_MS = 500


class Responsive(QObject):
    """Has garbage collected in the GUI thread, in small helpings, and the lock passed on quickly.

    Python looks for garbage in whichever thread happens to make objects. There it may find a
    widget nobody holds any more, and a widget that is deleted outside the GUI thread takes the
    program with it.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._switch_before = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        gc.disable()
        # What was imported stays until the end; looking through it kept the window waiting for
        # 60 to 140 ms each time.
        gc.freeze()
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def close(self) -> None:
        """Leaves everything as Python has it."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
        sys.setswitchinterval(self._switch_before)

    def _collect(self) -> None:
        """Collects the oldest generation that is due by Python's own rules."""
        counts = enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        due = [generation for generation, (count, most) in counts if count > most]
        if due:
            gc.collect(max(due))
