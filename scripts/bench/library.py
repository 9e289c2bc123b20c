"""Measures the library at 100,000 tracks, made up but stored by the program's own code.

    python scripts/bench/library.py [--tracks N] [--dimension D ...] [--keep FOLDER]

Prints one row a measurement: processor time (the median of some runs, comparable on a busy machine
too) and time on the clock (median and worst), all in milliseconds. With --keep the database stays
in FOLDER and is used again.
"""

from __future__ import annotations

import argparse
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sized
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import psutil

from msa_desktop.base.model import AudioInfo, Embedding, FileStamp, Reading, Tags, TrackId
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader
from msa_desktop.store.vector_rows import VectorRows
from msa_desktop.store.vectors import VectorIndex
from msa_desktop.store.writer import Writer

_BATCH = 1000
_GENRES = ("Rock", "Jazz", "Classical", "Electronic", "Folk", "Hip Hop", "Ambient", "Metal")
_LABELS = 50
_TYPED = ("b", "ba", "badag", "rock", "b d", "zzzzz")


class Words:
    """Makes up names. The same seed makes the same ones.

    Args:
        chance: The random numbers.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._known = ["".join(self._syllables()) for _ in range(20_000)]

    def _syllables(self) -> list[str]:
        pick = self._chance.choice
        return [pick("bcdfghjklmnprstvz") + pick("aeiou") for _ in range(pick((1, 2, 2, 3, 3, 4)))]

    def __call__(self, count: int) -> str:
        """So many words."""
        return " ".join(self._chance.choice(self._known) for _ in range(count)).title()


def stamps_and_tags(count: int) -> list[tuple[FileStamp, Tags]]:
    """Albums of a dozen tracks by `count`/100 artists, in a folder each."""
    chance = random.Random(1)  # noqa: S311
    words = Words(chance)
    artists = [words(2) for _ in range(max(1, count // 100))]
    made: list[tuple[FileStamp, Tags]] = []
    while len(made) < count:
        artist, album, genre = chance.choice(artists), words(2), chance.choice(_GENRES)
        year, folder = chance.randint(1950, 2025), f"/music/{artist}/{album} {len(made)}"
        for number in range(1, 13):
            title = words(3)
            path = f"{folder}/{number:02} {title}.mp3"
            tags = Tags(title, artist, album, artist, (genre,), year, number)
            made.append((FileStamp(path, chance.randint(10**6, 10**7), len(made)), tags))
    return made[:count]


def fill(db: Database, count: int) -> None:
    """Stores `count` tracks, read but not listened to yet."""
    files = stamps_and_tags(count)
    writer = Writer(db)
    root_id = writer.run(lambda conn: writes.add_root(conn, "/music"))
    ids: list[TrackId] = []

    def add(start: int, conn: sqlite3.Connection) -> None:
        batch = [stamp for stamp, _ in files[start : start + _BATCH]]
        ids.extend(writes.add_tracks(conn, root_id, batch))

    def read(start: int, conn: sqlite3.Connection) -> None:
        for number in range(start, min(start + _BATCH, count)):
            info = AudioInfo(60.0 + number % 400, "mp3", 44100, 2, 192_000)
            reading = Reading(info, files[number][1], number.to_bytes(16, "little"))
            writes.store_reading(conn, ids[number], reading)

    for name, step in (("add_tracks", add), ("store_reading", read)):

        def all_batches(step: Callable[[int, sqlite3.Connection], None] = step) -> None:
            for start in range(0, count, _BATCH):
                writer.run(partial(step, start))

        show(f"{name}, a track", [timed(all_batches, count)[0]])
    writer.close()


def store_vectors(db: Database, encoder: str, dimension: int) -> None:
    """Gives every track a vector and two rows of labels; tracks cluster around 200 centres."""
    chance = np.random.default_rng(1)
    centres = chance.standard_normal((200, dimension), dtype=np.float32)
    ids = TrackReader(db).ids(TrackQuery(sort=SortKey.ADDED))
    writer = Writer(db)

    def analyse(conn: sqlite3.Connection, batch: list[int]) -> None:
        for track_id in batch:
            noise = chance.standard_normal(dimension, dtype=np.float32)
            scores = chance.random((2, _LABELS), dtype=np.float32)
            labels = {"msd": scores[0], "mtt": scores[1]}
            vector = centres[track_id % 200] + noise
            writes.store_analysis(conn, track_id, [Embedding(encoder, "1", vector, labels)])

    def all_batches() -> None:
        for start in range(0, len(ids), _BATCH):
            writer.run(partial(analyse, batch=ids[start : start + _BATCH].tolist()))

    show(f"store_analysis x {dimension}, a track", [timed(all_batches, len(ids))[0]])
    writer.close()


def fail_some(db: Database) -> None:
    """Every hundredth track could not be analysed."""
    ids = TrackReader(db).ids(TrackQuery())[::100].tolist()

    def fail(conn: sqlite3.Connection) -> None:
        for track_id in ids:
            writes.store_failure(conn, track_id, "The file holds no sound.")

    writer = Writer(db)
    show("store_failure, a track", [timed(lambda: writer.run(fail), len(ids))[0]])
    writer.close()


Times = list[tuple[float, float]]  # (processor, clock) milliseconds of each run


def show(name: str, times: Times, note: str = "") -> None:
    """Prints one row of the table."""
    processor, clock = zip(*times, strict=True)
    print(
        f"{name:48} {statistics.median(processor):9.2f} {statistics.median(clock):9.2f} "
        f"{max(clock):9.2f}  {note}",
        flush=True,
    )


def timed(act: Callable[[], object], share: int = 1) -> tuple[tuple[float, float], object]:
    """Runs something once: its times, over `share`, and what it returned."""
    before, began = _processor_seconds(), time.perf_counter()
    found = act()
    clock, processor = time.perf_counter() - began, _processor_seconds() - before
    return (processor * 1000 / share, clock * 1000 / share), found


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(name: str, act: Callable[[], object], runs: int = 9, note: str = "") -> None:
    """Runs something several times and prints its row."""
    times: Times = []
    for _ in range(runs):
        taken, found = timed(act)
        times.append(taken)
    if not note and isinstance(found, Sized):
        note = f"{len(found)} found"
    show(name, times, note)


def measure_lists(reader: TrackReader) -> None:
    """Every sort, scope and kind of typed words."""
    for sort in SortKey:
        measure(f"ids by {sort}", lambda sort=sort: reader.ids(TrackQuery(sort=sort)))  # type: ignore[misc]
    measure("ids by artist, descending", lambda: reader.ids(TrackQuery(descending=True)))
    folder = reader.folders()[500].path
    for scope in Scope:
        query = TrackQuery(scope, folder if scope is Scope.FOLDER else "", sort=SortKey.ALBUM)
        measure(f"ids in scope {scope}", lambda query=query: reader.ids(query))  # type: ignore[misc]
    for typed in _TYPED:
        query = TrackQuery(words=typed)
        measure(f'ids with "{typed}" typed', lambda query=query: reader.ids(query))  # type: ignore[misc]
    with Busy():
        measure(
            'ids with "b" typed, Python busy in a thread', lambda: reader.ids(TrackQuery(words="b"))
        )
    ids = reader.ids(TrackQuery())
    middle = ids[len(ids) // 2 :]
    measure("get_many(200)", lambda: reader.get_many(middle[:200]))
    measure("labels_many(200)", lambda: reader.labels_many(middle[:200]))
    measure("get", lambda: [reader.get(int(middle[0]))])
    path = reader.get_many(middle[:1])[0].path
    measure("by_path", lambda: [reader.by_path(path)])
    measure("folders", reader.folders)
    measure("roots", reader.roots)
    measure("counts", lambda: [reader.counts()])
    measure("stamps", lambda: reader.stamps(1), runs=3)


class Busy:
    """Keeps Python itself busy in another thread, as a window that draws does."""

    def __enter__(self) -> None:
        self._stop = False
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop:
            sum(range(1000))

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()


def measure_index(db: Database, folder: Path, encoder: str, dimension: int) -> None:
    """One vector index: made, kept, loaded, searched, and caught up."""
    (folder / f"{encoder}.npz").unlink(missing_ok=True)
    index = VectorIndex(db, folder, encoder, "1")
    before = psutil.Process().memory_info().rss
    measure(f"index x {dimension}: build", index.refresh, runs=1)
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    measure(f"index x {dimension}: save", index.save, runs=1, note=f"{grown:.0f} MB in memory")

    def load() -> VectorIndex:
        fresh = VectorIndex(db, folder, encoder, "1")
        fresh.refresh()
        return fresh

    measure(f"index x {dimension}: load", load, runs=3)
    some = VectorRows(db, encoder, "1").stamps()[0][::997].tolist()
    turn = iter(some * 10)
    measure(f"index x {dimension}: search k=25", lambda: index.search(next(turn), 25)[0], runs=50)
    measure(f"index x {dimension}: search k=200", lambda: index.search(next(turn), 200)[0], runs=20)

    writer = Writer(db)
    reader = TrackReader(db)

    def change_one(label: str, change: Callable[[int, sqlite3.Connection], object]) -> None:
        times: Times = []
        for track_id in islice(turn, 9):
            writer.run(partial(change, track_id))
            times.append(timed(index.refresh)[0])
        show(f"index x {dimension}: {label}", times)

    def replace(track_id: int, conn: sqlite3.Connection) -> None:
        vector = reader.vector(track_id, encoder, "1")
        assert vector is not None
        writes.store_analysis(conn, track_id, [Embedding(encoder, "1", vector)])

    def add(track_id: int, conn: sqlite3.Connection) -> None:
        stamp = FileStamp(f"/music/new/{track_id}.mp3", 1, 1)
        (added,) = writes.add_tracks(conn, 1, [stamp])
        vector = np.ones(dimension, dtype=np.float32)
        writes.store_analysis(conn, added, [Embedding(encoder, "1", vector)])

    change_one("take over one added", add)
    change_one("take over one changed", replace)
    newest = reader.ids(TrackQuery(sort=SortKey.ADDED, descending=True))[:9].tolist()
    turn = iter(newest)
    change_one(
        "take over one removed", lambda track_id, conn: writes.remove_tracks(conn, [track_id])
    )
    index.save()
    measure(f"index x {dimension}: check", index.check, runs=1, note=str(index.check()))
    writer.close()


_COLD = """
import sys
from pathlib import Path
from msa_desktop.store.db import Database
from msa_desktop.store.vectors import VectorIndex
database, folder, encoder, track_id = sys.argv[1:]
index = VectorIndex(Database(Path(database)), Path(folder), encoder, "1")
print(index.search(int(track_id), 10))
"""


def measure_cold(path: Path, folder: Path, encoder: str) -> None:
    """A fresh process: imports, loads the kept index, answers one query."""
    some_id = VectorRows(Database(path), encoder, "1").stamps()[0][1234]
    command = [sys.executable, "-c", _COLD, str(path), str(folder), encoder, str(some_id)]
    measure(
        f"a fresh process finds similar ({encoder})",
        lambda: subprocess.run(command, check=True, capture_output=True).stdout,
        runs=5,
        note="whole process",
    )


def run(folder: Path, count: int, dimensions: list[int]) -> None:
    """Makes the library where it is not there, and prints the table."""
    path = folder / "library.db"
    made = path.exists()
    db = Database(path)
    print(f"{'milliseconds':48} {'processor':>9} {'clock':>9} {'worst':>9}")
    if not made:
        fill(db, count)
        for dimension in dimensions:
            store_vectors(db, f"bench{dimension}", dimension)
        fail_some(db)
    reader = TrackReader(db)
    measure("open", lambda: Database(path).close())
    measure_lists(reader)
    for dimension in dimensions:
        measure_index(db, folder / "indexes", f"bench{dimension}", dimension)
        measure_cold(path, folder / "indexes", f"bench{dimension}")
    print(f"{reader.counts().tracks} tracks, database {path.stat().st_size / 1e6:.0f} MB")
    db.close()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, nargs="+", default=[200, 400])
    parser.add_argument("--keep", type=Path, help="folder for the database and the indexes")
    wanted = parser.parse_args()
    if wanted.keep:
        run(wanted.keep, wanted.tracks, wanted.dimension)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), wanted.tracks, wanted.dimension)


if __name__ == "__main__":
    main()
