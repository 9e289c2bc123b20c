"""The vector index: finds the nearest of all tracks. A cache of SQLite, free to delete.

It pulls what it has missed from the `vectors` table before each search, so it cannot answer from
something that is no longer so. Every row carries its track's id and the generation of the stored
vector it was made from; a row is never known by its position outside this module.

A vector is standardised (each dimension less its mean over the library, over its deviation), then
normalised to length 1; the inner product of two such rows is the score. FAISS searches exactly.
One core takes 4.7 ms for 100,000 tracks of 200 dimensions, 8.9 ms for 200,000 (up to which exact
search is meant to serve) and 16 ms for 400,000: twice the tracks or dimensions, twice the time.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.store.db import Database
from msa_desktop.store.vector_rows import VectorRows, Vectors

_log = logging.getLogger(__name__)
_FORMAT = 1
_FEWEST_FOR_STATISTICS = 8
_SMALLEST_DEVIATION = 0.01  # of the mean deviation
_CHUNK = 8192
_STALE_SECONDS = 3600


class VectorIndex:
    """The nearest neighbours by one version of one encoder. Thread-safe.

    Args:
        db: The library: the truth.
        folder: Where the index is kept between runs, as `encoder`.npz; need not exist.
        encoder: The encoder's id.
        version: The encoder's version.
    """

    def __init__(self, db: Database, folder: Path, encoder: str, version: str) -> None:
        self._truth = VectorRows(db, encoder, version)
        self._file = folder / f"{encoder}.npz"
        self._label = np.array([str(_FORMAT), encoder, version])
        self._lock = threading.RLock()
        self._loaded = False
        self._saved = False
        self._reset()

    def _reset(self) -> None:
        self._flat: Any = None  # FAISS's rows, made at first use
        self._ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._generations: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._row: dict[int, int] = {}  # track id to its row
        self._mean: FloatArray = np.zeros(0, dtype=np.float32)  # shape (dimension,)
        self._deviation: FloatArray = np.ones(0, dtype=np.float32)
        self._measured = 0  # how many tracks mean and deviation were taken over
        self._generation = -1  # of the whole table, when last looked at

    def __len__(self) -> int:
        """How many tracks the index holds, as of its last look at the library."""
        return len(self._row)

    def search(self, query: int | FloatArray, k: int) -> tuple[NDArray[np.int64], FloatArray]:
        """The tracks nearest to a track or a vector, best first.

        Args:
            query: A track's id (the track itself is left out), or a raw vector of the encoder,
                shape (dimension,).
            k: How many, at most.

        Returns:
            Track ids and their scores, each of shape (n,), n <= k: cosines of standardised
            vectors, -1 to 1.

        Raises:
            KeyError: The encoder has not heard the track.
        """
        with self._lock:
            self.refresh()
            itself = -1  # no track's id
            if not isinstance(query, np.ndarray):
                itself = int(query)
                wanted = self._rows()[self._row[itself]][np.newaxis]
            elif len(self):
                wanted = self._standardise(query.astype(np.float32)[np.newaxis])
            else:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            found, rows = self._flat.search(wanted, min(len(self), k + 1))
            ids = self._ids[rows[0]]
        keep = np.flatnonzero(ids != itself)[:k]
        scores: FloatArray = np.clip(found[0][keep], -1.0, 1.0)
        return ids[keep], scores

    def refresh(self) -> None:
        """Takes over what was written to the library since the last look; cheap when nothing was.

        Mean and deviation stay as they were measured until the library has doubled or halved
        since: then everything is standardised anew.
        """
        with self._lock:
            if not self._loaded:
                self._loaded = True
                self._load()
            generation = self._truth.generation()
            if generation == self._generation:
                return
            if self._measured:
                self._remove(self._truth.removed_after(self._generation))
                self._put(self._truth.after(self._generation))
                if self._truth.count() != len(self):
                    self._reconcile()
            self._measure_again_if_due()
            self._generation = generation
            self._saved = False

    def save(self) -> None:
        """Keeps the index for the next start, in one step; a disk that is full is only logged."""
        with self._lock:
            if self._saved or not self._row:
                return
            unfinished = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._clean_up()
                with unfinished.open("wb") as file:
                    np.savez(
                        file,
                        label=self._label,
                        measured=np.array([self._measured]),
                        mean=self._mean,
                        deviation=self._deviation,
                        ids=self._ids,
                        generations=self._generations,
                        rows=self._rows(),
                    )
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, self._file)
                self._saved = True
            except OSError as error:
                with suppress(OSError):
                    unfinished.unlink()
                _log.warning("the index %s could not be kept: %s", self._file, error)

    def _clean_up(self) -> None:
        """Removes what a process that was killed while saving left; a live one takes seconds."""
        for part in self._file.parent.glob(f"{self._file.name}.*.part"):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink(missing_ok=True)

    def check(self) -> list[str]:
        """What is wrong with the index, one sentence each; empty when it agrees with the library.

        Every row is compared with the vector it should have been made from. An index that merely
        has to catch up does so first.
        """
        with self._lock:
            self.refresh()
            stored = self._truth.after(0)
            held = np.isin(stored.ids, self._ids)
            missing, strange = int((~held).sum()), len(self) - int(held.sum())
            places = [self._row[track_id] for track_id in stored.ids[held].tolist()]
            true_rows = self._standardise(stored.values[held])
            wrong = int((~np.isclose(self._rows()[places], true_rows, atol=1e-4).all(axis=1)).sum())
        problems = []
        if missing:
            problems.append(f"{missing} analysed tracks are not in the index.")
        if strange:
            problems.append(f"{strange} entries of the index belong to no analysed track.")
        if wrong:
            problems.append(f"{wrong} entries of the index are not what was heard in their tracks.")
        return problems

    # -- what is in memory -------------------------------------------------------------------

    def _rows(self) -> FloatArray:
        """FAISS's own memory, shape (n, dimension); not to be kept: adding may move it."""
        if self._flat is None or self._flat.ntotal == 0:
            return np.empty((0, len(self._mean)), dtype=np.float32)
        shape = (self._flat.ntotal, self._flat.d)
        rows: FloatArray = _faiss().rev_swig_ptr(self._flat.get_xb(), shape[0] * shape[1])
        return rows.reshape(shape)

    def _fill(
        self, ids: NDArray[np.int64], generations: NDArray[np.int64], rows: FloatArray
    ) -> None:
        """Starts over with these rows, standardised already."""
        self._flat = _faiss().IndexFlatIP(rows.shape[1])
        self._flat.add(rows)
        self._ids, self._generations = ids, generations
        self._row = dict(zip(ids.tolist(), range(len(ids)), strict=True))

    def _put(self, new: Vectors) -> None:
        """Adds vectors, or puts them in the place of the same tracks' older ones."""
        if len(new.ids) == 0:
            return
        values = self._standardise(new.values)
        if self._flat is None:
            self._fill(new.ids, new.generations, values)
            return
        known = np.array([track_id in self._row for track_id in new.ids.tolist()])
        places = [self._row[track_id] for track_id in new.ids[known].tolist()]
        self._rows()[places] = values[known]
        self._generations[places] = new.generations[known]
        added = new.ids[~known]
        self._row.update(zip(added.tolist(), range(len(self), len(self) + len(added)), strict=True))
        self._ids = np.concatenate([self._ids, added])
        self._generations = np.concatenate([self._generations, new.generations[~known]])
        self._flat.add(values[~known])

    def _remove(self, ids: Collection[int]) -> None:
        """Fills each gap with the last row, so that the others stay where they are."""
        gaps = [gap for track_id in ids if (gap := self._row.pop(track_id, None)) is not None]
        if not gaps:
            return
        rows = self._rows()
        end = len(rows)
        for gap in sorted(gaps, reverse=True):  # from the end, so that no gap is moved
            end -= 1
            if gap != end:
                rows[gap] = rows[end]
                self._ids[gap] = self._ids[end]
                self._generations[gap] = self._generations[end]
                self._row[int(self._ids[gap])] = gap
        self._ids, self._generations = self._ids[:end], self._generations[:end]
        self._flat.remove_ids(_faiss().IDSelectorRange(end, len(rows)))

    def _reconcile(self) -> None:
        """Compares every row with the library, and mends what differs."""
        ids, generations = self._truth.stamps()
        order = np.argsort(self._ids)
        if np.array_equal(self._ids[order], ids) and np.array_equal(
            self._generations[order], generations
        ):
            return
        self._remove(np.setdiff1d(self._ids, ids).tolist())
        held = dict(zip(self._ids.tolist(), self._generations.tolist(), strict=True))
        stored = zip(ids.tolist(), generations.tolist(), strict=True)
        self._put(self._truth.of(i for i, g in stored if held.get(i) != g))
        self._saved = False

    # -- standardising -------------------------------------------------------------------------

    def _measure_again_if_due(self) -> None:
        if not self._measured / 2 < len(self) < self._measured * 2:
            self._build()

    def _build(self) -> None:
        """Takes mean and deviation anew and standardises the whole library by them."""
        stored = self._truth.after(0)
        self._reset()
        self._saved = False
        self._measured = len(stored.ids)
        # Below a handful of tracks, standardising says less than the plain cosine: of two tracks
        # it makes opposites, whatever they are.
        dimension = stored.values.shape[1]
        self._mean = np.zeros(dimension, dtype=np.float32)
        self._deviation = np.ones(dimension, dtype=np.float32)
        if self._measured >= _FEWEST_FOR_STATISTICS:
            self._mean, self._deviation = _statistics(stored.values)
        if self._measured:
            self._fill(stored.ids, stored.generations, self._standardise(stored.values))

    def _standardise(self, values: FloatArray) -> FloatArray:
        rows: FloatArray = values - self._mean
        rows /= self._deviation
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
        rows /= np.where(lengths > 0, lengths, 1)
        return rows

    # -- the file --------------------------------------------------------------------------------

    def _load(self) -> None:
        """Reads the kept index and mends what differs from the library; none, if it cannot."""
        generation = self._truth.generation()
        try:
            self._read()
        except FileNotFoundError:
            return
        except Exception as error:  # a damaged file can fail in any way
            _log.warning("the index %s is made anew: %s", self._file, error)
            self._reset()
            return
        self._saved = True
        self._reconcile()
        self._measure_again_if_due()
        self._generation = generation

    def _read(self) -> None:
        with np.load(self._file, allow_pickle=False) as kept:
            if not np.array_equal(kept["label"], self._label):
                raise ValueError("it is of another encoder, version or format")
            ids, generations, rows = kept["ids"], kept["generations"], kept["rows"]
            self._mean, self._deviation = kept["mean"], kept["deviation"]
            self._measured = int(kept["measured"][0])
        self._fill(ids, generations, rows)
        shapes = {
            rows.shape,
            (len(self), len(self._mean)),
            (len(generations), len(self._deviation)),
        }
        if len(shapes) > 1:
            raise ValueError("its parts do not fit together")


def _statistics(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each dimension, each of shape (dimension,).

    A dimension that hardly ever moves would, divided by its deviation, drown the others in the
    few tracks where it does: the deviation has a floor.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    squares = np.zeros(values.shape[1])
    for start in range(0, len(values), _CHUNK):  # in double precision, but not all at once
        chunk = values[start : start + _CHUNK] - mean
        squares += np.einsum("ij,ij->j", chunk, chunk)
    deviation = np.sqrt(squares / len(values))
    floor = _SMALLEST_DEVIATION * deviation.mean()
    deviation = np.maximum(deviation, floor if floor > 0 else 1.0)
    return mean.astype(np.float32), deviation.astype(np.float32)


def _faiss() -> Any:
    # Imported at first use: the window and most commands start without it.
    import faiss  # noqa: PLC0415

    # One query is one pass over memory; a second thread only adds its start. Measured at 100,000
    # rows on two cores: 4.5 ms with one thread, 27 ms with two while other work runs.
    faiss.omp_set_num_threads(1)
    return faiss
