"""The header of an ASF file: its objects, and the attributes in the four that hold tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import pack, unpack
from uuid import UUID

from msa_desktop.tagio._base import Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._pieces import length_of


def _guid(text: str) -> bytes:
    return UUID(text).bytes_le


HEADER = _guid("75B22630-668E-11CF-A6D9-00AA0062CE6C")
FILE = _guid("8CABDCA1-A947-11CF-8EE4-00C00C205365")
STREAM = _guid("B7DC0791-A9B7-11CF-8EE6-00C00C205365")
PADDING = _guid("1806D474-CADF-4509-A4BA-9AABCB96AAE8")
EXTENSION = _guid("5FBF03B5-A92E-11CF-8EE3-00C00C205365")
CONTENT = _guid("75B22633-668E-11CF-A6D9-00AA0062CE6C")
EXTENDED = _guid("D2D0A440-E307-11D2-97F0-00A0C95EA850")
METADATA = _guid("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA")
LIBRARY = _guid("44231C94-9498-49D1-A141-1D134E457054")
PROTECTED = frozenset(
    map(
        _guid,
        (
            "2211B3FB-BD23-11D2-B4B7-00A0C955FC6E",  # Content Encryption
            "298AE614-2622-4C17-B935-DAE07EE9289C",  # Extended Content Encryption
            "43058533-6981-49E6-9B74-AD12CB86D58C",  # Advanced Content Encryption
            "2211B3FC-BD23-11D2-B4B7-00A0C955FC6E",  # Digital Signature, of the header
        ),
    )
)

HEAD = 24
"""Bytes before an object's content: what it is, and its size."""

HEADER_HEAD = 30
"""Bytes of the header before its objects: the same, their number, and two reserved bytes."""

_EXTENSION_HEAD = 46  # and a reserved GUID and number, and the size of the objects in it
_EXTENSION_RESERVED = _guid("ABD3D211-A9BA-11CF-8EE6-00C00C205365") + pack("<H", 6)
_FILE_SIZE = slice(40, 48)  # of the File Properties
_FILE_LENGTH = 104
_FLAGS = 88
_BROADCAST = 1
_CONTENT_NAMES = ("Title", "Author", "Copyright", "Description", "Rating")
_MOST = 10_000  # objects; and seven times as many attributes
_TEXT, _BOOL, _DWORD, _QWORD, _WORD = 0, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Object:
    """One object: what it is and where it lies."""

    guid: bytes
    offset: int
    size: int

    @property
    def place(self) -> Keep:
        """All of it."""
        return Keep(self.offset, self.size)

    @property
    def body(self) -> int:
        """Where its content begins."""
        return self.offset + HEAD

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: in which object, all of it there, the type of its value and the value."""

    holder: Object
    name: str
    place: Keep
    kind: int
    value: Keep


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file.

    Attributes:
        size: Its bytes; the sound is behind it.
        count: The objects it says to have.
        objects: Those in it, in order.
        inner: Those in its Header Extension.
        attributes: Content Description first, then Extended Content Description, Metadata and
            Metadata Library. Of the first all five are here, though they be empty.
    """

    size: int
    count: int
    objects: tuple[Object, ...]
    inner: tuple[Object, ...]
    attributes: tuple[Attribute, ...]

    def all_of(self, guid: bytes) -> list[Object]:
        """Its objects of one kind, wherever they are."""
        return [each for each in (*self.objects, *self.inner) if each.guid == guid]

    def longest(self, guid: bytes) -> Object | None:
        """The longest of its objects of one kind, but for those in its Header Extension."""
        found = (each for each in self.objects if each.guid == guid)
        return max(found, key=lambda each: each.size, default=None)

    def named(self, name: str) -> list[Attribute]:
        """The attributes of one name."""
        return [each for each in self.attributes if each.name == name]


def parse(source: Source) -> Header:
    """The header of a file.

    Raises:
        TagError: It is damaged.
    """
    guid, size, count = unpack("<16sQI", source.read(0, HEADER_HEAD)[:28])
    if guid != HEADER or not HEADER_HEAD <= size <= source.size:
        raise _damaged("its size is wrong")
    objects = tuple(_objects(source, HEADER_HEAD, size))
    extensions = [each for each in objects if each.guid == EXTENSION]
    if len(extensions) > 1 or any(
        each.size < (_FILE_LENGTH if each.guid == FILE else _EXTENSION_HEAD)
        for each in objects
        if each.guid in (FILE, EXTENSION)
    ):
        raise _damaged("a part of it is too short, or is there twice")
    inner = tuple(
        found
        for each in extensions
        for found in _objects(source, each.offset + _EXTENSION_HEAD, each.end)
    )
    header = Header(size, count, objects, inner, ())
    attributes: list[Attribute] = []
    for kind in (CONTENT, EXTENDED, METADATA, LIBRARY):
        for holder in header.all_of(kind):
            attributes += _attributes(source, holder)
            if len(attributes) > 7 * _MOST:
                raise _damaged("it has more attributes than any")
    return Header(size, count, objects, inner, tuple(attributes))


def texts(source: Source, attributes: Sequence[Attribute]) -> tuple[str, ...]:
    """What attributes say, as text; those that are empty or no text or number are left out."""
    found = (
        _text(source.read(each.value.offset, each.value.length), each.kind) for each in attributes
    )
    return tuple(dict.fromkeys(filter(None, found)))


