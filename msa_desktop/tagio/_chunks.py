"""Files made of chunks (IFF and RIFF): where each chunk lies, however honest the sizes are.

WAV: Multimedia Programming Interface and Data Specifications 1.0 (Microsoft, IBM, 1991); RF64 and
BW64 beyond 4 GB: EBU Tech 3306, ITU-R BS.2088. AIFF: Audio Interchange File Format 1.3 (Apple).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from msa_desktop.tagio._base import Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._pieces import length_of, merged

UNKNOWN = 0xFFFFFFFF
"""A size that the writer did not know yet, or one that stands in RF64's ds64 chunk."""

_HEADER = 8
_MOST = 10_000  # chunks; a file of nothing but empty ones would fill the memory
_DS64 = 28  # bytes it has at least: sizes of file and sound, samples, length of its table


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk.

    Attributes:
        name: Its four characters.
        offset: Where its header begins.
        size: Bytes of content, as far as the file has them.
        padding: Bytes behind an odd content: 1, or 0 where the writer forgot it.
        cut: Whether it says to be longer than its container. Its content then ends the file.
    """

    name: bytes
    offset: int
    size: int
    padding: int = 0
    cut: bool = False

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.offset + _HEADER

    @property
    def end(self) -> int:
        """The first byte behind its content."""
        return self.body + self.size

    @property
    def next(self) -> int:
        """Where the next chunk begins."""
        return self.end + self.padding


@dataclass(frozen=True, slots=True)
class Container:
    """A whole file of chunks.

    Attributes:
        kind: "WAVE", "AIFF" or "AIFC".
        big_endian: Whether the first byte of a number is its highest.
        claimed: What the file says its size is, without its first 8 bytes; 0 or `UNKNOWN` where it
            was streamed.
        chunks: In the file's order.
        long_size: Where RF64's chunk of long sizes holds the claimed size, if it does.
    """

    kind: bytes
    big_endian: bool
    claimed: int
    chunks: tuple[Chunk, ...]
    long_size: int | None = None

    @property
    def end(self) -> int:
        """The first byte behind the last chunk."""
        return self.chunks[-1].next if self.chunks else 12

    def bytes_of(self, number: int, length: int = 4) -> bytes:
        """A number as the file writes it."""
        return number.to_bytes(length, "big" if self.big_endian else "little")


def kind_of(source: Source) -> bytes:
    """Which of the kinds of `Container` a file is, or nothing."""
    head = source.head()[:12]
    form, kind = head[:4], head[8:]
    if form in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return kind if kind == b"WAVE" else b""
    return kind if form == b"FORM" and kind in (b"AIFF", b"AIFC") else b""


def container(source: Source) -> Container:
    """Finds a file's chunks.

    Behind the end that the file claims only chunks of tags count: writers have added them without
    saying so. Anything else there is no part of it.

    Raises:
        TagError: It is none, or it is damaged.
    """
    kind = kind_of(source)
    if not kind:
        raise TagError("This is no WAV or AIFF file.")
    form = source.read(0, 4)
    big_endian = form in (b"FORM", b"RIFX")
    claimed = _number(source, 4, big_endian)
    long_sizes: dict[bytes, int] = {}
    long_size = None
    if form in (b"RF64", b"BW64"):
        total, long_sizes = _long_sizes(source)
        if claimed == UNKNOWN:
            claimed, long_size = total, 12 + _HEADER
    told = 0 if claimed in (0, UNKNOWN) else _HEADER + claimed
    chunks = []
    for chunk in walk(source, 12, source.size, big_endian, long_sizes, told=told):
        outside = told and chunk.offset >= told
        if outside and (chunk.cut or chunk.name not in (b"id3 ", b"ID3 ", b"LIST")):
            break
        chunks.append(chunk)
    return Container(kind, big_endian, claimed, tuple(chunks), long_size)


def _number(source: Source, offset: int, big_endian: bool) -> int:
    return int.from_bytes(source.read(offset, 4), "big" if big_endian else "little")


def _long_sizes(source: Source) -> tuple[int, dict[bytes, int]]:
    """The file's size and those of its chunks that 32 bits cannot hold."""
    if source.read(12, 4) != b"ds64":
        raise damaged("The file's sizes are missing (its ds64 chunk): it is damaged.")
    length = int.from_bytes(source.read(16, 4), "little")
    raw = source.read(20, _DS64)
    entries = int.from_bytes(raw[24:], "little")
    if entries > _MOST or _DS64 + 12 * entries > length:
        raise damaged("The file's table of sizes (its ds64 chunk) is damaged.")
    table = source.read(20 + _DS64, 12 * entries)
    sizes = {
        table[at : at + 4]: int.from_bytes(table[at + 4 : at + 12], "little")
        for at in range(0, len(table), 12)
    }
    sizes[b"data"] = int.from_bytes(raw[8:16], "little")
    return int.from_bytes(raw[:8], "little"), sizes


