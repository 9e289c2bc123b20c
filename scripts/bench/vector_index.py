#!/usr/bin/env python3
"""Measures the vector index: vector_index.py [--tracks N] [--dimension D] [--like KIND].

The vectors are made up and stored in a library of the program's own. KIND says how:

    music    artists, albums and tracks, each a variation of the one before, with a spectrum that
             falls as one over the dimension, rotated; its nearest cosines and the share of its few
             strong dimensions are near those of real encoders
    random   every dimension by itself: no library is so, and no index finds much in it
    FILE     a NumPy file of real vectors (n, D): one of them, and a part of the difference of two
             others

Prints processor and clock time in milliseconds (median, worst), memory, and recall@10: how many of
the ten nearest, found by comparing all, the index names. With --keep the library stays in FOLDER
and is used again.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

# One thread: a search needs no more.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import psutil

from msa_desktop.base.model import FloatArray
from msa_desktop.store.db import Database
from msa_desktop.store.vector_rows import VectorRows
from msa_desktop.store.vector_standard import measure, unit
from msa_desktop.store.vectors import VectorIndex

_BATCH = 10_000
_ENCODER = "bench"
_QUERIES = 100
_NEAREST = 10


def music(dimension: int) -> Callable[[int], FloatArray]:
    """Makes tracks in the order of their albums."""
    chance = np.random.default_rng(1)
    turn = np.linalg.qr(chance.standard_normal((dimension, dimension)))[0]
    mix = (turn * (np.arange(dimension) + 2.0) ** -0.5).T.astype(np.float32)

    def make(count: int) -> FloatArray:
        track = chance.standard_normal((count, dimension), dtype=np.float32)
        album = chance.standard_normal((count // 10 + 1, dimension), dtype=np.float32)
        artist = chance.standard_normal((count // 30 + 1, dimension), dtype=np.float32)
        number = np.arange(count)
        made: FloatArray = (
            0.67 * artist[number // 30] + 0.45 * album[number // 10] + 0.59 * track
        ) @ mix
        return made

    return make


def random(dimension: int) -> Callable[[int], FloatArray]:
    """Makes tracks that have nothing in common."""
    chance = np.random.default_rng(1)
    return lambda count: chance.standard_normal((count, dimension), dtype=np.float32)


def varied(real: FloatArray) -> Callable[[int], FloatArray]:
    """Makes tracks out of real ones."""
    chance = np.random.default_rng(1)

    def make(count: int) -> FloatArray:
        one, other, third = chance.integers(0, len(real), (3, count))
        made: FloatArray = real[one] + np.float32(0.4) * (real[other] - real[third])
        return made

    return make


def fill(path: Path, count: int, make: Callable[[int], FloatArray]) -> None:
    """Stores so many vectors, without the tracks: an index asks for none."""
    with closing(sqlite3.connect(path)) as connection:
        for start in range(0, count, _BATCH):
            vectors = make(min(_BATCH, count - start))
            connection.executemany(
                "INSERT INTO vectors (track_id, encoder, version, dimension, vector, generation)"
                " VALUES (?1, ?2, '1', ?3, ?4, ?1)",
                [
                    (start + n + 1, _ENCODER, vectors.shape[1], vector.tobytes())
                    for n, vector in enumerate(vectors)
                ],
            )
            connection.execute(
                "UPDATE counters SET value = ? WHERE name = 'vectors'", (start + len(vectors),)
            )
            connection.commit()


def show(name: str, act: Callable[[], object], runs: int = 1, note: str = "") -> None:
    """Runs something and prints one row."""
    processor, clock = [], []
    for _ in range(runs):
        before, began = time.process_time(), time.perf_counter()
        act()
        clock.append((time.perf_counter() - began) * 1000)
        processor.append((time.process_time() - before) * 1000)
    median, worst = statistics.median(clock), max(clock)
    print(
        f"{name:36} {statistics.median(processor):10.1f} {median:10.1f} {worst:10.1f}  {note}",
        flush=True,
    )


def nearest(truth: VectorRows, queries: FloatArray, *, raw: bool) -> np.ndarray:
    """The ids of each query's nearest, by comparing everything; shape (q, 11)."""
    standard = measure(part.values for part in truth.after(0))
    assert standard is not None
    wanted = unit(queries.copy()) if raw else standard.rows(queries)
    ids = np.zeros((len(queries), 0), dtype=np.int64)
    scores = np.zeros((len(queries), 0), dtype=np.float32)
    for part in truth.after(0):
        rows = unit(part.values.copy()) if raw else standard.rows(part.values)
        scores = np.concatenate([scores, wanted @ rows.T], axis=1)
        ids = np.concatenate([ids, np.tile(part.ids, (len(queries), 1))], axis=1)
        best = np.argsort(-scores, axis=1)[:, : _NEAREST + 1]
        ids, scores = np.take_along_axis(ids, best, 1), np.take_along_axis(scores, best, 1)
    return ids


