"""What was measured of tracks, stored: tempo, key, loudness.

Functions for `store.writer.Writer`, as in `store.writes`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from msa_desktop.base.music import Measures, bpm_of, camelot_place, key_named

_COLUMNS = (
    "version, tempo, tempo_confidence, other_tempi, musical_key, key_confidence,"
    " loudness, peak, silence_start, silence_end"
)


def store_measures(
    conn: sqlite3.Connection, track_id: int, measures: Measures, version: int
) -> bool:
    """Stores what was measured of a track, in place of what was before; False when it was removed.

    Args:
        conn: The writer's connection.
        track_id: The track.
        measures: Nothing, for a track that cannot be measured: it is not tried again.
        version: Of the measuring.
    """
    if conn.execute("SELECT 1 FROM tracks WHERE id = ?", (track_id,)).fetchone() is None:
        return False
    tempo, key, loudness = measures.tempo, measures.key, measures.loudness
    conn.execute(
        f"INSERT OR REPLACE INTO measures (track_id, {_COLUMNS})"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            track_id,
            version,
            *((tempo.bpm, tempo.confidence) if tempo else (None, None)),
            json.dumps(tempo.alternatives if tempo else ()),
            *((key.name, key.confidence) if key else (None, None)),
            *(
                (loudness.integrated, loudness.peak, loudness.silence_start, loudness.silence_end)
                if loudness
                else (None, None, None, None)
            ),
        ),
    )
    order(conn, track_id)
    return True


def measured_by(conn: sqlite3.Connection, track_id: int) -> int | None:
    """The version of the measuring that measured a track; None where none did."""
    row = conn.execute("SELECT version FROM measures WHERE track_id = ?", (track_id,)).fetchone()
    return None if row is None else int(row[0])


def copy_measures(conn: sqlite3.Connection, source: int, target: int) -> None:
    """Gives `target` what was measured of `source`, which has the same sound, if anything was."""
    conn.execute(
        f"INSERT OR REPLACE INTO measures (track_id, {_COLUMNS})"  # noqa: S608
        f" SELECT ?, {_COLUMNS} FROM measures WHERE track_id = ?",
        (target, source),
    )
    order(conn, target)


def forget_measures(conn: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Forgets what was measured of tracks, so that they are measured again."""
    for track_id in ids:
        conn.execute("DELETE FROM measures WHERE track_id = ?", (track_id,))
        order(conn, track_id)


def order(conn: sqlite3.Connection, track_id: int) -> None:
    """Brings up to date by which tempo and key a track is sorted and found.

    To be called after its tags or its measures changed. What the file says goes first. Nothing
    happens where it was removed.
    """
    row = conn.execute(
        "SELECT bpm, tracks.musical_key, tempo, measures.musical_key"
        " FROM tracks LEFT JOIN measures ON track_id = tracks.id WHERE tracks.id = ?",
        (track_id,),
    ).fetchone()
    if row is None:
        return
    said_bpm, said_key, tempo, key = row
    bpm = bpm_of(said_bpm)
    name = key_named(said_key) or key
    conn.execute(
        "UPDATE tracks SET bpm_order = ?, key_order = ? WHERE id = ?",
        (
            tempo if bpm is None else bpm,
            None if name is None else camelot_place(name),
            track_id,
        ),
    )