def walk(
    source: Source,
    begin: int,
    end: int,
    big_endian: bool,
    long_sizes: dict[bytes, int] | None = None,
    *,
    told: int,
) -> Iterator[Chunk]:
    """The chunks between two places, up to the first thing that is none.

    Args:
        source: The file.
        begin: Where the first begins.
        end: The first byte behind what holds them.
        big_endian: Whether the first byte of a number is its highest.
        long_sizes: Sizes of chunks whose own say `UNKNOWN`.
        told: Where the file says that they end; 0 where it does not say. A sound that should end
            there but has no bytes was never told its size, and has all the rest.

    Raises:
        TagError: There are more than any music file has.
    """
    for _ in range(_MOST):
        if end - begin < _HEADER or not _is_name(name := source.read(begin, 4)):
            return
        size = _number(source, begin + 4, big_endian)
        if size == UNKNOWN and long_sizes:
            size = long_sizes.get(name, size)
        rest = end - begin - _HEADER
        endless = size == 0 and name in (b"data", b"SSND") and told <= begin + _HEADER and rest
        if size > rest or endless:
            yield Chunk(name, begin, rest, cut=True)
            return
        chunk = Chunk(name, begin, size)
        if size % 2 and chunk.end < end:
            # Careless writers have the next chunk right behind an odd one.
            unpadded = not _fits(source, chunk.end + 1, end, big_endian) and _fits(
                source, chunk.end, end, big_endian
            )
            chunk = replace(chunk, padding=0 if unpadded else 1)
        yield chunk
        begin = chunk.next
    raise damaged("The file has more parts than any music file: it is damaged.")


def _is_name(raw: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in raw)


def _fits(source: Source, offset: int, end: int, big_endian: bool) -> bool:
    """Whether a whole chunk could begin there."""
    if end - offset < _HEADER or not _is_name(source.read(offset, 4)):
        return False
    return _number(source, offset + 4, big_endian) <= end - offset - _HEADER


class Layout:
    """A changed file of chunks: what is replaced where, and the sizes that follow from it."""

    def __init__(self, source: Source, box: Container) -> None:
        self._source = source
        self._box = box
        self._changes: list[tuple[int, int, tuple[Piece, ...]]] = []
        self._tail = box.chunks[-1].size % 2 - box.chunks[-1].padding  # padding that it lacks

    def replace(self, offset: int, length: int, *new: Piece) -> int:
        """Puts something in the place of a stretch; gives the bytes gained."""
        self._changes.append((offset, length, new))
        return length_of(new) - length

    def resize(self, chunk: Chunk, gained: int) -> None:
        """Has a chunk say its new size, and pads it, once its content was replaced."""
        if not gained:
            return
        size = chunk.size + gained
        self.replace(chunk.offset + 4, 4, self._box.bytes_of(size))
        if chunk.padding != size % 2:
            self.replace(chunk.end, chunk.padding, bytes(size % 2))
        if chunk == self._box.chunks[-1]:
            self._tail = 0

    def swap(self, chunk: Chunk, content: bytes) -> int:
        """Puts another content, or without any no chunk at all, in a chunk's place."""
        new = self._chunk(chunk.name, content) if content else ()
        if chunk == self._box.chunks[-1]:
            self._tail = 0
        return self.replace(chunk.offset, chunk.next - chunk.offset, *new)

    def add(self, name: bytes, *content: Piece) -> None:
        """Adds a chunk behind all others.

        Where the last one is cut off, or is a sound that was never told its size, all that follows
        belongs to it: the new one goes before it.
        """
        last = self._box.chunks[-1]
        if last.cut:
            self.replace(last.offset, 0, *self._chunk(name, *content))
        else:
            self.replace(self._box.end, 0, bytes(self._tail), *self._chunk(name, *content))

    def _chunk(self, name: bytes, *content: Piece) -> tuple[Piece, ...]:
        size = length_of(content)
        return (name + self._box.bytes_of(size), *content, bytes(size % 2))

    def pieces(self) -> tuple[Piece, ...]:
        """The whole changed file, its own size right.

        Raises:
            TagError: It would become larger than its form can say.
        """
        self._tell_size()
        pieces: list[Piece] = []
        at = 0
        for offset, length, new in sorted(self._changes, key=lambda change: change[0]):
            pieces += [Keep(at, offset - at), *new]
            at = offset + length
        return merged([*pieces, Keep(at, self._source.size - at)])

    def _tell_size(self) -> None:
        box = self._box
        gained = sum(length_of(new) - length for _, length, new in self._changes)
        streamed = box.claimed in (0, UNKNOWN)
        if box.chunks[-1].cut:
            if streamed:
                return  # still as unknown as it was
            size = box.claimed + gained
        else:
            # Bytes that are no chunk may lie within the claimed size, and stay there.
            inside = not streamed and box.claimed + _HEADER <= self._source.size
            size = max(box.end, box.claimed + _HEADER if inside else 0) + gained - _HEADER
        if box.long_size is not None:
            self.replace(box.long_size, 8, box.bytes_of(size, 8))
        elif size < UNKNOWN:
            self.replace(4, 4, box.bytes_of(size))
        else:
            raise TagError("The file would become larger than the 4 GB that its form allows.")
