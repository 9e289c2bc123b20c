"""Builds a reference index from a folder of audio and a table of what it is.

Every file's vector is kept on disk as it comes, with the file's size and time, so a build that was
ended or killed goes on where it was.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np

from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, ReferenceProgress
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray, TrackId
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services import listening
from msa_desktop.services.listening import MakePool
from msa_desktop.services.reference_tables import AudioRow
from msa_desktop.store.reference import ReferenceTrack, check_room

_TELL_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the files of a table.

    Attributes:
        vectors: Shape (n, dimension): of the files that could be heard.
        tracks: One for each vector.
        failed: The others: path and reason.
        known: How many had been heard by a build that was ended.
    """

    vectors: FloatArray
    tracks: list[ReferenceTrack]
    failed: list[tuple[str, str]]
    known: int


def hear(
    folder: Path,
    rows: Iterable[AudioRow],
    encoder: EncoderFacts,
    kept: Path,
    make_pool: MakePool,
    tell: Callable[[int, int], None],
    cancel: CancelToken,
) -> Heard:
    """Has every file heard.

    Args:
        folder: The paths of `rows` are below it.
        rows: The files, in the order of the index.
        encoder: Who is to hear them.
        kept: The file that holds what was heard; what an ended build left in it is used.
        make_pool: Makes the worker processes.
        tell: Told how many files are done, of how many.
        cancel: Looked at several times a second.

    Raises:
        UserError: The encoder cannot be run here, somebody else is building this index, or it
            would be too large.
        Cancelled: The person ended it; what was heard is kept.
        OSError: `kept` cannot be written.
    """
    rows = list(rows)
    stamps = [_stamp(folder / row.path) for row in rows]
    present = [row.track for row, stamp in zip(rows, stamps, strict=True) if stamp is not None]
    check_room(present, encoder.dimension)
    with _Kept(kept, encoder) as notes:
        wanted = {
            number: str(folder / row.path)
            for number, (row, stamp) in enumerate(zip(rows, stamps, strict=True))
            if stamp is not None and stamp not in notes.vectors
        }
        failed = [
            (row.path, "The file is not there.")
            for row, stamp in zip(rows, stamps, strict=True)
            if stamp is None
        ]
        known = len(present) - len(wanted)
        tell(known, len(present))
        tasks = [
            Task(TrackId(number), path, Work.LISTEN, (encoder,)) for number, path in wanted.items()
        ]
        with closing(listening.outcomes(tasks, make_pool, cancel)) as outcomes:
            for done, outcome in enumerate(outcomes, 1):
                if outcome.unusable:
                    raise UserError(next(iter(outcome.unusable.values())))
                number = outcome.task.track_id
                vector = next(
                    (e.vector for e in outcome.embeddings if e.encoder == encoder.id), None
                )
                stamp = stamps[number]
                if vector is None or stamp is None:
                    failed.append((rows[number].path, outcome.failure or "It could not be heard."))
                else:
                    notes.add(stamp, vector)
                tell(known + done, len(present))
        pairs = [
            (notes.vectors[stamp], row.track)
            for row, stamp in zip(rows, stamps, strict=True)
            if stamp in notes.vectors
        ]
    vectors = np.array([vector for vector, _ in pairs], np.float32)
    return Heard(
        vectors.reshape(len(pairs), encoder.dimension), [t for _, t in pairs], failed, known
    )


def lock_of(kept: Path) -> Path:
    """The lock of the one who builds, beside what is kept."""
    return kept.with_name(f"{kept.name}.lock")


@contextmanager
def telling(events: EventBus, name: str) -> Iterator[Callable[[int, int], None]]:
    """Yields what tells of progress, not too often; tells the end, however it came."""
    last = ReferenceProgress(name, 0, 0)
    told_at = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last, told_at
        last = ReferenceProgress(name, done, total)
        if time.monotonic() - told_at >= _TELL_EVERY:
            told_at = time.monotonic()
            events.publish(last)

    try:
        yield tell
    finally:
        events.publish(ReferenceProgress(name, last.done, last.total, running=False))


def _stamp(path: Path) -> str | None:
    """What a file is known by: another one of its name is heard again. None: not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # a NUL is in no path
        return None
    return f"{path} {found.st_size} {found.st_mtime_ns}"


class _Kept:
    """The vectors heard so far, by stamp: a file of lines, each written in one go.

    A line that a kill cut short is the last, and is passed over. Vectors of another encoder or
    version are of no use: the file begins anew.
    """

    def __init__(self, path: Path, encoder: EncoderFacts) -> None:
        self.vectors: dict[str, FloatArray] = {}
        self._path = path
        self._dimension = encoder.dimension
        self._head = f"{json.dumps([encoder.id, encoder.version, encoder.dimension])}\n".encode()
        self._lock = filelock.FileLock(lock_of(path), timeout=0)

    def __enter__(self) -> _Kept:
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise UserError(
                "This reference index is being built already. Wait for that, or stop it."
            ) from None
        self._file = self._path.open("a+b")
        self._file.seek(0)
        good = 0
        if self._file.readline() == self._head:
            good = len(self._head)
            for line in self._file:
                if not self._take(line):
                    break
                good += len(line)
        self._file.truncate(good)
        if not good:
            self._write(self._head)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()

    def add(self, stamp: str, vector: FloatArray) -> None:
        """Keeps one."""
        vector = np.asarray(vector, "<f4")
        coded = base64.b64encode(vector.tobytes()).decode()
        self._write(f"{json.dumps([stamp, coded])}\n".encode())
        self.vectors[stamp] = vector

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()  # to the system: a kill loses at most this line

    def _take(self, line: bytes) -> bool:
        """Takes over what an ended build left; False for what is no whole line."""
        try:
            stamp, coded = json.loads(line)
            vector = np.frombuffer(base64.b64decode(coded), "<f4")
        except (ValueError, TypeError):
            return False
        if len(vector) != self._dimension or not line.endswith(b"\n"):
            return False
        self.vectors[stamp] = vector
        return True
