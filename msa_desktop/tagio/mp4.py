"""MP4: AAC and Apple Lossless in .m4a, .m4b and .mp4, with iTunes' list of tags.

The list (`moov/udta/meta/ilst`): each item is an atom whose kind names the tag, and holds a `data`
atom for each value; "----" items are named by a `mean` and a `name` in them.
QuickTime File Format (Apple); the names as MusicBrainz Picard maps them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio._base import Edit, Keep, Source, TagError, damaged
from msa_desktop.tagio._mp4_atoms import PADDING, Atom, Atoms, atom
from msa_desktop.tagio._mp4_layout import HANDLER, Patch, Place, lay_out
from msa_desktop.tagio._mp4_tables import OFFSETS, chunks, has_base, shapes
from msa_desktop.tagio._pieces import content, named

NAME = "MP4"
EXTENSIONS = frozenset({".m4a", ".m4b", ".m4p", ".m4r", ".mp4"})

_OWN = "----:com.apple.iTunes:"

_FRAMES: dict[Field, tuple[str, ...]] = {
    Field.TITLE: ("©nam",),
    Field.ARTIST: ("©ART",),
    Field.ALBUM: ("©alb",),
    Field.ALBUM_ARTIST: ("aART",),
    Field.COMPOSER: ("©wrt",),
    Field.DATE: ("©day",),
    Field.TRACK: ("trkn",),
    Field.DISC: ("disk",),
    Field.GENRE: ("©gen", "gnre"),
    Field.MOOD: (_OWN + "MOOD",),
    Field.BPM: ("tmpo", _OWN + "BPM"),
    Field.KEY: (_OWN + "initialkey", _OWN + "KEY"),
    Field.GROUPING: ("©grp",),
    Field.SUMMARY: ("desc",),
    Field.TRACK_GAIN: (_OWN + "replaygain_track_gain",),
    Field.TRACK_PEAK: (_OWN + "replaygain_track_peak",),
}
"""The item written for each tag, and others that are read; "----" items with their names in any
case."""

_LONGEST = 1 << 24  # bytes of one of these items
_LONGEST_NAME = 1 << 10
_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", *PADDING)

# Kinds of data; the others that Apple lists are pictures and the like.
_IMPLIED, _UTF8, _UTF16, _INTEGER = 0, 1, 2, 21
_UTF8_TO_SORT, _UTF16_TO_SORT, _UNSIGNED = 4, 5, 22


def _key(name: str) -> str:
    return name.lower() if name.startswith("----") else name


_FIELDS = {_key(name): field for field, names in _FRAMES.items() for name in names}


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of the list.

    Attributes:
        name: For people, and in `_FRAMES`.
        field: What it says, where that is a tag of the program's.
    """

    atom: Atom
    name: str
    field: Field | None


def knows(source: Source) -> bool:
    """Whether this is an MP4 or QuickTime file, by its first atom."""
    return source.head()[4:8] in _FIRST


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """See `Format.read`."""
    atoms = Atoms(source)
    items = _items(atoms, _place(atoms))
    found = {field: _said(atoms, items, field) for field in Field}
    return {
        field: next(filter(None, said.values()))
        for field, said in found.items()
        if any(said.values())
    }


