"""WAV (with RF64 and BW64) and AIFF: an ID3v2 tag in a chunk of its own.

The older text chunks (WAV's INFO list, AIFF's NAME and AUTH) are read where ID3 says nothing, and
follow a change where they hold what is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import _id3v2
from msa_desktop.tagio._base import Edit, Keep, Source, TagError, damaged
from msa_desktop.tagio._chunks import UNKNOWN, Chunk, Container, Layout, container, kind_of, walk
from msa_desktop.tagio._id3v2_text import genres
from msa_desktop.tagio._pieces import content, named

NAME = "WAV and AIFF"
EXTENSIONS = frozenset({".wav", ".wave", ".rf64", ".bwf", ".bw64", ".aif", ".aiff", ".aifc"})

_SOUND = {b"WAVE": (b"fmt ", b"data"), b"AIFF": (b"COMM", b"SSND"), b"AIFC": (b"COMM", b"SSND")}
_ID3 = (b"id3 ", b"ID3 ")
_INFO = {
    b"INAM": Field.TITLE,
    b"IART": Field.ARTIST,
    b"IPRD": Field.ALBUM,
    b"IMUS": Field.COMPOSER,
    b"ICRD": Field.DATE,
    b"ITRK": Field.TRACK,
    b"IPRT": Field.TRACK,
    b"IGNR": Field.GENRE,
    b"IBPM": Field.BPM,
}
_INFO_COMMENT = b"ICMT"
_AIFF_TEXTS = {b"NAME": Field.TITLE, b"AUTH": Field.ARTIST}
_LONGEST_TEXT = 1 << 20
_JOINED = "; "


@dataclass(frozen=True, slots=True)
class _Text:
    """A text outside ID3.

    Attributes:
        field: What it says.
        chunk: Where.
        within: The INFO list that holds it, if one does.
    """

    field: Field
    chunk: Chunk
    within: Chunk | None = None


def knows(source: Source) -> bool:
    """Whether this is a WAV or AIFF file, by its first bytes."""
    return bool(kind_of(source))


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """See `Format.read`."""
    box = container(source)
    found: dict[Field, tuple[str, ...]] = {}
    for _, tag in _tags(source, box):
        if tag is not None:
            found = _id3v2.read(source, tag) | found
    return _said_outside(source, box) | found


def edit(source: Source, changes: FieldValues) -> Edit:
    """See `Format.edit`."""
    box = container(source)
    _refuse_unsafe(source, box)
    layout = Layout(source, box)
    frames = [*_edit_id3(source, box, changes, layout), *_edit_texts(source, box, changes, layout)]
    if not frames:
        return Edit((Keep(0, source.size),), ())
    return Edit(layout.pieces(), tuple(frames))


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """See `Format.sound`."""
    box = container(source)
    for chunk in box.chunks:
        if chunk.name in _SOUND[box.kind]:
            yield chunk.body, chunk.size
        elif chunk.body == box.long_size:
            yield chunk.body + 8, chunk.size - 8  # the first number is the file's size


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """See `Format.others`."""
    box = container(source)
    return named(_others(source, box, changes))


def _others(source: Source, box: Container, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
    yield "form", source.read(0, 4) + box.kind
    tags = dict(_tags(source, box))
    if not tags:
        said = _carried(source, box, changes)
        yield from _id3v2.others_of_new(said, _comment(source, box)).items()
    changed = {text.chunk for text in _texts(source, box) if text.field in changes}
    for chunk in box.chunks:
        at = chunk.body
        if tag := tags.get(chunk):
            yield from _id3v2.others(source, tag, changes).items()
            at = tag.begin + tag.length
        elif _is_info(source, chunk):
            at += 4
            for entry in _entries(source, box, chunk):
                at = entry.next
                if entry not in changed:
                    yield _name(entry), content(source, entry.body, entry.size)
        elif chunk in changed or chunk.name in _SOUND[box.kind] or chunk.body == box.long_size:
            at = chunk.end
        if at < chunk.end:
            yield _name(chunk), content(source, at, chunk.end - at)
    if box.end < source.size:
        yield "rest", content(source, box.end, source.size - box.end)


def _refuse_unsafe(source: Source, box: Container) -> None:
    """A file is laid out anew only where it is certain which bytes are its sound."""
    format_name, data_name = _SOUND[box.kind]
    names = [chunk.name for chunk in box.chunks]
    if format_name not in names or data_name not in names:
        raise damaged("The file holds no sound: it is cut off or damaged.")
    last = box.chunks[-1]
    if last.cut and last.name in (*_ID3, b"LIST"):
        raise damaged("The file ends in the middle of its tags: it is cut off or damaged.")
    streamed = last.cut and last.name == data_name
    if source.size > UNKNOWN and box.long_size is None and not streamed:
        raise TagError("The file is larger than 4 GB, which its form cannot describe.")


def _tags(source: Source, box: Container) -> list[tuple[Chunk, _id3v2.Id3v2 | None]]:
    return [
        (chunk, _id3v2.parse(source, chunk.body, chunk.end))
        for chunk in box.chunks
        if chunk.name in _ID3
    ]


def _edit_id3(
    source: Source, box: Container, changes: FieldValues, layout: Layout
) -> Iterator[FrameChange]:
    """Changes the first tag; in a further one, which some readers see instead, what it holds."""
    tags = _tags(source, box)
    if not tags:
        carried = _carried(source, box, changes) if any(changes.values()) else {}
        said, comment = carried | dict(changes), _comment(source, box)
        edited = _id3v2.edit(source, None, said, room=False, comment=comment)
        if edited.frames:
            layout.add(b"id3 " if box.kind == b"WAVE" else b"ID3 ", *edited.pieces)
        yield from edited.frames
    for number, (chunk, tag) in enumerate(tags):
        if tag is None and chunk.size:
            raise damaged("The file has a chunk for ID3 tags that holds something else.")
        wanted = changes
        if number:
            held = _id3v2.read(source, tag) if tag is not None else {}
            wanted = {field: values for field, values in changes.items() if field in held}
        # Room to grow is worth something only where the sound lies behind.
        room = any(other.offset > chunk.offset for other in box.chunks)
        edited = _id3v2.edit(source, tag, wanted, room=room)
        if edited.frames:
            begin, length = (tag.begin, tag.length) if tag is not None else (chunk.body, 0)
            layout.resize(chunk, layout.replace(begin, length, *edited.pieces))
        yield from edited.frames


def _edit_texts(
    source: Source, box: Container, changes: FieldValues, layout: Layout
) -> Iterator[FrameChange]:
    gained: Counter[Chunk] = Counter()
    for text in _texts(source, box):
        values = changes.get(text.field)
        before = _words(source, text.chunk)
        if values is None or _JOINED.join(values) == before:
            continue
        raw = _JOINED.join(values).encode()
        if text.within is None:
            layout.swap(text.chunk, raw)
        else:
            gained[text.within] += layout.swap(text.chunk, raw and raw + b"\0")
        yield FrameChange(_name(text.chunk), (before,) if before else (), values)
    for chunk, difference in gained.items():
        layout.resize(chunk, difference)


def _name(chunk: Chunk) -> str:
    return chunk.name.decode("ascii")


def _is_info(source: Source, chunk: Chunk) -> bool:
    return chunk.name == b"LIST" and chunk.size >= 4 and source.read(chunk.body, 4) == b"INFO"


def _entries(source: Source, box: Container, info: Chunk) -> Iterator[Chunk]:
    return walk(source, info.body + 4, info.end, box.big_endian, told=info.end)


def _info_entries(source: Source, box: Container) -> Iterator[tuple[Chunk, Chunk]]:
    """The whole entries of every INFO list, each behind its list."""
    for chunk in box.chunks:
        if _is_info(source, chunk):
            for entry in _entries(source, box, chunk):
                if not entry.cut:
                    yield chunk, entry


def _texts(source: Source, box: Container) -> list[_Text]:
    if box.kind != b"WAVE":
        return [
            _Text(_AIFF_TEXTS[chunk.name], chunk)
            for chunk in box.chunks
            if chunk.name in _AIFF_TEXTS and not chunk.cut
        ]
    return [
        _Text(_INFO[entry.name], entry, chunk)
        for chunk, entry in _info_entries(source, box)
        if entry.name in _INFO
    ]


def _said_outside(source: Source, box: Container) -> dict[Field, tuple[str, ...]]:
    """What the text chunks say."""
    found: dict[Field, tuple[str, ...]] = {}
    for text in _texts(source, box):
        words = _words(source, text.chunk)
        if text.field is Field.GENRE:
            parts = (part.strip() for part in words.split(_JOINED.strip()))
            found.setdefault(text.field, genres([part for part in parts if part]))
        elif words:
            found.setdefault(text.field, (words,))
    return {field: values for field, values in found.items() if values}


def _carried(source: Source, box: Container, changes: FieldValues) -> dict[Field, tuple[str, ...]]:
    """What a new ID3v2 tag must say besides: readers that find one look at no other text."""
    said = _said_outside(source, box)
    return {field: values for field, values in said.items() if field not in changes}


def _comment(source: Source, box: Container) -> str:
    """What INFO's comment says, which is no field but belongs into a new ID3v2 tag too."""
    found = (entry for _, entry in _info_entries(source, box) if entry.name == _INFO_COMMENT)
    return next((_words(source, entry) for entry in found), "")


def _words(source: Source, chunk: Chunk) -> str:
    """What a text chunk says. None names its encoding; UTF-8 is hard to mistake for another."""
    if chunk.size > _LONGEST_TEXT:
        raise damaged("The file's text chunks are damaged: one is longer than any title.")
    raw = source.read(chunk.body, chunk.size).split(b"\0")[0]
    try:
        return raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace").strip()
