"""The review queue's model: tracks with proposals in an order, read by the page."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QTimer, Signal

from msa_desktop.base.fields import FACTS, Field
from msa_desktop.base.model import Track, TrackId
from msa_desktop.base.proposals import Decision, Proposal
from msa_desktop.store.proposals import ProposalReader, ReviewOrder
from msa_desktop.ui import diff, text
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.diff import Piece
from msa_desktop.ui.lazy_rows import PAGE, Ids, LazyRows
from msa_desktop.ui.paint import Index

_NOWHERE = QModelIndex()
_REFRESH_MS = 400
_ONE_BY_ONE = 40  # rows that leave singly; more of them leave with a reset, which costs less


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """What the queue shows.

    Attributes:
        decision: OPEN: what is to be decided; ACCEPTED: what waits to be written; None: both.
        field: Only this tag.
        words: Only tracks that the filter of the track list would show for these.
    """

    order: ReviewOrder = ReviewOrder.CONFIDENCE
    decision: Decision | None = Decision.OPEN
    field: Field | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One proposal, and what of it is kept, removed and added."""

    proposal: Proposal
    pieces: tuple[Piece, ...]

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return self.proposal.decision is Decision.OPEN


@dataclass(frozen=True, slots=True)
class Entry:
    """A track with all its proposals."""

    track: Track
    lines: tuple[Line, ...]


def line_of(proposal: Proposal) -> Line:
    """A proposal ready to be painted."""
    return Line(proposal, diff.pieces(proposal.current, proposal.values))


def _id_of(entry: Entry) -> TrackId:
    return entry.track.id


def _entries(reader: ProposalReader, ids: Sequence[TrackId]) -> list[Entry]:
    return [
        Entry(found.track, tuple(map(line_of, found.proposals))) for found in reader.get_many(ids)
    ]


def _load(
    reader: ProposalReader, query: ReviewQuery, first: int
) -> tuple[ReviewQuery, Ids, list[Entry]]:
    """The order of a query, and the rows from `first` on: a new list never shows blank."""
    ids = reader.ids(query.order, decision=query.decision, field=query.field, words=query.words)
    start = max(0, min(first, len(ids) - PAGE))
    return query, ids, _entries(reader, ids[start : start + PAGE].tolist())


