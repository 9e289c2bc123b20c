"""One sound in several files: a copy shares its analysis, a moved file takes its track along.

Functions for `store.writer.Writer`, as in `store.writes`.
"""

from __future__ import annotations

import os
import sqlite3

from msa_desktop.base.model import FileStamp, TrackId, TrackState
from msa_desktop.store.measures import copy_measures
from msa_desktop.store.schema import STATE_CODES, STATES
from msa_desktop.store.writes import find_by_sound, move_track, next_generation

_STEM_TABLES = (
    ("stems", "stem, level"),
    ("stem_vectors", "stem, encoder, version, vector"),
    ("stem_labels", "stem, source, scores"),
)


def state_of(conn: sqlite3.Connection, track_id: int) -> TrackState | None:
    """Where a track stands; None when it was removed."""
    row = conn.execute("SELECT state FROM tracks WHERE id = ?", (track_id,)).fetchone()
    return STATES[row[0]] if row else None


def heard_by(conn: sqlite3.Connection, track_id: int) -> set[tuple[str, str]]:
    """The encoders, as (id, version), that have a vector of the track."""
    rows = conn.execute("SELECT encoder, version FROM vectors WHERE track_id = ?", (track_id,))
    return {(row[0], row[1]) for row in rows}


def twins(conn: sqlite3.Connection, track_id: int) -> list[TrackId]:
    """The other tracks whose files hold the same sound, whatever their names and tags."""
    sound_id, duration = conn.execute(
        "SELECT sound_id, duration FROM tracks WHERE id = ?", (track_id,)
    ).fetchone()
    return [twin for twin in find_by_sound(conn, sound_id, duration) if twin != track_id]


def copy_analysis(conn: sqlite3.Connection, source: int, target: int) -> None:
    """Gives `target` what was heard in `source`; it is then analysed."""
    rows = conn.execute(
        "SELECT encoder, version, dimension, vector FROM vectors WHERE track_id = ?", (source,)
    ).fetchall()
    conn.execute("DELETE FROM vectors WHERE track_id = ?", (target,))
    conn.executemany(
        "INSERT INTO vectors (track_id, encoder, version, dimension, vector, generation)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(target, *row, next_generation(conn)) for row in rows],
    )
    for table, columns in (("labels", "source, scores"), ("peaks", "data")):
        conn.execute(
            f"INSERT OR REPLACE INTO {table} (track_id, {columns})"  # noqa: S608
            f" SELECT ?, {columns} FROM {table} WHERE track_id = ?",
            (target, source),
        )
    _copy_stems(conn, source, target)
    copy_measures(conn, source, target)
    conn.execute(
        "UPDATE tracks SET state = ?, reason = '' WHERE id = ?",
        (STATE_CODES[TrackState.ANALYSED], target),
    )


def _copy_stems(conn: sqlite3.Connection, source: int, target: int) -> None:
    """Gives `target` what was heard in the stems of `source`, if that was taken apart."""
    if conn.execute("SELECT 1 FROM stems WHERE track_id = ?", (source,)).fetchone() is None:
        return
    conn.execute("DELETE FROM stems WHERE track_id = ?", (target,))
    for table, columns in _STEM_TABLES:
        conn.execute(
            f"INSERT INTO {table} (track_id, {columns})"  # noqa: S608
            f" SELECT ?, {columns} FROM {table} WHERE track_id = ?",
            (target, source),
        )


def adopt(conn: sqlite3.Connection, lost: int, found: int) -> None:
    """`found` turned out to be the file of `lost`, moved and retagged: one track remains, `lost`.

    It takes the path and stamp of `found`, whose row goes.
    """
    root_id, folder, name, size, mtime_ns = conn.execute(
        "SELECT root_id, folders.path, name, size, mtime_ns"
        " FROM tracks JOIN folders ON folders.id = folder_id WHERE tracks.id = ?",
        (found,),
    ).fetchone()
    path = os.path.join(os.fsdecode(folder), os.fsdecode(name))
    move_track(conn, lost, root_id, path, FileStamp(path, size, mtime_ns))
