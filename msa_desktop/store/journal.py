"""The history of what was written into files, with all that takes it back.

A database of its own: it is small, must be on the disk before a file is touched, and outlives the
library, which can be made again. Every change is one transaction that is on the disk
(`synchronous = FULL`) when the call returns.

A file goes through it like this: `pending` before anything is done, then `written` or `failed`;
`undoing`, then `undone` or `undo_failed`. Whatever has the path of a copy is in between, and is
what a program that was killed leaves to `unfinished`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import Batch, FileState, HistoryFile
from msa_desktop.base.model import TrackId
from msa_desktop.base.text import printable
from msa_desktop.store import migrations
from msa_desktop.store.db import explain
from msa_desktop.store.journal_schema import APPLICATION_ID, MIGRATIONS, NEWEST

_BUSY_SECONDS = 30.0
_LOG_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Original:
    """What gives a file its original bytes back.

    Attributes:
        sha256: Their digest.
        mtime_ns: The modification time the file had.
        delta: Makes them of the file as it was written; see `tagio._delta`.
    """

    sha256: bytes
    mtime_ns: int
    delta: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A file about to be written.

    Attributes:
        copy: Where its copy will be made.
        sound: What tells the file from any other, whatever its tags.
    """

    path: str
    track_id: TrackId | None
    before: FieldValues
    after: FieldValues
    copy: str
    original: Original
    sound: bytes = b""

    @property
    def values_size(self) -> int:
        """Bytes that are kept of the values."""
        return len(_json(self.before)) + len(_json(self.after))

    @property
    def size(self) -> int:
        """Bytes that are kept to take it back."""
        return len(self.original.delta) + self.values_size


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that was being written or undone when the program ended.

    Attributes:
        copy: Where there may be a copy.
    """

    file: HistoryFile
    copy: str
    original: Original


class Journal:
    """The history; any thread may use it.

    Args:
        path: Its file; made, with its folder, when it is not there.
        library: Whose tracks are meant (`TrackReader.library_id`). Those of any other library are
            no tracks: the history outlives the library.

    Raises:
        UserError: The file is damaged, from a newer program, no history, or cannot be opened.
    """

    def __init__(self, path: Path, library: int = 0) -> None:
        self.path = path
        self._library = library
        self._lock = threading.RLock()
        with self._explained():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"The data folder {path.parent} cannot be made: {error.strerror}. Choose "
                    "another with --data-dir."
                ) from error
            self._connection = sqlite3.connect(
                path.absolute(),
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # the lock sees to that
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.row_factory = sqlite3.Row
        migrations.schema_of(connection, self.path, NEWEST, APPLICATION_ID)
        for pragma in (
            "auto_vacuum = INCREMENTAL",  # only heard by an empty file, before anything else
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"journal_size_limit = {_LOG_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        migrations.migrate(connection, self.path, MIGRATIONS, APPLICATION_ID)

    def close(self) -> None:
        """Closes the file. Nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()

    # -- a write ---------------------------------------------------------------------------------

    def begin(self, name: str, entries: Sequence[Entry]) -> tuple[int, list[int]]:
        """Opens a batch with its first files; as `pending`.

        Returns:
            The batch's id, and the files' ids, in order.
        """
        with self._change() as connection:
            made = connection.execute(
                "INSERT INTO batches (name, created_at) VALUES (?, ?)",
                (printable(name), time.time()),
            )
            batch_id = int(made.lastrowid or 0)
            return batch_id, [self._insert(connection, batch_id, entry) for entry in entries]

    def pending(self, batch_id: int, entries: Sequence[Entry]) -> list[int]:
        """Stores what takes writes to these files back, before anything is done to them.

        Returns:
            The files' ids, in order.
        """
        with self._change() as connection:
            return [self._insert(connection, batch_id, entry) for entry in entries]

    def _insert(self, connection: sqlite3.Connection, batch_id: int, entry: Entry) -> int:
        made = connection.execute(
            "INSERT INTO files (batch_id, path, track_id, library, sound, state, before, after,"
            " sha256, mtime_ns, copy, values_size, delta_size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch_id,
                os.fsencode(entry.path),
                entry.track_id,
                self._library,
                entry.sound,
                FileState.PENDING,
                _json(entry.before),
                _json(entry.after),
                entry.original.sha256,
                entry.original.mtime_ns,
                os.fsencode(entry.copy),
                entry.values_size,
                len(entry.original.delta),
            ),
        )
        file_id = int(made.lastrowid or 0)
        connection.execute("INSERT INTO deltas VALUES (?, ?)", (file_id, entry.original.delta))
        return file_id

    def left_alone(self, batch_id: int, files: Iterable[tuple[str, str]]) -> None:
        """Notes files that were not even tried: (path, reason)."""
        with self._change() as connection:
            connection.executemany(
                "INSERT INTO files (batch_id, path, state, before, after, reason)"
                " VALUES (?, ?, ?, '{}', '{}', ?)",
                (
                    (batch_id, os.fsencode(path), FileState.LEFT_ALONE, reason)
                    for path, reason in files
                ),
            )

    def settle(
        self,
        written: Iterable[int] = (),
        failed: Mapping[int, str] | None = None,
        forgotten: Iterable[int] = (),
    ) -> None:
        """Says how it came out for pending files; none of them has a copy any more.

        Args:
            written: They carry the new tags.
            failed: They are as they were, for a reason.
            forgotten: They are as they were, and nobody has to know.
        """
        with self._change() as connection:
            for file_id in written:
                _set(connection, file_id, FileState.WRITTEN)
            for file_id, reason in (failed or {}).items():
                _set(connection, file_id, FileState.LEFT_ALONE, reason)
                _drop_delta(connection, file_id)
            for file_id in forgotten:
                connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
                connection.execute(
                    "DELETE FROM batches WHERE id NOT IN (SELECT batch_id FROM files)"
                )

    def forget(self, batch_id: int) -> None:
        """Drops a batch if nothing of it was written, nor is being written."""
        with self._change() as connection:
            connection.execute(
                "DELETE FROM batches WHERE id = ? AND NOT EXISTS (SELECT 1 FROM files"
                " WHERE batch_id = batches.id AND state <> 'left alone')",
                (batch_id,),
            )

    # -- taking it back --------------------------------------------------------------------------

    def original(self, file_id: int) -> Original | None:
        """What gives a file's original bytes back; None where it was let go."""
        row = self._row(
            "SELECT sha256, mtime_ns, delta FROM files JOIN deltas ON file_id = id WHERE id = ?",
            file_id,
        )
        return Original(*row) if row is not None else None

    def undoing(self, copies: Mapping[int, str]) -> None:
        """Stores where the copies of files that are about to be undone will be made."""
        with self._change() as connection:
            connection.executemany(
                "UPDATE files SET copy = ? WHERE id = ?",
                [(os.fsencode(copy), file_id) for file_id, copy in copies.items()],
            )

    def settle_undo(self, undone: Iterable[int], failed: Mapping[int, str] | None = None) -> None:
        """Says how it came out for written files; none of them has a copy any more.

        Args:
            undone: They have their original bytes again.
            failed: They still carry the new tags, for a reason.
        """
        with self._change() as connection:
            for file_id in undone:
                _set(connection, file_id, FileState.UNDONE)
                _drop_delta(connection, file_id)
            for file_id, reason in (failed or {}).items():
                _set(connection, file_id, FileState.WRITTEN, reason)

    def unfinished(self) -> list[Unfinished]:
        """Files that were being written or undone when the program ended."""
        rows = self._rows(f"{_FILES} WHERE copy IS NOT NULL ORDER BY id")
        return [
            Unfinished(self._file(row), os.fsdecode(row["copy"]), original)
            for row in rows
            if (original := self.original(row["id"])) is not None
        ]

    # -- looking back ----------------------------------------------------------------------------

    def history(self) -> list[Batch]:
        """Every batch, the newest first."""
        return [_batch(row) for row in self._rows(f"{_BATCHES} ORDER BY id DESC")]

    def batch(self, batch_id: int) -> Batch:
        """One batch.

        Raises:
            UserError: There is no such batch.
        """
        row = self._row(f"{_BATCHES} WHERE id = ?", batch_id)
        if row is None:
            raise UserError(f"The history has no batch {batch_id}.")
        return _batch(row)

    def files(self, batch_id: int) -> list[HistoryFile]:
        """A batch's files, in the order they were written; none where there is no such batch."""
        rows = self._rows(f"{_FILES} WHERE batch_id = ? ORDER BY id", batch_id)
        return [self._file(row) for row in rows]

    def _file(self, row: sqlite3.Row) -> HistoryFile:
        return HistoryFile(
            id=row["id"],
            batch_id=row["batch_id"],
            path=os.fsdecode(row["path"]),
            track_id=row["track_id"] if row["library"] == self._library else None,
            state=FileState(row["state"]),
            before=_values(row["before"]),
            after=_values(row["after"]),
            reason=row["reason"],
            kept=row["delta_size"] > 0,
            sound=row["sound"] or b"",
        )

    def written_again(self, file: HistoryFile) -> Batch | None:
        """The last batch after this file's own that wrote the same file and was not undone.

        Files may have changed places since. So where the track of both is known, only that counts.
        """
        row = self._row(
            "SELECT batch_id FROM files WHERE id > :id AND state = :written"
            " AND (track_id = :track AND library = :library OR path = :path"
            " AND (:track IS NULL OR track_id IS NULL OR library <> :library)) ORDER BY id DESC",
            id=file.id,
            written=FileState.WRITTEN,
            track=file.track_id,
            library=self._library,
            path=os.fsencode(file.path),
        )
        return self.batch(row["batch_id"]) if row is not None else None

    # -- room ------------------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes that are kept to take writes back."""
        row = self._row(f"SELECT coalesce(sum({_SIZE}), 0) FROM files")  # noqa: S608
        assert row is not None  # noqa: S101 - a sum is always one row
        return int(row[0])

    def trim(self, limit: int, spare: int | None = None) -> list[str]:
        """Lets go of what takes batches back, the oldest first, until the rest is small enough.

        Args:
            limit: Bytes that may be kept.
            spare: A batch that keeps all it has, as does one with files in between.

        Returns:
            The names of the batches that can no longer be undone to the byte.
        """
        size = self.size()
        if size <= limit:
            return []
        at_work = {
            row[0] for row in self._rows("SELECT batch_id FROM files WHERE copy IS NOT NULL")
        }
        batches = [
            batch
            for batch in map(_batch, self._rows(f"{_BATCHES} ORDER BY id"))
            if batch.size and batch.id not in {spare, *at_work}
        ]
        gone: dict[int, str] = {}
        with self._change() as connection:
            # First the files' bytes. Only where that is not enough the former values go, too.
            for let_go in (_drop_deltas, _drop_batch):
                for batch in batches:
                    freed = let_go(connection, batch.id) if size > limit else 0
                    if freed:
                        size -= freed
                        gone[batch.id] = batch.name
        self.shrink()
        return list(gone.values())

    def shrink(self) -> None:
        """Gives the disk back what the file has no use for any more."""
        with self._lock, self._explained():
            # As a script: it gives up a page a step, and `execute` takes only one of them.
            self._connection.executescript("PRAGMA incremental_vacuum")

    # -- SQLite ----------------------------------------------------------------------------------

    def _rows(self, statement: str, *parameters: object, **named: object) -> list[sqlite3.Row]:
        with self._lock, self._explained():
            return self._connection.execute(statement, named or parameters).fetchall()

    def _row(self, statement: str, *parameters: object, **named: object) -> sqlite3.Row | None:
        return next(iter(self._rows(f"{statement} LIMIT 1", *parameters, **named)), None)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the disk afterwards, or nothing."""
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise UserError(
                    f"The history {self.path} is damaged ({error}). Move it away: a new one is "
                    "begun, and what the old one holds can no longer be undone."
                ) from error
            told = explain(error, self.path)
            if told is None:
                raise
            raise told from error


_FILES = """
    SELECT id, batch_id, path, track_id, library, sound, state, reason, before, after, copy,
        delta_size
    FROM files
