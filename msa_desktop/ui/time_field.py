"""A field for a place in a track: "1:23.5", changed by keys, arrows and the wheel."""

from __future__ import annotations

import re

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from msa_desktop.base import timecode
from msa_desktop.ui import theme

_ON_THE_WAY = re.compile(r"[\d:.,]*", re.ASCII)


class TimeField(QDoubleSpinBox):
    """Seconds, written as a clock shows them, to the hundredth.

    Args:
        parent: Qt's parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(2)
        theme.pad(self)
        self.setKeyboardTracking(False)  # "1" on the way to "1:30" is no wish

    def textFromValue(self, value: float) -> str:
        return timecode.written(value)

    def valueFromText(self, text: str) -> float:
        return timecode.read(text)

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        try:
            there = self.minimum() <= timecode.read(text) <= self.maximum()
        except ValueError:
            there = False
        if there:
            return QValidator.State.Acceptable, text, at
        on_the_way = _ON_THE_WAY.fullmatch(text.strip()) is not None
        state = QValidator.State.Intermediate if on_the_way else QValidator.State.Invalid
        return state, text, at

    def fixup(self, text: str) -> str:
        """A time beyond the ends becomes the end."""
        try:
            seconds = timecode.read(text)
        except ValueError:
            seconds = self.value()
        return timecode.written(min(max(seconds, self.minimum()), self.maximum()))
