"""The library, changed: plain functions that take the writer's connection.

They run inside its transaction: give them to `store.writer.Writer`. What always holds between two
transactions:

- a track that is analysed has its vectors, and a failed one has none;
- a new or queued track may still have the vectors of its last analysis. They describe the sound
  the file had, which is most often the sound it has; `store_reading` drops them where it changed;
- each track has one row of words, and each folder at least one track.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from msa_desktop.base.model import (
    Embedding,
    FileStamp,
    Reading,
    Tags,
    TrackId,
    TrackState,
    display_path,
)
from msa_desktop.store import measures
from msa_desktop.store.schema import IN_JSON, SEPARATOR, STATE_CODES
from msa_desktop.store.text import clean, indexed_words, sort_key, words

_SAME_DURATION = 0.5  # seconds: retagging may move a container's estimate a little
_LARGEST_INTEGER = 2**31 - 1


def add_root(conn: sqlite3.Connection, path: str) -> int:
    """Adds a folder (absolute path) and returns its id; the id it has when it is there already."""
    conn.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (os.fsencode(path),))
    row = conn.execute("SELECT id FROM roots WHERE path = ?", (os.fsencode(path),)).fetchone()
    return int(row[0])


def merge_root(conn: sqlite3.Connection, inner_id: int, outer_id: int) -> None:
    """Gives a root's tracks to the root around it, and forgets the inner root."""
    inner = conn.execute("SELECT id, path FROM folders WHERE root_id = ?", (inner_id,)).fetchall()
    for folder_id, path in inner:
        folder_words = _folder_words(conn, outer_id, os.fsdecode(path))
        conn.execute(
            "UPDATE folders SET root_id = ?, words = ? WHERE id = ?",
            (outer_id, folder_words, folder_id),
        )
        for (track_id,) in conn.execute(
            "SELECT id FROM tracks WHERE folder_id = ?", (folder_id,)
        ).fetchall():
            _store_words(conn, track_id)
    conn.execute("DELETE FROM roots WHERE id = ?", (inner_id,))


def remove_root(conn: sqlite3.Connection, root_id: int) -> None:
    """Forgets a folder and everything known of the tracks under it. No file is touched."""
    conn.execute("DELETE FROM roots WHERE id = ?", (root_id,))


def set_root_online(conn: sqlite3.Connection, root_id: int, online: bool) -> None:
    """Says whether a root's folder is there; its tracks are offline while it is not."""
    conn.execute("UPDATE roots SET online = ? WHERE id = ?", (online, root_id))


def add_tracks(
    conn: sqlite3.Connection, root_id: int, stamps: Iterable[FileStamp]
) -> list[TrackId]:
    """Adds files under one root as new tracks and returns their ids, in order.

    A path that is in the library already keeps its row as it is, and its id is returned.
    """
    now = time.time()
    folders: dict[str, int] = {}
    ids: list[TrackId] = []
    for stamp in stamps:
        folder, name = os.path.split(stamp.path)
        if folder not in folders:
            folders[folder] = _folder(conn, root_id, folder)
        row = conn.execute(
            "INSERT INTO tracks (folder_id, name, size, mtime_ns, added_at, name_key, title_key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
            (
                folders[folder],
                os.fsencode(name),
                stamp.size,
                stamp.mtime_ns,
                now,
                _name_key(name),
                _title_key("", name),
            ),
        ).fetchone()
        if row:
            _store_words(conn, row[0])
        else:
            row = conn.execute(
                "SELECT id FROM tracks WHERE folder_id = ? AND name = ?",
                (folders[folder], os.fsencode(name)),
            ).fetchone()
        ids.append(TrackId(row[0]))
    return ids


def update_stamp(conn: sqlite3.Connection, track_id: int, stamp: FileStamp) -> None:
    """Notes that a track's file changed: it is new again, to be read.

    What the last analysis found is kept until `store_reading` knows whether the sound changed.
    """
    conn.execute(
        "UPDATE tracks SET size = ?, mtime_ns = ?, state = ?, reason = '' WHERE id = ?",
        (stamp.size, stamp.mtime_ns, STATE_CODES[TrackState.NEW], track_id),
    )


