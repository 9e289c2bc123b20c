"""A label that shortens its words with an ellipsis when there is no room for them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QToolTip, QWidget


class ElidedLabel(QLabel):
    """One line of plain text; what does not fit is in the tooltip, and a screen reader has it all.

    Args:
        mode: Where the ellipsis goes; the middle suits paths.
        parent: Qt's parent.
    """

    def __init__(
        self,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)

    def shown_text(self) -> str:
        """The words as they are painted."""
        # A file name may hold line breaks; one line is all there is.
        words = " ".join(self.text().split())
        return self.fontMetrics().elidedText(words, self._mode, self.contentsRect().width())

    def minimumSizeHint(self) -> QSize:
        narrow = self.fontMetrics().horizontalAdvance("mmm…")
        return QSize(narrow, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and "…" in self.shown_text():
            QToolTip.showText(event.globalPos(), self.text(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            self.contentsRect(),
            self.alignment() | Qt.AlignmentFlag.AlignVCenter,
            self.palette(),
            self.isEnabled(),
            self.shown_text(),
            self.foregroundRole(),
        )
