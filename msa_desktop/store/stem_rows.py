"""What was heard in the stems of tracks: stored and read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import Embedding, FloatArray
from msa_desktop.store.db import Database
from msa_desktop.store.schema import IN_JSON

# CROSS: from the small table to the vectors, or all vectors of all stems would be read.
_OF_STEM = """
    SELECT track_id, vector FROM stems
    CROSS JOIN stem_vectors USING (track_id, stem)
    WHERE stem = ? AND encoder = ? AND version = ? ORDER BY track_id
"""


@dataclass(frozen=True, slots=True)
class HeardStem:
    """What is stored of one stem of one track.

    Attributes:
        level: As in `stems.record.Level.rms`.
        encoders: The version of each encoder that has heard it, by its id.
        labels: Label scores by source, as those of a track.
    """

    level: float
    encoders: dict[str, str] = field(default_factory=dict)
    labels: dict[str, FloatArray] = field(default_factory=dict)


def store_stems(
    conn: sqlite3.Connection,
    track_id: int,
    sound_id: bytes,
    levels: Mapping[str, float],
    heard: Mapping[str, Sequence[Embedding]],
) -> bool:
    """Stores what was heard in a track's stems; for `store.writer.Writer`, as in `store.writes`.

    What other encoders heard stays, unless the levels differ: then these are other stems, made by
    another model, and what is known of the former ones goes.

    Args:
        conn: The writer's connection.
        track_id: The track.
        sound_id: Of the file that was taken apart.
        levels: Of all its stems; see `HeardStem`.
        heard: By stem, what encoders heard.

    Returns:
        False where nothing was stored: the track was removed, or its file has another sound.

    Raises:
        ValueError: A vector is not a row of finite numbers.
    """
    row = conn.execute("SELECT sound_id FROM tracks WHERE id = ?", (track_id,)).fetchone()
    if row is None or row[0] != sound_id:
        return False
    known = conn.execute("SELECT stem, level FROM stems WHERE track_id = ?", (track_id,))
    if dict(map(tuple, known)) != dict(levels):
        conn.execute("DELETE FROM stems WHERE track_id = ?", (track_id,))
        conn.executemany(
            "INSERT INTO stems (track_id, stem, level) VALUES (?, ?, ?)",
            [(track_id, stem, level) for stem, level in levels.items()],
        )
    for stem, embeddings in heard.items():
        for embedding in embeddings:
            vector = np.asarray(embedding.vector, dtype="<f4")
            if vector.ndim != 1 or not np.isfinite(vector).all():
                raise ValueError(f"{embedding.encoder} gave no vector of finite numbers")
            conn.execute(
                "INSERT OR REPLACE INTO stem_vectors (track_id, stem, encoder, version, vector)"
                " VALUES (?, ?, ?, ?, ?)",
                (track_id, stem, embedding.encoder, embedding.version, vector.tobytes()),
            )
            for source, scores in embedding.labels.items():
                conn.execute(
                    "INSERT OR REPLACE INTO stem_labels (track_id, stem, source, scores)"
                    " VALUES (?, ?, ?, ?)",
                    (track_id, stem, source, np.asarray(scores, dtype="<f2").tobytes()),
                )
    return True


class StemRows:
    """Reads what was heard in stems, in any thread.

    Args:
        db: The library.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, track_id: int) -> dict[str, HeardStem]:
        """What is stored of a track's stems, by their names; empty before they were heard."""
        return self.of_many([track_id]).get(track_id, {})

    def of_many(self, ids: Iterable[int] | NDArray[np.int64]) -> dict[int, dict[str, HeardStem]]:
        """Track id to its stems; tracks without any are left out."""
        wanted = json.dumps([int(track_id) for track_id in ids])
        found: dict[int, dict[str, HeardStem]] = {}
        for track_id, stem, level in self._rows("level", "stems", wanted):
            found.setdefault(track_id, {})[stem] = HeardStem(level)
        # Rows of stems that were stored between these reads are left for the next time.
        for track_id, stem, encoder, version in self._rows(
            "encoder, version", "stem_vectors", wanted
        ):
            if known := found.get(track_id, {}).get(stem):
                known.encoders[encoder] = version
        for track_id, stem, source, scores in self._rows("source, scores", "stem_labels", wanted):
            if known := found.get(track_id, {}).get(stem):
                known.labels[source] = np.frombuffer(scores, "<f2").astype(np.float32)
        return found

    def vectors(
        self, stem: str, encoder: str, version: str
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """What this version of an encoder heard in one stem of all tracks.

        Returns:
            Track ids, rising, shape (n,), and raw vectors, shape (n, dimension).
        """
        cursor = self._db.connection().cursor()
        cursor.row_factory = None
        rows = cursor.execute(_OF_STEM, (stem, encoder, version)).fetchall()
        values = np.frombuffer(b"".join([row[1] for row in rows]), "<f4")
        return (
            np.array([row[0] for row in rows], dtype=np.int64),
            values.reshape(len(rows), -1 if rows else 0).astype(np.float32),
        )

    def _rows(self, columns: str, table: str, ids: str) -> Iterable[tuple[Any, ...]]:
        cursor = self._db.connection().cursor()
        cursor.row_factory = None
        return cursor.execute(
            f"SELECT track_id, stem, {columns} FROM {table} WHERE track_id IN {IN_JSON}",  # noqa: S608
            (ids,),
        )
