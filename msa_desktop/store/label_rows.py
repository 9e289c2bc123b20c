"""The stored label scores, and which tracks' have changed since some moment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msa_desktop.store.db import Database, read_integers
from msa_desktop.store.schema import IN_JSON

_CHUNK = 8192
_REMOVALS_KEPT = 10_000  # by the trigger `vector_deleted`


@dataclass(frozen=True, slots=True)
class LabelMatrix:
    """Label scores of some tracks.

    Attributes:
        ids: Shape (n,): track ids, rising.
        scores: Shape (n, labels), float16: the sources' labels end to end; NaN where the track has
            no scores of a source.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float16]


class LabelRows:
    """Reads the label scores, in any thread.

    Args:
        db: The library.
        sources: How many labels each source has, by its id, in the order of the columns.
    """

    def __init__(self, db: Database, sources: dict[str, int]) -> None:
        self._db = db
        starts = np.cumsum([0, *sources.values()]).tolist()
        self._columns = {
            source: slice(start, start + count)
            for (source, count), start in zip(sources.items(), starts, strict=False)
        }
        self._width = starts[-1]

    def generation(self) -> int:
        """A number that rises with every analysis stored or dropped."""
        row = self._db.connection().execute("SELECT value FROM counters WHERE name = 'vectors'")
        return int(row.fetchone()[0])

    def touched_after(self, generation: int) -> NDArray[np.int64] | None:
        """The tracks whose analysis was stored or dropped after a generation, rising.

        Scores are written and dropped together with vectors, whose changes are remembered. None
        where they are not remembered far enough back: then everything may have changed.
        """
        connection = self._db.connection()
        removed = read_integers(
            connection, "SELECT track_id FROM vector_removals WHERE generation > ?", "track_id",
            generation,
        )  # fmt: skip
        if len(removed) >= _REMOVALS_KEPT:
            return None
        written = read_integers(
            connection, "SELECT track_id FROM vectors WHERE generation > ?", "track_id", generation
        )
        return np.union1d(removed, written)

    def read(self, ids: Iterable[int] | None = None) -> LabelMatrix:
        """The scores of some tracks, or of all; tracks without any are left out.

        A row that is not as long as its source's labels, as another version of the program may
        have stored it, is passed over.
        """
        statement, parameters = "SELECT track_id, source, scores FROM labels", []
        if ids is not None:
            statement += f" WHERE track_id IN {IN_JSON}"
            parameters.append(json.dumps([int(track_id) for track_id in ids]))
        cursor = self._db.connection().cursor()
        cursor.row_factory = None
        cursor.execute(f"{statement} ORDER BY track_id, source", parameters)
        found: list[int] = []
        blocks: list[NDArray[np.float16]] = []
        block = np.empty((0, self._width), np.float16)
        last, row = -1, _CHUNK
        for track_id, source, scores in cursor:
            columns = self._columns.get(source)
            if columns is None or len(scores) != 2 * (columns.stop - columns.start):
                continue
            if track_id != last:
                last, row = track_id, row + 1
                if row >= len(block):
                    block, row = np.full((_CHUNK, self._width), np.nan, np.float16), 0
                    blocks.append(block)
                found.append(track_id)
            block[row, columns] = np.frombuffer(scores, "<f2")
        joined = np.concatenate(blocks) if blocks else np.empty((0, self._width), np.float16)
        return LabelMatrix(np.array(found, dtype=np.int64), joined[: len(found)])
