"""The right side: what sounds like the track the person looks at, and what was heard in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Hit, LabelScore, Track, TrackId, TrackState
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.services.search import Search
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import label_list, theme
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.bridge import Background, sentence
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.history import History
from msa_desktop.ui.hit_list import SIMILAR, HitList
from msa_desktop.ui.label_list import LabelList
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.theme import Role

_FOLLOW_MS = 120  # holding an arrow key down searches when it is let go, not at every row
_PATIENCE_MS = 400  # an answer that takes longer is announced
_REFRESH_MS = 2000


class Tab(IntEnum):
    """What of the track is shown."""

    SIMILAR = 0
    LABELS = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """All there is to show of one track.

    Attributes:
        track: None when it is no longer in the library.
        hits: Those that sound alike at all; a negative cosine is the opposite of similar.
        compared: Whether there was any other track to compare with.
        problem: Why there are no hits, in words; empty if all went well.
    """

    track: Track | None
    hits: list[Hit] = field(default_factory=list)
    labels: list[LabelScore] = field(default_factory=list)
    compared: bool = False
    problem: str = ""


def read(reader: TrackReader, search: Search, count: int, track_id: TrackId) -> Answer:
    """A track, its neighbours and its labels; in the background."""
    track = reader.get(track_id)
    if track is None or track.state is not TrackState.ANALYSED:
        return Answer(track)
    hits: list[Hit] = []
    labels: list[LabelScore] = []
    problem = ""
    # Each on its own: not every encoder knows words for what it hears.
    with contextlib.suppress(UserError):
        labels = search.labels(track_id)
    try:
        hits = search.similar(track_id, count)
    except UserError as error:
        problem = str(error)
    alike = [hit for hit in hits if hit.score > 0]
    return Answer(track, alike, labels, bool(hits), problem)


class SimilarPanel(QWidget):
    """Follows the selection; keeps the chain of tracks that were asked for.

    Args:
        reader: The library's reads.
        search: Who finds what is similar.
        kinds: Label name to what it speaks of.
        count: How many similar tracks to list, by the settings in force.

    Signals:
        listen_asked: A track (id) that is looked at before it was analysed.
        retry_asked: A failed track (list of one id) should be tried again.
        resume_asked: The paused analysis should go on.
        menu_asked: A context menu is wanted at this place of the screen.
        shown: An answer is on the screen.
    """

    listen_asked = Signal(int)
    retry_asked = Signal(list)
    resume_asked = Signal()
    menu_asked = Signal(QPoint)
    shown = Signal()

    def __init__(
        self,
        reader: TrackReader,
        search: Search,
        kinds: Mapping[str, LabelKind],
        count: Callable[[], int],
        background: Background,
        actions: Actions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._search = search
        self._kinds = kinds
        self._count = count
        self._background = background
        self._actions = actions
        self._history = History()
        self._answer: Answer | None = None
        self._followed: TrackId | None = None
        self._paused = False
        self._on_button: Callable[[], None] | None = None
        self.similar = HitList(SIMILAR, actions.for_lists(), self)
        self._labels = LabelList(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._tabs = QTabBar(self)
        self._kicker = QLabel(self)
        self._title = ElidedLabel(parent=self)
        self._artist = ElidedLabel(parent=self)
        self._head = QWidget(self)
        self._follow_soon = QTimer(self, singleShot=True, interval=_FOLLOW_MS)
        self._follow_soon.timeout.connect(self._follow)
        self._impatient = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._impatient.timeout.connect(self._say_searching)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self.reload)
        self._lay_out()
        self._tabs.currentChanged.connect(self._show_answer)
        self._note.asked.connect(self._button_pressed)
        self.similar.menu_asked.connect(self.menu_asked)
        self._show_answer()

    # What the window asks

    @property
    def subject(self) -> TrackId | None:
        """The track that is looked at."""
        return self._history.current

    def follow(self, track_id: TrackId | None) -> None:
        """Looks at the selected track, once the selection rests."""
        self._followed = track_id
        if track_id is not None:
            self._follow_soon.start()

    def find_similar(self, track_id: TrackId) -> None:
        """Looks at a track because the person asked to."""
        self._look_at(track_id, Tab.SIMILAR)

    def show_labels(self, track_id: TrackId) -> None:
        """Shows what was heard in a track."""
        self._look_at(track_id, Tab.LABELS)

    def go_back(self) -> None:
        """To the track that was looked at before."""
        if self._history.back() is not None:
            self._subject_changed()

    def go_forward(self) -> None:
        """To the track the person came back from."""
        if self._history.forward() is not None:
            self._subject_changed()

    def refresh(self, change: TracksChanged) -> None:
        """Reads the answer again if a change concerns it."""
        answer = self._answer
        if self.subject is None or answer is None:
            return
        if self.subject in change.ids:
            self.reload()
            return
        # A short list grows with the library; a full one stays as it is under the person's hands.
        grows = change.structure and len(answer.hits) < self._count()
        if grows and not self._refresh_soon.isActive():
            self._refresh_soon.start()

    def reload(self) -> None:
        """Reads the answer again."""
        if self.subject is None:
            return
        work = partial(read, self._reader, self._search, self._count(), self.subject)
        self._impatient.start()
        self._background.run(work, self._take, key="similar", failed=self._fail)

    def set_paused(self, paused: bool) -> None:
        """Says whether the analysis is paused, which decides what a waiting track shows."""
        if paused != self._paused:
            self._paused = paused
            self._show_answer()

    def focus_list(self) -> None:
        """Gives the keyboard to the list that is shown."""
        page = self._pages.currentWidget()
        widget = self._tabs if page is None or page is self._note else page
        widget.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # Looking at a track

    def _look_at(self, track_id: TrackId, tab: Tab) -> None:
        self._follow_soon.stop()
        self._history.visit(track_id, asked=True)
        self._tabs.setCurrentIndex(tab)
        self._subject_changed()

    def _follow(self) -> None:
        if self._followed is not None and self._followed != self.subject:
            self._history.visit(self._followed, asked=False)
            self._subject_changed()

    def _subject_changed(self) -> None:
        self._actions.enable([Act.BACK], self._history.can_go_back)
        self._actions.enable([Act.FORWARD], self._history.can_go_forward)
        self.similar.scrollToTop()
        self.reload()

    def _take(self, answer: Answer) -> None:
        self._impatient.stop()
        self._answer = answer
        if answer.track and answer.track.state in (TrackState.NEW, TrackState.QUEUED):
            self.listen_asked.emit(answer.track.id)
        self._show_answer()
        self.shown.emit()

    def _fail(self, error: Exception) -> None:
        track = self._answer.track if self._answer else None
        self._take(Answer(track, problem=sentence(error)))

    def _say_searching(self) -> None:
        self._say("similar", "Comparing…", "Looking for what sounds most alike.")

    # Showing the answer

    def _show_answer(self) -> None:
        answer = self._answer
        track = answer.track if answer else None
        tab = Tab(max(0, self._tabs.currentIndex()))
        self._kicker.setText("Similar to" if tab is Tab.SIMILAR else "Heard in")
        self._title.setText(track.title if track else "")
        self._artist.setText(
            (track.tags.artist or track.tags.album or "Unknown artist") if track else ""
        )
        self._head.setVisible(track is not None)
        if answer is None:
            text = "Select a track to see what sounds like it, and what was heard in it."
            self._say("similar", "What sounds alike?", text)
        elif track is None:
            self._say("info", "This track is no longer in the library")
        elif track.state is TrackState.ANALYSED:
            self._show_heard(answer, tab)
        else:
            self._explain(track)

    def _show_heard(self, answer: Answer, tab: Tab) -> None:
        self.similar.hits.show(answer.hits)
        self._labels.labels.show(label_list.group(answer.labels, self._kinds))
        if tab is Tab.LABELS and answer.labels:
            self._pages.setCurrentWidget(self._labels)
        elif tab is Tab.LABELS:
            self._say("tag", "No labels", "Nothing that the program knows a word for.")
        elif answer.problem:
            self._say("alert", "This cannot be compared now", answer.problem)
        elif answer.hits:
            self._pages.setCurrentWidget(self.similar)
        elif answer.compared:
            text = "No other track in the library comes near this one."
            self._say("similar", "Nothing sounds like this", text)
        else:
            text = "Nothing else was listened to so far. Similar tracks appear here as it goes on."
            self._say("similar", "No others yet", text)

    def _explain(self, track: Track) -> None:
        """Says why a track has no neighbours yet."""
        if track.state is TrackState.FAILED:
            self._say(
                "alert",
                "This file could not be analysed",
                track.reason,
                "Try again",
                partial(self.retry_asked.emit, [track.id]),
            )
        elif track.offline:
            text = "It is listened to when its folder is back."
            self._say("folder-offline", "This track is offline", text)
        elif self._paused:
            text = "This track waits until you go on."
            self._say("pause", "Analysis is paused", text, "Go on", self.resume_asked.emit)
        else:
            text = "Its similar tracks appear here in a moment."
            self._say("clock", "Listening to it now…", text)

    def _say(
        self,
        icon_name: str,
        title: str,
        text: str = "",
        button: str = "",
        on_button: Callable[[], None] | None = None,
    ) -> None:
        self._on_button = on_button
        self._note.say(icon_name, title, text, button)
        self._pages.setCurrentWidget(self._note)

    def _button_pressed(self) -> None:
        if self._on_button is not None:
            self._on_button()

    def _lay_out(self) -> None:
        self.setMinimumWidth(250)
        theme.set_role(self._kicker, Role.SECTION)
        theme.set_role(self._title, Role.TITLE)
        theme.set_role(self._artist, Role.MUTED)
        self._tabs.addTab("Similar")
        self._tabs.addTab("Labels")
        self._tabs.setExpanding(False)
        self._tabs.setDrawBase(False)
        self._tabs.setAccessibleName("What to show of this track")
        for page in (self.similar, self._labels, self._note):
            self._pages.addWidget(page)
        top = QHBoxLayout()
        top.setSpacing(2)
        top.addWidget(self._kicker, 1)
        for act in (Act.BACK, Act.FORWARD):
            button = QToolButton(self)
            button.setDefaultAction(self._actions[act])
            button.setIconSize(QSize(theme.ICON_SIZE, theme.ICON_SIZE))
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            top.addWidget(button)
        self._actions.enable([Act.BACK, Act.FORWARD], False)
        tabs = QHBoxLayout()
        tabs.setContentsMargins(-12, 4, 0, 0)
        tabs.addWidget(self._tabs)
        head = QVBoxLayout(self._head)
        head.setContentsMargins(EDGE, 8, 8, 0)
        head.setSpacing(1)
        head.addLayout(top)
        head.addWidget(self._title)
        head.addWidget(self._artist)
        head.addLayout(tabs)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._pages, 1)
