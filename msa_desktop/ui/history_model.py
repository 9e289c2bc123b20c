"""What was written, as rows: batches, and below an open one its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal

from msa_desktop.base.fields import FACTS, PROPOSED, Field
from msa_desktop.base.history import Batch, FileState, HistoryFile
from msa_desktop.base.model import display_path
from msa_desktop.services.tagging import Tagging
from msa_desktop.ui import diff, text
from msa_desktop.ui.diff import Piece
from msa_desktop.ui.paint import Index
from msa_desktop.ui.tag_service import TagService

_NOWHERE = QModelIndex()
_ORDER = {field: place for place, field in enumerate((*PROPOSED, *Field))}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a batch, ready to be painted.

    Attributes:
        fields: Each tag that was changed, with what it lost and gained.
    """

    file: HistoryFile
    fields: tuple[tuple[str, tuple[Piece, ...]], ...]


Row = Batch | FileEntry


def entry_of(file: HistoryFile) -> FileEntry:
    """A file with its changes marked."""
    fields = sorted({*file.before, *file.after}, key=_ORDER.__getitem__)
    return FileEntry(
        file,
        tuple(
            (
                FACTS[field].title,
                diff.pieces(file.before.get(field, ()), file.after.get(field, ())),
            )
            for field in fields
        ),
    )


def _read(open_ones: Sequence[int], tagging: Tagging) -> tuple[list[Row], set[int], int]:
    """All rows, which batches are open among them, and the bytes the history takes."""
    rows: list[Row] = []
    opened = set()
    for batch in tagging.history():
        rows.append(batch)
        if batch.id in open_ones:
            opened.add(batch.id)
            rows += map(entry_of, tagging.files(batch.id))
    return rows, opened, tagging.history_size()


def _files(batch_id: int, tagging: Tagging) -> list[FileEntry]:
    return [entry_of(file) for file in tagging.files(batch_id)]


class HistoryModel(QAbstractTableModel):
    """Batches, the newest first; files of those that are open.

    Signals:
        read: The rows are in place; the bytes the history takes.
        failed: It could not be read (an exception).
    """

    read = Signal(object)  # Qt's int has 32 bits
    failed = Signal(Exception)

    def __init__(self, service: TagService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service = service
        self._rows: list[Row] = []
        self._open: set[int] = set()
        self.loaded = False

    def reload(self) -> None:
        """Reads everything again, with the files of open batches."""
        work = partial(_read, sorted(self._open))
        self._service.decide(work, self._show, self.failed.emit)

    def row(self, row: int) -> Row:
        """What a row is."""
        return self._rows[row]

    def is_open(self, batch: Batch) -> bool:
        """Whether a batch's files are listed."""
        return batch.id in self._open

    def row_of_batch(self, batch_id: int) -> int:
        """The row of a batch, or -1."""
        places = (
            place
            for place, row in enumerate(self._rows)
            if isinstance(row, Batch) and row.id == batch_id
        )
        return next(places, -1)

    def expand(self, batch_id: int) -> None:
        """Lists a batch's files, as soon as they are read."""
        if batch_id not in self._open:
            self._open.add(batch_id)
            done = partial(self._insert, batch_id)
            self._service.decide(partial(_files, batch_id), done, self.failed.emit)

    def collapse(self, batch_id: int) -> None:
        """Lists a batch's files no more."""
        self._open.discard(batch_id)
        first = self.row_of_batch(batch_id) + 1
        count = self._files_at(first)
        if count:
            self.beginRemoveRows(QModelIndex(), first, first + count - 1)
            del self._rows[first : first + count]
            self.endRemoveRows()
        self._repaint()

    # Qt's model

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return in_words(self._rows[index.row()])
        return None

    # The rest

    def _show(self, answer: tuple[list[Row], set[int], int]) -> None:
        rows, self._open, size = answer
        self.loaded = True
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        self.read.emit(size)

    def _insert(self, batch_id: int, files: list[FileEntry]) -> None:
        place = self.row_of_batch(batch_id)
        if place < 0 or batch_id not in self._open or self._files_at(place + 1) or not files:
            return
        self.beginInsertRows(QModelIndex(), place + 1, place + len(files))
        self._rows[place + 1 : place + 1] = files
        self.endInsertRows()
        self._repaint()

    def _files_at(self, first: int) -> int:
        """How many files are listed from this row on."""
        last = first
        while last < len(self._rows) and isinstance(self._rows[last], FileEntry):
            last += 1
        return last - first

    def _repaint(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, 0))


def can_undo(row: Row) -> bool:
    """Whether there is anything left to take back."""
    if isinstance(row, Batch):
        return row.written > 0
    return row.file.state is FileState.WRITTEN


def batch_in_words(batch: Batch) -> str:
    """What became of a batch's files, in a few words."""
    parts = [
        (batch.written, "written"),
        (batch.undone, "undone"),
        (batch.left_alone, "left alone"),
    ]
    shown = [f"{text.number(count)} {what}" for count, what in parts if count]
    return " \N{MIDDLE DOT} ".join(shown) or "nothing written"


def in_words(row: Row) -> str:
    """A row for a screen reader or a tooltip."""
    if isinstance(row, Batch):
        kept = "" if row.kept else ", can no longer be undone"
        return f"{row.name}, {text.moment(row.created_at)}, {batch_in_words(row)}{kept}"
    lines = [f"{display_path(row.file.path)}: {row.file.state}"]
    lines += [f"{title}: {diff.in_words(parts)}" for title, parts in row.fields]
    if row.file.reason:
        lines.append(row.file.reason)
    return "\n".join(lines)
