"""ID3v2.2, 2.3 and 2.4 as bytes: where a tag lies and where its frames lie in it.

Standards: id3.org/id3v2-00, id3.org/id3v2.3.0, id3.org/id3v2.4.0-structure.

Unsynchronisation puts a zero behind each FF that could be taken for sound. In 2.4 it is part of
each frame's content. Before, it lies over the whole tag, and sizes and places are those without it:
a tag knows where such zeros stand, so that a frame can still be kept as the file has it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from msa_desktop.tagio._base import Keep, Source, damaged
from msa_desktop.tagio._id3v2_text import OLD_NAMES
from msa_desktop.tagio._pieces import chunks

HEADER = 10
"""Bytes of a tag's header, and of its footer."""

_MOST_FRAMES = 100_000

UNSYNCHRONISED, EXTENDED, FOOTER = 0x80, 0x40, 0x10
"""Flags of a header."""
_FLAGS = {2: 0x80, 3: 0xE0, 4: 0xF0}  # what each version knows

_NAME = re.compile(rb"[A-Z0-9]{3}[A-Z0-9\0]?")
_UNSAFE = re.compile(rb"\xff[\xe0-\xff]")
_FALSE_SYNC = re.compile(rb"\xff[\x00\xe0-\xff]")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        name: Its identifier as ID3v2.3 and 2.4 have it.
        flags: As the frame has them; 0 in ID3v2.2.
        offset: Where its header begins, in the tag without header and unsynchronisation.
        header: Bytes of its header.
        length: Bytes of its content.
    """

    name: str
    flags: int
    offset: int
    header: int
    length: int

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.offset + self.header

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.body + self.length


@dataclass(frozen=True, slots=True)
class Id3v2:
    """A tag of a file.

    Attributes:
        begin: Where it begins.
        length: Its bytes: header, padding and footer included.
        major: What comes behind the point of its version: 2, 3 or 4.
        flags: Its header's, but for unsynchronisation that is claimed and not there.
        stuffed: Where the bytes behind each zero of unsynchronisation stand, before 2.4.
        extended: Bytes of its extended header, without unsynchronisation.
        plain_sizes: A 2.4 tag whose frames have plain sizes, as iTunes wrote them.
        frames: In the file's order.
    """

    begin: int
    length: int
    major: int
    flags: int
    stuffed: Sequence[int] = ()
    extended: int = 0
    plain_sizes: bool = False
    frames: tuple[Frame, ...] = ()

    @property
    def version(self) -> tuple[int, int]:
        """(2, 2), (2, 3) or (2, 4)."""
        return 2, self.major

    @property
    def unsynchronised(self) -> bool:
        """Whether unsynchronisation lies over the whole tag."""
        return self.major < 4 and bool(self.flags & UNSYNCHRONISED)

    @property
    def frames_end(self) -> int:
        """The first byte behind the frames, counted like their places."""
        return self.frames[-1].end if self.frames else self.extended

    @property
    def end(self) -> int:
        """The first byte behind the tag."""
        return self.begin + self.length

    @property
    def body_end(self) -> int:
        """The first byte behind the padding: the footer's, or the tag's end."""
        return self.end - (HEADER if self.flags & FOOTER else 0)

    def place(self, offset: int) -> int:
        """Where a byte of the tag stands in the file."""
        return self.begin + HEADER + offset + bisect_right(self.stuffed, offset)

    def keep(self, begin: int, end: int) -> Keep:
        """A stretch of the tag as it stands in the file."""
        return Keep(self.place(begin), self.place(end) - self.place(begin))

    def chunks(self, source: Source, begin: int, end: int) -> Iterator[bytes]:
        """A stretch of the tag without unsynchronisation, bit by bit."""
        return self.bare(chunks(source, [self.keep(begin, end)]))

    def bare(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Bytes of the tag, its unsynchronisation taken off if it has any."""
        if not self.unsynchronised:
            yield from chunks
            return
        behind_ff = False
        for chunk in chunks:
            bare = chunk[1:] if behind_ff and chunk.startswith(b"\0") else chunk
            yield bare.replace(b"\xff\0", b"\xff")
            behind_ff = chunk.endswith(b"\xff")

    def read(self, source: Source, begin: int, end: int) -> bytes:
        """A stretch of the tag without unsynchronisation."""
        if not self.stuffed:
            return source.read(self.place(begin), end - begin)
        return b"".join(self.chunks(source, begin, end))


def length_at(source: Source, begin: int) -> int:
    """Bytes of the tag that begins at a place, by what its header says; 0 where none begins."""
    if begin + HEADER > source.size:
        return 0
    head = source.read(begin, HEADER)
    if head[:3] != b"ID3" or head[3] not in _FLAGS or max(head[6:]) > 0x7F:
        return 0
    footer = HEADER if head[3] == 4 and head[5] & FOOTER else 0
    return HEADER + synchsafe(head[6:]) + footer


