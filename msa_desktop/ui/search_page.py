"""The page of the search: the field, how its words were read, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPalette
from PySide6.QtWidgets import QLabel, QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from msa_desktop.store.tracks import Counts
from msa_desktop.ui import paint, search_words, text, theme
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.hit_list import FOUND, HitList
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.search_field import SearchField, Seed
from msa_desktop.ui.search_help import SearchHelp
from msa_desktop.ui.search_words import Note
from msa_desktop.ui.theme import Role

if TYPE_CHECKING:  # loaded with the first search
    from msa_desktop.services.text_search import Found

MOST = 100  # tracks that an answer lists
_PAUSE_MS = 250  # a pause in the typing shorter than this waits for the next letter
_PATIENCE_MS = 300  # an answer that takes longer is announced
_LONG_MS = 3000  # and after this, why
_FIRST_TIME = "Searching… The first search takes longest."


@dataclass(frozen=True, slots=True)
class Query:
    """What the person asks for; nothing where it is false."""

    words: str = ""
    seeds: tuple[Seed, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.seeds)


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is to show.

    Attributes:
        counts: What there is to be searched.
        found: None where nothing was asked for.
    """

    counts: Counts
    found: Found | None = None


class SearchPage(QWidget):
    """Asks while the person types, and shows the answers.

    Args:
        actions: The window's actions.

    Signals:
        asked: This `Query` is to be answered, and no earlier one any more.
        shown: An answer, or what is wrong with the query, is on the screen.
    """

    asked = Signal(object)
    shown = Signal()

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._asked: Query | None = None
        self._answered: Query | None = None  # what the list answers
        self._answer: Answer | None = None
        self._told: list[tuple[str, str]] = []
        self._is_meant = False  # the person pressed Return: remember it if anything is found
        self._on_note: Callable[[], object] | None = None
        self.field = SearchField(self)
        self.list = HitList(FOUND, actions.for_lists(), self)
        self._count = QLabel(self)
        self._line = QLabel(self)
        self._busy = QProgressBar(self)
        self._help = SearchHelp(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._ask)
        self._impatient = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._impatient.timeout.connect(self._say_busy)
        self._long = QTimer(self, singleShot=True, interval=_LONG_MS)
        self._long.timeout.connect(self._say_loading)
        self._lay_out()
        self.field.changed.connect(self._changed)
        self.field.submitted.connect(self._submitted)
        self.field.left.connect(self._leave_field)
        self.list.installEventFilter(self)
        self._help.chosen.connect(self.search)
        self._note.asked.connect(self._note_pressed)

    # What the window asks

    def open(self) -> None:
        """Asks again; called when the page comes to the front."""
        self.reload()

    def reload(self) -> None:
        """Has the question that is on the screen answered again."""
        self.asked.emit(self._asked or Query())

    def search(self, words: str) -> None:
        """Searches for words at once, as if they were typed."""
        self.field.set_words(words)
        self._submitted()

    def add_seeds(self, seeds: Sequence[Seed]) -> None:
        """Searches for tracks like, or unlike, these too."""
        self.field.add_seeds(seeds)
        self._ask()

    def show_answer(self, answer: Answer) -> None:
        """Shows what was found."""
        self._rest()
        self._answer, self._answered = answer, self._asked
        found = answer.found
        hits = found.hits if found else ()
        is_other = [hit.track.id for hit in hits] != self.list.listed_ids().tolist()
        self.list.hits.show(hits)
        if is_other:
            self.list.scrollToTop()
        self._tell(search_words.told(found.understood) if found else [])
        self._count.setText(_counted(answer))
        if self._is_meant and self._is_answered():
            self._remember()
        self._choose_page(answer)
        self.shown.emit()

    def show_error(self, words: str) -> None:
        """Says what is wrong with the question; what was found before stays."""
        self._rest()
        self._answered = None
        theme.set_property(self._line, "role", Role.ATTENTION.value)
        self._told = []
        self._line.setTextFormat(Qt.TextFormat.PlainText)
        self._say(words)
        self._count.setText("")
        self.shown.emit()

    def grows(self) -> bool:
        """Whether more tracks could be listed as the library grows."""
        return len(self.list.hits.hits) < MOST

    def restore_past(self, searches: Sequence[str]) -> None:
        """Takes the last searches of an earlier time over."""
        self.field.set_past(searches)
        self._help.show_past(self.field.past())

    def focus_list(self) -> None:
        """Gives the keyboard to what was found, or to the field where nothing was."""
        if self._pages.currentWidget() is self.list:
            self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.field.take_focus()

    # Asking

    def _changed(self) -> None:
        self._is_meant = False
        if not self._query():
            self._ask()  # there is nothing to wait for
        else:
            self._soon.start()

    def _submitted(self) -> None:
        self._is_meant = True
        if self._is_answered():
            self._remember()
        self._ask()

    def _ask(self) -> None:
        self._soon.stop()
        query = self._query()
        if query == self._asked:
            return
        self._asked = query
        if query:
            self._impatient.start()
            self._long.start()
        elif self._answer:
            self.show_answer(Answer(self._answer.counts))
        self.asked.emit(query)

    def _query(self) -> Query:
        return Query(self.field.words(), tuple(self.field.seeds()))

    def _is_answered(self) -> bool:
        """Whether the list is what the field asks for."""
        return bool(self.list.hits.hits) and self._query() == self._answered

    def _remember(self) -> None:
        self._is_meant = False
        self.field.remember()
        self._help.show_past(self.field.past())

    # Keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up from the first track, and Escape, go back to the field."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            up = event.key() == Qt.Key.Key_Up and self.list.currentIndex().row() <= 0
            if plain and (up or event.key() == Qt.Key.Key_Escape):
                self.field.take_focus()
                return True
        return super().eventFilter(watched, event)

    def _leave_field(self) -> None:
        """Goes on to the tracks, or to the last searches where there are none."""
        if self._pages.currentWidget() is not self.list:
            self.field.offer_past()
            return
        if self._is_answered():
            self._remember()
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not self.list.selectionModel().hasSelection():
            self.list.setCurrentIndex(self.list.hits.index(0))

    # Showing

    def _rest(self) -> None:
        """An answer came."""
        self._impatient.stop()
        self._long.stop()
        self._busy.hide()

    def _say_busy(self) -> None:
        self._busy.show()
        self._count.setText("Searching…")

    def _say_loading(self) -> None:
        self._count.setText(_FIRST_TIME)

    def _tell(self, lines: list[tuple[str, str]]) -> None:
        theme.set_property(self._line, "role", "")
        self._told = lines
        self._line.setTextFormat(Qt.TextFormat.RichText)
        muted = paint.colour(QPalette.ColorRole.PlaceholderText).name()
        self._say(search_words.rich(lines, muted), search_words.plain(lines))

    def _say(self, shown: str, spoken: str = "") -> None:
        self._line.setText(shown)
        self._line.setAccessibleName(spoken or shown)
        self._line.setVisible(bool(shown))

    def changeEvent(self, event: QEvent) -> None:
        """Colours the line anew where light and dark change."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._told:
            self._tell(self._told)

    def _choose_page(self, answer: Answer) -> None:
        self._help.set_heard(answer.counts.analysed > 0)
        if not answer.counts.tracks:
            self._explain(search_words.NO_MUSIC, self._actions[Act.ADD_FOLDER].trigger)
        elif answer.found is None:
            self._pages.setCurrentWidget(self._help)
        elif answer.found.hits:
            self._pages.setCurrentWidget(self.list)
        else:
            note = search_words.nothing_found(answer.found.understood, answer.counts)
            self._explain(note, self._try_again)

    def _explain(self, note: Note, on_button: Callable[[], object]) -> None:
        self._on_note = on_button
        self._note.say(note.icon, note.title, note.text, note.button)
        self._pages.setCurrentWidget(self._note)

    def _note_pressed(self) -> None:
        if self._on_note is not None:
            self._on_note()

    def _try_again(self) -> None:
        """Without the conditions, where there are any; else from the beginning."""
        found = self._answer.found if self._answer else None
        operators = found.understood.operators if found else ()
        words = self.field.words()
        for operator in operators:
            words = words.replace(operator, " ")
        if operators:
            self.search(" ".join(words.split()))
        else:
            self.field.clear()

    def _lay_out(self) -> None:
        heading = QLabel("Search", self)
        theme.set_role(heading, Role.HEADING)
        theme.set_role(self._count, Role.MUTED)
        self._line.setWordWrap(True)
        self._line.hide()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName("Searching")
        theme.set_property(self._busy, "thin", "true")
        policy = self._busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._busy.setSizePolicy(policy)
        self._busy.hide()
        for page in (self._help, self._note, self.list):
            self._pages.addWidget(page)
        head = QVBoxLayout()
        head.setContentsMargins(EDGE, 12, 12, 8)
        head.setSpacing(0)
        head.addWidget(heading)
        head.addWidget(self._count)
        head.addSpacing(8)
        head.addWidget(self.field)
        head.addSpacing(6)
        head.addWidget(self._line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._busy)
        layout.addWidget(self._pages, 1)


def _counted(answer: Answer) -> str:
    if answer.found is None:
        tracks = answer.counts.tracks
        return text.count(tracks, "track to search", "tracks to search") if tracks else "No tracks"
    found = len(answer.found.hits)
    if found == MOST:
        return f"The {text.number(MOST)} best"
    return text.count(found, "track", "tracks") if found else "No tracks"
