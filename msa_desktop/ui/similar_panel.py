"""The right side: what sounds like a track, what mixes well after it, and what was heard in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import partial

from PySide6.QtCore import QPoint, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Track, TrackId, TrackState
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.services.search import Search
from msa_desktop.services.stem_search import StemSearch
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import label_list, measure_words, text, theme
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.bridge import Background, sentence
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.history import History
from msa_desktop.ui.hit_list import MIXING, SIMILAR, HitList
from msa_desktop.ui.label_list import LabelList
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.similar_answer import Answer, Question, read
from msa_desktop.ui.theme import Role

_FOLLOW_MS = 120  # holding an arrow key down searches when it is let go, not at every row
_PATIENCE_MS = 400  # an answer that takes longer is announced
_REFRESH_MS = 2000


class Tab(IntEnum):
    """What of the track is shown."""

    SIMILAR = 0
    MIXES = 1
    LABELS = 2


_KICKERS = {
    Tab.SIMILAR: "Similar to",
    Tab.MIXES: "Mixes well after",
    Tab.LABELS: "Heard in",
}


class SimilarPanel(QWidget):
    """Follows the selection; keeps the chain of tracks that were asked for.

    Args:
        reader: The library's reads.
        search: Who finds what is similar.
        stems: Who finds what has a similar part.
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
        stems: StemSearch,
        kinds: Mapping[str, LabelKind],
        count: Callable[[], int],
        background: Background,
        actions: Actions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._search = search
        self._stems = stems
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
        self.mixes = HitList(MIXING, actions.for_lists(), self)
        self._labels = LabelList(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._tabs = QTabBar(self)
        self._part = ""  # that is to be compared, where the track has it
        self._parts = QComboBox(self)
        self._kicker = QLabel(self)
        self._title = ElidedLabel(parent=self)
        self._artist = ElidedLabel(parent=self)
        self._measured = ElidedLabel(parent=self)
        self._head = QWidget(self)
        self._follow_soon = QTimer(self, singleShot=True, interval=_FOLLOW_MS)
        self._follow_soon.timeout.connect(self._follow)
        self._impatient = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._impatient.timeout.connect(self._say_searching)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self.reload)
        self._lay_out()
        self._tabs.currentChanged.connect(self._show_answer)
        self._parts.activated.connect(self._choose_part)
        self._note.asked.connect(self._button_pressed)
        for tracks in self.lists:
            tracks.menu_asked.connect(self.menu_asked)
        self._show_answer()

    # What the window asks

    @property
    def lists(self) -> tuple[HitList, HitList]:
        """The lists of tracks."""
        return self.similar, self.mixes

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

    def find_mixes(self, track_id: TrackId) -> None:
        """Looks for what mixes well after a track."""
        self._look_at(track_id, Tab.MIXES)

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
        asked = Question(self.subject, self._count(), self._tab() is Tab.MIXES, self._part)
        work = partial(read, self._reader, self._search, self._stems, asked)
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
        with QSignalBlocker(self._tabs):  # the answer on the screen is asked no other question
            self._tabs.setCurrentIndex(tab)
        self._subject_changed()

    def _follow(self) -> None:
        if self._followed is not None and self._followed != self.subject:
            self._history.visit(self._followed, asked=False)
            self._subject_changed()

    def _subject_changed(self) -> None:
        self._actions.enable([Act.BACK], self._history.can_go_back)
        self._actions.enable([Act.FORWARD], self._history.can_go_forward)
        for tracks in self.lists:
            tracks.scrollToTop()
        self.reload()

    def _choose_part(self, row: int) -> None:
        self._part = self._parts.itemData(row)
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
        self._take(Answer(track, self._tab() is Tab.MIXES, self._part, problem=sentence(error)))

    def _say_searching(self) -> None:
        self._say("similar", "Comparing…", "Looking for what comes nearest.")

    # Showing the answer

    def _tab(self) -> Tab:
        return Tab(max(0, self._tabs.currentIndex()))

    def _show_answer(self) -> None:
        answer = self._answer
        track = answer.track if answer else None
        self._kicker.setText(_KICKERS[self._tab()])
        self._title.setText(track.title if track else "")
        self._artist.setText(
            (track.tags.artist or track.tags.album or "Unknown artist") if track else ""
        )
        self._show_measured(track)
        self._head.setVisible(track is not None)
        self._show_parts(answer)
        if answer is None:
            words = "Select a track to see what sounds like it, and what was heard in it."
            self._say("similar", "What sounds alike?", words)
        elif track is None:
            self._say("info", "This track is no longer in the library")
        elif track.state is TrackState.ANALYSED:
            self._show_heard(answer, track)
        else:
            self._explain(track)

    def _show_measured(self, track: Track | None) -> None:
        """Tempo and key in the head, to be compared with those of the tracks listed."""
        self._measured.setText(measure_words.brief(track) if track else "")
        tips = (measure_words.tempo_tip(track), measure_words.key_tip(track)) if track else ()
        self._measured.setToolTip("\n".join(filter(None, tips)))
        self._measured.setVisible(bool(self._measured.text()))

    def _show_parts(self, answer: Answer | None) -> None:
        """The choice of what is compared, where the track was taken apart."""
        parts = answer.parts if answer else ()
        self._parts.setVisible(bool(parts) and self._tab() is Tab.SIMILAR)
        wanted = ("", *parts)
        if wanted != tuple(self._parts.itemData(row) for row in range(self._parts.count())):
            self._parts.clear()
            for part in wanted:
                self._parts.addItem(text.stem(part) if part else "The whole track", part)
        elif self._parts.view().isVisible():
            return  # the person is about to choose
        self._parts.setCurrentIndex(self._parts.findData(answer.part if answer else ""))

    def _show_heard(self, answer: Answer, track: Track) -> None:
        tab = self._tab()
        (self.mixes if answer.mixing else self.similar).hits.show(answer.hits)
        self._labels.labels.show(
            [
                *label_list.kind(answer.kind),
                *label_list.measured(measure_words.facts(track)),
                *label_list.group(answer.labels, self._kinds),
            ]
        )
        if tab is Tab.LABELS:
            self._pages.setCurrentWidget(self._labels)
        elif answer.mixing != (tab is Tab.MIXES):  # it answers the other question
            tracks = self.similar if answer.mixing else self.mixes
            tracks.hits.show([])
            self._pages.setCurrentWidget(tracks)
            self.reload()
        elif answer.mixing:
            self._show_mixes(answer)
        elif answer.problem:
            self._say("alert", "This cannot be compared now", answer.problem)
        elif answer.hits:
            self._pages.setCurrentWidget(self.similar)
        elif answer.compared:
            words = "No other track in the library comes near this one."
            self._say("similar", "Nothing sounds like this", words)
        elif answer.part:
            words = "Tracks are compared by a part once their stems were separated, too."
            self._say("similar", "No others were taken apart", words)
        else:
            words = "Nothing else was listened to so far. Similar tracks appear here as it goes on."
            self._say("similar", "No others yet", words)

    def _show_mixes(self, answer: Answer) -> None:
        if answer.problem:
            self._say("mix", "Nothing to mix by", answer.problem)
        elif answer.hits:
            self._pages.setCurrentWidget(self.mixes)
        else:
            words = "No other track that was measured has a tempo and a key that go with this one."
            self._say("mix", "Nothing mixes well after this", words)

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
            words = "It is listened to when its folder is back."
            self._say("folder-offline", "This track is offline", words)
        elif self._paused:
            words = "This track waits until you go on."
            self._say("pause", "Analysis is paused", words, "Go on", self.resume_asked.emit)
        else:
            words = "Its similar tracks appear here in a moment."
            self._say("clock", "Listening to it now…", words)

    def _say(
        self,
        icon_name: str,
        title: str,
        words: str = "",
        button: str = "",
        on_button: Callable[[], None] | None = None,
    ) -> None:
        self._on_button = on_button
        self._note.say(icon_name, title, words, button)
        self._pages.setCurrentWidget(self._note)

    def _button_pressed(self) -> None:
        if self._on_button is not None:
            self._on_button()

    def _lay_out(self) -> None:
        self.setMinimumWidth(250)
        theme.set_role(self._kicker, Role.SECTION)
        theme.set_role(self._title, Role.TITLE)
        theme.set_role(self._artist, Role.MUTED)
        theme.set_role(self._measured, Role.SMALL)
        self._tabs.addTab("Similar")
        self._tabs.addTab("Mixes")
        self._tabs.addTab("Labels")
        self._tabs.setExpanding(False)
        self._tabs.setDrawBase(False)
        self._tabs.setAccessibleName("What to show of this track")
        self._parts.setAccessibleName("Compare by")
        self._parts.setToolTip("What is compared: the whole track, or one of its stems")
        for page in (*self.lists, self._labels, self._note):
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
        head.addWidget(self._measured)
        head.addLayout(tabs)
        part = QHBoxLayout()
        part.setContentsMargins(0, 8, EDGE - 8, 6)
        part.addWidget(self._parts)
        head.addLayout(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._pages, 1)
