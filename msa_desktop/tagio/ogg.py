"""Sound in Ogg: Vorbis, Opus, Speex and FLAC.

Tags are the second packet of a stream, from the beginning of its second page on. They are laid out
on as many pages as before where that can be, so that no other page changes; otherwise the stream's
later pages get other numbers, and with them other checksums. Of several streams beside each other
the first with sound is meant, of several one after the other the first.

Sources: RFC 3533 (Ogg), the Vorbis I specification, RFC 7845 (Opus), RFC 9639 section 10.1 (FLAC),
the Speex manual.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, chain, pairwise

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import _ogg_pages as ogg_pages
from msa_desktop.tagio import _vorbis_comment as vorbis_comment
from msa_desktop.tagio._base import Edit, Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._ogg_pages import Page
from msa_desktop.tagio._pieces import length_of, merged, named
from msa_desktop.tagio._vorbis_comment import Comments

NAME = "Ogg (Vorbis, Opus, Speex, FLAC)"
EXTENSIONS = frozenset({".ogg", ".oga", ".opus", ".spx"})

_LONGEST = 120 << 20  # bytes of the tags' packet: what RFC 7845 (5.2) has every reader accept
_MOST_PAGES = 100_000  # before the sound; a packet without an end could have all of a file
_LONGEST_BLOCK = (1 << 24) - 1  # bytes of tags in FLAC
_SPEEX_EXTRA = 68  # where Speex says how many further packets are no sound
_FLAC_HEADER = 4  # bytes: kind, with a bit for the last block, and length
_FLAC_LAST = 0x80
_FLAC_COMMENTS = (b"\x04", b"\x84")  # how a block of tags begins, and one that is the last


class _Codec(Enum):
    """A codec by the beginnings of its first and its second packet."""

    VORBIS = (b"\x01vorbis", b"\x03vorbis")
    OPUS = (b"OpusHead", b"OpusTags")
    SPEEX = (b"Speex   ", b"")
    FLAC = (b"\x7fFLAC", b"")


@dataclass(frozen=True, slots=True)
class _Stream:
    """The beginning of a stream.

    Attributes:
        first: Its first page.
        headers: The pages behind it, up to the one before the sound.
        tags: Where the packet of tags lies: one stretch on each of the first of `headers`.
        end: How many segments of the last of these belong to it.
    """

    codec: _Codec
    first: Page
    headers: tuple[Page, ...]
    tags: tuple[Keep, ...]
    end: int

    @property
    def tagged(self) -> tuple[Page, ...]:
        """The pages with tags."""
        return self.headers[: len(self.tags)]


def knows(source: Source) -> bool:
    """Whether it begins with an Ogg page."""
    return source.head().startswith(ogg_pages.CAPTURE)


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """The tags of the first stream with sound."""
    return vorbis_comment.read(_comments(source, _stream(source)))


def edit(source: Source, changes: FieldValues) -> Edit:
    """Lays out the file with another packet of tags."""
    stream = _stream(source)
    comments = _comments(source, stream)
    pieces, frames = vorbis_comment.edited(comments, changes)
    if not frames:
        return Edit((Keep(0, source.size),), ())
    if not all(ogg_pages.is_whole(source, page) for page in stream.tagged):
        raise damaged("The Ogg file's tags are damaged: a checksum is wrong.")
    old = stream.tagged
    new = list(_new_pages(source, stream, _packet(stream.codec, comments, pieces)))
    result = (
        Keep(0, old[0].offset),
        *(Keep(one.end, other.offset - one.end) for one, other in pairwise(old)),  # other streams
        *chain(*new),
        *_numbered(source, stream, old[-1].end, len(new) - len(old)),
    )
    return Edit(merged(result), frames)


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """All packets before the sound but the tags, and all other pages but numbers and checksums.

    Those of other streams are among them, and whatever lies between pages.
    """
    stream = _stream(source)
    tags_end = {
        page.offset: tags.end for page, tags in zip(stream.tagged, stream.tags, strict=True)
    }
    headers = {page.offset for page in stream.headers}
    at = 0
    for page in ogg_pages.pages(source, 0):
        if page.offset > at:
            yield at, page.offset - at
        at = page.end
        if page.offset in headers:
            begin = tags_end.get(page.offset, page.body)
        else:
            yield page.offset, ogg_pages.NUMBERED
            begin = page.offset + ogg_pages.CHECKED
        if begin < at:
            yield begin, at - begin
    if at < source.size:
        yield at, source.size - at


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """The other comments, and what is behind them that is no padding."""
    stream = _stream(source)
    comments = _comments(source, stream)
    data, padded = comments.data, _padding_begin(stream.codec, comments)
    parts = list(vorbis_comment.others(comments, changes))
    return named([*parts, ("behind the comments", data[comments.end : padded])])


def _stream(source: Source) -> _Stream:
    """The first stream with sound.

    Raises:
        TagError: There is none, or its beginning is damaged or cut off.
    """
    codec, first = _first(source)
    expected = _expected(source, codec, first)
    headers: list[Page] = []
    tags: list[Keep] = []
    end = found = 0
    is_open = False
    for page in ogg_pages.pages(source, first.end):
        if page.serial != first.serial:
            continue
        headers.append(page)
        is_next = page.number == (first.number + len(headers)) % (1 << 32)
        is_continued = bool(page.flags & ogg_pages.CONTINUED)
        if (
            not is_next
            or not page.lacing
            or page.flags & ogg_pages.FIRST
            or is_continued != is_open
            or len(headers) > _MOST_PAGES
        ):
            break
        for place, segments, is_end in page.packets():
            if not found:
                tags.append(place)
                end = segments
            if codec is _Codec.FLAC and not is_open and _is_last_block(source, place):
                expected = found + 1
            is_open = not is_end
            found += is_end
        if found >= expected:
            return _Stream(codec, first, tuple(headers), tuple(tags), end)
    raise _damaged()


def _first(source: Source) -> tuple[_Codec, Page]:
    for page in ogg_pages.pages(source, 0):
        if not page.flags & ogg_pages.FIRST:
            break
        begin = source.read(page.body, min(8, page.end - page.body))
        for codec in _Codec:
            if begin.startswith(codec.value[0]):
                if [is_end for _, _, is_end in page.packets()] != [True]:
                    raise _damaged()
                return codec, page
    raise TagError(
        "The Ogg file holds no sound of Vorbis, Opus, Speex or FLAC. If a player plays it, convert "
        "it to another format."
    )


def _expected(source: Source, codec: _Codec, first: Page) -> int:
    """How many packets there are between the first one and the sound."""
    if codec is _Codec.SPEEX:
        head = source.read(first.body, first.end - first.body)
        return 1 + int.from_bytes(head[_SPEEX_EXTRA : _SPEEX_EXTRA + 4], "little")
    # FLAC has one for each metadata block, and the last one says that it is.
    return {_Codec.VORBIS: 2, _Codec.OPUS: 1, _Codec.FLAC: sys.maxsize}[codec]


def _is_last_block(source: Source, block: Keep) -> bool:
    return block.length > 0 and source.read(block.offset, 1)[0] >= _FLAC_LAST


def _comments(source: Source, stream: _Stream) -> Comments:
    if sum(part.length for part in stream.tags) > _LONGEST:
        raise TagError("The Ogg file's tags are longer than any reader has to accept.")
    data = b"".join(source.read(part.offset, part.length) for part in stream.tags)
    is_right = data.startswith(stream.codec.value[1])
    start = len(stream.codec.value[1])
    if stream.codec is _Codec.FLAC:
        is_right = data[:1] in _FLAC_COMMENTS
        start = _FLAC_HEADER
    comments = vorbis_comment.parse(data, start, opus=stream.codec is _Codec.OPUS)
    if stream.codec is _Codec.VORBIS:
        framing = data[comments.end : comments.end + 1]
        is_right &= int.from_bytes(framing, "big") & 1 == 1
    if not is_right:
        raise _damaged()
    return comments


def _padding_begin(codec: _Codec, comments: Comments) -> int:
    """Where in the packet there are only zeros to the end, behind what closes the tags.

    Opus allows other bytes to be kept there (RFC 7845, 5.2); such are no padding.
    """
    begin = comments.end + (codec is _Codec.VORBIS)  # its framing bit has a byte of its own
    return len(comments.data) if comments.data[begin:].strip(b"\0") else begin


def _packet(codec: _Codec, comments: Comments, pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The packet with other comments; padding, where there is some, takes up the difference."""
    pieces = tuple(pieces)
    long, padded = len(comments.data), _padding_begin(codec, comments)
    length = comments.start + length_of(pieces) + padded - comments.end
    padding = max(0, long - length) if padded < long else 0
    length += padding
    if length > (_FLAC_HEADER + _LONGEST_BLOCK if codec is _Codec.FLAC else _LONGEST):
        raise TagError("The tags would be longer than the file's format allows.")
    begin: tuple[Piece, ...] = (Keep(0, comments.start),)
    if codec is _Codec.FLAC:
        begin = (Keep(0, 1), (length - _FLAC_HEADER).to_bytes(3, "big"))
    return (*begin, *pieces, Keep(comments.end, padded - comments.end), bytes(padding))


