"""The review: what is proposed, decided on track by track, and written together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.fields import FACTS, PROPOSED
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Decision, ProposalCounts
from msa_desktop.store.proposals import ProposalReader, ReviewOrder
from msa_desktop.ui import text, theme
from msa_desktop.ui.actions import Act, Actions, button_for
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.filter_field import FilterField
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.review_list import ReviewList
from msa_desktop.ui.review_model import ReviewModel
from msa_desktop.ui.theme import Role

_USUAL_CONFIDENCE = 80  # percent
_NONE = ProposalCounts(0, 0, 0, 0)
_SHOWN = (("To decide", Decision.OPEN), ("Accepted", Decision.ACCEPTED), ("All", None))
_TAGS = (("Every tag", None), *((FACTS[field].title, field) for field in PROPOSED))
_ORDERS = (
    ("Surest first", ReviewOrder.CONFIDENCE),
    ("By artist", ReviewOrder.ARTIST),
    ("By folder", ReviewOrder.FOLDER),
)

Counts = tuple[ProposalCounts, int]
"""How much there is to review, and how many files the accepted proposals are for."""


def read_counts(reader: ProposalReader) -> Counts:
    """In the background."""
    return reader.counts(), len(reader.ids(decision=Decision.ACCEPTED))


class ReviewPage(QWidget):
    """The queue with its heading, filters, and what can be done with all of it.

    Args:
        reader: What is proposed.
        background: Where it is read.
        actions: The window's actions.

    Signals:
        counted: How many proposals are accepted is known anew.
        propose_asked: Tags are to be proposed for the whole library.
    """

    counted = Signal(int)
    propose_asked = Signal()

    def __init__(
        self,
        reader: ProposalReader,
        background: Background,
        actions: Actions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._background = background
        self._actions = actions
        self._counts: Counts = (_NONE, 0)
        self._proposing = False
        self._model_missing = False
        self._on_note: Callable[[], object] | None = None
        self.model = ReviewModel(reader, background, self)
        self.list = ReviewList(self.model, actions.for_review(), self)
        self._heading = QLabel("Review", self)
        self._count = QLabel(self)
        self.filter = FilterField("Filter the review", self)
        self._shown = _choice("Which proposals", _SHOWN, self)
        self._tag = _choice("Which tag", _TAGS, self)
        self._order = _choice("Order", _ORDERS, self)
        self.least = QSpinBox(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._write = button_for(actions[Act.WRITE], "Write", self)
        self.addActions(actions.for_review_page())
        self._lay_out()
        self.filter.asked.connect(self._ask)
        self.filter.left.connect(self.list.setFocus)
        for choice in (self._shown, self._tag, self._order):
            choice.currentIndexChanged.connect(self._ask)
        self._note.asked.connect(self._note_pressed)
        self.model.shown.connect(self._choose_page)
        self.model.rowsRemoved.connect(self._choose_page)
        self.model.modelReset.connect(self._choose_page)
        self._show_counts((_NONE, 0))

    def open(self) -> None:
        """Reads the queue; called when the page comes to the front."""
        if self.model.loaded:
            self.model.reload()
        else:
            self._ask()
        self.refresh_counts()

    def refresh(self, ids: frozenset[TrackId]) -> None:
        """Reads again what changed."""
        self.model.refresh(ids)
        self.refresh_counts()

    def refresh_counts(self) -> None:
        """Reads again how much there is."""
        self._background.run(
            partial(read_counts, self._reader), self._show_counts, key="review counts"
        )

    def set_proposing(self, proposing: bool) -> None:
        """Says whether proposals are being made, which an empty list tells."""
        if proposing != self._proposing:
            self._proposing = proposing
            self._choose_page()

    def set_model_missing(self, missing: bool) -> None:
        """Says whether the settings ask for a language model that is not here."""
        if missing != self._model_missing:
            self._model_missing = missing
            self._choose_page()

    def show_accepted(self) -> None:
        """Lists what waits to be written."""
        self._shown.setCurrentIndex(1)

    def focus_list(self) -> None:
        """Gives the keyboard to the queue."""
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # Layout

    def _lay_out(self) -> None:
        theme.set_role(self._heading, Role.HEADING)
        theme.set_role(self._count, Role.MUTED)
        self._pages.addWidget(self.list)
        self._pages.addWidget(self._note)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._heading)
        words.addWidget(self._count)
        head = QHBoxLayout()
        head.setContentsMargins(EDGE, 12, 12, 8)
        head.setSpacing(12)
        head.addLayout(words, 1)
        head.addWidget(self.filter, 1)
        choices = QHBoxLayout()
        choices.setContentsMargins(EDGE, 0, 12, 10)
        choices.setSpacing(8)
        for choice in (self._shown, self._tag, self._order):
            choices.addWidget(choice)
        choices.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(choices)
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._make_foot())

    def _make_foot(self) -> QWidget:
        self.least.setRange(0, 100)
        self.least.setSingleStep(5)
        self.least.setSuffix(" %")
        self.least.setValue(_USUAL_CONFIDENCE)
        self.least.setAccessibleName("Accept all above this confidence")
        self.least.setFixedWidth(82)
        theme.pad(self.least)
        theme.set_role(self._write, Role.PRIMARY)
        foot = QWidget(self)
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        theme.set_role(foot, Role.BAR)
        row = QHBoxLayout(foot)
        row.setContentsMargins(EDGE, 8, 12, 8)
        row.setSpacing(8)
        row.addWidget(button_for(self._actions[Act.ACCEPT_ABOVE], "Accept all above", self))
        row.addWidget(self.least)
        row.addStretch(1)
        row.addWidget(button_for(self._actions[Act.PREVIEW], "Preview…", self))
        row.addWidget(self._write)
        return foot

    # What is shown

    def _ask(self) -> None:
        query = replace(
            self.model.query,
            order=_ORDERS[self._order.currentIndex()][1],
            decision=_SHOWN[self._shown.currentIndex()][1],
            field=_TAGS[self._tag.currentIndex()][1],
            words=self.filter.words(),
        )
        self.model.ask(query)

    def _show_counts(self, counts: Counts) -> None:
        self._counts = counts
        total, files = counts
        to_decide = text.count(total.undecided, "track to decide", "tracks to decide")
        accepted = text.count(total.accepted, "proposal accepted", "proposals accepted")
        self._count.setText(f"{to_decide} \N{MIDDLE DOT} {accepted}" if total.tracks else "")
        words = f"Write {text.count(files, 'file', 'files')}" if files else "Write"
        self._write.setText(words)
        self.counted.emit(total.accepted)
        self._choose_page()

    def _choose_page(self) -> None:
        if not self.model.loaded:
            return
        empty = self.model.rowCount() == 0
        if empty:
            self._explain()
        had_focus = self._pages.isAncestorOf(self.focusWidget() or self)
        self._pages.setCurrentWidget(self._note if empty else self.list)
        if had_focus and not empty and self.isVisible():
            self.list.setFocus()

    def _explain(self) -> None:
        query, (total, files) = self.model.query, self._counts
        if query.words:
            self._say(
                "search",
                f"Nothing matches “{query.words}”",
                "Every word must begin a word of the title, artist, album, genre or folder.",
                "Clear the filter",
                self.filter.clear,
            )
        elif self._proposing:
            self._say("inbox", "Proposing tags…", "They appear here as they are made.")
        elif not total.tracks and self._model_missing:
            self._say(
                "models",
                "No language model is ready",
                "The settings ask for one to word the proposals. Install one, or have the rules do "
                "it: they need none.",
                "Go to the models",
                self._actions[Act.SHOW_MODELS].trigger,
            )
        elif not total.tracks:
            self._say(
                "inbox",
                "Nothing to review",
                "The program can propose genre, mood, tempo, key and a summary for your tracks, "
                "each with its reasons. Nothing is written into a file before you accept it.",
                "Propose tags for the whole library",
                self.propose_asked.emit,
            )
        elif query.field is not None:
            title = FACTS[query.field].title.lower()
            self._say("inbox", f"No {title} here", "", "Show every tag", self._every_tag)
        elif query.decision is Decision.ACCEPTED:
            text_ = "What you accept waits here until it is written."
            self._say("inbox", "Nothing is accepted yet", text_)
        else:
            waiting = text.count(files, "file waits", "files wait")
            self._say(
                "check",
                "All decided",
                f"{waiting} to be written.",
                "Show what was accepted",
                self.show_accepted,
            )

    def _say(
        self,
        icon_name: str,
        title: str,
        words: str,
        button: str = "",
        on_button: Callable[[], object] | None = None,
    ) -> None:
        self._on_note = on_button
        self._note.say(icon_name, title, words, button)

    def _note_pressed(self) -> None:
        if self._on_note is not None:
            self._on_note()

    def _every_tag(self) -> None:
        self._tag.setCurrentIndex(0)


def _choice(name: str, choices: Sequence[tuple[str, object]], parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    box.addItems([words for words, _ in choices])
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box
