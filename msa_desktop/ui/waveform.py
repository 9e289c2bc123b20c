"""The waveform of the track that plays: shows how far it is, and is clicked or dragged to seek."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
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

from msa_desktop.ui import text
from msa_desktop.ui.sound_bars import SoundBars

_INSET = 5  # room for the focus ring
_KEY_STEP = 5_000  # milliseconds
_PAGE_STEP = 30_000
_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class WaveformView(QAbstractSlider):
    """A slider over the track's milliseconds, drawn as its waveform.

    Being a slider it speaks to screen readers and keys as one: Left and Right go 5 seconds, Page
    Up and Down 30, Home to the start. It never moves the music itself: it asks.
    """

    seek_requested = Signal(float)
    """Seconds from the start, when the person lets go or presses a key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars = SoundBars()
        self._part: tuple[float, float] | None = None
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
        self._bars.set_peaks(peaks or b"")
        self.update()

    def set_part(self, part: tuple[float, float] | None) -> None:
        """Shows that only these seconds are heard; None for the whole track."""
        if part != self._part:
            self._part = part
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

    def _milliseconds(self, x: float) -> int:
        return round(self._bars.share(x) * self.maximum())

    def _x(self, milliseconds: float) -> float:
        return self._bars.x(milliseconds / max(1, self.maximum()))

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
        self._bars.set_room(QRectF(self.rect()).adjusted(_INSET, _INSET, -_INSET, -_INSET))
        super().resizeEvent(event)

    # --- painting ---

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        ready = self.isEnabled() and self.maximum() > 0
        still = QPalette.ColorRole.Mid if ready else QPalette.ColorRole.Shadow
        whole = QRectF(self.rect())
        if ready and self._part is not None:
            self._bars.paint(painter, whole, self.palette().color(QPalette.ColorRole.Shadow))
            begin, end = (self._x(1000 * seconds) for seconds in self._part)
            painter.setClipRect(QRectF(begin, 0, end - begin, whole.height()))
        self._bars.paint(painter, whole, self.palette().color(still))
        if ready:
            played = QRectF(0, 0, self._x(self.sliderPosition()), whole.height())
            self._bars.paint(painter, played, self.palette().color(QPalette.ColorRole.Accent))
            painter.setClipping(False)
            if self._hover is not None:
                self._paint_hover(painter, self._hover)
        if self._ring:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Accent), 2))
            painter.drawRoundedRect(whole.adjusted(1, 1, -1, -1), 6, 6)

    def _paint_hover(self, painter: QPainter, x: float) -> None:
        room = self._bars.room
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
