"""The rows of a long list that are being looked at, read in the background by the page.

Nothing here reads in the GUI thread. A list has the ids of all its rows in one array (800 kB at
100,000); rows are fetched when the view paints them, and a few thousand are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from msa_desktop.base.model import TrackId
from msa_desktop.ui.bridge import Background

Ids = NDArray[np.int64]
NO_IDS: Ids = np.empty(0, np.int64)

PAGE = 200  # rows; one fetch of a page takes a millisecond or two
_KEPT = 3000  # rows
_PAGES_AT_ONCE = 3

_Row = TypeVar("_Row")


class LazyRows(QObject, Generic[_Row]):
    """Rows by track id.

    Args:
        read: Reads rows by their ids; those that are gone are left out. Called in a thread.
        id_of: A row's id.
        background: Where it is read.

    Signals:
        arrived: Rows were read; the ids that were asked for (list).
    """

    arrived = Signal(list)

    def __init__(
        self,
        read: Callable[[Sequence[TrackId]], Sequence[_Row]],
        id_of: Callable[[_Row], TrackId],
        background: Background,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.ids = NO_IDS
        self._read = read
        self._id_of = id_of
        self._background = background
        self._rows: OrderedDict[TrackId, _Row | None] = OrderedDict()  # None: gone meanwhile
        self._stale: set[TrackId] = set()
        self._wanted: list[int] = []  # pages, the latest last
        self._fetching = False
        self._fetch_soon = QTimer(self, singleShot=True, interval=0)
        self._fetch_soon.timeout.connect(self._fetch)

    def set_ids(self, ids: Ids) -> None:
        """Takes another list over; what was read stays."""
        self.ids = ids
        self._wanted.clear()

    def at(self, place: int) -> _Row | None:
        """The row at a place if it is at hand; if not it is fetched, and `arrived` tells."""
        track_id = TrackId(int(self.ids[place]))
        if track_id in self._rows:
            self._rows.move_to_end(track_id)
            if track_id in self._stale:
                self._want(place)
            return self._rows[track_id]
        self._want(place)
        return None

    def known(self, track_id: TrackId) -> _Row | None:
        """A row if it is at hand; nothing is fetched."""
        return self._rows.get(track_id)

    def known_among(self, ids: Ids) -> list[_Row]:
        """Those of these rows that are at hand."""
        wanted = self._rows.keys() & set(ids.tolist())
        return [row for track_id in wanted if (row := self._rows[track_id]) is not None]

    def places_known(self) -> list[int]:
        """The places whose rows are at hand, ascending."""
        places: list[int] = self.places_of(np.array(list(self._rows), np.int64)).tolist()
        return places

    def place_of(self, track_id: TrackId) -> int:
        """The place of an id in the list, or -1."""
        found = np.flatnonzero(self.ids == track_id)
        return int(found[0]) if len(found) else -1

    def places_of(self, ids: Ids) -> Ids:
        """The places of those ids that the list holds, ascending."""
        return np.flatnonzero(np.isin(self.ids, ids))

    def keep(self, rows: Iterable[_Row]) -> None:
        """Takes rows that were read elsewhere."""
        for row in rows:
            track_id = self._id_of(row)
            self._rows[track_id] = row
            self._rows.move_to_end(track_id)
        while len(self._rows) > _KEPT:
            gone, _ = self._rows.popitem(last=False)
            self._stale.discard(gone)

    def outdate(self, ids: Set[TrackId] | None = None) -> bool:
        """These rows (None: all) are read again when they are looked at.

        Returns:
            Whether any row is out of date now.
        """
        self._stale |= {i for i in self._rows if ids is None or i in ids}
        return bool(self._stale)

    def _want(self, place: int) -> None:
        page = place // PAGE
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
            ids: list[TrackId] = self.ids[page * PAGE : (page + 1) * PAGE].tolist()
            missing += [i for i in ids if i not in self._rows or i in self._stale]
        if not missing:
            return
        # A change that comes while they are read makes them stale again.
        self._stale.difference_update(missing)
        self._fetching = True
        self._background.run(
            partial(self._read, missing),
            partial(self._fetched, missing),
            failed=self._fetch_failed,
        )

    def _fetched(self, asked: list[TrackId], rows: Sequence[_Row]) -> None:
        self._fetching = False
        self._rows.update(dict.fromkeys(asked))
        self.keep(rows)
        self.arrived.emit(asked)
        if self._wanted:
            self._fetch_soon.start()

    def _fetch_failed(self, error: Exception) -> None:
        self._fetching = False
        self._background.failed.emit(error)