"""
# What a file that can be undone takes: the former values alone are enough to give those back.
_SIZE = """
    iif(state IN ('pending', 'written'), delta_size + values_size, 0)
"""
_BATCHES = f"""
    SELECT id, name, created_at, kept,
        (SELECT count(*) FROM files WHERE batch_id = batches.id AND state = 'written') AS written,
        (SELECT count(*) FROM files WHERE batch_id = batches.id AND state = 'undone') AS undone,
        (SELECT count(*) FROM files WHERE batch_id = batches.id AND state = 'left alone')
            AS left_alone,
        (SELECT coalesce(sum({_SIZE}), 0) FROM files WHERE batch_id = batches.id) AS size
    FROM batches
"""  # noqa: S608


def _set(connection: sqlite3.Connection, file_id: int, state: FileState, reason: str = "") -> None:
    connection.execute(
        "UPDATE files SET state = ?, reason = ?, copy = NULL WHERE id = ?",
        (state, reason, file_id),
    )


def _drop_delta(connection: sqlite3.Connection, file_id: int) -> None:
    connection.execute("DELETE FROM deltas WHERE file_id = ?", (file_id,))
    connection.execute("UPDATE files SET delta_size = 0 WHERE id = ?", (file_id,))


def _drop_deltas(connection: sqlite3.Connection, batch_id: int) -> int:
    """Lets go of the bytes of a batch's files; how many."""
    deltas = "SELECT id FROM files WHERE batch_id = ?"
    (size,) = connection.execute(
        "SELECT coalesce(sum(delta_size), 0) FROM files WHERE batch_id = ?", (batch_id,)
    ).fetchone()
    connection.execute(f"DELETE FROM deltas WHERE file_id IN ({deltas})", (batch_id,))  # noqa: S608
    connection.execute("UPDATE files SET delta_size = 0 WHERE batch_id = ?", (batch_id,))
    connection.execute("UPDATE batches SET kept = 0 WHERE id = ?", (batch_id,))
    return int(size)


def _drop_batch(connection: sqlite3.Connection, batch_id: int) -> int:
    """Forgets a batch; how many bytes that were."""
    (size,) = connection.execute(
        f"SELECT coalesce(sum({_SIZE}), 0) FROM files WHERE batch_id = ?",  # noqa: S608
        (batch_id,),
    ).fetchone()
    connection.execute("DELETE FROM batches WHERE id = ?", (batch_id,))
    return int(size)


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(**{**dict(row), "kept": bool(row["kept"])})


def _json(values: FieldValues) -> str:
    return json.dumps(dict(values))


def _values(text: str) -> FieldValues:
    return {Field(field): tuple(values) for field, values in json.loads(text).items()}
