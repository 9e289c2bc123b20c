"""The waveform of the track that plays: shows how far it is, and is clicked or dragged to seek."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from msa_desktop.base.model import FloatArray
from msa_desktop.ui import text

_BAR = 2.0  # pixels, then a gap of
_GAP = 1.0
_LOUDNESS = 0.6
_INSET = 5  # room for the focus ring
_KEY_STEP = 5_000  # milliseconds
_PAGE_STEP = 30_000
_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


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


class WaveformView(QAbstractSlider):
    """A slider over the track's milliseconds, drawn as its waveform.

    Being a slider it speaks to screen readers and keys as one: Left and Right go 5 seconds, Page
    Up and Down 30, Home to the start. It never moves the music itself: it asks.
    """

    seek_requested = Signal(float)
    """Seconds from the start, when the person lets go or presses a key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._peaks = b""
        self._bars: list[QRectF] = []
        self._hover: float | None = None
        self._ring = False
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # time, not writing
        self.setRange(0, 0)
        self.setSingleStep(_KEY_STEP)
        self.setPageStep(_PAGE_STEP)
        self.setTracking(False)  # a drag is only shown; the seek comes when it ends
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Position in the track")
        self.actionTriggered.connect(self._ask_to_seek)

    def set_peaks(self, peaks: bytes | None) -> None:
        """Shows a waveform, or a flat line while there is none (see `levels` for the bytes)."""
        self._peaks = peaks or b""
        self._lay_out_bars()
        self.update()

    def set_duration(self, seconds: float) -> None:
        """The track's length; 0 while unknown."""
        self.setRange(0, max(0, round(seconds * 1000)))

    def set_position(self, seconds: float) -> None:
        """Where the music is. A drag under way is not disturbed."""
        if not self.isSliderDown():
            self.setValue(round(seconds * 1000))

    def sizeHint(self) -> QSize:
        return QSize(400, 44)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 28)

    def _ask_to_seek(self) -> None:
        seconds = self.sliderPosition() / 1000
        self.setAccessibleDescription(
            f"{text.length(int(seconds))} of {text.length(self.maximum() // 1000)}"
        )
        self.seek_requested.emit(seconds)

    # --- where things are ---

    def _room(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_INSET, _INSET, -_INSET, -_INSET)

    def _milliseconds(self, x: float) -> int:
        room = self._room()
        share = (x - room.left()) / max(1.0, room.width())
        return round(min(1.0, max(0.0, share)) * self.maximum())

    def _played_to(self) -> float:
        room = self._room()
        return room.left() + room.width() * self.sliderPosition() / max(1, self.maximum())

    def _lay_out_bars(self) -> None:
        room = self._room()
        count = int((room.width() + _GAP) / (_BAR + _GAP))
        self._bars = []
        if not self._peaks or count < 1:
            return
        middle = room.center().y()
        for number, level in enumerate(levels(self._peaks, count).tolist()):
            half = max(1, round(level * room.height() / 2))
            left = room.left() + number * (_BAR + _GAP)
            self._bars.append(QRectF(left, middle - half, _BAR, 2 * half))

    # --- mouse and keys ---

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self.maximum():
            event.ignore()
            return
        self.setSliderDown(True)
        self.setSliderPosition(self._milliseconds(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover = event.position().x()
        if self.isSliderDown():
            self.setSliderPosition(self._milliseconds(self._hover))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.isSliderDown():
            self.setSliderPosition(self.value())
            self.setSliderDown(False)
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # a scroll that strays over it must not jump in the music

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hover = event.position().x()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        del event
        self._hover = None
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = event.reason() in _KEYBOARD
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._ring = False
        super().focusOutEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out_bars()
        super().resizeEvent(event)

    # --- painting ---

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        ready = self.isEnabled() and self.maximum() > 0
        still = QPalette.ColorRole.Mid if ready else QPalette.ColorRole.Shadow
        split = self._played_to()
        whole = QRectF(self.rect())
        self._paint_sound(painter, whole, self.palette().color(still))
        if ready:
            played = QRectF(whole.topLeft(), QPointF(split, whole.bottom()))
            self._paint_sound(painter, played, self.palette().color(QPalette.ColorRole.Accent))
            if self._hover is not None:
                self._paint_hover(painter, self._hover)
        if self._ring:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Accent), 2))
            painter.drawRoundedRect(whole.adjusted(1, 1, -1, -1), 6, 6)

    def _paint_sound(self, painter: QPainter, part: QRectF, colour: QColor) -> None:
        painter.save()
        painter.setClipRect(part)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if self._bars:
            painter.drawRects(self._bars)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            room = self._room()
            line = QRectF(room.left(), room.center().y() - 1.5, room.width(), 3)
            painter.drawRoundedRect(line, 1.5, 1.5)
        painter.restore()

    def _paint_hover(self, painter: QPainter, x: float) -> None:
        room = self._room()
        x = min(room.right(), max(room.left(), x))
        palette = self.palette()
        painter.fillRect(
            QRectF(round(x), room.top(), 1, room.height()),
            palette.color(QPalette.ColorRole.WindowText),
        )
        words = text.length(self._milliseconds(x) // 1000)
        metrics = painter.fontMetrics()
        bubble = QRectF(0, 0, metrics.horizontalAdvance(words) + 12, metrics.height() + 4)
        left = x + 6 if x + 6 + bubble.width() <= room.right() else x - 6 - bubble.width()
        bubble.moveTopLeft(QPointF(left, room.center().y() - bubble.height() / 2))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.ToolTipBase))
        painter.drawRoundedRect(bubble, 4, 4)
        painter.setPen(palette.color(QPalette.ColorRole.ToolTipText))
        painter.drawText(bubble, Qt.AlignmentFlag.AlignCenter, words)
