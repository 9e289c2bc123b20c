"""An icon as a widget of its own."""

from __future__ import annotations

from PySide6.QtGui import QIcon, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from msa_desktop.ui.icons import Ink, icon


class Mark(QWidget):
    """Paints its icon anew each time, where a label's pixmap would keep the old theme's colour.

    Args:
        size: Width and height in pixels.
    """

    def __init__(self, size: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QIcon()
        self.setFixedSize(size, size)

    def show_icon(self, name: str, ink: Ink) -> None:
        """Shows an icon in one of the theme's inks."""
        self._icon = icon(name, ink)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        self._icon.paint(painter, self.rect())
        painter.end()
