"""The track table's model: an ordered array of ids, and the rows that are being looked at.

Nothing here reads the database in the GUI thread. The ids of a query come from the background in
one array (800 kB at 100,000 tracks); rows are fetched by the page when the view paints them, and
a few thousand are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtCore import QPersistentModelIndex as PersistentIndex

from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Track, TrackId
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.columns import COLUMNS, Col

Ids = NDArray[np.int64]
Index = QModelIndex | PersistentIndex
_NOWHERE = QModelIndex()

PAGE = 200  # rows; one fetch of a page takes a millisecond or two
_KEPT = 3000  # rows
_PAGES_AT_ONCE = 3
_REFRESH_MS = 1000  # while thousands of files arrive, the order is read again this often at most
_NO_IDS: Ids = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Answer:
    query: TrackQuery
    ids: Ids
    rows: list[Track]


def _load(reader: TrackReader, query: TrackQuery, first: int) -> _Answer:
    """The ids of a query and the rows from `first` on, so that a new list never shows blank."""
    ids = reader.ids(query)
    start = max(0, min(first, len(ids) - PAGE))
    return _Answer(query, ids, reader.get_many(ids[start : start + PAGE].tolist()))


class TrackModel(QAbstractTableModel):
    """The tracks of one query.

    Signals:
        shown: A list is in place: True when it answers a new query, False for a refresh.
    """

    shown = Signal(bool)

    def __init__(
        self, reader: TrackReader, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._background = background
        self._ids = _NO_IDS
        self._query = TrackQuery()
        self._shown_query: TrackQuery | None = None
        self._rows: OrderedDict[TrackId, Track | None] = OrderedDict()  # None: gone meanwhile
        self._stale: set[TrackId] = set()
        self._wanted: list[int] = []  # pages, the latest last
        self._fetching = False
        self._first_visible = 0
        self._playing: TrackId | None = None
        self._fetch_soon = QTimer(self, singleShot=True, interval=0)
        self._fetch_soon.timeout.connect(self._fetch)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self._reload)

    # What is shown

    @property
    def query(self) -> TrackQuery:
        """What was asked for last; its list may still be on its way."""
        return self._query

    @property
    def loaded(self) -> bool:
        """Whether any list was shown yet."""
        return self._shown_query is not None

    def ask(self, query: TrackQuery) -> None:
        """Shows another query's tracks as soon as they are read."""
        if query != self._query or not self.loaded:
            self._query = query
            self._reload()

    def set_order(self, key: SortKey, *, descending: bool) -> None:
        """Sets the order of the first list, without asking for one yet."""
        self._query = replace(self._query, sort=key, descending=descending)

    def refresh(self, change: TracksChanged) -> None:
        """Reads again what changed. Thousands of changes cost one reading of the order."""
        self._stale |= change.ids & self._rows.keys()
        if change.structure:
            if not self._refresh_soon.isActive():
                self._refresh_soon.start()
        elif self._stale:
            self._repaint_all()

    def refresh_all(self) -> None:
        """Reads everything again, as when a folder went offline."""
        self._stale |= self._rows.keys()
        self._reload()

    def mark_playing(self, track_id: TrackId | None) -> None:
        """Says which track is in the player, so that its row can show it."""
        previous, self._playing = self._playing, track_id
        for changed in (previous, track_id):
            row = -1 if changed is None else self.row_of(changed)
            if row >= 0:
                cell = self.index(row, Col.TITLE)
                self.dataChanged.emit(cell, cell)

    @property
    def playing(self) -> TrackId | None:
        """The track in the player."""
        return self._playing

    def look_from(self, row: int) -> None:
        """Tells which row is the first visible one: a refresh reads the rows there first."""
        self._first_visible = row

    # Rows and ids

    def id_at(self, row: int) -> TrackId:
        """The track of a row."""
        return TrackId(int(self._ids[row]))

    def ids_at(self, first: int, last: int) -> Ids:
        """The tracks of the rows `first` to `last`, both included."""
        return self._ids[first : last + 1]

    def row_of(self, track_id: TrackId) -> int:
        """The row of a track, or -1 where this list does not hold it."""
        found = np.flatnonzero(self._ids == track_id)
        return int(found[0]) if len(found) else -1

    def rows_of(self, ids: Ids) -> Ids:
        """The rows of those tracks that this list holds, ascending."""
        return np.flatnonzero(np.isin(self._ids, ids))

    def track(self, row: int) -> Track | None:
        """A row's track if it is at hand; if not it is fetched, and the view told later."""
        track_id = self.id_at(row)
        if track_id in self._rows:
            self._rows.move_to_end(track_id)
            if track_id in self._stale:
                self._want(row)
            return self._rows[track_id]
        self._want(row)
        return None

    # Qt's model

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words. Colours and marks are the delegate's matter."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        track = self.track(index.row())
        return "" if track is None else COLUMNS[Col(index.column())].text(track)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's title, aligned as its cells are."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[Col(section)]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.InitialSortOrderRole:
            newest_first = column.sort is SortKey.ADDED
            return Qt.SortOrder.DescendingOrder if newest_first else Qt.SortOrder.AscendingOrder
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Asks for the same tracks in another order."""
        key = COLUMNS[Col(column)].sort if column >= 0 else None
        if key is not None and self._query.scope is not Scope.RECENT:
            descending = order == Qt.SortOrder.DescendingOrder
            self.ask(replace(self._query, sort=key, descending=descending))

    # Reading in the background

    def _reload(self) -> None:
        self._refresh_soon.stop()
        first = self._first_visible if self._query == self._shown_query else 0
        work = partial(_load, self._reader, self._query, first)
        self._background.run(work, self._show, key="track ids")

    def _show(self, answer: _Answer) -> None:
        self._keep(answer.rows)
        fresh = answer.query != self._shown_query
        self._shown_query = answer.query
        if np.array_equal(answer.ids, self._ids):
            self._repaint_all()
        else:
            self.beginResetModel()
            self._ids = answer.ids
            self._wanted.clear()
            self.endResetModel()
        self.shown.emit(fresh)

    def _want(self, row: int) -> None:
        page = row // PAGE
        if not self._wanted or self._wanted[-1] != page:
            if page in self._wanted:
                self._wanted.remove(page)
            self._wanted.append(page)
        if not self._fetching and not self._fetch_soon.isActive():
            self._fetch_soon.start()

    def _fetch(self) -> None:
        # Only the latest pages: what was scrolled past is asked for again if it is seen again.
        pages, self._wanted = self._wanted[-_PAGES_AT_ONCE:], []
        missing: list[TrackId] = []
        for page in pages:
            ids: list[TrackId] = self._ids[page * PAGE : (page + 1) * PAGE].tolist()
            missing += [i for i in ids if i not in self._rows or i in self._stale]
        if not missing:
            return
        # A change that comes while they are read makes them stale again.
        self._stale.difference_update(missing)
        self._fetching = True
        self._background.run(
            partial(self._reader.get_many, missing),
            partial(self._fetched, missing),
            failed=self._fetch_failed,
        )

    def _fetched(self, asked: list[TrackId], tracks: Sequence[Track]) -> None:
        self._fetching = False
        self._rows.update(dict.fromkeys(asked))
        self._keep(tracks)
        self._repaint_all()
        if self._wanted:
            self._fetch_soon.start()

    def _fetch_failed(self, error: Exception) -> None:
        self._fetching = False
        self._background.failed.emit(error)

    def _keep(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            self._rows[track.id] = track
            self._rows.move_to_end(track.id)
        while len(self._rows) > _KEPT:
            gone, _ = self._rows.popitem(last=False)
            self._stale.discard(gone)

    def _repaint_all(self) -> None:
        """Has the view paint what it shows: cheaper than telling which of 100,000 cells differ."""
        if len(self._ids):
            last = self.index(len(self._ids) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