def move_track(
    conn: sqlite3.Connection, track_id: int, new_root_id: int, new_path: str, stamp: FileStamp
) -> None:
    """Gives a track another path, under a root, and keeps everything known of its sound.

    Another track that the library had at that path is removed: this file has replaced it.
    """
    folder, name = os.path.split(new_path)
    conn.execute(
        "DELETE FROM tracks WHERE id <> ? AND name = ?"
        " AND folder_id = (SELECT id FROM folders WHERE path = ?)",
        (track_id, os.fsencode(name), os.fsencode(folder)),
    )
    row = conn.execute("SELECT title FROM tracks WHERE id = ?", (track_id,)).fetchone()
    if row is None:
        return
    conn.execute(
        "UPDATE tracks SET folder_id = ?, name = ?, size = ?, mtime_ns = ?, name_key = ?,"
        " title_key = ? WHERE id = ?",
        (
            _folder(conn, new_root_id, folder),
            os.fsencode(name),
            stamp.size,
            stamp.mtime_ns,
            _name_key(name),
            _title_key(row[0], name),
            track_id,
        ),
    )
    _store_words(conn, track_id)


def remove_tracks(conn: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Forgets tracks and everything known of them. No file is touched."""
    conn.execute(f"DELETE FROM tracks WHERE id IN {IN_JSON}", (_json(ids),))  # noqa: S608


def requeue(conn: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Asks for tracks to be listened to (again), failed ones included.

    Those never read become new; the others are queued, and keep what the last analysis found
    until the next one replaces it.
    """
    conn.execute(
        f"UPDATE tracks SET state = iif(codec IS NULL, ?, ?), reason = '' WHERE id IN {IN_JSON}",  # noqa: S608
        (STATE_CODES[TrackState.NEW], STATE_CODES[TrackState.QUEUED], _json(ids)),
    )


def store_reading(conn: sqlite3.Connection, track_id: int, reading: Reading) -> TrackState | None:
    """Stores a file's tags and facts and returns the state the track now has.

    ANALYSED where the sound is the one that was heard before: all that was heard is kept. QUEUED
    otherwise, and what was heard in another sound is dropped. None when the track was removed.

    Tags that the program itself has written since the reading began (`store_retagged`) are newer,
    and stay. Neither the file's size nor its time need tell.
    """
    old = conn.execute(
        "SELECT name, sound_id, duration, retagged_at FROM tracks WHERE id = ?", (track_id,)
    ).fetchone()
    if old is None:
        return None
    name, old_sound, old_duration, retagged_at = old
    info = reading.info
    duration = info.duration if math.isfinite(info.duration) else 0.0
    same_sound = old_sound == reading.sound_id and abs(old_duration - duration) <= _SAME_DURATION
    if not same_sound:
        _drop_analysis(conn, track_id)
    heard = conn.execute("SELECT 1 FROM vectors WHERE track_id = ?", (track_id,)).fetchone()
    state = TrackState.ANALYSED if heard else TrackState.QUEUED
    values: dict[str, Any] = {
        "state": STATE_CODES[state],
        "reason": "",
        "sound_id": reading.sound_id,
        "codec": info.codec,
        "duration": duration,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "bit_rate": info.bit_rate,
    }
    if not reading.begun_at <= retagged_at <= time.time():  # the clock may have been set back
        values |= _tag_columns(reading.tags, os.fsdecode(name))
    _set(conn, track_id, values)
    measures.order(conn, track_id)
    _store_words(conn, track_id)
    return state


def store_retagged(conn: sqlite3.Connection, track_id: int, stamp: FileStamp, tags: Tags) -> None:
    """Stores the tags and the stamp of a file that the program itself has just written.

    Its sound is what it was, so all that was heard is kept. Nothing happens where the track was
    removed, or has another path by now.
    """
    folder, name = os.path.split(stamp.path)
    row = conn.execute(
        "SELECT 1 FROM tracks JOIN folders ON folders.id = folder_id"
        " WHERE tracks.id = ? AND name = ? AND path = ?",
        (track_id, os.fsencode(name), os.fsencode(folder)),
    ).fetchone()
    if row is None:
        return
    values: dict[str, Any] = {
        "size": stamp.size,
        "mtime_ns": stamp.mtime_ns,
        "retagged_at": time.time(),
    }
    _set(conn, track_id, values | _tag_columns(tags, name))
    measures.order(conn, track_id)
    _store_words(conn, track_id)


def _set(conn: sqlite3.Connection, track_id: int, values: dict[str, Any]) -> None:
    columns = ", ".join(f"{column} = ?" for column in values)
    conn.execute(f"UPDATE tracks SET {columns} WHERE id = ?", (*values.values(), track_id))  # noqa: S608


def _tag_columns(said: Tags, name: str) -> dict[str, Any]:
    """The columns that hold a file's tags, and the keys made of them."""
    tags = _clean_tags(said)
    return {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "album_artist": tags.album_artist,
        "genre": SEPARATOR.join(tags.genre),
        "year": tags.year,
        "track_number": tags.track_number,
        "mood": SEPARATOR.join(tags.mood),
        "bpm": tags.bpm,
        "musical_key": tags.key,
        "grouping": SEPARATOR.join(tags.grouping),
        "summary": tags.summary,
        "track_gain": tags.track_gain,
        "track_peak": tags.track_peak,
        "tags_complete": 1,
        "title_key": _title_key(tags.title, name),
        "artist_key": sort_key(tags.artist or tags.album_artist),
        "album_key": sort_key(tags.album),
        "genre_key": sort_key(" ".join(tags.genre)),
    }


def store_analysis(
    conn: sqlite3.Connection, track_id: int, embeddings: Sequence[Embedding]
) -> bool:
    """Stores what was heard in a track, which is then analysed; False when it was removed.

    Vectors replace those of the same encoder, label scores those of the same source; what other
    encoders heard stays, and so does the waveform.

    Raises:
        ValueError: No embedding, or one whose vector is not a row of finite numbers.
    """
    if not embeddings:
        raise ValueError("an analysis without an embedding")
    changed = conn.execute(
        "UPDATE tracks SET state = ?, reason = '' WHERE id = ?",
        (STATE_CODES[TrackState.ANALYSED], track_id),
    ).rowcount
    if not changed:
        return False
    for embedding in embeddings:
        vector = np.asarray(embedding.vector, dtype="<f4")
        if vector.ndim != 1 or not np.isfinite(vector).all():
            raise ValueError(f"{embedding.encoder} gave no vector of finite numbers")
        conn.execute(
            "INSERT INTO vectors (track_id, encoder, version, dimension, vector, generation)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (track_id, encoder) DO UPDATE SET"
            " version = excluded.version, dimension = excluded.dimension,"
            " vector = excluded.vector, generation = excluded.generation",
            (
                track_id,
                embedding.encoder,
                embedding.version,
                len(vector),
                vector.tobytes(),
                next_generation(conn),
            ),
        )
        for source, scores in embedding.labels.items():
            conn.execute(
                "INSERT OR REPLACE INTO labels (track_id, source, scores) VALUES (?, ?, ?)",
                (track_id, source, np.asarray(scores, dtype="<f2").tobytes()),
            )
    return True


def store_peaks(conn: sqlite3.Connection, track_id: int, peaks: bytes) -> None:
    """Stores a track's waveform."""
    conn.execute("INSERT OR REPLACE INTO peaks (track_id, data) VALUES (?, ?)", (track_id, peaks))


def store_failure(conn: sqlite3.Connection, track_id: int, reason: str) -> None:
    """Marks a track failed, with the reason shown beside it, and drops what was heard before."""
    conn.execute(
        "UPDATE tracks SET state = ?, reason = ? WHERE id = ?",
        (STATE_CODES[TrackState.FAILED], clean(reason), track_id),
    )
    _drop_analysis(conn, track_id)


def store_problem(conn: sqlite3.Connection, root_id: int, path: str, reason: str) -> TrackId:
    """Lists a path that the scan could not even look at as a failed track; returns its id.

    It gets the stamp of no real file, so the first scan that can look at it takes it as changed.
    """
    stamp = FileStamp(path, size=0, mtime_ns=0)
    (track_id,) = add_tracks(conn, root_id, [stamp])
    update_stamp(conn, track_id, stamp)
    store_failure(conn, track_id, reason)
    return track_id


def find_by_sound(conn: sqlite3.Connection, sound_id: bytes, duration: float) -> list[TrackId]:
    """The tracks whose files hold this sound, whatever their names and tags."""
    rows = conn.execute(
        "SELECT id FROM tracks WHERE sound_id = ? AND abs(duration - ?) <= ? ORDER BY id",
        (sound_id, duration, _SAME_DURATION),
    )
    return [TrackId(row[0]) for row in rows]


def next_generation(conn: sqlite3.Connection) -> int:
    """The generation of a vector about to be written, above every earlier one.

    It follows the clock (microseconds), so a library put back from a backup does not give out
    again the numbers that an index has already seen.
    """
    row = conn.execute(
        "UPDATE counters SET value = max(value + 1, ?) WHERE name = 'vectors' RETURNING value",
        (time.time_ns() // 1000,),
    ).fetchone()
    return int(row[0])


def _title_key(title: str, name: str) -> str | None:
    """What a track is sorted by as its title: the tagged one, or its file's name."""
    return sort_key(title) or sort_key(os.path.splitext(clean(display_path(name)))[0])


def _store_words(conn: sqlite3.Connection, track_id: int) -> None:
    """Brings the word index up to date with a track's row."""
    title, artist, album, album_artist, genre, name, folder_words = conn.execute(
        "SELECT title, artist, album, album_artist, genre, name, words FROM tracks"
        " JOIN folders ON folders.id = folder_id WHERE tracks.id = ?",
        (track_id,),
    ).fetchone()
    tags = (title, artist, album, album_artist, *genre.split(SEPARATOR))
    kept = [indexed_words(text) for text in tags if text]
    text = " ".join([*kept, *words(display_path(os.fsdecode(name))), folder_words])
    known = conn.execute("SELECT words FROM track_words WHERE rowid = ?", (track_id,)).fetchone()
    if known is None or known[0] != text:  # changing the word index costs more than looking
        conn.execute(
            "INSERT OR REPLACE INTO track_words (rowid, words) VALUES (?, ?)", (track_id, text)
        )


def _folder(conn: sqlite3.Connection, root_id: int, folder: str) -> int:
    """The id of a folder's row, made when it is not there."""
    path = os.fsencode(folder)
    row = conn.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchone()
    if row:
        return int(row[0])
    # Joined by what is below every letter, so that a folder is followed by its own subfolders.
    key = "\x01".join(sort_key(part) or part for part in Path(clean(display_path(folder))).parts)
    cursor = conn.execute(
        "INSERT INTO folders (root_id, path, sort_key, words) VALUES (?, ?, ?, ?)",
        (root_id, path, key, _folder_words(conn, root_id, folder)),
    )
    return int(cursor.lastrowid or 0)


def _folder_words(conn: sqlite3.Connection, root_id: int, folder: str) -> str:
    """The words of a folder's path from its root's name on: what is above says nothing."""
    row = conn.execute("SELECT path FROM roots WHERE id = ?", (root_id,)).fetchone()
    root = os.fsdecode(row[0])
    return " ".join(words(display_path(os.path.basename(root) + folder.removeprefix(root))))


def _name_key(name: str) -> str:
    shown = clean(display_path(name))
    return sort_key(shown) or shown


def _json(ids: Iterable[int]) -> str:
    return json.dumps([int(track_id) for track_id in ids])


def _drop_analysis(conn: sqlite3.Connection, track_id: int) -> None:
    tables = ("vectors", "labels", "peaks", "measures", "stems", "proposals", "rejected_words")
    for table in tables:
        conn.execute(f"DELETE FROM {table} WHERE track_id = ?", (track_id,))  # noqa: S608
    measures.order(conn, track_id)


def _clean_tags(tags: Tags) -> Tags:
    """Tags as the database can hold them, whatever a file claims."""
    return Tags(
        clean(tags.title),
        clean(tags.artist),
        clean(tags.album),
        clean(tags.album_artist),
        _clean_values(tags.genre),
        _whole(tags.year),
        _whole(tags.track_number),
        _clean_values(tags.mood),
        clean(tags.bpm),
        clean(tags.key),
        _clean_values(tags.grouping),
        clean(tags.summary),
        clean(tags.track_gain),
        clean(tags.track_peak),
    )


def _clean_values(values: Iterable[str]) -> tuple[str, ...]:
    cleaned = (clean(value).replace(SEPARATOR, " ") for value in values)
    return tuple(value for value in cleaned if value)


def _whole(value: int | None) -> int | None:
    """A number, or None for one that no tag means."""
    return value if value is not None and 0 <= value <= _LARGEST_INTEGER else None
