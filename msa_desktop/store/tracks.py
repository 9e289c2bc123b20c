"""The library, read: lists, rows, folders, counts, labels, vectors. In any thread.

    from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader

What a list shows is said in `store.query`; what changes the library is in `store.writes`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray, Root, Track, TrackId, TrackState
from msa_desktop.base.music import camelot_place
from msa_desktop.store import query as sql
from msa_desktop.store.db import Database, read_integers
from msa_desktop.store.query import Scope, SortKey, TrackQuery
from msa_desktop.store.schema import IN_JSON, STATE_CODES, STATES
from msa_desktop.store.text import match_expression
from msa_desktop.store.track_rows import TRACK_SQL, several, track
from msa_desktop.store.vector_rows import VectorRows, Vectors

__all__ = [
    "Counts",
    "FolderCount",
    "Paced",
    "Scope",
    "SortKey",
    "StoredStamp",
    "TaggedTrack",
    "TrackQuery",
    "TrackReader",
]

_ALBUM = "ifnull('album ' || album_key, 'folder ' || folder_id)"


class StoredStamp(NamedTuple):
    """What the library knows of one file, for comparison with the file system."""

    id: TrackId
    size: int
    mtime_ns: int
    state: TrackState


class TaggedTrack(NamedTuple):
    """A track whose file says what kind of music it is.

    Attributes:
        album: Its album, or where it names none, its folder: a name for comparing alone.
    """

    id: TrackId
    album: str
    genre: tuple[str, ...]
    mood: tuple[str, ...]
    grouping: tuple[str, ...]


class Paced(NamedTuple):
    """Tracks with what a mix asks of them, each of shape (n,).

    Attributes:
        ids: The tracks.
        bpm: Their tempi, as tagged or else measured; to a thousandth.
        places: Those of their keys on the wheel (`base.music.camelot_place`), as tagged or else
            measured; -1 where none was asked for.
    """

    ids: NDArray[np.int64]
    bpm: NDArray[np.float64]
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FolderCount:
    """A folder and how many tracks lie directly in it."""

    path: str
    tracks: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tracks there are, and how many in each state (offline ones included)."""

    tracks: int
    new: int
    queued: int
    analysed: int
    failed: int
    offline: int


