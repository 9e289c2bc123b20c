"""The tags in an ID3v2 tag, and the tag laid out with some of them changed.

Whatever is not asked for stays as its bytes and in its order: frames that nobody knows, doubled
ones, pictures. The tag keeps its version, its flags and, where it has room, its length.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import _id3v2_text as words
from msa_desktop.tagio._base import Edit, Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._id3v2_tag import (
    FOOTER,
    HEADER,
    UNSYNCHRONISED,
    Frame,
    Id3v2,
    length_at,
    parse,
    synchsafe_bytes,
    unstuffed,
)
from msa_desktop.tagio._id3v2_text import Text
from msa_desktop.tagio._pieces import chunks, length_of, merged, named

__all__ = ["Id3v2", "edit", "length_at", "others", "others_of_new", "parse", "read"]

_ROOM = 2048  # bytes of padding where a tag is made or had to grow: the next change moves no sound
_GAP = 10  # bytes of zeros that part frames from garbage, so that nobody reads on into it
_INFLATED = 1 << 24  # bytes; a compressed frame of more is no text
_NEW = Id3v2(0, 0, 4, 0)

_TO_STUFF = re.compile(rb"\xff(?=[\x00\xe0-\xff]|\Z)")

# What a frame's second byte of flags says of its content, in 2.3 and 2.4.
_COMPRESSED = {3: 0x80, 4: 0x08}
_ENCRYPTED = {3: 0x40, 4: 0x04}
_UNSYNCHRONISED = {3: 0, 4: 0x02}
_PREFIXES = {3: ((0x80, 4), (0x20, 1)), 4: ((0x40, 1), (0x09, 4))}  # flags: bytes before it


def read(source: Source, tag: Id3v2) -> dict[Field, tuple[str, ...]]:
    """The values of every tag that an ID3v2 tag has."""
    texts = [text for _, text in _texts(source, tag)]
    found = {field: words.said(field, texts, tag.major) for field in Field}
    return {field: values for field, values in found.items() if values}


def edit(
    source: Source,
    tag: Id3v2 | None,
    changes: FieldValues,
    *,
    room: bool = True,
    comment: str = "",
) -> Edit:
    """Lays out an ID3v2 tag with some tags changed.

    Args:
        source: The file.
        tag: Its ID3v2 tag; None for a new one, of version 2.4.
        changes: Values by tag; an empty tuple removes it.
        room: Whether a tag that is made, or has to grow, gets padding.
        comment: What a new tag's comment says besides: the unnamed one, which is no field.

    Returns:
        What stands in the tag's place.

    Raises:
        TagError: ID3 cannot say this, or a frame that it should be said in cannot be read.
    """
    old = tag or _NEW
    texts = list(_texts(source, tag)) if tag else []
    replaced: dict[int, bytes] = {}  # by the old frame's number
    added = b""
    frames: list[FrameChange] = []
    for field, values in changes.items():
        places = words.places(field, old.major)
        held = [(index, text) for index, text in texts if text.place in places]
        for _, text in held:
            if text.values is None:
                raise damaged(f"The file's frame {text.label} is encrypted or damaged.")
        before = [text for _, text in held]
        after = list(words.written(field, values, old.major))
        if _says(field, values, before, old.major):
            continue
        frames += _compared(before, after)
        numbers = [index for index, _ in held]
        flags = old.frames[numbers[0]].flags & 0xFF00 if numbers else 0
        new = b"".join(_frame(text, old, flags) for text in after)
        replaced |= dict.fromkeys(numbers, b"")
        if numbers:
            replaced[numbers[0]] = new
        else:
            added += new
    if frames and tag is None:
        for text in _commented(comment):
            added += _frame(text, old, 0)
            frames += _compared((), (text,))
    if not frames:
        return Edit((Keep(tag.begin, tag.length),) if tag else (), ())
    pieces = _laid_out(source, tag, replaced, added, room) if tag else _created(added, room)
    return Edit(merged(pieces), tuple(frames))


def others(source: Source, tag: Id3v2, changes: FieldValues) -> dict[str, bytes]:
    """A hash of everything that `changes` does not speak of, by its frame."""
    spoken_of = {place for field in changes for place in words.places(field, tag.major)}
    left_out = {index for index, text in _texts(source, tag) if text.place in spoken_of}

    def parts() -> Iterator[tuple[str, bytes]]:
        for index, frame in enumerate(tag.frames):
            if index not in left_out:
                content = tag.chunks(source, frame.body, frame.end)
                yield f"ID3v2 {frame.name}", _hash(frame.flags, content)
        _, garbage = _padding(source, tag)
        if garbage.length:
            yield "ID3v2 garbage", _hash(0, tag.bare(chunks(source, [garbage])))

    return named(parts())


def others_of_new(values: FieldValues, comment: str) -> dict[str, bytes]:
    """What `others` would say of a new tag that holds these values and nothing else."""
    texts = (text for field in values for text in words.written(field, values[field], 4))
    frames = (words.encoded(text, 4) for text in (*texts, *_commented(comment)))
    return named((f"ID3v2 {name}", _hash(0, [content])) for name, content in frames)


def _commented(comment: str) -> tuple[Text, ...]:
    return (Text("COMM:", "COMM", (comment,)),) if comment else ()


def _hash(flags: int, content: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256(flags.to_bytes(2, "big"))
    for chunk in content:
        digest.update(chunk)
    return digest.digest()


def _texts(source: Source, tag: Id3v2) -> Iterator[tuple[int, Text]]:
    """What the frames say that may hold tags, each with its number."""
    for index, frame in enumerate(tag.frames):
        if frame.name in words.NAMES:
            yield index, words.decoded(frame.name, _content(source, tag, frame), tag.major)


def _content(source: Source, tag: Id3v2, frame: Frame) -> bytes | None:
    """A frame's content as it was before it was packed; None where that cannot be had."""
    raw = tag.read(source, frame.body, frame.end)
    if tag.major == 2:
        return raw
    flags = frame.flags & 0xFF
    if flags & _ENCRYPTED[tag.major]:
        return None
    raw = raw[sum(length for flag, length in _PREFIXES[tag.major] if flags & flag) :]
    if flags & _UNSYNCHRONISED[tag.major] or (tag.major == 4 and tag.flags & UNSYNCHRONISED):
        raw = unstuffed(raw)
    return _inflated(raw) if flags & _COMPRESSED[tag.major] else raw


