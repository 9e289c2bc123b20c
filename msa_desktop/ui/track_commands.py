"""What the person can do with the selected tracks, in whichever list they are selected."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from PySide6.QtCore import QItemSelectionModel, QObject, QPoint, Signal, SignalInstance
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Track, TrackId, display_path
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import file_manager, text
from msa_desktop.ui.actions import Act, Actions, Place
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.lazy_rows import Ids
from msa_desktop.ui.library_commands import LibraryCommands
from msa_desktop.ui.play_order import PlayOrder
from msa_desktop.ui.similar_panel import SimilarPanel
from msa_desktop.ui.track_model import TrackModel
from msa_desktop.ui.track_table import TrackTable

_ON_TRACKS = (
    Act.PLAY,
    Act.FIND_SIMILAR,
    Act.FIND_MIXES,
    Act.SHOW_LABELS,
    Act.SEARCH_LIKE,
    Act.SEARCH_UNLIKE,
    Act.SEPARATE,
    Act.SEPARATE_PART,
    Act.ANALYSE_AGAIN,
    Act.SHOW_FILE,
    Act.COPY_PATH,
    Act.PROPOSE,
    Act.EDIT_TAGS,
)


class TrackList(Protocol):
    """A list of tracks that actions work on.

    Attributes:
        focused: The keyboard came there.
        play_asked: A track (its id) was double-clicked.
    """

    @property
    def focused(self) -> SignalInstance: ...
    @property
    def play_asked(self) -> SignalInstance: ...

    def selectionModel(self) -> QItemSelectionModel: ...
    def selected_ids(self) -> list[TrackId]: ...
    def current_id(self) -> TrackId | None: ...
    def listed_ids(self) -> Ids: ...


def _existing_path(reader: TrackReader, track_id: TrackId) -> str:
    track = reader.get(track_id)
    if track is None:
        raise UserError("This track is no longer in the library.")
    return file_manager.check(track.path)


class TrackCommands(QObject):
    """Carries out the actions on tracks.

    Signals:
        said: A piece of news for the person.
        failed: What went wrong (an exception).
        panel_asked: The similar tracks are to be seen.
    """

    said = Signal(str)
    failed = Signal(Exception)
    panel_asked = Signal()

    def __init__(
        self,
        reader: TrackReader,
        background: Background,
        actions: Actions,
        model: TrackModel,
        table: TrackTable,
        panel: SimilarPanel,
        library: LibraryCommands,
        order: PlayOrder,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._window = parent
        self._reader = reader
        self._background = background
        self._actions = actions
        self._model = model
        self._table = table
        self._panel = panel
        self._library = library
        self._order = order
        self._list: TrackList = table  # the one that had the keyboard last
        self._connect()
        for each in (table, *panel.lists):
            self.add_list(each)
        table.menu_asked.connect(self.open_menu)
        panel.menu_asked.connect(self.open_menu)
        self._update()

    def add_list(self, tracks: TrackList) -> None:
        """Has the actions work on one more list, while it has the keyboard."""
        tracks.focused.connect(partial(self.use_list, tracks))
        tracks.play_asked.connect(partial(self._play_in, tracks))
        tracks.selectionModel().selectionChanged.connect(self._update)

    def use_list(self, tracks: TrackList) -> None:
        """Has the actions work on this list from now on."""
        self._list = tracks
        self._update()

    def targets(self) -> list[TrackId]:
        """The tracks that an action would act on now."""
        return self._list.selected_ids()

    def target(self) -> TrackId | None:
        """The track meant where only one can be: the current one if it is selected."""
        targets, current = self.targets(), self._list.current_id()
        if current in targets:
            return current
        return targets[0] if targets else None

    def play_in_table(self, track_id: TrackId) -> None:
        """Plays a track of the table, and goes on in the table's order."""
        self._play_in(self._table, track_id)

    def play_or_pause(self) -> None:
        """Pauses, goes on, or begins with the selected track."""
        if self._model.playing is None:
            self._play()
        else:
            self._order.toggle()

    def open_menu(self, at: QPoint) -> None:
        """Opens the menu of the selected tracks at a place of the screen."""
        self._actions.context_menu(Place.TRACK_MENU, self._window).popup(at)

    def open_review_menu(self, at: QPoint) -> None:
        """The same for a track in the review."""
        self._actions.context_menu(Place.REVIEW_MENU, self._window).popup(at)

    def show_folder(self, path: str) -> None:
        """Opens a folder in the file manager."""
        work = partial(file_manager.check, path)
        self._background.run(
            work, partial(self._open, file_manager.open_folder), failed=self.failed.emit
        )

    def _connect(self) -> None:
        handlers = {
            Act.PLAY: self._play,
            Act.PLAY_PAUSE: self.play_or_pause,
            Act.PREVIOUS: self._order.previous,
            Act.NEXT: self._order.next,
            Act.FIND_SIMILAR: self._find_similar,
            Act.FIND_MIXES: self._find_mixes,
            Act.SHOW_LABELS: self._show_labels,
            Act.ANALYSE_AGAIN: self._analyse_again,
            Act.SHOW_FILE: self._show_file,
            Act.COPY_PATH: self._copy_path,
        }
        for act, handler in handlers.items():
            self._actions[act].triggered.connect(handler)

    def _update(self) -> None:
        """Greys the actions out where nothing is selected."""
        self._actions.enable(_ON_TRACKS, self._list.selectionModel().hasSelection())

    def _play(self) -> None:
        track_id = self.target()
        if track_id is not None:
            self._play_in(self._list, track_id)

    def _play_in(self, tracks: TrackList, track_id: TrackId) -> None:
        """Plays a track, and goes on in its list's order."""
        ids = tracks.listed_ids()
        self._order.play(ids, int(np.flatnonzero(ids == track_id)[0]))

    def _find_similar(self) -> None:
        self._look(self._panel.find_similar)

    def _find_mixes(self) -> None:
        self._look(self._panel.find_mixes)

    def _show_labels(self) -> None:
        self._look(self._panel.show_labels)

    def _look(self, show: Callable[[TrackId], None]) -> None:
        """Has the panel show something of a track."""
        track_id = self.target()
        if track_id is not None:
            self._actions[Act.SIMILAR_PANEL].setChecked(True)
            self.panel_asked.emit()
            show(track_id)

    def _analyse_again(self) -> None:
        self._library.analyse_again(self.targets())

    def _show_file(self) -> None:
        track_id = self.target()
        if track_id is not None:
            work = partial(_existing_path, self._reader, track_id)
            self._background.run(
                work, partial(self._open, file_manager.show_file), failed=self.failed.emit
            )

    def _open(self, opener: Callable[[str], None], path: str) -> None:
        try:
            opener(path)
        except UserError as error:
            self.failed.emit(error)

    def _copy_path(self) -> None:
        work = partial(self._reader.get_many, self.targets())
        self._background.run(work, self._copy, key="copy")

    def _copy(self, tracks: list[Track]) -> None:
        if not tracks:
            return
        paths = os.linesep.join(display_path(track.path) for track in tracks)
        QGuiApplication.clipboard().setText(paths)
        self.said.emit(f"{text.count(len(tracks), 'path', 'paths')} copied.")