class ReviewModel(QAbstractTableModel):
    """One row a track.

    Signals:
        shown: A list is in place: True when it answers a new query, False for a refresh.
        resized: How many lines these rows (list of int) have is known now, or changed.
    """

    shown = Signal(bool)
    resized = Signal(list)

    def __init__(
        self, reader: ProposalReader, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._background = background
        self._rows: LazyRows[Entry] = LazyRows(partial(_entries, reader), _id_of, background, self)
        self._rows.arrived.connect(self._arrived)
        self._query = ReviewQuery()
        self._shown_query: ReviewQuery | None = None
        self._first_visible = 0
        # Decided a moment ago: a list that was read just before must not bring them back.
        self._held: list[Ids] = []
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(self.reload)

    # What is shown

    @property
    def query(self) -> ReviewQuery:
        """What was asked for last; its list may still be on its way."""
        return self._query

    @property
    def loaded(self) -> bool:
        """Whether any list was shown yet."""
        return self._shown_query is not None

    @property
    def ids(self) -> Ids:
        """The tracks, in order."""
        return self._rows.ids

    def ask(self, query: ReviewQuery) -> None:
        """Shows another list as soon as it is read."""
        if query != self._query or not self.loaded:
            self._query = query
            self.reload()

    def refresh(self, ids: Set[TrackId]) -> None:
        """Reads again what changed; thousands of changes cost one reading of the order."""
        self._rows.outdate(ids)
        if self.loaded and not self._refresh_soon.isActive():
            self._refresh_soon.start()

    def refresh_all(self) -> None:
        """Reads everything again, as after a decision that could not be stored."""
        self._rows.outdate()
        self.reload()

    def reload(self) -> None:
        """Reads the order again."""
        self._refresh_soon.stop()
        first = self._first_visible if self._query == self._shown_query else 0
        work = partial(_load, self._reader, self._query, first)
        self._background.run(work, self._show, key="review ids")

    def look_from(self, row: int) -> None:
        """Tells which row is the first visible one: a refresh reads the rows there first."""
        self._first_visible = row

    def id_at(self, row: int) -> TrackId:
        """The track of a row."""
        return TrackId(int(self._rows.ids[row]))

    def row_of(self, track_id: TrackId) -> int:
        """The row of a track, or -1."""
        return self._rows.place_of(track_id)

    def entry(self, row: int) -> Entry | None:
        """A row if it is at hand, with the lines that the query shows; if not it is fetched."""
        return self._narrowed(self._rows.at(row))

    def known(self, row: int) -> Entry | None:
        """The same; nothing is fetched."""
        return self._narrowed(self._rows.known(self.id_at(row)))

    def rows_known(self) -> list[int]:
        """The rows that are at hand."""
        return self._rows.places_known()

    def _narrowed(self, entry: Entry | None) -> Entry | None:
        field = self._shown_query.field if self._shown_query else None
        if entry is None or field is None:
            return entry
        return replace(entry, lines=tuple(x for x in entry.lines if x.proposal.field is field))

    # Deciding: shown at once, stored in the background

    def decided(self, ids: Ids, fields: Collection[Field] | None, *, accepted: bool) -> Ids:
        """Shows a decision before it is stored.

        Args:
            ids: The tracks.
            fields: Of which tags; None for all.
            accepted: Or rejected.

        Returns:
            The rows that left the list, for `settle` when the decision is stored.
        """
        staying: list[TrackId] = []
        leaving: list[TrackId] = []
        for entry in self._rows.known_among(ids):
            after = _after(entry, fields, accepted=accepted)
            self._rows.keep([after])
            (staying if self._belongs(after) else leaving).append(entry.track.id)
        # Rows that were never looked at go too, where all their tags were decided on.
        gone = np.setdiff1d(ids, staying) if fields is None else np.array(leaving, np.int64)
        self._held.append(gone)
        self._remove(gone)
        self.resized.emit([self.row_of(track_id) for track_id in staying])
        self._repaint_all()
        return gone

    def settle(self, gone: Ids) -> None:
        """A decision is stored, or could not be: what is stored holds again."""
        self._held = [held for held in self._held if held is not gone]
        self.refresh(frozenset(gone.tolist()))

    def _belongs(self, entry: Entry) -> bool:
        query = self._query
        return any(
            query.decision in (None, line.proposal.decision)
            and query.field in (None, line.proposal.field)
            for line in entry.lines
        )

    def _remove(self, gone: Ids) -> None:
        places = self._rows.places_of(gone)
        if len(places) > _ONE_BY_ONE:
            self._replace_ids(np.delete(self._rows.ids, places))
            return
        for place in places[::-1].tolist():
            self.beginRemoveRows(QModelIndex(), place, place)
            self._rows.set_ids(np.delete(self._rows.ids, place))
            self.endRemoveRows()

    # Qt's model

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows.ids)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A row's words. Colours and marks are the delegate's matter."""
        if role == Qt.ItemDataRole.DisplayRole:
            entry = self.entry(index.row())
            return text.by(entry.track) if entry else ""
        if role == Qt.ItemDataRole.AccessibleTextRole:
            entry = self.entry(index.row())
            return in_words(entry) if entry else ""
        return None

    # Reading in the background

    def _show(self, answer: tuple[ReviewQuery, Ids, list[Entry]]) -> None:
        query, ids, entries = answer
        fresh = query != self._shown_query
        self._shown_query = query
        if self._held:
            ids = ids[~np.isin(ids, np.concatenate(self._held))]
        self._rows.keep(entries)
        if np.array_equal(ids, self._rows.ids):
            self.resized.emit([row for row in map(self.row_of, map(_id_of, entries)) if row >= 0])
            self._repaint_all()
        else:
            self._replace_ids(ids)
        self.shown.emit(fresh)

    def _replace_ids(self, ids: Ids) -> None:
        self.beginResetModel()
        self._rows.set_ids(ids)
        self.endResetModel()

    def _arrived(self, ids: list[TrackId]) -> None:
        self.resized.emit(self._rows.places_of(np.array(ids, np.int64)).tolist())
        self._repaint_all()

    def _repaint_all(self) -> None:
        if len(self._rows.ids):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows.ids) - 1, 0))


def _after(entry: Entry, fields: Collection[Field] | None, *, accepted: bool) -> Entry:
    """An entry after a decision on some of its tags."""
    lines = []
    for line in entry.lines:
        if fields is not None and line.proposal.field not in fields:
            lines.append(line)
        elif accepted:
            lines.append(replace(line, proposal=replace(line.proposal, decision=Decision.ACCEPTED)))
    return replace(entry, lines=tuple(lines))


def line_in_words(line: Line) -> str:
    """One proposal for a screen reader."""
    proposal = line.proposal
    sure = "edited by you" if proposal.edited else f"{text.match(proposal.confidence)} sure"
    state = "" if line.is_open else ", accepted"
    title = FACTS[proposal.field].title
    return f"{title}: {diff.in_words(line.pieces)}, {sure}{state}"


def in_words(entry: Entry) -> str:
    """A row for a screen reader."""
    return ". ".join([text.by(entry.track), *map(line_in_words, entry.lines)])
