"""Native FLAC (RFC 9639): metadata blocks, then frames.

Only the block of Vorbis comments and one block of padding change; every other block stays as it is.
So does an ID3v2 tag that some program put before "fLaC", but for the fields that it holds: players
that read it must not show what the comments no longer say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import _id3v2
from msa_desktop.tagio import _vorbis_comment as vorbis_comment
from msa_desktop.tagio._base import Edit, Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._id3v2_tag import Id3v2, length_at, parse
from msa_desktop.tagio._pieces import content, length_of, merged, named
from msa_desktop.tagio._tail import Tail, find

NAME = "FLAC"
EXTENSIONS = frozenset({".flac"})

_MAGIC = b"fLaC"
_HEADER = 4  # bytes of a block's header: its kind, with a bit for the last one, and its length
_LAST = 0x80
_LONGEST = (1 << 24) - 1  # bytes of a block
_MOST = 1 << 16  # blocks; files have a dozen
_MOST_TAGS = 16  # before "fLaC"
_FRAME = (b"\xff\xf8", b"\xff\xf9")  # what every frame begins with
_STREAMINFO, _PADDING, _COMMENTS, _PICTURE, _INVALID = 0, 1, 4, 6, 127
_KINDS = {2: "application", 3: "seek table", 4: "comments", 5: "cue sheet", 6: "picture"}
_NONE = bytes(8)  # a comment with neither vendor nor entries
_NEW_PADDING = 4096  # bytes, where the old padding was too small


@dataclass(frozen=True, slots=True)
class _Block:
    """A metadata block: `header` lies at `offset`, behind it `length` bytes of content."""

    header: bytes
    offset: int
    length: int

    @property
    def kind(self) -> int:
        return self.header[0] & ~_LAST

    @property
    def body(self) -> int:
        return self.offset + _HEADER

    @property
    def end(self) -> int:
        return self.body + self.length

    @property
    def kept(self) -> Keep:
        return Keep(self.body, self.length)


@dataclass(frozen=True, slots=True)
class _Part:
    """A block of the changed file; `old` is the original's whose place it takes."""

    kind: int
    content: tuple[Piece, ...]
    old: _Block | None = None

    def laid_out(self, last: int) -> Iterator[Piece]:
        """Its header, the old one where it is the same, and its content."""
        length, old = length_of(self.content), self.old
        # What an old header says of the same length may have overflown.
        size = old.header[1:] if old and old.length == length else length.to_bytes(3, "big")
        header = bytes([self.kind | last]) + size
        yield Keep(old.offset, _HEADER) if old and old.header == header else header
        yield from self.content


def knows(source: Source) -> bool:
    """Whether it begins with "fLaC", perhaps behind ID3v2."""
    begin = _begin(source)
    return source.read(begin, min(len(_MAGIC), source.size - begin)) == _MAGIC


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """The tags of the comments, then those before them and behind the sound."""
    blocks = _blocks(source)
    comments = vorbis_comment.read(_comments(source, blocks))
    leading = _leading(source)
    before = _id3v2.read(source, leading) if leading else {}
    return {**_tail(source, blocks).read(), **before, **comments}


def edit(source: Source, changes: FieldValues) -> Edit:
    """Lays out the file with other comments; the frames stay in place if the padding allows it."""
    blocks = _blocks(source)
    frames_begin = blocks[-1].end
    tail = _tail(source, blocks)
    if frames_begin < tail.begin and source.read(frames_begin, 2) not in _FRAME:
        raise damaged("The FLAC file's metadata do not end where its sound begins: it is damaged.")

    comments = _comments(source, blocks)
    pieces, frames = vorbis_comment.edited(comments, changes)
    before, begin = _edit_leading(source, changes)
    behind = tail.edit(changes)
    around = (*before.frames, *behind.frames)
    if not frames:
        kept = Keep(begin, tail.begin - begin)
        return Edit(merged((*before.pieces, kept, *behind.pieces)), around)
    if block := _of_kind(blocks, _COMMENTS):
        rest = Keep(block.body + comments.end, block.length - comments.end)
        pieces = (*(_moved(piece, block.body) for piece in pieces), rest)
    else:
        pieces = tuple(
            _NONE[each.offset : each.end] if isinstance(each, Keep) else each for each in pieces
        )
    laid_out = (
        *before.pieces,
        Keep(begin, blocks[0].offset - begin),
        *_laid_out(blocks, pieces),
        Keep(frames_begin, tail.begin - frames_begin),
        *behind.pieces,
    )
    return Edit(merged(laid_out), (*frames, *around))


def _leading(source: Source) -> Id3v2 | None:
    """The ID3v2 tag at the file's beginning; None for none, or for one that makes no sense."""
    try:
        return parse(source, 0, source.size)
    except TagError:
        return None


