"""Measures writing tags into many files, and taking it back.

    python scripts/bench/tag_writing.py [--files N] [--megabytes M] [--formats mp3,flac,m4a]
        [--folder FOLDER]

Makes the files in a new folder inside FOLDER (the system's folder for temporary files, if none is
given: give one on a disk, not in memory), writes three tags into each, takes the batch back, checks
every file's bytes and removes it all. Prints a row a format: files a second on the clock, processor
time a file, and what the history takes of the files' size. Beside it, as the floor that the disk
sets: how fast the same files are copied and flushed by as many threads, with no proof of anything.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mutagen
import numpy as np
from mutagen.id3 import APIC, ID3, TCON, TIT2

from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.events import EventBus
from msa_desktop.base.fields import Field
from msa_desktop.base.history import Change
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting
from msa_desktop.store.journal import Journal

_RATE = 44_100
_CHANGE = {Field.GENRE: ("Jazz", "Cool Jazz"), Field.MOOD: ("calm",), Field.BPM: ("98",)}


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of the processor."""

    clock: float
    processor: float


def spent(work: Callable[[], object]) -> Spent:
    """What some work takes."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - clock, time.process_time() - processor)


def make_master(path: Path, size: int) -> None:
    """A tagged file of about `size` bytes: noise, which no codec can make small."""
    chance = np.random.default_rng(1)
    seconds = 2.0
    while True:
        noise = chance.uniform(-0.3, 0.3, (2, round(seconds * _RATE))).astype(np.float32)
        write(path, noise, _RATE, FORMS[path.suffix])
        made = path.stat().st_size
        if made > 0.9 * size:
            break
        seconds *= 1.02 * size / made
    if path.suffix == ".mp3":
        tags = ID3()
        cover = chance.bytes(100_000)
        tags.add(TIT2(encoding=3, text="Title"))
        tags.add(TCON(encoding=3, text="Rock"))
        tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=cover))
        tags.save(path)
    else:
        tagged = mutagen.File(path, easy=True)
        tagged["title"], tagged["genre"] = "Title", "Rock"
        tagged.save()


def digest(path: Path) -> bytes:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def copied_and_flushed(files: list[Path]) -> Spent:
    """Copies each file beside itself, flushes the copy and puts it in place."""

    def copy(path: Path) -> None:
        spare = path.with_suffix(".copy")
        shutil.copyfile(path, spare)
        handle = os.open(spare, os.O_RDWR)
        os.fsync(handle)
        os.close(handle)
        os.replace(spare, path)

    with ThreadPoolExecutor(8) as pool:
        return spent(lambda: list(pool.map(copy, files)))


def measure(extension: str, count: int, size: int, folder: Path) -> tuple[str, ...]:
    """One row of the table."""
    master = folder / f"master{extension}"
    make_master(master, size)
    original = digest(master)
    music = folder / f"music{extension}"
    music.mkdir()
    files = [Path(shutil.copyfile(master, music / f"{n:05}{extension}")) for n in range(count)]
    os.sync()
    total = count * master.stat().st_size

    journal = Journal(folder / f"history{extension}.db")
    writing = TagWriting(journal, Settings, EventBus(), lambda _written: None)
    changes = [Change(str(path), _CHANGE) for path in files]
    floor = copied_and_flushed(files)
    written = spent(lambda: check(writing.write(changes, "bench").left_alone))
    os.sync()
    kept = journal.size()
    stored = sum(path.stat().st_size for path in folder.glob(f"history{extension}.db*"))
    undone = spent(lambda: check(writing.undo(1).left_alone))
    journal.close()
    assert all(digest(path) == original for path in files), "not the original bytes"
    shutil.rmtree(music)
    return (
        extension[1:],
        f"{count}",
        f"{total / count / 1e6:.1f}",
        f"{count / floor.clock:.0f}",
        f"{count / written.clock:.0f}",
        f"{1e3 * written.processor / count:.1f}",
        f"{count / undone.clock:.0f}",
        f"{1e3 * undone.processor / count:.1f}",
        f"{100 * kept / total:.4f}",
        f"{100 * stored / total:.4f}",
    )


def check(left_alone: tuple[tuple[str, str], ...]) -> None:
    """Fails where a file was not dealt with."""
    assert not left_alone, left_alone[:3]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--formats", default="mp3,flac,m4a")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    heads = (
        "format", "files", "MB each", "copies/s", "written/s", "CPU ms", "undone/s", "CPU ms",
        "deltas %", "history %",
    )  # fmt: skip
    print(" ".join(f"{head:>10}" for head in heads))
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for name in asked.formats.split(","):
            row = measure(f".{name}", asked.files, round(asked.megabytes * 1e6), Path(folder))
            print(" ".join(f"{cell:>10}" for cell in row))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
