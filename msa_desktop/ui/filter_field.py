"""The field above a list in which a person types what to look for."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from msa_desktop.ui.icons import Ink, icon

_PAUSE_MS = 80  # a pause in the typing shorter than this waits for the next letter


class FilterField(QLineEdit):
    """A line for words to filter by.

    Args:
        name: What is filtered, for a screen reader.
        hint: What the empty field says.
        tip: The rest of the tooltip: what may be typed besides words.

    Signals:
        asked: The typing paused: the list is to be filtered by `words`.
        left: Escape in the empty field, Down or Return: the keyboard is to go to the list.
    """

    asked = Signal()
    left = Signal()

    def __init__(self, name: str, parent: QWidget, *, hint: str = "Filter", tip: str = "") -> None:
        super().__init__(parent)
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setToolTip(f"Shows the tracks with words that begin like these (Ctrl+F){tip}")
        self.setMinimumWidth(140)
        self.setMaximumWidth(320)
        self.addAction(icon("filter", Ink.MUTED), QLineEdit.ActionPosition.LeadingPosition)
        # Qt's own clear button has an icon of its own, black in every theme.
        self._clear = self.addAction(
            icon("close", Ink.MUTED), QLineEdit.ActionPosition.TrailingPosition
        )
        self._clear.setToolTip("Clear the filter (Esc)")
        self._clear.setVisible(False)
        self._clear.triggered.connect(self.clear)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self.asked)
        self.textChanged.connect(self._show_clear)
        self.textChanged.connect(self._soon.start)

    def words(self) -> str:
        """What to filter by."""
        return self.text().strip()

    def set_words(self, words: str) -> None:
        """Filters at once."""
        self.setText(words)
        self._soon.stop()
        self.asked.emit()

    def take_focus(self) -> None:
        """Brings the keyboard here."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

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
