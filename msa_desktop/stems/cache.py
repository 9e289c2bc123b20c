"""The folder of stems: one folder a track or part of one, the longest unused going first.

What is being made lies in `.incoming`, under a lock: one separation at a time in a data folder,
whoever asks for it. It is moved into place as a whole, so what a killed program leaves is only ever
there, and goes before the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock
from pydantic import ValidationError

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray, display_path
from msa_desktop.stems.record import INSTRUMENTAL, VOCALS, Record
from msa_desktop.stems.wave import HEADER, SAMPLE, samples

_RECORD = "stems.json"
_INCOMING = ".incoming"
_TICK = 0.2  # seconds between two tries for the lock


def stem_file(folder: Path, name: str) -> Path:
    """Where a stem's sound is."""
    return folder / f"{name}.wav"


@dataclass(frozen=True, slots=True)
class StemSet:
    """The stems of a track, or of a part of it.

    Attributes:
        folder: Where they are. It may go when others are made.
        record: What is known of them.
    """

    folder: Path
    record: Record

    def file(self, name: str) -> Path:
        """A stem's WAV file: 32-bit floats, samples from `wave.HEADER` on."""
        return stem_file(self.folder, name)

    def sound(self, name: str, begin: int = 0, end: int | None = None) -> FloatArray:
        """A stem's samples, or those of the instrumental; shape (n, channels).

        Raises:
            UserError: The stems are not there any more.
        """
        names = [name]
        if name == INSTRUMENTAL:
            names = [source for source in self.record.sources if source != VOCALS]
        try:
            parts = [samples(self.file(n), self.record.channels, begin, end) for n in names]
        except (OSError, ValueError) as error:
            raise UserError("These stems are not there any more. Separate them again.") from error
        total = parts[0]
        for part in parts[1:]:
            total += part
        return total


class Cache:
    """Keeps stems, up to a size.

    Args:
        root: Its folder; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, key: str) -> StemSet | None:
        """The stems made under a key, which count as used now; None where there are none."""
        folder = self._root / key
        found = _read(folder)
        if found is not None:
            with suppress(OSError):
                os.utime(folder / _RECORD)
        return found

    @contextmanager
    def making(self, cancel: CancelToken) -> Iterator[Path]:
        """An empty folder to make stems in; it is gone afterwards.

        Raises:
            UserError: The folder cannot be used.
            Cancelled: The person ended it while another separation was waited for.
        """
        incoming = self._root / _INCOMING
        with _usable(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._root / f"{_INCOMING}.lock")
            while True:
                cancel.check()
                with suppress(filelock.Timeout):
                    lock.acquire(timeout=_TICK)
                    break
        try:
            shutil.rmtree(incoming, ignore_errors=True)
            with _usable(incoming):
                incoming.mkdir()
            yield incoming
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
            lock.release()

    def keep(self, key: str, folder: Path, record: Record) -> StemSet:
        """Takes over what was made in the folder of `making`, in one step.

        Raises:
            UserError: The folder cannot be used.
        """
        place = self._root / key
        with _usable(place):
            (folder / _RECORD).write_text(record.model_dump_json(), "utf-8")
            shutil.rmtree(place, ignore_errors=True)
            os.replace(folder, place)
        return StemSet(place, record)

    def make_room(self, limit: int, spare: str = "") -> None:
        """Lets the longest unused go until no more than `limit` bytes are left.

        Stems that a player has open stay where the system does not let them go.

        Args:
            limit: Bytes.
            spare: The key of stems that stay whatever they take.

        Raises:
            UserError: The folder cannot be read.
        """
        held = sorted((used, size, folder) for folder, used, size in self._entries())
        total = sum(size for _, size, _ in held)
        for _, size, folder in held:
            if total <= limit:
                return
            if folder.name != spare and _remove(folder):
                total -= size

    def size(self) -> int:
        """Bytes of everything that is kept.

        Raises:
            UserError: The folder cannot be read.
        """
        return sum(size for _, _, size in self._entries())

    def _entries(self) -> Iterator[tuple[Path, float, int]]:
        """Each folder of stems, when it was last used, and its bytes."""
        if not self._root.is_dir():
            return
        with _usable(self._root):
            folders = list(self._root.iterdir())
        for folder in folders:
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            with suppress(OSError):
                sizes = [path.stat().st_size for path in folder.iterdir()]
                record = folder / _RECORD
                used = record.stat().st_mtime if record.exists() else 0.0
                yield folder, used, sum(sizes)


def _read(folder: Path) -> StemSet | None:
    """What a folder holds; None unless all of it is there."""
    try:
        record = Record.model_validate_json((folder / _RECORD).read_bytes())
        size = HEADER + SAMPLE * record.channels * record.samples
        whole = all(stem_file(folder, name).stat().st_size == size for name in record.sources)
    except (OSError, ValidationError):
        return None
    return StemSet(folder, record) if whole else None


def _remove(folder: Path) -> bool:
    """Takes stems away, the record first: half of them must not look like all."""
    try:
        (folder / _RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except OSError:
        return False
    return True


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{display_path(str(error.filename or folder))} cannot be used: "
            f"{error.strerror or error}."
        ) from error
