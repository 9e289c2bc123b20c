"""One library database: opened, brought up to date, and a connection for each thread."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.errors import UserError
from msa_desktop.store import migrations
from msa_desktop.store.text import indexed_words

_BUSY_SECONDS = 30.0
_CACHE_KIB = 8192
_LOG_BYTES = 64 * 2**20
_LEAST_FREE = 2**16  # bytes


class _Held:
    """Holds one thread's connection, and closes it when the thread ends.

    A connection by itself would wait for the garbage collector: it holds itself, in a circle.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class Database:
    """One SQLite file and its connections.

    Args:
        path: The file; made, with its folder, when it is not there.

    Raises:
        UserError: The file is damaged, from a newer program, not a library, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._closed = False
        try:
            self._prepare()
        except sqlite3.Error as error:
            told = explain(error, path)
            if told is None:
                raise
            raise told from error

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The data folder {self.path.parent} cannot be made: {error.strerror}. Choose "
                "another with --data-dir."
            ) from error
        connection = self.writing_connection()
        try:
            migrations.schema_of(connection, self.path)  # refuses what it must not touch
            connection.execute("PRAGMA journal_mode = WAL")
            migrations.migrate(connection, self.path)
        finally:
            connection.close()

    def connection(self) -> sqlite3.Connection:
        """This thread's own connection, for reading; opened at its first use.

        It refuses to write: every change goes through `store.writer.Writer`.
        """
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self._open())
            held.connection.execute("PRAGMA query_only = ON")
        return held.connection

    def writing_connection(self) -> sqlite3.Connection:
        """A new connection that may write, for the one writer; the caller closes it."""
        return self._open()

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise RuntimeError(f"the database {self.path} is closed")
        connection = sqlite3.connect(
            self.path.absolute(),
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            # A thread's connection is used by that thread alone, but may be closed by another.
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        # Triggers call it: whatever changes a track's tags keeps `said_words` right.
        connection.create_function("indexed_words", 1, indexed_words, deterministic=True)
        # NORMAL: in WAL mode a kill loses nothing that was committed, and a power cut at most the
        # last moments; neither damages the file.
        for pragma in (
            "foreign_keys = ON",
            "synchronous = NORMAL",
            "temp_store = MEMORY",
            f"cache_size = -{_CACHE_KIB}",
            f"journal_size_limit = {_LOG_BYTES}",  # a large scan's log is cut back afterwards
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def check(self) -> list[str]:
        """What is wrong inside the file, one sentence each; empty when it is sound."""
        connection = self.connection()
        try:
            damage = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        except sqlite3.DatabaseError as error:
            return [str(explain(error, self.path) or error)]
        problems = [f"The database is damaged: {text}." for text in damage if text != "ok"]
        if broken:
            problems.append(f"{len(broken)} rows of the database belong to no track.")
        return problems

    def close(self) -> None:
        """Opens no more connections and closes this thread's; another thread's, when it ends.

        Closing that one here could pull it from under a running query.
        """
        self._closed = True
        vars(self._local).clear()


def read_integers(
    connection: sqlite3.Connection, statement: str, value: str, *parameters: object
) -> NDArray[np.int64]:
    """A whole number (or several with commas between) for each row of a statement, in their order.

    SQLite joins them into one text: at 100,000 rows that takes a third of the time of fetching
    them, and Python's lock is given up once instead of at every row, so that a busy window
    neither slows it down nor stutters.
    """
    row = connection.execute(
        f"SELECT group_concat({value}) FROM ({statement})",  # noqa: S608 - our own words
        parameters,
    ).fetchone()
    return np.fromstring(row[0] or "", dtype=np.int64, sep=",")


def explain(error: sqlite3.Error, path: Path) -> UserError | None:
    """What a database error means for the person and what to do; None where it is our own bug."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return UserError(
            f"The library {path} is damaged ({error}). Move it away and scan again, or put a "
            f"backup in its place (a {path.name}.before-N beside it, if there is one)."
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
        return UserError(f"The disk that holds {path} is full. Make room, then try again.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return UserError(
            f"Another program is writing to {path}. Wait for it or close it, then try again."
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return UserError(
            f"The library {path} cannot be opened for writing ({error}). Check the permissions of "
            "the file and its folder, or choose another data folder with --data-dir."
        )
    if code == sqlite3.SQLITE_IOERR:
        return UserError(
            f"The disk that holds {path} cannot be read or written ({error}). Check the disk, then "
            "try again."
        )
    return None


def _is_full(folder: Path) -> bool:
    """Where no room is left for its shared memory, SQLite only says that the disk failed."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_FREE
    except OSError:
        return False
