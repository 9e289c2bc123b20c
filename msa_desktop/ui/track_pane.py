"""The middle of the window: what is listed, the filter, and the table of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.model import TrackId, display_path
from msa_desktop.services.text_query import parse_filter
from msa_desktop.store.tracks import Scope, TrackQuery
from msa_desktop.ui import text, theme
from msa_desktop.ui.filter_field import FilterField
from msa_desktop.ui.folder_tree import Node
from msa_desktop.ui.icons import icon
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.theme import Role
from msa_desktop.ui.track_model import TrackModel
from msa_desktop.ui.track_table import TrackTable

_HINT = "Filter, bpm:120-128, key:8A"
_TIP = "\nAlso by tempo, as bpm:120-128, bpm:120 or bpm:>120, and by key, as key:8A or key:F#m"
_REST_MS = 1000  # what cannot be read is told when the typing rests, not to somebody who types


class TrackPane(QWidget):
    """A list of tracks with its heading and filter.

    Signals:
        retry_asked: The failed tracks (list of ids) should be tried again.
    """

    retry_asked = Signal(list)

    def __init__(
        self, model: TrackModel, list_actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self.table = TrackTable(model, list_actions, self)
        self._heading = QLabel("All music", self)
        self._count = QLabel(self)
        self.filter = FilterField("Filter tracks", self, hint=_HINT, tip=_TIP)
        self._problem = QLabel(self)
        self._retry = QPushButton(" Try again", self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._scanning = False
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._show_problem)
        self.filter.asked.connect(self._apply_filter)
        self.filter.left.connect(self.table.setFocus)
        self._retry.clicked.connect(self.retry)
        self._note.asked.connect(self.filter.clear)
        self.table.typed.connect(self._type_ahead)
        self.table.selectionModel().selectionChanged.connect(self._show_count)
        model.shown.connect(self._listed)
        self._lay_out()

    def show_place(self, node: Node) -> None:
        """Lists what a line of the side bar stands for."""
        self._heading.setText(node.name)
        self._heading.setToolTip(display_path(node.path))
        query = replace(self._model.query, scope=node.scope, folder=node.path)
        self._model.ask(query)

    def focus_list(self) -> None:
        """Puts the keyboard into the table."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_scanning(self, scanning: bool) -> None:
        """Says whether folders are being looked through, which an empty list tells."""
        if scanning != self._scanning:
            self._scanning = scanning
            self._choose_page()

    def retry(self) -> None:
        """Asks for another try of the selected tracks, or of all that are listed."""
        every: list[TrackId] = self._model.ids_at(0, self._model.rowCount()).tolist()
        self.retry_asked.emit(self.table.selected_ids() or every)

    def _lay_out(self) -> None:
        theme.set_role(self._heading, Role.HEADING)
        theme.set_role(self._count, Role.MUTED)
        theme.set_role(self._problem, Role.ATTENTION)
        self._heading.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setWordWrap(True)
        self._problem.setContentsMargins(EDGE, 0, EDGE, 10)
        self._problem.hide()
        self._retry.setIcon(icon("refresh"))
        self._retry.setAccessibleName("Try again")
        self._retry.setToolTip("Listen again to the selected files, or to all of them")
        self._retry.hide()
        self._pages.addWidget(self.table)
        self._pages.addWidget(self._note)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._heading)
        words.addWidget(self._count)
        head = QHBoxLayout()
        head.setContentsMargins(EDGE, 12, 12, 10)
        head.setSpacing(12)
        head.addLayout(words, 1)
        head.addWidget(self._retry)
        head.addWidget(self.filter, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._problem)
        layout.addWidget(self._pages, 1)
        self.setTabOrder(self.filter, self._retry)
        self.setTabOrder(self._retry, self.table)

    def _apply_filter(self) -> None:
        typed = parse_filter(self.filter.words())
        self._model.ask(
            replace(self._model.query, words=typed.words, bpm=typed.bpm, keys=typed.keys)
        )
        self._problem.setText(typed.problem)
        if typed.problem and self._problem.isHidden():
            self._rest.start()
        else:
            self._show_problem()

    def _show_problem(self) -> None:
        self._rest.stop()
        self._problem.setVisible(bool(self._problem.text()))

    def _type_ahead(self, letter: str) -> None:
        self.filter.setFocus(Qt.FocusReason.OtherFocusReason)
        self.filter.setText(letter)

    def _listed(self) -> None:
        self._show_count()
        self._choose_page()

    def _show_count(self) -> None:
        shown = text.count(self._model.rowCount(), "track", "tracks")
        selected = self.table.selected_count()
        self._count.setText(f"{shown}, {selected:n} selected" if selected > 1 else shown)

    def _choose_page(self) -> None:
        if not self._model.loaded:
            return
        query, empty = self._model.query, self._model.rowCount() == 0
        attention = query.scope is Scope.ATTENTION
        self._retry.setVisible(attention and not empty)
        if empty:
            self._explain(query)
        self._pages.setCurrentWidget(self._note if empty else self.table)

    def _explain(self, query: TrackQuery) -> None:
        if query.words or query.bpm or query.keys:
            why = list[str]()
            if query.words:
                why.append(
                    "Every word must begin a word of the title, artist, album, genre or folder."
                )
            if query.bpm or query.keys:
                why.append("Tracks of which no tempo or key is known are left out.")
            title = f"Nothing matches “{self.filter.words()}”"
            self._note.say("search", title, " ".join(why), "Clear the filter")
        elif query.scope is Scope.ATTENTION:
            self._note.say("check", "All is well", "Every file so far could be analysed.")
        elif self._scanning:
            self._note.say(
                "search", "Looking through your folders…", "Tracks appear here as they are found."
            )
        else:
            self._note.say(
                "music",
                "No music here yet",
                "Audio files that come into this folder appear by themselves.",
            )
