"""Takes folders that are dropped on the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QDropEvent, QFont, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

from msa_desktop.ui import paint
from msa_desktop.ui.icons import Ink, icon

_MARGIN = 16
_ICON = 48


class DropArea(QWidget):
    """Covers its parent while something that can be added hovers over it.

    Signals:
        dropped: Paths (list of str) were dropped; whether they are folders is not known yet.
    """

    dropped = Signal(list)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = icon("folder-plus", Ink.ACCENT)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Drop to add")
        self.hide()
        parent.setAcceptDrops(True)
        parent.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follows what is dragged over the window."""
        kind = event.type()
        if kind == QEvent.Type.DragLeave:
            self.hide()
        elif isinstance(event, QDropEvent) and kind in _DRAGS and _paths(event):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            if kind == QEvent.Type.Drop:
                self.hide()
                self.dropped.emit(_paths(event))
            elif not self.isVisible():
                self._cover()
            return True
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        veil = QColor(palette.color(QPalette.ColorRole.Window))
        veil.setAlphaF(0.92)
        painter.fillRect(self.rect(), veil)
        accent = palette.color(QPalette.ColorRole.Accent)
        pen = QPen(accent, 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        frame = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        painter.drawRoundedRect(frame, 12, 12)
        middle = self.rect().center()
        mark = QRectF(middle.x() - _ICON / 2, middle.y() - _ICON, _ICON, _ICON).toRect()
        self._icon.paint(painter, mark)
        painter.setFont(paint.sized(self.font(), 5, QFont.Weight.DemiBold))
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        words = self.rect().adjusted(0, _ICON + 30, 0, 0)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, "Drop to add this folder")
        painter.end()

    def _cover(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()


_DRAGS = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop)


def _paths(event: QDropEvent) -> list[str]:
    """The local paths that are dragged. The disk is not asked: it may be slow."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
