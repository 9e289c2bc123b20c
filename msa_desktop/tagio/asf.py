"""ASF (Windows Media Audio): objects in a header, and behind it the sound.

Source: Advanced Systems Format (ASF) Specification, revision 01.20.05 (Microsoft, 2012). A field's
first value stands in the objects every reader knows, the others in the Metadata Library, where
other programs have them too; the attribute is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from uuid import UUID

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import _asf
from msa_desktop.tagio._asf import CONTENT, EXTENDED, LIBRARY, METADATA, Attribute, Header, Object
from msa_desktop.tagio._base import Edit, Keep, Piece, Source, TagError
from msa_desktop.tagio._pieces import content, length_of, merged, named

NAME = "Windows Media Audio"
EXTENSIONS = frozenset({".wma", ".asf", ".wmv"})

_NAMES = {
    Field.TITLE: ("Title", "title"),
    Field.ARTIST: ("Author",),
    Field.ALBUM: ("WM/AlbumTitle",),
    Field.ALBUM_ARTIST: ("WM/AlbumArtist",),
    Field.COMPOSER: ("WM/Composer",),
    Field.DATE: ("WM/Year", "date"),
    Field.TRACK: ("WM/TrackNumber",),
    Field.DISC: ("WM/PartOfSet",),
    Field.GENRE: ("WM/Genre",),
    Field.MOOD: ("WM/Mood",),
    Field.BPM: ("WM/BeatsPerMinute",),
    Field.KEY: ("WM/InitialKey",),
    Field.GROUPING: ("WM/ContentGroupDescription", "grouping"),
    Field.SUMMARY: ("WM/SubTitleDescription",),
    Field.TRACK_GAIN: ("REPLAYGAIN_TRACK_GAIN", "replaygain_track_gain"),
    Field.TRACK_PEAK: ("REPLAYGAIN_TRACK_PEAK", "replaygain_track_peak"),
}
"""The name that is written, and what FFmpeg and others write instead."""

_HOLDERS = (CONTENT, EXTENDED, METADATA, LIBRARY)
_ROOM = 2048  # bytes of new padding, where the old does not do


def knows(source: Source) -> bool:
    """Whether the file begins with ASF's header."""
    return source.head().startswith(_asf.HEADER)


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """The fields of all four objects that hold attributes."""
    header = _asf.parse(source)
    found = {
        field: next(filter(None, (_says(source, header, name) for name in names)), ())
        for field, names in _NAMES.items()
    }
    return {field: values for field, values in found.items() if values}


def edit(source: Source, changes: FieldValues) -> Edit:
    """Lays out the file with other attributes; the padding takes up the difference, if it can.

    Raises:
        TagError: The file is protected (DRM) or signed.
    """
    header = _asf.parse(source)
    if any(each.guid in _asf.PROTECTED for each in (*header.objects, *header.inner)):
        raise TagError(
            "The file is copy-protected or signed, and a change could make it unplayable."
        )
    instead: dict[Attribute, bytes] = {}
    added: dict[bytes, list[tuple[str, bytes]]] = {CONTENT: [], EXTENDED: [], LIBRARY: []}
    frames: list[FrameChange] = []
    for field, values in changes.items():
        name = _NAMES[field][0]
        before = {each: _says(source, header, each) for each in _NAMES[field]}
        after = dict.fromkeys(before, ()) | {name: values}
        if before[name] == values if values else before == after:
            continue
        frames += [
            FrameChange(each, before[each], after[each])
            for each in before
            if before[each] != after[each]
        ]
        held = [each for spelled in before for each in header.named(spelled)]
        instead |= dict.fromkeys(held, b"")
        home = CONTENT if field in (Field.TITLE, Field.ARTIST) else EXTENDED
        first = next((each for each in held if each.holder.guid == home), None)
        for place, value in enumerate(values):
            guid = LIBRARY if place else home
            raw = _asf.attribute(guid, name, value)
            if first and not place:
                instead[first] = raw
            else:
                added[guid].append((name, raw))
    if not frames:
        return Edit((Keep(0, source.size),), ())
    return Edit(_layout(source, header, instead, added), tuple(frames))


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """The properties of file and streams but for the file's size, and all behind the header."""
    header = _asf.parse(source)
    for each in header.objects:
        if each.guid == _asf.FILE:
            yield from ((part.offset, part.length) for part in _asf.still(each))
        elif each.guid == _asf.STREAM:
            yield each.offset, each.size
    yield header.size, source.size - header.size


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """The other attributes, and every other object of the header."""
    header = _asf.parse(source)
    asked = {name for field in changes for name in _NAMES[field]}
    apart = (*_HOLDERS, _asf.EXTENSION, _asf.PADDING, _asf.FILE, _asf.STREAM)
    places = [(each.name, each.place) for each in header.attributes if each.name not in asked]
    places += [
        (f"{{{UUID(bytes_le=each.guid)}}}", each.place)
        for each in (*header.objects, *header.inner)
        if each.guid not in apart
    ]
    return named(
        (name, content(source, place.offset, place.length))
        for name, place in places
        if place.length
    )


def _says(source: Source, header: Header, name: str) -> tuple[str, ...]:
    return _asf.texts(source, header.named(name))


def _layout(
    source: Source,
    header: Header,
    instead: Mapping[Attribute, bytes],
    added: dict[bytes, list[tuple[str, bytes]]],
) -> tuple[Piece, ...]:
    """The whole file, with attributes replaced and added."""
    # By the object that each part is or, where it has none yet, by its kind.
    parts: dict[Object | bytes, list[Piece]] = {each: [each.place] for each in header.objects}
    inner: dict[Object | bytes, list[Piece]] = {each: [each.place] for each in header.inner}
    for old in (each for guid in _HOLDERS for each in header.all_of(guid)):
        more = [raw for _, raw in added.pop(old.guid, ())]
        (parts if old in parts else inner)[old] = _asf.holder(header, old, instead, more)
    for guid, new in added.items():
        if new:
            (inner if guid == LIBRARY else parts)[guid] = _asf.new_holder(guid, new)

    if list(inner.values()) != [[each.place] for each in header.inner]:
        extension = header.longest(_asf.EXTENSION)
        body = list(chain.from_iterable(inner.values()))
        parts[extension or _asf.EXTENSION] = _asf.extension(source, extension, body)
    grown = _asf.HEADER_HEAD + length_of(chain.from_iterable(parts.values())) - header.size
    if grown:
        padding = header.longest(_asf.PADDING)
        room = (padding.size if padding else 0) - grown
        room = room if room >= _asf.HEAD else _asf.HEAD + _ROOM
        parts[padding or _asf.PADDING] = _asf.padding(padding, room)

    size = _asf.HEADER_HEAD + length_of(chain.from_iterable(parts.values()))
    properties = header.longest(_asf.FILE)
    sound = Keep(header.size, source.size - header.size)
    if properties and size != header.size:
        parts[properties] = _asf.file_properties(source, properties, size + sound.length)
    head = _asf.header_head(source, size, header.count + len(parts) - len(header.objects))
    return merged([head, *chain.from_iterable(parts.values()), sound])