def attribute(guid: bytes, name: str, value: str) -> bytes:
    """An attribute with a text, as an object of one kind holds it."""
    raw = _encoded(value)
    if guid == CONTENT:
        return raw
    label = _encoded(name)
    if guid == EXTENDED:
        return pack("<H", len(label)) + label + pack("<HH", _TEXT, len(raw)) + raw
    # No language, no stream.
    return pack("<HHHHI", 0, 0, len(label), _TEXT, len(raw)) + label + raw


def holder(
    header: Header,
    old: Object,
    instead: Mapping[Attribute, bytes],
    added: Sequence[bytes],
) -> list[Piece]:
    """An object of attributes, with some of them replaced (b"" drops one) and others added."""
    mine = [each for each in header.attributes if each.holder == old]
    if not added and not any(each in instead for each in mine):
        return [old.place]
    parts: list[Piece] = [instead.get(each, each.place) for each in mine]
    begin = mine[-1].place.end if mine else old.body + 2
    rest = Keep(begin, old.end - begin)
    if old.guid == CONTENT:
        return _object(CONTENT, [_lengths([length_of([part]) for part in parts]), *parts, rest])
    parts = [part for part in parts if part != b""] + list(added)
    return _object(old.guid, [_count(len(parts)), *parts, rest])


def new_holder(guid: bytes, added: Sequence[tuple[str, bytes]]) -> list[Piece]:
    """A new object of attributes, given as names and what `attribute` made of them."""
    if guid == CONTENT:
        found = dict(added)
        parts = [found.get(name, b"") for name in _CONTENT_NAMES]
        return _object(CONTENT, [_lengths([len(part) for part in parts]), *parts])
    return _object(guid, [_count(len(added)), *(raw for _, raw in added)])


def extension(source: Source, old: Object | None, body: Sequence[Piece]) -> list[Piece]:
    """A Header Extension with other objects in it."""
    reserved = source.read(old.body, 18) if old else _EXTENSION_RESERVED
    return _object(EXTENSION, [reserved, pack("<I", length_of(body)), *body])


def padding(old: Object | None, size: int) -> list[Piece]:
    """Padding of a size, `HEAD` at least; what the old one holds is used again."""
    length = size - HEAD
    kept = min(length, old.size - HEAD) if old else 0
    again = [Keep(old.end - kept, kept)] if old else []
    return [PADDING + pack("<Q", size), *again, bytes(length - kept)]


def header_head(source: Source, size: int, count: int) -> bytes:
    """The header's own first bytes."""
    return HEADER + pack("<QI", size, count) + source.read(28, 2)


def file_properties(source: Source, old: Object, size: int) -> list[Piece]:
    """The File Properties of a file of another size. One that was streamed has none there."""
    is_streamed = source.read(old.offset + _FLAGS, 1)[0] & _BROADCAST
    before, after = still(old)
    return [old.place] if is_streamed else [before, pack("<Q", size), after]


def still(properties: Object) -> tuple[Keep, Keep]:
    """The File Properties without the file's size."""
    begin, end = _FILE_SIZE.start, _FILE_SIZE.stop
    return Keep(properties.offset, begin), Keep(properties.offset + end, properties.size - end)


def _object(guid: bytes, body: Sequence[Piece]) -> list[Piece]:
    return [guid + pack("<Q", HEAD + length_of(body)), *body]


def _count(number: int) -> bytes:
    if number > 0xFFFF:
        raise TagError("The file has as many tags as its format can hold.")
    return pack("<H", number)


def _lengths(lengths: Sequence[int]) -> bytes:
    return pack("<5H", *lengths)


def _objects(source: Source, begin: int, end: int) -> Iterator[Object]:
    for _ in range(_MOST):
        if begin == end:
            return
        if end - begin < HEAD:
            break
        guid, size = unpack("<16sQ", source.read(begin, HEAD))
        if not HEAD <= size <= end - begin:
            break
        yield Object(guid, begin, size)
        begin += size
    raise _damaged("the size of a part of it is wrong")


def _attributes(source: Source, holder: Object) -> Iterator[Attribute]:
    at, end = holder.body, holder.end
    if holder.guid == CONTENT:
        lengths = unpack("<5H", _within(source, at, 10, end))
        at += 10
        for name, length in zip(_CONTENT_NAMES, lengths, strict=True):
            place = _place(at, length, end)
            yield Attribute(holder, name, place, _TEXT, place)
            at = place.end
        return
    (count,) = unpack("<H", _within(source, at, 2, end))
    at += 2
    for _ in range(count):
        begin = at
        if holder.guid == EXTENDED:
            (long,) = unpack("<H", _within(source, at, 2, end))
            label = _within(source, at + 2, long, end)
            kind, length = unpack("<HH", _within(source, at + 2 + long, 4, end))
            value = _place(at + 6 + long, length, end)
        else:
            long, kind, length = unpack("<4xHHI", _within(source, at, 12, end))
            label = _within(source, at + 12, long, end)
            value = _place(at + 12 + long, length, end)
        at = value.end
        yield Attribute(holder, _decoded(label), Keep(begin, at - begin), kind, value)


def _within(source: Source, at: int, length: int, end: int) -> bytes:
    place = _place(at, length, end)
    return source.read(place.offset, place.length)


def _place(at: int, length: int, end: int) -> Keep:
    if at + length > end:
        raise _damaged("a tag in it is cut off")
    return Keep(at, length)


def _text(raw: bytes, kind: int) -> str:
    if kind == _TEXT:
        return _decoded(raw)
    return str(int.from_bytes(raw, "little")) if kind in (_DWORD, _QWORD, _WORD) else ""


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").strip("\0")


def _encoded(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def _damaged(what: str) -> TagError:
    return damaged(f"The file's header is damaged: {what}.")