def parse(source: Source, begin: int, limit: int) -> Id3v2 | None:
    """The tag that begins at a place.

    Args:
        source: The file.
        begin: Where it begins.
        limit: The end of the space that it may take.

    Returns:
        The tag; None where there is none.

    Raises:
        TagError: It is damaged, or nobody knows its version.
    """
    if begin + HEADER > limit or source.read(begin, 3) != b"ID3":
        return None
    length = length_at(source, begin)
    major, flags = source.read(begin + 3, 3)[::2]
    if not length or flags & ~_FLAGS[major]:
        raise damaged("The ID3v2 tag is damaged, or of a version that nobody knows.")
    if begin + length > limit:
        raise damaged("The ID3v2 tag is longer than the file: it is cut off or damaged.")
    tag = Id3v2(begin, length, major, flags)
    if tag.unsynchronised:
        stuffed = _stuffed(source, Keep(begin + HEADER, length - HEADER))
        if stuffed is None and flags & EXTENDED:
            raise damaged("The ID3v2 tag is damaged: its bytes are not unsynchronised as it says.")
        # Where a writer only said so, readers that believe it lose bytes of pictures.
        without = replace(tag, flags=flags & ~UNSYNCHRONISED)
        tag = without if stuffed is None else replace(tag, stuffed=stuffed)
    end = tag.body_end - begin - HEADER - len(tag.stuffed)
    tag = replace(tag, extended=_extended(source, tag, end))
    plain = major == 4 and _has_plain_sizes(source, tag, end)
    frames = tuple(islice(_frames(source, tag, end, plain=plain or major < 4), _MOST_FRAMES + 1))
    if len(frames) > _MOST_FRAMES:
        raise damaged(f"The ID3v2 tag has more than {_MOST_FRAMES} frames: it is damaged.")
    return replace(tag, plain_sizes=plain, frames=frames)


def _stuffed(source: Source, body: Keep) -> Sequence[int] | None:
    """Where the bytes behind zeros of unsynchronisation stand; None where it is not applied."""
    found = array("I")
    before = b""
    at = 0
    for chunk in chunks(source, [body]):
        window = before + chunk
        at -= len(before)
        for match in _FALSE_SYNC.finditer(window):
            if not match[0].endswith(b"\0"):
                return None
            found.append(at + match.start() + 1 - len(found))
        at += len(window)
        before = b"\xff" if window.endswith(b"\xff") else b""
    return None if before else found


def _extended(source: Source, tag: Id3v2, end: int) -> int:
    """Bytes of the extended header."""
    if tag.major < 3 or not tag.flags & EXTENDED or end < 4:
        return 0
    raw = tag.read(source, 0, 4)
    if _NAME.fullmatch(raw):
        return 0  # a frame: the header only says that there is an extended one
    # 2.3 leaves these four bytes out of the size.
    length = synchsafe(raw) if tag.major == 4 else 4 + int.from_bytes(raw, "big")
    if not (6 if tag.major == 4 else 10) <= length <= end:
        raise damaged("The ID3v2 tag's extended header is damaged.")
    return length


def _size(raw: bytes, *, plain: bool) -> int:
    return int.from_bytes(raw, "big") if plain else synchsafe(raw)


def synchsafe(raw: bytes) -> int:
    """A number of seven bits a byte."""
    return sum((byte & 0x7F) << 7 * power for power, byte in enumerate(reversed(raw)))


def synchsafe_bytes(number: int, length: int = 4) -> bytes:
    """The same the other way round."""
    return bytes(number >> 7 * power & 0x7F for power in reversed(range(length)))


def unstuffed(content: bytes) -> bytes:
    """A content without unsynchronisation; as it is where it cannot have any."""
    unsafe = content.endswith(b"\xff") or _UNSAFE.search(content)
    return content if unsafe else content.replace(b"\xff\0", b"\xff")


def _frames(source: Source, tag: Id3v2, end: int, *, plain: bool) -> Iterator[Frame]:
    """The frames, to where padding begins, or something that is no frame.

    What has no frame's name but fits in the tag counts as one, as with other readers: frames that
    people want may lie behind it.
    """
    letters = 3 if tag.major == 2 else 4
    header = 6 if tag.major == 2 else 10
    at = tag.extended
    while at + header <= end:
        head = tag.read(source, at, at + header)
        if not any(head[:letters]):
            return
        raw = head[letters : letters + (3 if tag.major == 2 else 4)]
        size = _size(raw, plain=plain)
        name = head[:letters].decode("latin-1").rstrip("\0")
        # A size that is none would be understood otherwise once the frames around it change.
        unsafe = not plain and max(raw) > 0x7F
        if _NAME.fullmatch(head[:letters]) and (unsafe or at + header + size > end):
            raise damaged(f"The ID3v2 tag is damaged: its frame {name} is longer than it.")
        if at + header + size > end:
            return
        flags = int.from_bytes(head[8:], "big") if tag.major > 2 else 0
        # Some writers gave frames of 2.3 the three letters of 2.2.
        yield Frame(OLD_NAMES.get(name, name), flags, at, header, size)
        at += header + size


def _has_plain_sizes(source: Source, tag: Id3v2, end: int) -> bool:
    """Whether a 2.4 tag's frames have plain sizes: whichever finds more frames, as mutagen does."""
    from mutagen.id3 import Frames  # noqa: PLC0415 - takes longer to load than all of this package

    counts, overshoots = [], []
    for plain in (False, True):
        known, at, overshoot = 0, tag.extended, None
        for _ in range(_MOST_FRAMES):
            if at >= end - 10:
                break
            head = tag.read(source, at, at + 10)
            if not any(head):
                overshoot = -((end - at) % 10)
                break
            at += 10 + _size(head[4:8], plain=plain)
            known += head[:4].decode("latin-1") in Frames
        counts.append(known)
        overshoots.append(at - end if overshoot is None else overshoot)
    if counts[0] == counts[1]:
        return overshoots[0] >= 1 and overshoots[1] <= 1
    return counts[1] > counts[0]
