"""The stored vectors of one encoder, and what has changed among them since some moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.store.db import Database, read_integers

_CHUNK = 4096
_COLUMNS = "SELECT track_id, generation, vector FROM"
_AFTER = f"{_COLUMNS} vectors WHERE encoder = ?1 AND version = ?2 AND generation > ?3"
# CROSS: from the ids to their vectors. Left to itself, SQLite reads the encoder's whole index.
_OF = f"""
    {_COLUMNS} (SELECT DISTINCT value FROM json_each(?3))
    CROSS JOIN vectors ON track_id = value AND encoder = ?1 AND version = ?2
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Vectors:
    """Some stored vectors.

    Attributes:
        ids: Shape (n,): track ids.
        generations: Shape (n,): the moment each was written, as a number that only rises.
        values: Shape (n, dimension), raw as the encoder gave them.
    """

    ids: NDArray[np.int64]
    generations: NDArray[np.int64]
    values: FloatArray


class VectorRows:
    """Reads the vectors of one version of one encoder, in any thread.

    Args:
        db: The library.
        encoder: The encoder's id.
        version: The encoder's version; vectors of others are not seen.
    """

    def __init__(self, db: Database, encoder: str, version: str) -> None:
        self._db = db
        self._encoder = encoder
        self._version = version

    def generation(self) -> int:
        """A number that rises with every vector written or deleted, of any encoder."""
        row = self._db.connection().execute("SELECT value FROM counters WHERE name = 'vectors'")
        return int(row.fetchone()[0])

    def count(self) -> int:
        """How many vectors there are."""
        row = self._db.connection().execute(
            "SELECT count(*) FROM vectors WHERE encoder = ? AND version = ?",
            (self._encoder, self._version),
        )
        return int(row.fetchone()[0])

    def stamps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every vector's track id and generation, each of shape (n,), by track id."""
        pairs = read_integers(
            self._db.connection(),
            "SELECT track_id, generation FROM vectors WHERE encoder = ? AND version = ?",
            "track_id || ',' || generation",
            self._encoder,
            self._version,
        ).reshape(-1, 2)
        ids, generations = pairs[np.argsort(pairs[:, 0])].T
        return ids, generations

    def removed_after(self, generation: int) -> list[int]:
        """Tracks whose vector was deleted after a generation; the last 10,000 are remembered."""
        rows = self._db.connection().execute(
            "SELECT track_id FROM vector_removals WHERE encoder = ? AND generation > ?",
            (self._encoder, generation),
        )
        return [row[0] for row in rows]

    def after(self, generation: int) -> Iterator[Vectors]:
        """The vectors written after a generation, some thousand at a time; all of them after 0."""
        return self._read(_AFTER, generation)

    def of(self, ids: Iterable[int] | NDArray[np.int64]) -> Vectors:
        """The vectors of some tracks; those that have none are left out."""
        parts = list(self._read(_OF, json.dumps([int(track_id) for track_id in ids])))
        if not parts:
            nothing = np.empty(0, dtype=np.int64)
            return Vectors(nothing, nothing, np.empty((0, 0), dtype=np.float32))
        return Vectors(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.generations for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def _read(self, statement: str, parameter: int | str) -> Iterator[Vectors]:
        cursor = self._db.connection().execute(statement, (self._encoder, self._version, parameter))
        while rows := cursor.fetchmany(_CHUNK):
            joined = np.frombuffer(b"".join([row[2] for row in rows]), "<f4")
            yield Vectors(
                np.array([row[0] for row in rows], dtype=np.int64),
                np.array([row[1] for row in rows], dtype=np.int64),
                joined.reshape(len(rows), -1).astype(np.float32, copy=False),
            )
