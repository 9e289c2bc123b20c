"""The schema of the history, as an ordered, append-only list of migrations: see `migrations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msa_desktop.store.migrations import Migration

if TYPE_CHECKING:
    import sqlite_utils

APPLICATION_ID = 0x6D736168  # "msah": tells a history from a library and from any other database

_SCHEMA_1 = (
    """
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,           -- seconds since the epoch
        kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1))
    ) STRICT
    """,
    """
    CREATE TABLE files (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        batch_id INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
        path BLOB NOT NULL,                 -- bytes of the path (os.fsencode), also of the copy
        track_id INTEGER,                   -- which the library may have forgotten by now
        library INTEGER NOT NULL DEFAULT 0, -- whose track it is: another one begins again at 1
        sound BLOB,                         -- tells the file from any other (tagio._laid)
        state TEXT NOT NULL CHECK (state IN ('pending', 'written', 'undone', 'left alone')),
        reason TEXT NOT NULL DEFAULT '',
        before TEXT NOT NULL,               -- JSON: values by tag
        after TEXT NOT NULL,
        sha256 BLOB,                        -- of the original
        mtime_ns INTEGER,                   -- of the original
        copy BLOB,                          -- while one may be there
        values_size INTEGER NOT NULL DEFAULT 0, -- bytes of before and after
        delta_size INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX files_by_batch ON files (batch_id, state, delta_size, values_size)",
    "CREATE INDEX files_by_path ON files (path)",
    "CREATE INDEX files_by_track ON files (track_id) WHERE track_id IS NOT NULL",
    "CREATE INDEX files_unfinished ON files (id) WHERE copy IS NOT NULL",
    # Beside the rows, which so stay small enough to be listed by the hundred thousand.
    """
    CREATE TABLE deltas (
        file_id INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
        delta BLOB NOT NULL                 -- makes the original of the file (tagio._delta)
    ) STRICT
    """,
)


def _schema_1(db: sqlite_utils.Database) -> None:
    for statement in _SCHEMA_1:
        db.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (_schema_1,)
NEWEST = len(MIGRATIONS)
