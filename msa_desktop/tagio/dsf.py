"""DSD stream files: an ID3v2 tag at the end, where the file's header points.

DSF File Format Specification 1.01 (Sony, 2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import _id3v2
from msa_desktop.tagio._base import Edit, Keep, Source, damaged
from msa_desktop.tagio._pieces import content, length_of, merged, named

NAME = "DSD"
EXTENSIONS = frozenset({".dsf"})

_FORMAT = 28  # where the "fmt " chunk begins
_SIZES = 12  # where the header keeps the file's size and the place of the tag


def knows(source: Source) -> bool:
    """Whether this is a DSD stream file, by its first bytes."""
    head = source.head()
    return head[:4] == b"DSD " and head[_FORMAT : _FORMAT + 4] == b"fmt "


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """See `Format.read`."""
    tag = _tag(source)
    return {} if tag is None else _id3v2.read(source, tag)


def edit(source: Source, changes: FieldValues) -> Edit:
    """See `Format.edit`."""
    if _sound_end(source) > source.size:
        raise damaged("The file is cut off: it ends in the middle of its sound.")
    tag = _tag(source)
    edited = _id3v2.edit(source, tag, changes, room=False)
    if not edited.frames:
        return Edit((Keep(0, source.size),), ())
    begin, length = (source.size, 0) if tag is None else (tag.begin, tag.length)
    size = source.size + length_of(edited.pieces) - length
    sizes = size.to_bytes(8, "little") + begin.to_bytes(8, "little")
    pieces = (
        Keep(0, _SIZES),
        sizes,
        Keep(_FORMAT, begin - _FORMAT),
        *edited.pieces,
        Keep(begin + length, source.size - begin - length),
    )
    return Edit(merged(pieces), edited.frames)


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """See `Format.sound`."""
    yield _FORMAT, min(_sound_end(source), source.size) - _FORMAT


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """See `Format.others`."""
    end = min(_sound_end(source), source.size)
    parts = [("header", source.read(0, _SIZES))]
    tag = _tag(source)
    if tag is not None:
        parts.extend(_id3v2.others(source, tag, changes).items())
        parts.append(("rest", content(source, end, tag.begin - end)))
        end = tag.begin + tag.length
    parts.append(("rest", content(source, end, source.size - end)))
    return named((name, part) for name, part in parts if part)


def _number(source: Source, offset: int) -> int:
    return int.from_bytes(source.read(offset, 8), "little")


def _sound_end(source: Source) -> int:
    """The first byte behind the sound, by its chunk's own size."""
    data = _FORMAT + _number(source, _FORMAT + 4)
    if data + 12 > source.size or source.read(data, 4) != b"data":
        raise damaged("The file's sound is not where its header says: it is damaged.")
    return data + _number(source, data + 4)


def _tag(source: Source) -> _id3v2.Id3v2 | None:
    begin = _number(source, _SIZES + 8)
    if not begin:
        return None
    if not _sound_end(source) <= begin <= source.size:
        raise damaged("The file's tags are not where its header says: it is cut off or damaged.")
    tag = _id3v2.parse(source, begin, source.size)
    if tag is None and begin < source.size:
        raise damaged("The file has something else where its header says its tags are.")
    return tag