def _edit_leading(source: Source, changes: FieldValues) -> tuple[Edit, int]:
    """The ID3v2 tag with the fields changed that it holds, and where it ends in the original."""
    tag = _leading(source)
    if tag is None:
        return Edit((), ()), 0
    held = {field: changes[field] for field in _id3v2.read(source, tag) if field in changes}
    end = tag.begin + tag.length
    return (_id3v2.edit(source, tag, held) if held else Edit((Keep(0, end),), ())), end


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """The stream's parameters, and the frames."""
    blocks = _blocks(source)
    yield blocks[0].body, blocks[0].length
    yield blocks[-1].end, _tail(source, blocks).begin - blocks[-1].end


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """The other comments, all other blocks but padding, and the tags around it all."""
    blocks = _blocks(source)
    comments = _comments(source, blocks)
    block = _of_kind(blocks, _COMMENTS)
    kept = [each for each in blocks[1:] if each.kind != _PADDING and each is not block]
    leading = _leading(source)
    begin = leading.begin + leading.length if leading else 0
    parts = [("before fLaC", content(source, begin, blocks[0].offset - len(_MAGIC) - begin))]
    if leading:
        parts += _id3v2.others(source, leading, changes).items()
    parts += vorbis_comment.others(comments, changes)
    parts += [("behind the comments", comments.data[comments.end :])]
    parts += [
        (f"block {_KINDS.get(each.kind, each.kind)}", content(source, each.body, each.length))
        for each in kept
    ]
    return {**named(parts), **_tail(source, blocks).others(changes)}


def _laid_out(blocks: list[_Block], comments: tuple[Piece, ...]) -> Iterator[Piece]:
    """The blocks with other comments, and with padding so that the rest need not move."""
    length = length_of(comments)
    if length > _LONGEST:
        raise TagError("A FLAC file's tags can have 16 MiB at most; these would have more.")
    block = _of_kind(blocks, _COMMENTS)
    paddings = [each for each in blocks if each.kind == _PADDING]
    padding = max(paddings, key=lambda each: each.length, default=None)
    room = sum(each.length + _HEADER for each in (block, padding) if each) - _HEADER - length
    # A block of padding has four bytes at least: with one to three left over, the frames move.
    filler = min(room - _HEADER, _LONGEST) if room >= _HEADER else _NEW_PADDING

    parts = []
    for each in blocks:
        if each is block:
            parts.append(_Part(_COMMENTS, comments, each))
        elif each is not padding:
            parts.append(_Part(each.kind, (each.kept,), each))
        elif room:
            kept = Keep(each.body, min(filler, each.length))
            parts.append(_Part(_PADDING, (kept, bytes(filler - kept.length)), each))
    if not block:
        parts.insert(1, _Part(_COMMENTS, comments))
    if not padding and room:
        parts.append(_Part(_PADDING, (bytes(filler),)))

    for number, part in enumerate(parts):
        last = _LAST if number == len(parts) - 1 else 0
        yield from part.laid_out(last)


def _blocks(source: Source) -> list[_Block]:
    """All blocks, the stream's parameters first.

    Raises:
        TagError: They are damaged or cut off.
    """
    at = _begin(source) + len(_MAGIC)
    blocks: list[_Block] = []
    while not blocks or blocks[-1].header[0] < _LAST:
        header = source.read(at, _HEADER)
        block = _Block(header, at, int.from_bytes(header[1:], "big"))
        if block.kind == _PICTURE:
            block = _Block(header, at, _picture_length(source, block))
        if block.end > source.size or block.kind == _INVALID or len(blocks) == _MOST:
            raise damaged("The FLAC file's metadata blocks are damaged or cut off.")
        blocks.append(block)
        at = block.end
    if blocks[0].kind != _STREAMINFO:
        raise damaged("The FLAC file does not begin with its stream's parameters: it is damaged.")
    return blocks


def _picture_length(source: Source, block: _Block) -> int:
    """What a picture's own lengths add up to where its header, with 24 bits, could not tell.

    Some programs write pictures of more than 16 MiB and let the length overflow.
    """
    at = block.body + 4  # the picture's type
    for _ in range(2):  # MIME type and description
        if at + 4 > source.size:
            return block.length
        at += 4 + int.from_bytes(source.read(at, 4), "big")
    at += 16  # width, height, depth, colours
    if at + 4 > source.size:
        return block.length
    whole = at + 4 + int.from_bytes(source.read(at, 4), "big") - block.body
    overflown = whole > _LONGEST and whole & _LONGEST == block.length
    return whole if overflown and block.body + whole <= source.size else block.length


def _of_kind(blocks: list[_Block], kind: int) -> _Block | None:
    return next((block for block in blocks if block.kind == kind), None)


def _comments(source: Source, blocks: list[_Block]) -> vorbis_comment.Comments:
    """The comments of the first block of them, which is the one that readers take."""
    block = _of_kind(blocks, _COMMENTS)
    return vorbis_comment.parse(source.read(block.body, block.length) if block else _NONE)


def _tail(source: Source, blocks: list[_Block]) -> Tail:
    return find(source, blocks[-1].end)


def _moved(piece: Piece, by: int) -> Piece:
    return Keep(piece.offset + by, piece.length) if isinstance(piece, Keep) else piece


def _begin(source: Source) -> int:
    """Where "fLaC" should be: behind every ID3v2 tag."""
    at = 0
    for _ in range(_MOST_TAGS):
        at += length_at(source, at)
    return min(at, source.size)
