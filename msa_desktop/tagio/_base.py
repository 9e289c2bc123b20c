"""The contract of a file format: how its tags are read, and how a changed file is laid out.

A format never writes. It looks at a `Source` and lays out the changed file as pieces: stretches of
the original kept as they are, and new bytes between them. `safe_write` composes the copy from the
pieces, and from the same pieces comes what gives the original bytes back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange

HEAD = 4096
"""Bytes of a file's beginning by which a format knows it."""


class TagError(UserError):
    """A file's tags could not be read or laid out. The message says why, for a person."""


def damaged(what: str) -> TagError:
    """What to raise for a file that is broken: what is wrong with it, and what can be done."""
    return TagError(f"{what} Replace the file with a whole copy of it, then try again.")


class Source:
    """A file's bytes, read at any place; its size is what it was when it was opened.

    Args:
        handle: File descriptor, open for reading; the caller closes it.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.size = os.fstat(handle).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes.

        Raises:
            TagError: The file ends before, or got shorter.
            OSError: The system cannot read it.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise damaged("The file ends in the middle of its tags: it is cut off or damaged.")
        parts = []
        while length:
            part = _read_at(self._handle, length, offset)
            if not part:
                raise TagError("The file got shorter while it was read. Try again.")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def head(self) -> bytes:
        """The first `HEAD` bytes, or all of a smaller file."""
        return self.read(0, min(HEAD, self.size))


def _read_at(handle: int, length: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, length, offset)
    os.lseek(handle, offset, os.SEEK_SET)  # Windows; a Source is used by one thread
    return os.read(handle, length)


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """A file to read from.

    Raises:
        TagError: It is no file with bytes of its own: a pipe or a device.
        OSError: It cannot be opened.
    """
    # O_NONBLOCK: a pipe must not keep us waiting for somebody to write into it.
    names = ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK")
    handle = os.open(path, os.O_RDONLY | sum(getattr(os, name, 0) for name in names))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise TagError("This is no ordinary file: it holds no music.")
        yield Source(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Keep:
    """A stretch of the original file that stays as it is (though perhaps at another place)."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.length


Piece = Keep | bytes
"""A part of the changed file: a stretch of the original, or new bytes."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed file, laid out.

    Attributes:
        pieces: The whole new file, in order. Every stretch of the original that is to stay is a
            `Keep`, above all the sound and pictures, so that taking the change back costs little.
        frames: The frames that differ, for people. Empty: the file says all of it already.
    """

    pieces: tuple[Piece, ...]
    frames: tuple[FrameChange, ...]


class Format(Protocol):
    """What each module in `tagio` without an underscore is: one family of file formats.

    Every function may be given a damaged or hostile file: sizes are checked before they are
    believed, nothing is recursive without a bound, and memory stays near the size of the tags.
    """

    NAME: str
    """The family, for people: "MP3", "FLAC", "WAV and AIFF"."""

    EXTENSIONS: frozenset[str]
    """File name extensions (lower case, with the dot) to try this format on first."""

    def knows(self, source: Source) -> bool:
        """Whether this is such a file, by its content."""

    def read(self, source: Source) -> dict[Field, tuple[str, ...]]:
        """Every tag of `base.fields` that the file has, by `Field`; those it lacks are left out.

        Every common way of writing a tag is understood. Values come as the file has them, but for
        what its format demands (an ID3 genre "(17)" is "Rock").

        Raises:
            TagError: The tags are damaged.
        """

    def edit(self, source: Source, changes: FieldValues) -> Edit:
        """Lays out the file with some tags changed; every other byte of tags and sound stays.

        Args:
            source: The original.
            changes: Values by tag, already `cleaned`; an empty tuple removes the tag.

        Raises:
            TagError: The file is damaged in a way that makes a change unsafe, or its format
                cannot hold this.
        """

    def sound(self, source: Source) -> Iterator[tuple[int, int]]:
        """Where the sound lies: each stretch of coded sound and of the codec's parameters.

        Yields:
            (offset, length), in order. The bytes of all, end to end, must be the same before and
            after a change.
        """

    def others(self, source: Source, changes: FieldValues) -> Mapping[str, bytes]:
        """Everything in the tags that `changes` does not speak of, to be equal before and after.

        Returns:
            A name for each (made unique with a number where it repeats) and its bytes, or a hash
            of them where they are many: other frames, pictures, ReplayGain, unknown chunks.
        """