class TrackReader:
    """Reads the library, in any thread.

    Args:
        db: The library.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def library_id(self) -> int:
        """Tells this library from any other, also from one that is made anew in its place."""
        return int(self._row("SELECT value FROM counters WHERE name = 'library'")[0])

    def ids(self, query: TrackQuery) -> NDArray[np.int64]:
        """The ids of a list's tracks, in its order.

        The whole order comes from one index and is narrowed afterwards: measured at 100,000
        tracks, that beats letting SQLite sort what a short word matched.
        """
        found = self._ids(sql.ordered_ids_sql(query.sort, descending=query.descending))
        if query.scope is Scope.RECENT:
            found = found[np.isin(found, self._ids(sql.RECENT_IDS_SQL))]
        elif query.scope is Scope.ATTENTION:
            failed = self._ids(sql.STATE_IDS_SQL, STATE_CODES[TrackState.FAILED])
            found = found[np.isin(found, failed)]
        elif query.scope is Scope.FOLDER:
            inside = self._ids(sql.FOLDER_IDS_SQL, *_folder_range(query.folder))
            found = found[np.isin(found, inside)]
        expression = match_expression(query.words)
        if expression:
            found = found[np.isin(found, self._ids(sql.MATCHING_IDS_SQL, expression))]
        if query.bpm:
            found = found[np.isin(found, self._ids(sql.BPM_IDS_SQL, *query.bpm))]
        if query.keys:
            each = [self._ids(sql.KEY_IDS_SQL, camelot_place(name)) for name in query.keys]
            found = found[np.isin(found, np.concatenate(each))]
        return found

    def _ids(self, statement: str, *parameters: object) -> NDArray[np.int64]:
        return read_integers(self._db.connection(), statement, "id", *parameters)

    def get_many(self, ids: Sequence[int] | NDArray[np.int64]) -> list[Track]:
        """The tracks with these ids, in the same order; those that are gone are left out."""
        wanted = [int(track_id) for track_id in ids]
        rows = self._rows(f"{TRACK_SQL} WHERE tracks.id IN {IN_JSON}", json.dumps(wanted))
        found = {row[0]: track(row) for row in rows}
        return [found[track_id] for track_id in wanted if track_id in found]

    def get(self, track_id: int) -> Track | None:
        """One track, or None when it is not in the library."""
        return next(iter(self.get_many([track_id])), None)

    def by_path(self, path: str) -> Track | None:
        """The track of one file (absolute path), or None when it is not in the library."""
        folder, name = os.path.split(path)
        rows = self._rows(
            f"{TRACK_SQL} WHERE folders.path = ? AND name = ?",
            os.fsencode(folder),
            os.fsencode(name),
        )
        return track(rows[0]) if rows else None

    def folders(self) -> list[FolderCount]:
        """Every folder that directly holds tracks, in path order."""
        rows = self._rows(
            "SELECT path, tracks FROM folders JOIN (SELECT folder_id, count(*) AS tracks"
            " FROM tracks GROUP BY folder_id) ON folder_id = folders.id ORDER BY sort_key"
        )
        return [FolderCount(os.fsdecode(path), count) for path, count in rows]

    def counts(self) -> Counts:
        """How many tracks are in each state."""
        by_state = dict(self._rows("SELECT state, count(*) FROM tracks GROUP BY state"))
        new, queued, analysed, failed = (by_state.get(code, 0) for code in STATE_CODES.values())
        offline = self._row(
            # CROSS: from the roots down, so that with all of them there it costs nothing.
            "SELECT count(*) FROM roots CROSS JOIN folders ON root_id = roots.id"
            " CROSS JOIN tracks ON folder_id = folders.id WHERE NOT online"
        )[0]
        return Counts(sum(by_state.values()), new, queued, analysed, failed, offline)

    def roots(self) -> list[Root]:
        """The folders the person gave, in the order they were added."""
        rows = self._rows(
            "SELECT roots.id, roots.path, count(tracks.id), online FROM roots"
            " LEFT JOIN folders ON root_id = roots.id LEFT JOIN tracks ON folder_id = folders.id"
            " GROUP BY roots.id ORDER BY roots.id"
        )
        return [
            Root(root_id, os.fsdecode(path), tracks, bool(online))
            for root_id, path, tracks, online in rows
        ]

    def stamps(self, root_id: int, below: str | None = None) -> dict[str, StoredStamp]:
        """Path to what the library knows of each file under one root.

        Args:
            root_id: The root.
            below: Only the files in this folder and below it.
        """
        statement = (
            "SELECT folders.path, name, tracks.id, size, mtime_ns, state"
            " FROM folders JOIN tracks ON folder_id = folders.id WHERE root_id = ?1"
        )
        bounds: tuple[bytes, ...] = ()
        if below is not None:
            statement += " AND (path = ?2 OR (path >= ?3 AND path < ?4))"
            bounds = _folder_range(below)
        rows = self._rows(statement, root_id, *bounds)
        decode = os.fsdecode
        prefixes = {folder: os.path.join(decode(folder), "") for folder in {row[0] for row in rows}}
        return {
            prefixes[folder] + decode(name): StoredStamp(track_id, size, mtime_ns, STATES[state])
            for folder, name, track_id, size, mtime_ns, state in rows
        }

    def tagged(self) -> list[TaggedTrack]:
        """Every analysed track with a genre, a mood or a grouping, by id."""
        rows = self._rows(
            f"SELECT id, {_ALBUM}, genre, mood, grouping FROM tracks"  # noqa: S608
            " WHERE state = ? AND genre || mood || grouping <> '' ORDER BY id",
            STATE_CODES[TrackState.ANALYSED],
        )
        return [
            TaggedTrack(track_id, album, several(genre), several(mood), several(grouping))
            for track_id, album, genre, mood, grouping in rows
        ]

    def albums(self, ids: Iterable[int]) -> dict[TrackId, str]:
        """The album of each of these tracks, as in `TaggedTrack`."""
        return dict(
            self._rows(
                f"SELECT id, {_ALBUM} FROM tracks WHERE id IN {IN_JSON}",  # noqa: S608
                json.dumps([int(track_id) for track_id in ids]),
            )
        )

    def peaks(self, track_id: int) -> bytes | None:
        """The waveform stored with the analysis, or None."""
        row = self._row("SELECT data FROM peaks WHERE track_id = ?", track_id)
        return row[0] if row else None

    def sound_id(self, track_id: int) -> bytes | None:
        """What `Reading.sound_id` was when the file was read last; None before that."""
        row = self._row("SELECT sound_id FROM tracks WHERE id = ?", track_id)
        return row[0] if row else None

    def labels(self, track_id: int) -> dict[str, FloatArray]:
        """Label scores by source, each in the source's own order; empty before the analysis."""
        return self.labels_many([track_id]).get(track_id, {})

    def labels_many(
        self, ids: Iterable[int] | NDArray[np.int64]
    ) -> dict[int, dict[str, FloatArray]]:
        """Track id to its label scores by source; tracks without any are left out."""
        rows = self._rows(
            f"SELECT track_id, source, scores FROM labels WHERE track_id IN {IN_JSON}",  # noqa: S608
            json.dumps([int(track_id) for track_id in ids]),
        )
        found: dict[int, dict[str, FloatArray]] = {}
        for track_id, source, scores in rows:
            # Stored as float16: 3 digits are more than the scores mean, at half the space.
            found.setdefault(track_id, {})[source] = np.frombuffer(scores, "<f2").astype(np.float32)
        return found

    def vector(self, track_id: int, encoder: str, version: str) -> FloatArray | None:
        """One track's raw vector, shape (dimension,), or None when the encoder has not heard it."""
        row = self._row(
            "SELECT vector FROM vectors WHERE track_id = ? AND encoder = ? AND version = ?",
            track_id,
            encoder,
            version,
        )
        return np.frombuffer(row[0], "<f4").astype(np.float32) if row else None

    def vectors(self, ids: Iterable[int], encoder: str, version: str) -> Vectors:
        """The raw vectors of some tracks, by their ids; tracks without one are left out."""
        return VectorRows(self._db, encoder, version).of(ids)

    def vector_count(self, encoder: str, version: str) -> int:
        """How many tracks this version of the encoder has heard."""
        return VectorRows(self._db, encoder, version).count()

    def lacking(self, encoder: str, version: str) -> NDArray[np.int64]:
        """Analysed tracks that this version of the encoder has not heard, as after an update."""
        return self._ids(
            sql.LACKING_IDS_SQL,
            STATE_CODES[TrackState.ANALYSED],
            encoder,
            version,
        )

    def unmeasured(self, version: int) -> NDArray[np.int64]:
        """Analysed tracks that this version of the measuring has not measured."""
        return self._ids(
            "SELECT id FROM tracks WHERE state = ? AND id NOT IN"
            " (SELECT track_id FROM measures WHERE version = ?)",
            STATE_CODES[TrackState.ANALYSED],
            version,
        )

    def paced(self, low: float, high: float, places: Collection[int] | None = None) -> Paced:
        """Tracks of a tempo from `low` to `high`, and of a key at one of these places.

        Args:
            low: Beats a minute.
            high: The same.
            places: As in `Paced`; None for every key, and none.
        """
        key, where = "-1", "bpm_order BETWEEN ? AND ?"
        parameters: list[object] = [low, high]
        if places is not None:
            key, where = "key_order", f"{where} AND key_order IN {IN_JSON}"
            parameters.append(json.dumps(list(places)))
        found = self._ids(
            f"SELECT id || ',' || CAST(round(1000 * bpm_order) AS INTEGER) || ',' || {key} AS id"  # noqa: S608
            f" FROM tracks WHERE {where}",
            *parameters,
        ).reshape(-1, 3)
        return Paced(found[:, 0], found[:, 1] / 1000, found[:, 2])

    def tempi(self, ids: Iterable[int] | NDArray[np.int64]) -> dict[int, tuple[float, ...]]:
        """Every tempo that was measured of some tracks; () where there is no beat.

        Tracks that were not measured are left out.
        """
        rows = self._rows(
            f"SELECT track_id, tempo, other_tempi FROM measures WHERE track_id IN {IN_JSON}",  # noqa: S608
            json.dumps([int(track_id) for track_id in ids]),
        )
        return {
            track_id: () if bpm is None else (bpm, *(other for other, _ in json.loads(others)))
            for track_id, bpm, others in rows
        }

    def measured_count(self, version: int) -> int:
        """How many tracks this version of the measuring has measured."""
        return int(self._row("SELECT count(*) FROM measures WHERE version = ?", version)[0])

    def incompletely_read(self) -> list[tuple[TrackId, str]]:
        """Ids and paths of the tracks whose tags an older program read, as far as it knew them."""
        ids = self._ids(
            "SELECT tracks.id AS id FROM tracks JOIN folders ON folders.id = folder_id"
            " JOIN roots ON roots.id = root_id WHERE NOT tags_complete AND online AND state = ?",
            STATE_CODES[TrackState.ANALYSED],
        )
        return self.files(ids)

    def files(self, ids: Sequence[int] | NDArray[np.int64]) -> list[tuple[TrackId, str]]:
        """Ids and paths of those of some tracks whose root is there, in the same order."""
        wanted = [int(track_id) for track_id in ids]
        rows = self._rows(
            "SELECT tracks.id, folders.path, name FROM tracks"  # noqa: S608
            " JOIN folders ON folders.id = folder_id JOIN roots ON roots.id = root_id"
            f" WHERE online AND tracks.id IN {IN_JSON}",
            json.dumps(wanted),
        )
        paths = {
            track_id: os.path.join(os.fsdecode(folder), os.fsdecode(name))
            for track_id, folder, name in rows
        }
        return [(TrackId(track_id), paths[track_id]) for track_id in wanted if track_id in paths]

    def _rows(self, statement: str, *parameters: object) -> list[Any]:
        cursor = self._db.connection().cursor()
        cursor.row_factory = None  # plain tuples: these rows are unpacked at once
        return cursor.execute(statement, parameters).fetchall()

    def _row(self, statement: str, *parameters: object) -> Any:
        return self._db.connection().execute(statement, parameters).fetchone()


def _folder_range(folder: str) -> tuple[bytes, bytes, bytes]:
    """The folder itself, and the bounds between which every path below it lies."""
    below = os.path.join(os.fsencode(folder), b"")
    return os.fsencode(folder), below, below[:-1] + bytes([below[-1] + 1])