def like_texts(truth: VectorRows, ids: np.ndarray, chance: np.random.Generator) -> FloatArray:
    """Vectors that lie far from all sounds, as texts do, each leaning towards three of them."""
    some = truth.of(ids).values
    away = unit(chance.standard_normal((1, some.shape[1]), dtype=np.float32))[0]
    texts = []
    for _ in range(_QUERIES):
        three = some[chance.integers(0, len(some), 3)]
        lean = unit(three.mean(axis=0, keepdims=True) - some.mean(axis=0))[0]
        texts.append(lean + 2 * away)
    return unit(np.array(texts, dtype=np.float32))


def recall(found: Iterator[np.ndarray], true: Iterator[np.ndarray]) -> float:
    """How many of the true ones were found."""
    return float(np.mean([np.isin(t, f).mean() for f, t in zip(found, true, strict=True)]))


def measure_index(db: Database, path: Path) -> None:
    """Built, kept, loaded, searched, caught up."""
    folder = path.parent
    index = VectorIndex(db, folder, _ENCODER, "1")
    process = psutil.Process()
    print(f"{'milliseconds':36} {'processor':>10} {'clock':>10} {'worst':>10}")
    before = process.memory_info().rss
    show("build", index.refresh)
    grown = (process.memory_info().rss - before) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before / 1e6
    print(f"memory: {grown:.0f} MB, at most {peak:.0f} MB while it was built")
    show("save", index.save)
    file = (folder / f"{_ENCODER}.npz").stat().st_size / 1e6
    fresh = VectorIndex(db, folder, _ENCODER, "1")
    show("load", fresh.refresh, note=f"a file of {file:.0f} MB")
    del fresh

    truth = VectorRows(db, _ENCODER, "1")
    chance = np.random.default_rng(2)
    some = chance.choice(index.ids(), _QUERIES, replace=False)
    for k in (_NEAREST, 200):
        turn = iter(some.tolist())
        show(f"search, k={k}", lambda turn=turn, k=k: index.search(next(turn), k), _QUERIES)  # type: ignore[misc]
    stored = truth.of(some)
    true = nearest(truth, stored.values, raw=False)
    own = [ids[ids != query][:_NEAREST] for ids, query in zip(true, stored.ids, strict=True)]
    found = [index.search(int(query), _NEAREST)[0] for query in stored.ids.tolist()]
    print(f"recall@{_NEAREST} {recall(iter(found), iter(own)):.4f}")

    texts = like_texts(truth, some, chance)
    turn_texts = iter(texts)
    show("search, raw", lambda: index.search(next(turn_texts), _NEAREST, raw=True), len(texts))
    found = [index.search(text, _NEAREST, raw=True)[0] for text in texts]
    true = nearest(truth, texts, raw=True)[:, :_NEAREST]
    print(f"recall@{_NEAREST}, raw {recall(iter(found), iter(true)):.4f}")

    with closing(sqlite3.connect(path)) as connection:
        for track_id in some[:5].tolist():
            connection.execute("DELETE FROM vectors WHERE track_id = ?", (track_id,))
            connection.commit()
            show("take over one removed", index.refresh)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--like", default="music", metavar="KIND")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    kinds = {"music": music, "random": random}
    if args.like in kinds:
        make = kinds[args.like](args.dimension)
    else:
        make = varied(np.load(args.like).astype(np.float32))
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "library.db"
        db = Database(path)
        held = VectorRows(db, _ENCODER, "1").count()
        if not held:
            fill(path, args.tracks, make)
        elif held > args.tracks or held < args.tracks - 100:  # some were removed, last time
            sys.exit(f"{path} holds {held} tracks.")
        (folder / f"{_ENCODER}.npz").unlink(missing_ok=True)
        measure_index(db, path)
        db.close()


if __name__ == "__main__":
    main()