def _new_pages(source: Source, stream: _Stream, packet: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pages of a packet of tags, and of what shares the last old page with the old one."""
    last = stream.tagged[-1]
    shared = Keep(stream.tags[-1].end, last.end - stream.tags[-1].end)
    shared_lacing = last.lacing[stream.end :]
    packet = tuple(_in_file(packet, stream.tags))
    full, rest = divmod(length_of(packet), 255)
    counts = _segments(full + 1, len(shared_lacing), len(stream.tagged))
    ends = accumulate(counts)
    all_lacing = b"\xff" * full + bytes([rest])
    lacings = [all_lacing[end - count : end] for count, end in zip(counts, ends, strict=True)]
    parts = _divided(packet, map(sum, lacings))
    for index, (own_lacing, part) in enumerate(zip(lacings, parts, strict=True)):
        flags = ogg_pages.CONTINUED if index and own_lacing else 0
        granule, lacing = bytes(8), own_lacing
        if index == len(lacings) - 1:
            flags |= last.flags & ~ogg_pages.CONTINUED
            granule = last.granule
            lacing += shared_lacing
            part.append(shared)
        if min(lacing) == 255:
            granule = ogg_pages.NO_GRANULE
        body = b"".join(
            source.read(piece.offset, piece.length) if isinstance(piece, Keep) else piece
            for piece in part
        )
        number = stream.tagged[0].number + index
        yield [
            ogg_pages.header(flags, granule, stream.first.serial, number, lacing, body),
            *part,
        ]


def _segments(count: int, shared: int, pages: int) -> list[int]:
    """Spreads the segments of the tags over pages: over as many as there were, if that can be.

    Args:
        count: Segments of the tags.
        shared: Segments of other packets on the last page.
        pages: Pages there were.

    Returns:
        Segments of the tags on each page; none of a page's own only where it has those others.
    """
    fewest = math.ceil((count + shared) / ogg_pages.MOST_SEGMENTS)
    most = count + bool(shared)
    pages = pages if fewest <= pages <= most else fewest
    result = []
    for behind in range(pages - 1, 0, -1):
        needed = behind - bool(shared)
        result.append(min(ogg_pages.MOST_SEGMENTS, count - needed))
        count -= result[-1]
    return [*result, count]


def _in_file(pieces: Iterable[Piece], parts: tuple[Keep, ...]) -> Iterator[Piece]:
    """Pieces of a packet as pieces of the file in whose `parts` it lies."""
    begins = list(accumulate((part.length for part in parts), initial=0))
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        at = piece.offset
        while at < piece.end:
            index = bisect_right(begins, at) - 1
            end = min(piece.end, begins[index + 1])
            yield Keep(parts[index].offset + at - begins[index], end - at)
            at = end


def _divided(pieces: Iterable[Piece], lengths: Iterable[int]) -> Iterator[list[Piece]]:
    """Pieces in groups of these lengths."""
    left = [*pieces][::-1]
    for length in lengths:
        group: list[Piece] = []
        missing = length
        while missing:
            piece = left.pop()
            if length_of([piece]) > missing:
                piece, rest = _split(piece, missing)
                left.append(rest)
            group.append(piece)
            missing -= length_of([piece])
        yield group


def _split(piece: Piece, at: int) -> tuple[Piece, Piece]:
    if isinstance(piece, bytes):
        return piece[:at], piece[at:]
    return Keep(piece.offset, at), Keep(piece.offset + at, piece.length - at)


def _numbered(source: Source, stream: _Stream, at: int, by: int) -> Iterator[Piece]:
    """The file from a place on, with the numbers of the stream's pages grown."""
    for page in ogg_pages.pages(source, at) if by else ():
        if page.serial != stream.first.serial:
            continue
        if page.flags & ogg_pages.FIRST:  # another stream of the same serial number
            break
        yield Keep(at, page.offset + ogg_pages.NUMBERED - at)
        yield page.renumbered(by)
        at = page.offset + ogg_pages.CHECKED
    yield Keep(at, source.size - at)


def _damaged() -> TagError:
    return damaged("The beginning of the Ogg file, where its tags are, is damaged or cut off.")
