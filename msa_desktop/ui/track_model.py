"""The track table's model: an ordered array of ids, and the rows that are being looked at.

Nothing here reads the database in the GUI thread: the ids of a query come from the background in
one array, the rows by the page (`lazy_rows`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtCore import QPersistentModelIndex as PersistentIndex

from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Track, TrackId
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.columns import COLUMNS, Col
from msa_desktop.ui.lazy_rows import PAGE, Ids, LazyRows

Index = QModelIndex | PersistentIndex
_NOWHERE = QModelIndex()

# Room for the arrow: Qt paints it over the end of a title that is aligned right.
_ARROW = "\N{NO-BREAK SPACE}" * 4
_REFRESH_MS = 1000  # while thousands of files arrive, the order is read again this often at most


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
        self._rows: LazyRows[Track] = LazyRows(reader.get_many, attrgetter("id"), background, self)
        self._rows.arrived.connect(self._repaint_all)
        self._query = TrackQuery()
        self._shown_query: TrackQuery | None = None
        self._first_visible = 0
        self._playing: TrackId | None = None
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
        any_outdated = self._rows.outdate(change.ids)
        if change.structure:
            if not self._refresh_soon.isActive():
                self._refresh_soon.start()
        elif any_outdated:
            self._repaint_all()

    def refresh_all(self) -> None:
        """Reads everything again, as when a folder went offline."""
        self._rows.outdate()
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
        return TrackId(int(self._rows.ids[row]))

    def ids_at(self, first: int, last: int) -> Ids:
        """The tracks of the rows `first` to `last`, both included."""
        return self._rows.ids[first : last + 1]

    def row_of(self, track_id: TrackId) -> int:
        """The row of a track, or -1 where this list does not hold it."""
        return self._rows.place_of(track_id)

    def rows_of(self, ids: Ids) -> Ids:
        """The rows of those tracks that this list holds, ascending."""
        return self._rows.places_of(ids)

    def track(self, row: int) -> Track | None:
        """A row's track if it is at hand; if not it is fetched, and the view told later."""
        return self._rows.at(row)

    # Qt's model

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows.ids)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words. Colours and marks are the delegate's matter."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        track, column = self.track(index.row()), COLUMNS[Col(index.column())]
        words = column.text(track) if track else ""
        if role == Qt.ItemDataRole.AccessibleTextRole and track and words and column.tagged:
            return words if column.tagged(track) else f"{words}, measured"
        return words

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's title, aligned as its cells are."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[Col(section)]
        if role == Qt.ItemDataRole.DisplayRole:
            order = SortKey.ADDED if self._query.scope is Scope.RECENT else self._query.sort
            return column.title + (_ARROW if column.right and column.sort is order else "")
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.about or None
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
        self._rows.keep(answer.rows)
        fresh = answer.query != self._shown_query
        self._shown_query = answer.query
        if np.array_equal(answer.ids, self._rows.ids):
            self._repaint_all()
        else:
            self.beginResetModel()
            self._rows.set_ids(answer.ids)
            self.endResetModel()
        self.shown.emit(fresh)

    def _repaint_all(self) -> None:
        """Has the view paint what it shows: cheaper than telling which of 100,000 cells differ."""
        if len(self._rows.ids):
            last = self.index(len(self._rows.ids) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
