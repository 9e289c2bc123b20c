"""APE tags, versions 1 and 2: items of a key and a value, between a header and a footer.

Source: wiki.hydrogenaudio.org/index.php?title=APEv2_specification. Items are never decoded and
encoded again: what was not asked for stays as its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio._base import Keep, Piece, Source, TagError, damaged
from msa_desktop.tagio._pieces import content, length_of

NAMES: dict[Field, tuple[str, ...]] = {
    Field.TITLE: ("Title",),
    Field.ARTIST: ("Artist",),
    Field.ALBUM: ("Album",),
    Field.ALBUM_ARTIST: ("Album Artist", "AlbumArtist", "Album_Artist"),
    Field.COMPOSER: ("Composer",),
    Field.DATE: ("Year", "Date"),
    Field.TRACK: ("Track", "TrackNumber"),
    Field.DISC: ("Disc", "DiscNumber"),
    Field.GENRE: ("Genre",),
    Field.MOOD: ("Mood",),
    Field.BPM: ("BPM",),
    Field.KEY: ("KEY", "InitialKey"),
    Field.GROUPING: ("Grouping",),
    Field.SUMMARY: ("Description",),
    Field.TRACK_GAIN: ("REPLAYGAIN_TRACK_GAIN",),
    Field.TRACK_PEAK: ("REPLAYGAIN_TRACK_PEAK",),
}
"""The keys of a tag: the one that is written first, then others that are read."""

MAGIC = b"APETAGEX"
EDGE = 32
"""Bytes of a header or footer."""

_VERSIONS = (1000, 2000)
_HAS_HEADER = 1 << 31
_IS_HEADER = 1 << 29
_READ_ONLY = 1
_KIND = 6  # bits of an item's flags; 0 is text
_LONGEST_KEY = 255
_MOST = 10_000  # items; a hostile tag could claim millions

_EDGE = Struct("<8sIIII8s")  # magic, version, size with the footer, items, flags, reserved
_ITEM = Struct("<II")  # size of the value, flags


@dataclass(frozen=True, slots=True)
class _Item:
    """One item: where it lies, its key and where its value begins."""

    place: Keep
    key: str
    flags: int
    value: int

    @property
    def is_text(self) -> bool:
        return not self.flags & _KIND


@dataclass(frozen=True, slots=True)
class ApeTag:
    """One tag of a file.

    Attributes:
        begin: Where its header, or else its first item begins.
        end: The first byte behind it.
        items: In the file's order.
        rest: What stands behind the last item; other programs' padding.
        header: Its header's bytes, b"" where it has none.
        footer: Its footer's.
    """

    source: Source
    begin: int
    end: int
    items: tuple[_Item, ...]
    rest: Keep
    header: bytes
    footer: bytes

    def read(self) -> dict[Field, tuple[str, ...]]:
        """The fields it holds."""
        found = {}
        for field, names in NAMES.items():
            values = next(filter(None, (self._values(self._items((name,))) for name in names)), ())
            if values:
                found[field] = values
        return found

    def edit(
        self, changes: FieldValues, *, main: bool = False
    ) -> tuple[list[Piece], list[FrameChange]]:
        """Its new bytes and what changes in it.

        Args:
            changes: What its fields shall be.
            main: Whether fields that it does not hold are added to it.
        """
        instead: dict[_Item, bytes] = {}
        added: list[bytes] = []
        frames: list[FrameChange] = []
        for field, values in changes.items():
            canonical = NAMES[field][0]
            same = self._items((canonical,))
            held = self._items(NAMES[field])
            before = self._values(same)
            if not (held or (main and values)) or (values and before == values):
                continue
            if values:
                first = (same or held or (None,))[0]
                key = same[0].key if same else canonical
                item = _item(key, values, first.flags & _READ_ONLY if first else 0)
                if first:
                    instead[first] = item
                else:
                    added.append(item)
            if same or values:
                frames.append(FrameChange(same[0].key if same else canonical, before, values))
            for other in held:
                instead.setdefault(other, b"")
                if other not in same:
                    frames.append(FrameChange(other.key, self._values((other,)), ()))
        if not frames:
            return [Keep(self.begin, self.end - self.begin)], []
        body: list[Piece] = [instead.get(item, item.place) for item in self.items]
        count = sum(piece != b"" for piece in body) + len(added)
        body += [*added, self.rest]
        size = length_of(body) + (EDGE if self.footer else 0)
        return [_edge(self.header, size, count), *body, _edge(self.footer, size, count)], frames

    def others(self, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
        """Names and contents of what `changes` does not speak of."""
        asked = {name.lower() for field in changes for name in NAMES[field]}
        others = [item for item in self.items if item.key.lower() not in asked]
        for item in others:
            yield f"APE {item.key}", content(self.source, item.place.offset, item.place.length)
        # A tag that is only there for what was asked is no other one.
        for edge in filter(None, (self.header, self.footer) if others else ()):
            magic, version, _, _, flags, reserved = _EDGE.unpack(edge)
            yield "APE tag", _EDGE.pack(magic, version, 0, 0, flags, reserved)
        if self.rest.length:
            yield "APE padding", content(self.source, self.rest.offset, self.rest.length)

    def _items(self, names: Iterable[str]) -> tuple[_Item, ...]:
        lower = {name.lower() for name in names}
        return tuple(item for item in self.items if item.key.lower() in lower)

    def _values(self, items: Iterable[_Item]) -> tuple[str, ...]:
        texts = (
            _text(self.source.read(item.value, item.place.end - item.value))
            for item in items
            if item.is_text
        )
        return tuple(dict.fromkeys(value for text in texts for value in text.split("\0") if value))


def ending_at(source: Source, begin: int, end: int) -> ApeTag | None:
    """The tag with a footer that ends at a place, if there is one.

    Args:
        source: The file.
        begin: The earliest place where it may begin.
        end: Where it ends.

    Raises:
        TagError: There is one, but it is damaged.
    """
    at = end - EDGE
    if at < begin or source.read(at, len(MAGIC)) != MAGIC:
        return None
    footer = source.read(at, EDGE)
    size, count, flags = _facts(footer)
    if flags & _IS_HEADER:
        return None
    first = end - size
    if size < EDGE or first < begin:
        raise _damaged("its size is wrong")
    header = source.read(first - EDGE, EDGE) if first - EDGE >= begin else b""
    if not header.startswith(MAGIC) or not _EDGE.unpack(header)[4] & _IS_HEADER:
        header = b""
    items, rest = _walk(source, first, at, count)
    return ApeTag(source, first - len(header), end, items, rest, header, footer)


def without_footer(source: Source, begin: int, end: int) -> ApeTag | None:
    """The tag with nothing but a header that begins and ends at two places, if there is one.

    Raises:
        TagError: There is one, but it is damaged.
    """
    header = source.read(begin, EDGE)
    size = _EDGE.unpack(header)[2]
    if begin + EDGE + size != end:
        return None
    _, count, flags = _facts(header)
    if not flags & _IS_HEADER:
        return None
    items, rest = _walk(source, begin + EDGE, end, count)
    return ApeTag(source, begin, end, items, rest, header, b"")


def created(changes: FieldValues) -> tuple[bytes, list[FrameChange]]:
    """A new tag with a header and a footer, and what is in it."""
    given = [(NAMES[field][0], values) for field, values in changes.items() if values]
    body = b"".join(_item(key, values, 0) for key, values in given)
    edges = [
        _EDGE.pack(MAGIC, 2000, len(body) + EDGE, len(given), _HAS_HEADER | flag, bytes(8))
        for flag in (_IS_HEADER, 0)
    ]
    return edges[0] + body + edges[1], [FrameChange(key, (), values) for key, values in given]


def _facts(edge: bytes) -> tuple[int, int, int]:
    """Size, items and flags."""
    _, version, size, count, flags, _ = _EDGE.unpack(edge)
    if version not in _VERSIONS:
        raise _damaged(f"it says to be of version {version}, which nobody knows")
    return size, count, flags if version > 1000 else 0


def _walk(source: Source, at: int, end: int, count: int) -> tuple[tuple[_Item, ...], Keep]:
    """A tag's items and what is behind them. Some writers count more items than they write."""
    if count > _MOST:
        raise _damaged("it says to have more items than any")
    items: list[_Item] = []
    while len(items) < count and at < end:
        head = source.read(at, min(_ITEM.size + _LONGEST_KEY + 1, end - at))
        nul = head.find(0, _ITEM.size)
        size, flags = _ITEM.unpack(head[: _ITEM.size]) if nul > 0 else (0, 0)
        value = at + nul + 1
        if nul <= 0 or value + size > end:
            raise _damaged("an item in it is cut off")
        key = head[_ITEM.size : nul].decode("latin-1")
        items.append(_Item(Keep(at, value + size - at), key, flags, value))
        at = value + size
    return tuple(items), Keep(at, end - at)


def _item(key: str, values: tuple[str, ...], flags: int) -> bytes:
    # UTF-8 in version 1 too: its text has no declared encoding, and every reader of today takes
    # it as UTF-8.
    value = "\0".join(values).encode()
    return _ITEM.pack(len(value), flags) + key.encode("latin-1") + b"\0" + value


def _edge(old: bytes, size: int, count: int) -> bytes:
    if not old:
        return b""
    magic, version, _, _, flags, reserved = _EDGE.unpack(old)
    return _EDGE.pack(magic, version, size, count, flags, reserved)


def _text(raw: bytes) -> str:
    """Text as it should be, UTF-8, or as careless writers left it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _damaged(what: str) -> TagError:
    return damaged(f"The APE tag at the file's end is damaged: {what}.")
