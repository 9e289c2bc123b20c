"""Ogg pages (RFC 3533): finding them, making them, numbering them anew."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from msa_desktop.tagio._base import Keep, Source

CAPTURE = b"OggS"
CONTINUED, FIRST = 1, 2  # flags
MOST_SEGMENTS = 255  # of a page, of up to 255 bytes each; a shorter one ends a packet
NUMBERED = 18  # where a page's number lies, and behind it its checksum
CHECKED = 26  # the first byte behind these
NO_GRANULE = b"\xff" * 8  # the position of a page on which no packet ends

_HEAD = struct.Struct("<4sBB8sIIIB")  # capture, version, flags, granule, serial, number, sum, count
_LARGEST = _HEAD.size + MOST_SEGMENTS + MOST_SEGMENTS * 255
_NEAR = 1 << 16  # bytes looked through at once

# Ogg's checksum is the CRC-32 of zlib with the bits of every byte the other way round, and with
# neither of the two complements.
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_COMPLEMENT = 0xFFFFFFFF
_ZEROS = memoryview(bytes(_LARGEST))


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it lies in a file, but for its content.

    Attributes:
        granule: The position in the sound, as its eight bytes.
        number: Its number in its stream.
        checksum: Of the whole page, its own four bytes as zeros.
        lacing: The lengths of its segments.
    """

    offset: int
    flags: int
    granule: bytes
    serial: int
    number: int
    checksum: int
    lacing: bytes
    end: int

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.offset + _HEAD.size + len(self.lacing)

    def packets(self) -> Iterator[tuple[Keep, int, bool]]:
        """The packets, or parts of packets, on it.

        Yields:
            Where each lies, how many segments it has, and whether it ends here.
        """
        at, first = self.body, 0
        for index, length in enumerate(self.lacing):
            if length < 255 or index == len(self.lacing) - 1:
                size = sum(self.lacing[first : index + 1])
                yield Keep(at, size), index + 1 - first, length < 255
                at, first = at + size, index + 1

    def renumbered(self, by: int) -> bytes:
        """Its number and checksum, eight bytes, if its number grows.

        The checksum is linear: that of the difference is added to it, whatever else the page has.
        So a page that is damaged does not pass for a whole one afterwards.
        """
        number = (self.number + by) % (1 << 32)
        difference = (self.number ^ number).to_bytes(4, "little").translate(_TURNED)
        zeros = _ZEROS[: self.end - self.offset - NUMBERED - 4]
        crc = zlib.crc32(zeros, zlib.crc32(difference, _COMPLEMENT)) ^ _COMPLEMENT
        changed = int.from_bytes(crc.to_bytes(4, "big").translate(_TURNED), "little")
        return struct.pack("<II", number, self.checksum ^ changed)


def header(
    flags: int, granule: bytes, serial: int, number: int, lacing: bytes, body: bytes
) -> bytes:
    """What stands before a page's content: everything else of it, checksum included."""
    fields = (CAPTURE, 0, flags, granule, serial, number % (1 << 32))
    head = _HEAD.pack(*fields, 0, len(lacing)) + lacing
    return _HEAD.pack(*fields, _checksum(head + body), len(lacing)) + lacing


def is_whole(source: Source, page: Page) -> bool:
    """Whether a page's checksum is right."""
    data = source.read(page.offset, page.end - page.offset)
    return _checksum(data[: NUMBERED + 4] + bytes(4) + data[CHECKED:]) == page.checksum


def pages(source: Source, offset: int) -> Iterator[Page]:
    """All pages from a place on; what is none, or is cut off, is passed over."""
    at: int | None = offset
    while at is not None:
        page = _page(source, at)
        if page:
            yield page
            at = page.end
        else:
            at = _next(source, at + 1)


def _page(source: Source, offset: int) -> Page | None:
    head = source.read(offset, min(_HEAD.size + MOST_SEGMENTS, source.size - offset))
    if len(head) < _HEAD.size or not head.startswith(CAPTURE):
        return None
    _, version, flags, granule, serial, number, checksum, count = _HEAD.unpack_from(head)
    lacing = head[_HEAD.size : _HEAD.size + count]
    end = offset + _HEAD.size + count + sum(lacing)
    if version or len(lacing) < count or end > source.size:
        return None
    return Page(offset, flags, granule, serial, number, checksum, lacing, end)


def _next(source: Source, offset: int) -> int | None:
    """The next page that has another one, or the file's end, behind it."""
    while offset + _HEAD.size <= source.size:
        near = source.read(offset, min(_NEAR, source.size - offset))
        place = near.find(CAPTURE)
        if place < 0:
            offset += max(len(near) - len(CAPTURE) + 1, 1)
            continue
        page = _page(source, offset + place)
        if page and source.read(page.end, min(4, source.size - page.end)) in (CAPTURE, b""):
            return page.offset
        offset += place + 1
    return None


def _checksum(data: bytes) -> int:
    crc = zlib.crc32(data.translate(_TURNED), _COMPLEMENT) ^ _COMPLEMENT
    return int.from_bytes(crc.to_bytes(4, "big").translate(_TURNED), "little")
