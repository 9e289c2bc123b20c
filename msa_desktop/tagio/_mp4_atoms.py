"""Atoms, of which MP4 files are made: where each lies, and how new ones are written.

An atom is its size (4 bytes, of all of it), its kind (4 characters) and its content. Size 1: the
size follows the kind in 8 bytes. Size 0: it ends with the file.
ISO/IEC 14496-12 (there they are boxes); QuickTime File Format (Apple).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from msa_desktop.tagio._base import Source, TagError, damaged

REST = b""
"""The kind of what stands behind the last atom and is none: an end mark, other tags, a part of one
that the file cuts off."""

PADDING = (b"free", b"skip")

_MOST = 2_000_000  # atoms looked at for one answer; a long stream in fragments has some 100,000
_DEEPEST = 10
_STRUCTURE = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mfra"))
_CONTAINERS = _STRUCTURE | {b"dinf", b"edts", b"udta", b"meta", b"ilst"}


@dataclass(frozen=True, slots=True)
class Atom:
    """One atom.

    Attributes:
        kind: Its four characters, or `REST`.
        offset: Where its header begins.
        length: Bytes it has, header and content, as far as the file has them.
        head: Bytes of its header.
    """

    kind: bytes
    offset: int
    length: int
    head: int

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.offset + self.head

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.length


class Atoms:
    """Finds the atoms of a file.

    Attributes:
        source: The file.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._seen = 0

    def top(self) -> list[Atom]:
        """Those that are in no other. The sound (`mdat`) may be cut off by the file's end.

        Raises:
            TagError: The header with the tags is.
        """
        return list(self._between(0, self.source.size, outermost=True))

    def children(self, parent: Atom) -> list[Atom]:
        """Those directly in another.

        Raises:
            TagError: One is larger than what holds it, or smaller than its own header.
        """
        body = parent.body
        # Version and flags are zeros; QuickTime has none, and an atom's size stands there.
        if parent.kind == b"meta" and self.source.read(body, min(4, parent.end - body)) == bytes(4):
            body += 4
        return list(self._between(body, parent.end))

    def leaves(self, parent: Atom, path: tuple[bytes, ...] = ()) -> Iterator[tuple[str, Atom]]:
        """All in another, at any depth, that hold no further atoms: ("moov/trak/tkhd", atom).

        What is no structure of the sound and cannot be taken apart counts as one leaf.

        Raises:
            TagError: The structure of the sound is damaged.
        """
        path = (*path, parent.kind)
        if len(path) > _DEEPEST:
            raise damaged("The file's atoms are nested deeper than any music needs.")
        try:
            children = self.children(parent)
        except TagError:
            if parent.kind in _STRUCTURE:
                raise
            yield path_name(path), parent
            return
        for child in children:
            if child.kind in _CONTAINERS:
                yield from self.leaves(child, path)
            else:
                yield path_name((*path, child.kind)), child

    def _between(self, at: int, end: int, *, outermost: bool = False) -> Iterator[Atom]:
        while end - at >= 8:
            size, kind = struct.unpack(">I4s", self.source.read(at, 8))
            head = 8
            if size == 1 and end - at >= 16:
                size, head = int.from_bytes(self.source.read(at + 8, 8), "big"), 16
            elif size == 0:
                if not outermost:
                    break  # QuickTime ends user data with a zero
                size = end - at
            if size > end - at and outermost and kind != b"moov":
                if kind != b"mdat":
                    break
                size = end - at
            if not head <= size <= end - at:
                if outermost and size < head:
                    break  # other tags at the file's end
                raise damaged("The file's header is damaged, or cut off: a part does not fit in.")
            self._seen += 1
            if self._seen > _MOST:
                raise damaged("The file has more atoms than any music file: it is damaged.")
            yield Atom(kind, at, size, head)
            at += size
        if at < end:
            yield Atom(REST, at, end - at, 0)


def path_name(path: tuple[bytes, ...]) -> str:
    """A path for people: "moov/udta/meta"."""
    return "/".join(kind.decode("latin-1") or "rest" for kind in path)


def header(kind: bytes, length: int) -> bytes:
    """The header of an atom of this length, in bytes with its header."""
    if length < 1 << 32:
        return struct.pack(">I4s", length, kind)
    return struct.pack(">I4sQ", 1, kind, length)


def atom(kind: bytes, content: bytes) -> bytes:
    """A new atom, of less than 4 GB."""
    return header(kind, len(content) + 8) + content
