"""A page that says why there is nothing to see, and what to do about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from msa_desktop.ui import theme
from msa_desktop.ui.icons import Ink
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.theme import Role

_ICON = 36
_WIDTH = 380


class NotePage(QWidget):
    """An icon, a line, a sentence, and at most one button, in the middle.

    Signals:
        asked: The button was pressed.
    """

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = Mark(_ICON, self)
        self._title = QLabel(self)
        self._text = QLabel(self)
        self._button = QPushButton(self)
        theme.set_role(self._title, Role.TITLE)
        theme.set_role(self._text, Role.MUTED)
        for label in (self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMaximumWidth(_WIDTH)
        self._button.clicked.connect(self.asked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(0)
        layout.addStretch(3)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(14)
        for label in (self._title, self._text):
            row = QHBoxLayout()  # keeps a wrapped label at its width and in the middle
            row.addStretch(1)
            row.addWidget(label, 100)
            row.addStretch(1)
            layout.addLayout(row)
            layout.addSpacing(6)
        layout.addSpacing(10)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(4)

    def say(self, icon_name: str, title: str, text: str = "", button: str = "") -> None:
        """Sets what the page says; an empty `button` hides the button."""
        self._icon.show_icon(icon_name, Ink.MUTED)
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