def edit(source: Source, changes: FieldValues) -> Edit:
    """See `Format.edit`."""
    atoms = Atoms(source)
    place = _place(atoms)
    if place.lists > 1 or [child.kind for child in place.top].count(b"moov") > 1:
        raise damaged("The file has two lists of tags, and no way to tell which one counts.")
    items = _items(atoms, place)
    frames: list[FrameChange] = []
    patches: list[Patch] = []
    added = b""
    for field, values in changes.items():
        name = _FRAMES[field][0]
        coded = [_coded(name, value) for value in values]
        meant = tuple(filter(None, (_text(name, kind, raw) for kind, raw in coded)))
        said = {name: (), **_said(atoms, items, field)}
        if said[name] == meant and all(before in ((), meant) for before in said.values()):
            continue
        frames += [
            FrameChange(one, before, meant if one == name else ())
            for one, before in said.items()
            if before != (meant if one == name else ())
        ]
        stays = bool(meant) and said[name] == meant
        old = [item for item in items if item.field is field and not (stays and item.name == name)]
        new = _item(name, coded) if meant and not stays else b""
        if not old:
            added += new
        for item in old:
            pieces = (new,) if new else ()
            patches.append(Patch(item.atom.offset, item.atom.length, pieces, len(place.path)))
            new = b""
    if not frames:
        return Edit((Keep(0, source.size),), ())
    return Edit(lay_out(atoms, place, patches, added), tuple(frames))


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """See `Format.sound`."""
    atoms = Atoms(source)
    place = _place(atoms)
    moov = place.path[0]
    yield from shapes(atoms, moov)
    found = False
    for chunk in chunks(atoms, moov):
        found = True
        yield chunk
    if not found or any(child.kind == b"moof" for child in place.top):
        for child in place.top:
            if child.kind == b"mdat" and child.end > child.body:
                yield child.body, child.end - child.body


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """See `Format.others`."""
    return named(_others(Atoms(source), changes))


