"""A track's sound drawn as bars, as tall as it is loud."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from msa_desktop.base.model import FloatArray

_BAR = 2.0  # pixels, then a gap of
_GAP = 1.0
_LINE = 3.0  # pixels: what stands for a sound that is not known
_LOUDNESS = 0.6


def levels(peaks: bytes, count: int) -> FloatArray:
    """Heights of `count` bars, 0 to 1, from a track's stored peaks.

    A height is loudness as it is heard, which grows with the amplitude to the power of 0.6
    (Stevens 1956): one loud moment does not make a line of the rest.

    Args:
        peaks: One unsigned byte for each equal slice of the track: its amplitude
            (`audio.peaks`).
        count: Bars to draw, at least 1.

    Returns:
        Shape (count,); zeros where the track is silent or `peaks` is empty.
    """
    stored = np.frombuffer(peaks, np.uint8).astype(np.float32)
    if not stored.size or not stored.max():
        return np.zeros(count, np.float32)
    heard: FloatArray = (stored / stored.max()) ** np.float32(_LOUDNESS)
    if heard.size >= count:
        starts = np.arange(count) * heard.size // count
        return np.maximum.reduceat(heard, starts)
    at = np.linspace(0, heard.size - 1, count)
    return np.interp(at, np.arange(heard.size), heard).astype(np.float32)


class SoundBars:
    """The bars of one track in a rectangle; a flat line while its peaks are not known."""

    def __init__(self) -> None:
        self._peaks = b""
        self._room = QRectF()
        self._bars: list[QRectF] = []

    def set_peaks(self, peaks: bytes) -> None:
        """Takes a track's stored peaks (see `levels`); empty where they are not known."""
        self._peaks = peaks
        self._lay_out()

    @property
    def room(self) -> QRectF:
        """The rectangle to fill."""
        return self._room

    def set_room(self, room: QRectF) -> None:
        """Takes the rectangle to fill."""
        self._room = room
        self._lay_out()

    def x(self, share: float) -> float:
        """Where a moment lies; 0 is the track's start, and 1 its end."""
        return self._room.left() + self._room.width() * share

    def share(self, x: float) -> float:
        """The moment that lies there, or the nearest: 0 to 1."""
        return min(1.0, max(0.0, (x - self._room.left()) / max(1.0, self._room.width())))

    def paint(self, painter: QPainter, part: QRectF, colour: QColor) -> None:
        """Draws what lies in a part of the widget, and in the painter's clip if it has one."""
        painter.save()
        painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if self._bars:
            painter.drawRects(self._bars)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            middle = self._room.center().y() - _LINE / 2
            line = QRectF(self._room.left(), middle, self._room.width(), _LINE)
            painter.drawRoundedRect(line, _LINE / 2, _LINE / 2)
        painter.restore()

    def _lay_out(self) -> None:
        room = self._room
        count = int((room.width() + _GAP) / (_BAR + _GAP))
        self._bars = []
        if not self._peaks or count < 1:
            return
        middle = room.center().y()
        for number, level in enumerate(levels(self._peaks, count).tolist()):
            half = max(1, round(level * room.height() / 2))
            left = room.left() + number * (_BAR + _GAP)
            self._bars.append(QRectF(left, middle - half, _BAR, 2 * half))
