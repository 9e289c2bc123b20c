"""What the tracks' summaries mean, so that a search for "gloomy" finds what is said to be dark.

Every different summary, with the track's genres and moods, is read once by a model of sentences
(`encoders._minilm`). Its vector is a cache, free to delete, kept by the text's hash: a track that
moves keeps it, and a hundred that say the same share it. It is made in the background when
somebody searches; a search waits a moment for it and is answered with what is there.

scripts/bench/summaries.py: of thirty queries in other words than those of twenty summaries, 17 find
the right one first (2 would by chance), and the tags behind the summaries raise the mean reciprocal
rank from 0.66 to 0.72. A thousand sentences of 15 tokens take 5 s on one core, and the process that
reads comes to hold 300 MB. At 100,000 summaries a search takes 0.08 s of processor time, 1 s after
the library has changed; the vectors are 78 MB.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.encoders import _minilm
from msa_desktop.store.db import Database
from msa_desktop.store.word_rows import Ids, WordRows

ENCODER = _minilm.ID

Embed = Callable[[str, Sequence[str]], FloatArray | None]
"""Vectors of sentences, shape (n, dimension), by an encoder's id; None where it cannot read."""

_FORMAT = "1"
_KEY = 16  # bytes
_BATCH = 32  # sentences: a fraction of a second, which another search may have to wait
_PATIENCE = 2.0  # seconds that a search waits for summaries that are new
_CHUNK = 8192  # rows widened at once

# How cosines with what does not fit lie, where hardly any summary shows it: so many more are taken
# to be there (scripts/bench/summaries.py).
_MADE_UP, _USUAL, _DEVIATION = 4, 0.18, 0.07

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """The different texts, and which is each track's.

    Attributes:
        keys: Hashes of the n texts.
        vectors: Shape (n, dimension), of unit length.
        ready: So many of the vectors are there, the first ones.
        ids: The tracks with a summary, rising.
        rows: Of each, which text it is.
    """

    keys: list[bytes]
    vectors: NDArray[np.float16]
    ready: int
    ids: Ids
    rows: NDArray[np.int64]


class Summaries:
    """The meanings of summaries. Thread-safe.

    Args:
        db: The library.
        folder: Where the vectors are kept between runs; need not exist.
        embed: Makes vectors of sentences.
    """

    def __init__(self, db: Database, folder: Path, embed: Embed) -> None:
        self._rows = WordRows(db)
        self._file = folder / f"{ENCODER}.npz"
        self._embed = embed
        self._held: _Held | None = None
        self._seen = -1
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._job: Future[None] | None = None
        # One thread that lasts: `WordRows.change` compares within one.
        self._thread = ThreadPoolExecutor(1, "summaries")

    def standing(self, sentence: FloatArray) -> tuple[Ids, FloatArray]:
        """How near each summary's meaning is to a sentence's.

        Args:
            sentence: Shape (dimension,), of unit length, by the same encoder.

        Returns:
            The tracks whose summary was read, rising, and how many deviations each is above what
            is usual among the library's summaries.
        """
        self._catch_up()
        held = self._held
        if held is None or not (ready := held.ready):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        scores = np.concatenate(
            [
                held.vectors[begin : min(begin + _CHUNK, ready)].astype(np.float32) @ sentence
                for begin in range(0, ready, _CHUNK)
            ]
        )
        count = ready + _MADE_UP
        mean = (scores.sum() + _MADE_UP * _USUAL) / count
        made_up = _MADE_UP * (_DEVIATION**2 + (_USUAL - mean) ** 2)
        deviation = np.sqrt((((scores - mean) ** 2).sum() + made_up) / count)
        read = held.rows < ready
        standing: FloatArray = ((scores - mean) / deviation).astype(np.float32)
        return held.ids[read], standing[held.rows[read]]

    def close(self) -> None:
        """Ends the background work; what was made is kept."""
        with self._lock:
            self._closing.set()
        self._thread.shutdown()

    def _catch_up(self) -> None:
        """Looks for new summaries, unless somebody does already, and waits a moment for them."""
        with self._lock:
            if self._closing.is_set() or (self._job is not None and not self._job.done()):
                return
            job = self._job = self._thread.submit(self._refresh)
        try:
            job.result(_PATIENCE)
        except TimeoutError:
            _log.debug("a search was answered before all summaries were read")

    # The rest runs in the thread.

    def _refresh(self) -> None:
        change = self._rows.change()
        if change == self._seen:
            return
        try:
            held, texts = self._sorted()
            self._held = held
            begun = held.ready
            while held.ready < len(held.keys) and not self._closing.is_set():
                batch = texts[held.ready - begun :][:_BATCH]
                vectors = self._embed(ENCODER, batch)
                if vectors is None:
                    break  # it was told why
                held.vectors[held.ready : held.ready + len(batch)] = vectors
                held.ready += len(batch)
            else:
                self._seen = change
            if held.ready > begun:
                self._save(held)
        except Exception:
            _log.exception("the summaries could not be read")
            raise

    def _sorted(self) -> tuple[_Held, list[str]]:
        """The library's texts, those whose vectors are known first, and the others themselves."""
        keys, known = self._known()
        row = {key: number for number, key in enumerate(keys)}
        ids: list[int] = []
        theirs: list[bytes] = []
        new: dict[bytes, str] = {}
        for track_id, text in self._rows.summaries():
            key = blake2b(text.encode(errors="replace"), digest_size=_KEY).digest()
            ids.append(track_id)
            theirs.append(key)
            if key not in row:
                new[key] = text
        kept = sorted(set(theirs) & row.keys(), key=row.__getitem__)
        waiting = sorted(new, key=lambda key: len(new[key]))  # a batch is as long as its longest
        order = [*kept, *waiting]
        vectors = np.empty((len(order), _minilm.DIMENSION), np.float16)
        vectors[: len(kept)] = known[[row[key] for key in kept]]
        place = {key: number for number, key in enumerate(order)}
        rows = np.array([place[key] for key in theirs], np.int64)
        held = _Held(order, vectors, len(kept), np.array(ids, np.int64), rows)
        return held, [new[key] for key in waiting]

    def _known(self) -> tuple[list[bytes], NDArray[np.float16]]:
        """What was read so far: hashes and vectors."""
        if self._held is not None:
            return self._held.keys[: self._held.ready], self._held.vectors
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                keys, vectors = kept["keys"], kept["vectors"]
                if kept["label"].tolist() != [_FORMAT, _minilm.VERSION]:
                    raise ValueError("it is of another version")
            count = len(keys)
            if keys.shape != (count, _KEY) or vectors.shape != (count, _minilm.DIMENSION):
                raise ValueError("its parts do not fit together")
        except FileNotFoundError:
            pass
        except Exception as error:  # a damaged file can fail in any way
            _log.warning("the summaries' vectors %s are made anew: %s", self._file, error)
        else:
            return [key.tobytes() for key in keys], vectors
        return [], np.empty((0, _minilm.DIMENSION), np.float16)

    def _save(self, held: _Held) -> None:
        """Keeps the vectors for the next start, in one step; a full disk is only logged."""
        unfinished = self._file.with_name(f"{self._file.name}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            keys = np.frombuffer(b"".join(held.keys[: held.ready]), np.uint8).reshape(-1, _KEY)
            with unfinished.open("wb") as file:
                np.savez(
                    file,
                    label=np.array([_FORMAT, _minilm.VERSION]),
                    keys=keys,
                    vectors=held.vectors[: held.ready],
                )
            os.replace(unfinished, self._file)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            _log.warning("the summaries' vectors %s could not be kept: %s", self._file, error)