def _others(atoms: Atoms, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
    place = _place(atoms)
    items = {item.atom.offset: item for item in _items(atoms, place)}
    fragments = hashlib.sha256()
    for outer in place.top:
        if outer.kind == b"moov":
            for name, leaf in atoms.leaves(outer):
                item = items.get(leaf.offset)
                if leaf.kind in (*PADDING, *OFFSETS) or (item and item.field in changes):
                    continue
                part = content(atoms.source, leaf.offset, leaf.length)
                if part != HANDLER:  # it comes with the first tag
                    yield f"{name} {item.name}" if item else name, part
        elif outer.kind == b"moof":
            for name, leaf in atoms.leaves(outer):
                if leaf.kind != b"tfhd" or not has_base(atoms, leaf):
                    fragments.update(name.encode())
                    fragments.update(content(atoms.source, leaf.offset, leaf.length))
        elif outer.kind not in (b"mdat", b"mfra", *PADDING):
            name = outer.kind.decode("latin-1") or "rest"
            yield name, content(atoms.source, outer.offset, outer.length)
    yield "moof", fragments.digest()


def _place(atoms: Atoms) -> Place:
    """Finds the list of tags, or as much of the way to it as there is."""
    top = atoms.top()
    moov = next((child for child in top if child.kind == b"moov"), None)
    if moov is None:
        raise damaged("The file has no header (moov): it is cut off, or was never finished.")
    paths: list[tuple[Atom, ...]] = [(moov,)]
    for udta in _of_kind(atoms, moov, b"udta"):
        paths.append((moov, udta))
        for meta in _of_kind(atoms, udta, b"meta"):
            if _is_itunes(atoms, meta):
                paths.append((moov, udta, meta))
                paths += [(moov, udta, meta, ilst) for ilst in _of_kind(atoms, meta, b"ilst")]
    return Place(tuple(top), max(paths, key=len), [len(path) for path in paths].count(4))


def _of_kind(atoms: Atoms, parent: Atom, kind: bytes) -> list[Atom]:
    return [child for child in atoms.children(parent) if child.kind == kind]


def _is_itunes(atoms: Atoms, meta: Atom) -> bool:
    """Whether it holds iTunes' list, not QuickTime's with its `keys`, nor another's."""
    children = {child.kind: child for child in atoms.children(meta)}
    handler = b"mdir"
    if (hdlr := children.get(b"hdlr")) and hdlr.length - hdlr.head >= 12:
        handler = atoms.source.read(hdlr.body + 8, 4)
    return b"keys" not in children and handler in (b"mdir", bytes(4))


def _items(atoms: Atoms, place: Place) -> list[_Item]:
    found = []
    if len(place.path) == 4:
        for child in atoms.children(place.path[3]):
            name = _name(atoms, child)
            found.append(_Item(child, name, _FIELDS.get(_key(name))))
    return found


def _name(atoms: Atoms, item: Atom) -> str:
    kind = item.kind.decode("latin-1")
    if kind != "----":
        return kind
    try:
        parts = {
            child.kind: atoms.source.read(child.body, child.length - child.head)[4:].decode()
            for child in atoms.children(item)
            if child.kind in (b"mean", b"name") and child.length <= _LONGEST_NAME
        }
    except (TagError, UnicodeDecodeError):
        return kind  # none that the program asks for; it stays as it is
    return ":".join((kind, parts.get(b"mean", ""), parts.get(b"name", "")))


def _said(atoms: Atoms, items: Sequence[_Item], field: Field) -> dict[str, tuple[str, ...]]:
    """What the items of a tag say, by their names: the one that counts first."""
    found: dict[str, list[str]] = {}
    for item in items:
        if item.field is field:
            found.setdefault(item.name, []).extend(_values(atoms, item))
    written = _FRAMES[field][0]
    order = [_key(name) for name in _FRAMES[field]]
    names = sorted(found, key=lambda name: (name != written, order.index(_key(name))))
    return {name: tuple(found[name]) for name in names}


def _values(atoms: Atoms, item: _Item) -> Iterator[str]:
    if item.atom.length > _LONGEST:
        raise damaged(f"The tag {item.name} is larger than any text: the file is damaged.")
    for child in atoms.children(item.atom):
        if child.kind == b"data" and child.length - child.head >= 8:
            data = atoms.source.read(child.body, child.length - child.head)
            text = _text(item.name, int.from_bytes(data[1:4], "big"), data[8:])
            if text:
                yield text


def _text(name: str, kind: int, raw: bytes) -> str:
    """What a piece of data says; "" where it says nothing."""
    if name in ("trkn", "disk"):
        number, total = struct.unpack(">HH", raw[2:6].ljust(4, b"\0"))
        return f"{number}/{total}" if total else str(number or "")
    if name == "gnre":
        return _id3_genre(int.from_bytes(raw[:8], "big"))
    if name == "tmpo" or kind in (_INTEGER, _UNSIGNED):
        return str(int.from_bytes(raw[:8], "big") or "")
    text = ""
    if kind in (_UTF16, _UTF16_TO_SORT):
        marked = raw[:2] in (b"\xfe\xff", b"\xff\xfe")
        text = raw.decode("utf-16" if marked else "utf-16-be", "replace")
    elif kind in (_IMPLIED, _UTF8, _UTF8_TO_SORT):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")  # from writers that never heard of UTF-8
    return text.strip("\0")


def _id3_genre(number: int) -> str:
    """The name of a genre by its number, from 1."""
    from mutagen.id3 import TCON  # noqa: PLC0415 - 50 ms at the start, for an item few files have

    return TCON.GENRES[number - 1] if 1 <= number <= len(TCON.GENRES) else ""


def _coded(name: str, value: str) -> tuple[int, bytes]:
    """The kind of data, and the data, that say this."""
    if name in ("trkn", "disk"):
        number, _, total = value.partition("/")
        pair = struct.pack(">HHH", 0, int(number), int(total or 0))
        return _IMPLIED, pair + bytes(2 * (name == "trkn"))
    if name == "tmpo":
        return _INTEGER, int(float(value) + 0.5).to_bytes(2, "big")
    return _UTF8, value.encode()


def _item(name: str, values: Sequence[tuple[int, bytes]]) -> bytes:
    kind, *parts = name.split(":")
    naming = b"".join(
        atom(part, bytes(4) + text.encode())
        for part, text in zip((b"mean", b"name"), parts, strict=False)
    )
    data = (atom(b"data", struct.pack(">II", coding, 0) + raw) for coding, raw in values)
    return atom(kind.encode("latin-1"), naming + b"".join(data))
