"""The vector index: finds the nearest of all tracks. A cache of SQLite, free to delete.

It pulls what it has missed from the `vectors` table before each search, so it cannot answer from
something that is no longer so. Every row carries its track's id and the generation of the stored
vector it was made from; a row is never known by its position outside this module.

A vector is standardised (each dimension less its mean over the library, over its deviation), then
normalised to length 1; the inner product of two such rows is the score.

Up to 200,000 tracks FAISS searches all rows exactly. Above, it holds one bit a dimension
(`store.vector_codes`), which finds some hundred candidates; these are read from SQLite and scored
exactly, so that a score means the same in a library of any size.

scripts/bench/vector_index.py at 512 dimensions, processor time on one core: 100,000 tracks take
9 ms a search, 1.4 s to build and 245 MB; 1,000,000 take 23 to 30 ms, 19 s and 243 MB, and of the
ten nearest all are found. Vectors without any likeness, which no music has, cost a million tracks a
third of their ten nearest. Looking for made-up texts (`raw`) takes 13 ms and 58 ms and loses 0.015
of the ten nearest among the million; with codes of only 128 dimensions, as TTMR++'s, 0.056.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.store.db import Database
from msa_desktop.store.vector_codes import VectorCodes
from msa_desktop.store.vector_rows import VectorRows, Vectors
from msa_desktop.store.vector_standard import Standard, measure, unit

_log = logging.getLogger(__name__)
_FORMAT = 2
_EXACT_UP_TO = 200_000  # tracks: 400 MB and 15 ms a search at 512 dimensions
_CANDIDATES = 500  # at least, to be scored exactly where the search is not
_CANDIDATES_PER_HIT = 5
_CANDIDATES_RAW = 4000  # the codes say less of a vector that lies far from all rows
_STALE_SECONDS = 3600


class VectorIndex:
    """The nearest neighbours by one version of one encoder. Thread-safe.

    Args:
        db: The library: the truth.
        folder: Where the index is kept between runs, as `encoder`.npz; need not exist.
        encoder: The encoder's id.
        version: The encoder's version.
        exact_up_to: How many tracks are searched exactly.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        encoder: str,
        version: str,
        exact_up_to: int = _EXACT_UP_TO,
    ) -> None:
        self.version = version
        self._truth = VectorRows(db, encoder, version)
        self._file = folder / f"{encoder}.npz"
        self._label = (str(_FORMAT), encoder, version)
        self._exact_up_to = exact_up_to
        self._lock = threading.RLock()
        self._loaded = False
        self._saved = False
        self._reset()

    def _reset(self) -> None:
        self._codes: VectorCodes | None = None  # the rows; None while there are no vectors
        self._ids: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._generations: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._row: dict[int, int] = {}  # track id to its row
        self._generation = -1  # of the whole table, when last looked at

    def __len__(self) -> int:
        """How many tracks the index holds, as of its last look at the library."""
        return len(self._row)

    def __contains__(self, track_id: int) -> bool:
        """Whether it holds a track, as of its last look at the library."""
        return track_id in self._row

    @property
    def measured(self) -> int:
        """How many tracks the standard was taken over: scores are comparable while it stays."""
        return 0 if self._codes is None else self._codes.standard.count

    def ids(self) -> NDArray[np.int64]:
        """The tracks it holds as of its last look, in order."""
        with self._lock:
            return np.sort(self._ids)

    def search(
        self, query: int | FloatArray, k: int, *, raw: bool = False
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """The tracks nearest to a track or a vector, best first.

        Args:
            query: A track's id (the track itself is left out), or a raw vector of the encoder,
                shape (dimension,).
            k: How many, at most.
            raw: As for `scores`.

        Returns:
            Track ids and their scores, each of shape (n,), n <= k: cosines of standardised
            vectors, -1 to 1.

        Raises:
            KeyError: The encoder has not heard the track.
        """
        with self._lock:
            self.refresh()
            itself = -1 if isinstance(query, np.ndarray) else int(query)  # -1 is no track's id
            wanted = self._wanted(query, raw=raw)
            if self._codes is None or not len(self):
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            exact = self._codes.exact and not raw
            least = _CANDIDATES_RAW if raw and not self._codes.exact else _CANDIDATES
            count = k + 1 if exact else max(least, _CANDIDATES_PER_HIT * k)
            found, places = self._codes.search(wanted, min(len(self), count))
            ids = self._ids[places]
            if not exact:
                found = self.scores(query, ids, raw=raw)
                order = np.argsort(-found, kind="stable")  # what was just removed, NaN, is last
                order = order[: np.count_nonzero(~np.isnan(found))]
                ids, found = ids[order], found[order]
        keep = np.flatnonzero(ids != itself)[:k]
        scores: FloatArray = np.clip(found[keep], -1.0, 1.0)
        return ids[keep], scores

    def scores(
        self, query: int | FloatArray, ids: NDArray[np.int64], *, raw: bool = False
    ) -> FloatArray:
        """How near some tracks are to a track or a vector; exact in a library of any size.

        The vector of a text needs `raw`. Words and sounds lie in two narrow cones, far from each
        other, so that a text's vector less the mean of the sounds points away from all of them,
        whatever it says. What the two were trained for is the plain cosine.

        Source: Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal
        Contrastive Representation Learning", NeurIPS 2022.

        Args:
            query: As for `search`.
            ids: Tracks, each once.
            raw: Whether the query is a vector to be compared as it is, by the plain cosine, with
                the tracks' vectors as they are.

        Returns:
            Shape of `ids`: scores, NaN for tracks the encoder has not heard.

        Raises:
            KeyError: The encoder has not heard the track asked about.
        """
        with self._lock:
            self.refresh()
            if raw:
                wanted = unit(np.array(query, dtype=np.float32, ndmin=2))[0]
                stored = self._truth.of(ids)
                held, rows = stored.ids, unit(stored.values)
            else:
                wanted = self._wanted(query)
                held, rows = self.rows(ids)
        scores = np.full(len(ids), np.nan, dtype=np.float32)
        if len(held):
            order = np.argsort(ids, kind="stable")
            scores[order[np.searchsorted(ids, held, sorter=order)]] = rows @ wanted
        return scores

    def rows(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
        """What some tracks' scores are made of.

        Args:
            ids: Tracks, each once.

        Returns:
            Those of them it holds, in any order, and their standardised vectors of length 1, shape
            (n, dimension).
        """
        with self._lock:
            if self._codes is not None and self._codes.exact:
                held = np.array([i for i in ids.tolist() if i in self._row], dtype=np.int64)
                return held, self._codes.rows[[self._row[i] for i in held.tolist()]]
            stored = self._truth.of(ids)
            if self._codes is None or not len(stored.ids):
                return np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
            return stored.ids, self._codes.standard.rows(stored.values)

    def _wanted(self, query: int | FloatArray, *, raw: bool = False) -> FloatArray:
        """What to look for among the rows, of length 1."""
        if not isinstance(query, np.ndarray):
            _, rows = self.rows(np.array([query], dtype=np.int64))
            if not len(rows):
                raise KeyError(query)
        else:
            rows = query.astype(np.float32)[np.newaxis]
            if self._codes is not None:
                # The raw vector's product with a row, once the row's division by the deviation is
                # undone, is that with the track's vector less the mean: the order that is wanted,
                # but for the rows' lengths.
                standard = self._codes.standard
                rows = unit(rows * standard.deviation) if raw else standard.rows(rows)
        wanted: FloatArray = rows[0]
        return wanted

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
            if self._codes is not None:
                self._remove(self._truth.removed_after(self._generation))
                for new in self._truth.after(self._generation):
                    self._put(new)
                if self._truth.count() != len(self):
                    self._reconcile()
            self._measure_again_if_due()
            self._generation = generation
            self._saved = False

    def save(self) -> None:
        """Keeps the index for the next start, in one step; a disk that is full is only logged."""
        with self._lock:
            if self._saved or self._codes is None or not self._row:
                return
            standard = self._codes.standard
            unfinished = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._clean_up()
                with unfinished.open("wb") as file:
                    np.savez(
                        file,
                        label=np.array([*self._label, self._codes.kind]),
                        measured=np.array([standard.count]),
                        mean=standard.mean,
                        deviation=standard.deviation,
                        ids=self._ids,
                        generations=self._generations,
                        codes=self._codes.codes,
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
            held = missing = wrong = 0
            for stored in self._truth.after(0):
                known = np.isin(stored.ids, self._ids)
                missing += int((~known).sum())
                if self._codes is None or not known.any():
                    continue
                held += int(known.sum())
                places = [self._row[track_id] for track_id in stored.ids[known].tolist()]
                wrong += int(self._codes.differ(places, stored.values[known]).sum())
            strange = len(self) - held
        problems = []
        if missing:
            problems.append(f"{missing} analysed tracks are not in the index.")
        if strange:
            problems.append(f"{strange} entries of the index belong to no analysed track.")
        if wrong:
            problems.append(f"{wrong} entries of the index are not what was heard in their tracks.")
        return problems

    # -- what is in memory -------------------------------------------------------------------

    def _put(self, new: Vectors) -> None:
        """Adds vectors, or puts them in the place of the same tracks' older ones."""
        if self._codes is None:
            return
        known = np.array([track_id in self._row for track_id in new.ids.tolist()])
        if known.any():
            places = [self._row[track_id] for track_id in new.ids[known].tolist()]
            self._codes.replace(places, new.values[known])
            self._generations[places] = new.generations[known]
        added = new.ids[~known]
        self._row.update(zip(added.tolist(), range(len(self), len(self) + len(added)), strict=True))
        self._ids = np.concatenate([self._ids, added])
        self._generations = np.concatenate([self._generations, new.generations[~known]])
        self._codes.add(new.values[~known])

    def _remove(self, ids: Collection[int]) -> None:
        """Fills each gap with the last row, so that the others stay where they are."""
        gaps = [gap for track_id in ids if (gap := self._row.pop(track_id, None)) is not None]
        if not gaps or self._codes is None:
            return
        codes = self._codes.codes
        end = len(codes)
        for gap in sorted(gaps, reverse=True):  # from the end, so that no gap is moved
            end -= 1
            if gap != end:
                codes[gap] = codes[end]
                self._ids[gap] = self._ids[end]
                self._generations[gap] = self._generations[end]
                self._row[int(self._ids[gap])] = gap
        self._ids, self._generations = self._ids[:end], self._generations[:end]
        self._codes.cut(end)

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
        differing = self._truth.of(i for i, g in stored if held.get(i) != g)
        if len(differing.ids):
            self._put(differing)
        self._saved = False

    def _measure_again_if_due(self) -> None:
        outgrown = self._codes is not None and self._codes.exact and len(self) > self._exact_up_to
        if outgrown or not self.measured / 2 < len(self) < self.measured * 2:
            self._build()

    def _build(self) -> None:
        """Takes the standard anew and makes every row by it."""
        self._reset()
        self._saved = False
        standard = measure(stored.values for stored in self._truth.after(0))
        if standard is None:
            return
        exact = standard.count <= self._exact_up_to
        self._codes = VectorCodes(standard, exact=exact, room=standard.count)
        for stored in self._truth.after(0):  # read again: all of them may be too much for memory
            self._put(stored)

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
            label = tuple(kept["label"].tolist())
            if label[: len(self._label)] != self._label:
                raise ValueError("it is of another encoder, version or format")
            ids, generations, codes = kept["ids"], kept["generations"], kept["codes"]
            standard = Standard(kept["mean"], kept["deviation"], int(kept["measured"][0]))
        held = VectorCodes(standard, exact=label[-1] == "exact", room=len(codes))
        if label[-1] != held.kind:
            raise ValueError("its codes are of another kind")
        held.load(codes)
        if not len(np.unique(ids)) == len(generations) == len(codes):
            raise ValueError("its parts do not fit together")
        self._codes, self._ids, self._generations = held, ids, generations
        self._row = dict(zip(ids.tolist(), range(len(ids)), strict=True))
