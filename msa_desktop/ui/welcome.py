"""What an empty library shows: what this program is for, and how to begin."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from msa_desktop.ui import theme
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.icons import Ink, app_icon
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.theme import Role

_LOGO = 80
_POINTS = (
    ("similar", "Finds what sounds alike", "Pick a track and see its closest neighbours."),
    ("tag", "Tells what it hears", "Genre, mood, instruments and voice of every track."),
    ("check", "Stays on your computer", "Nothing is sent anywhere, or written without your word."),
)


class WelcomePage(QWidget):
    """Shown while there is no folder in the library."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._add = _button(actions[Act.ADD_FOLDER], "Add a folder of music…", Role.PRIMARY)
        self._demo = _button(actions[Act.DEMO], "Try the demo", None)
        logo = QLabel(self)
        logo.setPixmap(app_icon().pixmap(QSize(_LOGO, _LOGO), self.devicePixelRatioF()))
        title = _label("Hear what is in your music", Role.HEADING)
        text = _label(
            "Give the program a folder. It listens to every track in the background, and from "
            "then on knows which of them sound alike.",
            Role.MUTED,
        )
        text.setMaximumWidth(460)
        hint = _label("Or drop a folder anywhere on this window.", Role.SMALL)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addStretch(1)
        buttons.addWidget(self._add)
        buttons.addWidget(self._demo)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 32, 32, 32)
        layout.setSpacing(0)
        layout.addStretch(3)
        layout.addWidget(logo, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(18)
        layout.addWidget(title)
        layout.addSpacing(8)
        layout.addLayout(_centred(text))
        layout.addSpacing(22)
        layout.addLayout(buttons)
        layout.addSpacing(12)
        layout.addWidget(hint)
        layout.addSpacing(40)
        layout.addLayout(_points())
        layout.addStretch(4)

    def focus_list(self) -> None:
        """Gives the keyboard to the first button."""
        self._add.setFocus(Qt.FocusReason.OtherFocusReason)


def _button(action: QAction, words: str, role: Role | None) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(action.toolTip())
    button.clicked.connect(action.trigger)
    button.setMinimumHeight(36)
    if role is not None:
        theme.set_role(button, role)
    return button


def _label(words: str, role: Role) -> QLabel:
    label = QLabel(words)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    theme.set_role(label, role)
    return label


def _centred(label: QLabel) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(label, 100)
    row.addStretch(1)
    return row


def _points() -> QHBoxLayout:
    """Three reasons, side by side."""
    row = QHBoxLayout()
    row.setSpacing(32)
    row.addStretch(1)
    for picture, title, words in _POINTS:
        mark = Mark(24)
        mark.show_icon(picture, Ink.ACCENT)
        column = QVBoxLayout()
        column.setSpacing(5)
        column.addWidget(mark, 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (_label(title, Role.STRONG), _label(words, Role.SMALL)):
            label.setFixedWidth(200)
            column.addWidget(label)
        column.addStretch(1)
        row.addLayout(column)
    row.addStretch(1)
    return row
