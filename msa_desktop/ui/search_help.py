"""What the page of the search shows while nothing is asked for: examples, and what may be typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.ui import search_words, theme
from msa_desktop.ui.flow import Flow
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.theme import Role

_MOST_PAST = 6
_LINK_PAD = 6  # pixels between a link's edge and its words, as window.qss has it


class SearchHelp(QScrollArea):
    """Examples and the last searches, each a link; and the conditions, a line each.

    Signals:
        chosen: These words (str) are to be searched.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = _label(search_words.NOTHING_HEARD, Role.ATTENTION, self)
        self._notice.setContentsMargins(_LINK_PAD, 0, 0, 10)
        self._past_title = _label("Last searches", Role.SECTION, self)
        self._past_box = QWidget(self)
        self._past = Flow(6, self._past_box)
        self._lay_out()
        self.show_past([])
        self.set_heard(True)

    def show_past(self, searches: Sequence[str]) -> None:
        """Offers the last searches, the latest first."""
        while (item := self._past.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for words in searches[:_MOST_PAST]:
            self._past.addWidget(self._link(words))
        for part in (self._past_title, self._past_box):
            part.setVisible(bool(searches))

    def set_heard(self, heard: bool) -> None:
        """Says whether any track was listened to."""
        self._notice.setVisible(not heard)

    def _link(self, words: str) -> QPushButton:
        button = QPushButton(words.replace("&", "&&"), self)
        button.setAccessibleName(f"Search “{words}”")
        button.setProperty("words", words)
        theme.set_role(button, Role.LINK)
        button.clicked.connect(self._clicked)
        return button

    def _clicked(self) -> None:
        self.chosen.emit(self.sender().property("words"))

    def _lay_out(self) -> None:
        inside = QWidget(self)
        theme.set_role(inside, Role.LIST)
        inside.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        examples = QWidget(inside)
        flow = Flow(6, examples)
        for words in search_words.EXAMPLES:
            flow.addWidget(self._link(words))
        table = QGridLayout()
        table.setContentsMargins(_LINK_PAD, 0, 0, 0)
        table.setHorizontalSpacing(14)
        table.setVerticalSpacing(7)
        table.setColumnStretch(1, 1)
        for row, (typed, meaning) in enumerate(search_words.OPERATORS):
            code = QLabel(typed, inside)
            theme.set_role(code, Role.CODE)
            table.addWidget(code, row, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            table.addWidget(_label(meaning, Role.MUTED, inside), row, 1)
        column = QVBoxLayout(inside)
        column.setContentsMargins(EDGE - _LINK_PAD, 14, EDGE, 18)
        column.setSpacing(6)
        column.addWidget(self._notice)
        column.addWidget(_label("Ask for what you want to hear", Role.TITLE, inside))
        about = "Moods, instruments, voices, genres, times, names and tags."
        column.addWidget(_label(about, Role.MUTED, inside))
        column.addSpacing(2)
        column.addWidget(examples)
        column.addSpacing(10)
        column.addWidget(self._past_title)
        column.addWidget(self._past_box)
        column.addSpacing(10)
        column.addWidget(_label("More exactly", Role.SECTION, inside))
        column.addLayout(table)
        column.addSpacing(10)
        column.addWidget(_label("Sounds like a track", Role.SECTION, inside))
        like = (
            "Right-click a track anywhere, choose “Search like this…” or “Search unlike this…”, "
            "and add words if you want."
        )
        column.addWidget(_label(like, Role.MUTED, inside))
        column.addStretch(1)


def _label(words: str, role: Role, parent: QWidget) -> QLabel:
    label = QLabel(words, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setContentsMargins(_LINK_PAD, 0, 0, 0)  # the words of the links begin there too
    theme.set_role(label, role)
    return label
