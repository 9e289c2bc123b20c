"""A track's waveform, of which a part is chosen with the mouse."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from msa_desktop.ui.sound_bars import SoundBars

_INSET = 6  # room for the handles
_HANDLE = 2.0  # pixels wide
_KNOB = 5.0  # its end's radius
_GRAB = 8.0  # so near to a handle takes it
_SOFT = 40  # of 255: the accent behind the chosen part


class SpanView(QWidget):
    """Shows a part of a track. A drag chooses another one, or moves an end.

    It is not reached by keys: it belongs beside fields for both ends.

    Args:
        duration: The track's, in seconds.
        least: A part lasts no less, in seconds.
        parent: Qt's parent.
    """

    chosen = Signal(float, float)
    """Where the part begins and ends, in seconds: the person drags."""

    def __init__(self, duration: float, least: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars = SoundBars()
        self._duration = duration
        self._least = least
        self._span = (0.0, duration)
        self._fixed: float | None = None  # the end that stays, while the other is dragged
        self._pressed: float | None = None  # the x of a drag that has not got far enough to be one
        self.setMouseTracking(True)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # time, not writing
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("The part of the track")

    @property
    def span(self) -> tuple[float, float]:
        """Where the part begins and ends, in seconds."""
        return self._span

    def set_peaks(self, peaks: bytes) -> None:
        """Shows the waveform (see `sound_bars.levels` for the bytes)."""
        self._bars.set_peaks(peaks)
        self.update()

    def set_span(self, begin: float, end: float) -> None:
        """Shows a part, without `chosen`."""
        self._span = (begin, end)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(520, 96)

    def _x(self, seconds: float) -> float:
        return self._bars.x(seconds / self._duration)

    def _seconds(self, x: float) -> float:
        return self._bars.share(x) * self._duration

    def _other_end(self, x: float) -> float | None:
        """What stays when the pointer drags from there: the end it is not near to, if to one."""
        begin, end = self._span
        near, far = sorted((begin, end), key=lambda seconds: abs(self._x(seconds) - x))
        return far if abs(self._x(near) - x) <= _GRAB else None

    def _drag(self, fixed: float, x: float) -> None:
        at = self._seconds(x)
        begin, end = sorted((fixed, at))
        missing = max(0.0, self._least - (end - begin))
        if at >= fixed:
            end += missing
        else:
            begin -= missing
        back = max(0.0, end - self._duration) - max(0.0, -begin)
        begin, end = begin - back, end - back
        self.set_span(begin, end)
        self.chosen.emit(begin, end)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        x = event.position().x()
        self._fixed = self._other_end(x)
        if self._fixed is None:
            self._pressed = x

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and abs(x - self._pressed) >= QApplication.startDragDistance():
            self._fixed, self._pressed = self._seconds(self._pressed), None
        if self._fixed is not None:
            self._drag(self._fixed, x)
        elif self._pressed is None:
            near = self._other_end(x) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.CrossCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._fixed = self._pressed = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._bars.set_room(QRectF(self.rect()).adjusted(_INSET, _INSET, -_INSET, -_INSET))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        palette = self.palette()
        accent = palette.color(QPalette.ColorRole.Accent)
        whole = QRectF(self.rect())
        begin, end = (self._x(seconds) for seconds in self._span)
        chosen = QRectF(begin, whole.top(), end - begin, whole.height())
        soft = palette.color(QPalette.ColorRole.Accent)
        soft.setAlpha(_SOFT)
        painter.fillRect(chosen, soft)
        self._bars.paint(painter, whole, palette.color(QPalette.ColorRole.Mid))
        self._bars.paint(painter, chosen, accent)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        for x in (begin, end):
            painter.drawRect(QRectF(x - _HANDLE / 2, whole.top(), _HANDLE, whole.height()))
            knob = QRectF(x - _KNOB, whole.center().y() - _KNOB, 2 * _KNOB, 2 * _KNOB)
            painter.drawEllipse(knob)
