"""Lays out a changed MP4 file so that the sound stays where it is, or is found where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msa_desktop.tagio._base import Keep, Piece, TagError
from msa_desktop.tagio._mp4_atoms import PADDING, REST, Atom, Atoms, atom, header
from msa_desktop.tagio._mp4_tables import corrections
from msa_desktop.tagio._pieces import length_of, merged

_ROOM = 2048
"""Bytes of padding left for the next change, where this one moves the sound anyway."""

HANDLER = atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
"""Says of a `meta` that its list is iTunes'."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's tags are, or would be.

    Attributes:
        top: The file's outermost atoms.
        path: `moov`, and of `udta`, `meta` and `ilst`, each in the one before, those that exist.
        lists: How many lists of tags the file has.
    """

    top: tuple[Atom, ...]
    path: tuple[Atom, ...]
    lists: int


@dataclass(frozen=True, slots=True)
class Patch:
    """Something in the place of a stretch of the file.

    Attributes:
        depth: How many atoms of the place's path hold it.
    """

    offset: int
    length: int
    pieces: tuple[Piece, ...]
    depth: int = 0

    @property
    def growth(self) -> int:
        """Bytes gained."""
        return length_of(self.pieces) - self.length


def lay_out(
    atoms: Atoms, place: Place, items: Sequence[Patch], added: bytes = b""
) -> tuple[Piece, ...]:
    """The whole changed file.

    Args:
        atoms: The file.
        place: Where its tags are.
        items: What becomes of the list's items.
        added: New items, to come behind the others.

    Raises:
        TagError: The sound would have to move, and something points at it that cannot be corrected.
    """
    moov = place.path[0]
    behind = [child for child in place.top if child.offset >= moov.end]
    patches = [*items, *_added(atoms, place, added, 0)]
    growth = sum(patch.growth for patch in patches)
    if growth:
        padding = _padding(atoms, place, behind)
        for free, depth in padding:
            if free.length == growth or free.length - growth >= 8:
                patches.append(_resized(free, free.length - growth, depth))
                break
        else:
            if growth <= -8:
                patches += _room(place, -growth)
            elif behind and padding and padding[0][1]:
                free, depth = padding[0]
                patches.append(_resized(free, _ROOM, depth))
            elif behind and len(place.path) == 4:
                patches += _room(place, _ROOM)
            elif behind:
                patches = [*items, *_added(atoms, place, added, _ROOM)]
    return _composed(atoms, place, patches)


def _added(atoms: Atoms, place: Place, items: bytes, room: int) -> list[Patch]:
    """New items, in a new list where there is none, with padding behind it."""
    if not items:
        return []
    path = place.path
    new = items
    if len(path) < 4:
        new = atom(b"ilst", new) + (atom(b"free", bytes(room - 8)) if room else b"")
    if len(path) < 3:
        new = atom(b"meta", bytes(4) + HANDLER + new)
    if len(path) < 2:
        new = atom(b"udta", new)
    children = atoms.children(path[-1])
    # A list of another kind comes second: many programs look at the first `meta` alone.
    foreign = [child for child in children if len(path) == 2 and child.kind == b"meta"]
    if foreign:
        offset = foreign[0].offset
    else:
        ends = [child.offset for child in children if child.kind == REST]
        offset = ends[0] if ends else path[-1].end
    return [Patch(offset, 0, (new,), len(path))]


def _padding(atoms: Atoms, place: Place, behind: Sequence[Atom]) -> list[tuple[Atom, int]]:
    """Padding that can give and take, and its depth: what is next to the list first."""
    found = []
    for depth in range(len(place.path[:3]), 0, -1):
        free = [
            (child, depth)
            for child in atoms.children(place.path[depth - 1])
            if child.kind in PADDING
        ]
        if len(place.path) > depth:  # the one behind the tags is where writers look for it
            free.sort(key=lambda child: child[0].offset < place.path[depth].offset)
        found += free
    return found + [(child, 0) for child in behind[:1] if child.kind in PADDING]


def _resized(free: Atom, length: int, depth: int) -> Patch:
    """Padding of another length, in bytes with its header; at length 0, none."""
    if not length:
        return Patch(free.offset, free.length, (), depth)
    head = header(free.kind, length)
    body = length - len(head)
    kept = min(body, free.length - free.head)
    pieces = (head + bytes(body - kept), Keep(free.end - kept, kept))
    return Patch(free.offset, free.length, pieces, depth)


def _room(place: Place, length: int) -> list[Patch]:
    """New padding behind the list."""
    return [Patch(place.path[3].end, 0, (atom(b"free", bytes(length - 8)),), 3)]


def _composed(atoms: Atoms, place: Place, patches: list[Patch]) -> tuple[Piece, ...]:
    """Puts the patches in place, and right what follows from them: sizes, and pointers to sound."""
    patches = list(patches)
    moov = place.path[0]
    total = sum(patch.growth for patch in patches)
    patches += [
        Patch(at, len(size), (size,))
        for depth, parent in enumerate(place.path)
        if (growth := sum(patch.growth for patch in patches if patch.depth > depth))
        for at, size in _size(atoms, parent, growth)
    ]
    if total and moov.end < atoms.source.size:
        patches += [
            Patch(at, len(new), (new,)) for at, new in corrections(atoms, place.top, moov, total)
        ]
    pieces: list[Piece] = []
    at = 0
    for patch in sorted(patches, key=lambda patch: patch.offset):
        pieces += [Keep(at, patch.offset - at), *patch.pieces]
        at = patch.offset + patch.length
    return merged([*pieces, Keep(at, atoms.source.size - at)])


def _size(atoms: Atoms, parent: Atom, growth: int) -> list[tuple[int, bytes]]:
    """Where an atom says its size, and what it shall say."""
    said = int.from_bytes(atoms.source.read(parent.offset, 4), "big")
    size = parent.length + growth
    if said == 0:  # it ends with the file, and will
        return []
    if said == 1:
        return [(parent.offset + 8, size.to_bytes(8, "big"))]
    if size >= 1 << 32:
        raise TagError("The file's header would become larger than the 4 GB that it can be.")
    return [(parent.offset, size.to_bytes(4, "big"))]