def _inflated(raw: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(raw, _INFLATED)
    except zlib.error:
        return None
    return content if inflater.eof else None


def _says(field: Field, values: tuple[str, ...], before: Sequence[Text], major: int) -> bool:
    """Whether a tag says these values already, in the place where they belong."""
    if not values:
        return not before
    held = words.said_at(words.places(field, major)[0], field, before, major)
    return held == values or (major < 4 and held == (words.SEVERAL.join(values),))


def _compared(before: Iterable[Text], after: Iterable[Text]) -> Iterator[FrameChange]:
    """The frames that differ, several of one name together."""
    old: dict[str, tuple[str, ...]] = {}
    new: dict[str, tuple[str, ...]] = {}
    for said, texts in ((old, before), (new, after)):
        for text in texts:
            said[text.label] = said.get(text.label, ()) + (text.values or ())
    for label in old | new:
        change = FrameChange(label, old.get(label, ()), new.get(label, ()))
        if change.before != change.after:
            yield change


def _frame(text: Text, tag: Id3v2, flags: int) -> bytes:
    """A new frame as it stands in a tag."""
    name, content = words.encoded(text, tag.major)
    size, limit = len(content), 1 << (24 if tag.major == 2 else 28)
    if size >= limit:
        raise TagError(f"{text.label} would be larger than an ID3v2 tag can hold.")
    if tag.major == 2:
        header = size.to_bytes(3, "big")
    else:
        safe = tag.major == 4 and not tag.plain_sizes
        header = synchsafe_bytes(size) if safe else size.to_bytes(4, "big")
        header += flags.to_bytes(2, "big")
    raw = name.encode() + header + content
    return _stuffed(raw) if tag.unsynchronised else raw


def _stuffed(raw: bytes) -> bytes:
    return _TO_STUFF.sub(b"\xff\0", raw)


def _created(frames: bytes, room: bool) -> list[Piece]:
    body = frames + bytes(_ROOM if room else 0)
    return [b"ID3\4\0\0" + synchsafe_bytes(_fitting(len(body))), body]


def _fitting(size: int) -> int:
    if size >= 1 << 28:
        raise TagError("The ID3v2 tag would become larger than the 256 MB it may have.")
    return size


def _laid_out(
    source: Source, tag: Id3v2, replaced: dict[int, bytes], added: bytes, room: bool
) -> list[Piece]:
    """The whole tag, with some frames in others' places and some more behind all."""
    frames = _new_frames(source, tag, replaced, added)
    rest = tag.place(tag.frames_end)
    zeros, garbage = _padding(source, tag)
    grown = length_of(frames) - (rest - tag.place(tag.extended))
    footer = tag.flags & FOOTER
    if footer and not zeros:
        padding = 0  # the standard allows none
    elif garbage.length:
        padding = zeros - grown if min(zeros, zeros - grown) >= _GAP else zeros
    elif grown <= zeros:
        padding = zeros - grown
    else:
        padding = _ROOM if room and not footer else 0
    frames_and_rest = [
        *frames,
        bytes(max(0, padding - zeros)),
        Keep(rest + max(0, zeros - padding), min(zeros, padding)),
        garbage,
    ]
    extended = _new_extended(source, tag, frames, frames_and_rest)
    body = [extended, *frames_and_rest]
    header = source.read(tag.begin, 5) + bytes([tag.flags])
    header += synchsafe_bytes(_fitting(length_of(body)))
    if header == source.read(tag.begin, HEADER):
        return [Keep(tag.begin, HEADER), *body, Keep(tag.body_end, tag.end - tag.body_end)]
    return [header, *body, b"3DI" + header[3:] if footer else b""]


def _new_frames(
    source: Source, tag: Id3v2, replaced: dict[int, bytes], added: bytes
) -> list[Piece]:
    """The frames alone: the old ones as they stand, the new ones between and behind them."""
    cuts = [(tag.frames[index], new) for index, new in sorted(replaced.items())]
    places = [(frame.offset, frame.end, new) for frame, new in cuts]
    pieces: list[Piece] = []
    at = tag.extended
    for begin, end, new in [*places, (tag.frames_end, tag.frames_end, added)]:
        kept = tag.keep(at, begin)
        pieces.append(kept)
        if tag.unsynchronised and kept.length and source.read(kept.end - 1, 1) == b"\xff":
            pieces.append(b"\0")  # another byte follows it now
        pieces.append(new)
        at = end
    return pieces


def _padding(source: Source, tag: Id3v2) -> tuple[int, Keep]:
    """The zeros behind the frames, and what else comes before the tag's end."""
    begin = tag.place(tag.frames_end)
    zeros = 0
    for chunk in chunks(source, [Keep(begin, tag.body_end - begin)]):
        rest = chunk.lstrip(b"\0")
        zeros += len(chunk) - len(rest)
        if rest:
            break
    return zeros, Keep(begin + zeros, tag.body_end - begin - zeros)


def _new_extended(
    source: Source, tag: Id3v2, frames: Sequence[Piece], frames_and_rest: Sequence[Piece]
) -> Piece:
    """The extended header with its checksum and its size of padding made right."""
    kept = tag.keep(0, tag.extended)
    raw = tag.read(source, 0, tag.extended)
    new = raw
    if tag.major == 3 and raw:
        padding = length_of(frames_and_rest) - length_of(frames)
        new = raw[:6] + padding.to_bytes(4, "big") + raw[10:]
        if raw[4] & 0x80 and len(raw) >= 14:
            crc = _crc(tag.bare(chunks(source, frames)))
            new = new[:10] + crc.to_bytes(4, "big") + raw[14:]
    elif raw and raw[5] & 0x20:
        at = 7 + (1 if raw[5] & 0x40 else 0)
        if raw[at - 1 : at] != b"\5" or len(raw) < at + 5:
            raise damaged("The ID3v2 tag's extended header is damaged.")
        crc = _crc(chunks(source, frames_and_rest))
        new = raw[:at] + synchsafe_bytes(crc, 5) + raw[at + 5 :]
    if new == raw:
        return kept
    return _stuffed(new) if tag.unsynchronised else new


def _crc(chunks: Iterable[bytes]) -> int:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
    return crc
