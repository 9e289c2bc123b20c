"""The field above a list in which a person types what to look for."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from msa_desktop.ui.icons import Ink, icon


class FilterField(QLineEdit):
    """A line for words to filter by.

    Signals:
        left: Escape in the empty field, Down or Return: the keyboard is to go to the list.
    """

    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Filter")
        self.setAccessibleName("Filter tracks")
        self.setToolTip("Shows the tracks with words that begin like these (Ctrl+F)")
        self.setMinimumWidth(140)
        self.setMaximumWidth(320)
        self.addAction(icon("search", Ink.MUTED), QLineEdit.ActionPosition.LeadingPosition)
        # Qt's own clear button has an icon of its own, black in every theme.
        self._clear = self.addAction(
            icon("close", Ink.MUTED), QLineEdit.ActionPosition.TrailingPosition
        )
        self._clear.setToolTip("Clear the filter (Esc)")
        self._clear.setVisible(False)
        self._clear.triggered.connect(self.clear)
        self.textChanged.connect(self._show_clear)

    def _show_clear(self, words: str) -> None:
        self._clear.setVisible(bool(words))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handles the keys that leave the field."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left.emit()
        else:
            super().keyPressEvent(event)
