"""The tables of an MP4 file: where its sound lies, and what must change when it moves.

ISO/IEC 14496-12, 8.7 (tables of samples), 8.8 (fragments), 8.11.3 (items), 8.16.3 (segments).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from msa_desktop.tagio._base import TagError, damaged
from msa_desktop.tagio._mp4_atoms import Atom, Atoms

OFFSETS = (b"stco", b"co64", b"saio")
"""Kinds of tables within `moov` that hold places in the file."""

_SHAPE = (b"elst", b"stsd", b"stts", b"stsc", b"stsz", b"stz2")
_LARGEST = 1 << 26  # bytes of one table; that of a day of AAC has 16 MB
_MOST_OFTEN = 4  # times that a part of the file may be sound; a damaged table could say any number
_DAMAGED = "A table that says where the file's sound lies is damaged."

_Moved = Callable[[int], int]  # from a place in the file to where it will be


def corrections(
    atoms: Atoms, top: Sequence[Atom], moov: Atom, moved: int
) -> Iterator[tuple[int, bytes]]:
    """What must point elsewhere once all behind `moov` has moved.

    Args:
        atoms: The file.
        top: Its outermost atoms.
        moov: The one that grows or shrinks.
        moved: By how many bytes.

    Yields:
        (offset, the bytes that shall stand there).

    Raises:
        TagError: Something points at the sound in a way that cannot be corrected.
    """

    def new(place: int) -> int:
        return place + moved if place >= moov.end else place

    for outer in top:
        if outer.kind == b"sidx" and outer.offset < moov.offset:
            raise _cannot_move("an index of its segments stands before its header")
        if outer.kind not in (b"moov", b"moof", b"mfra", b"meta"):
            continue
        for _, leaf in atoms.leaves(outer):
            if leaf.kind in OFFSETS and outer == moov:
                yield from _moved_table(atoms, leaf, new)
            elif leaf.kind == b"tfhd":
                yield from _moved_fragment(atoms, leaf, new)
            elif leaf.kind == b"tfra":
                yield from _moved_entries(atoms, leaf, new)
            elif leaf.kind == b"iloc":
                raise _cannot_move("it holds further items beside the sound")
            elif leaf.kind == b"cmov":
                raise _cannot_move("its header is compressed")
            elif leaf.kind == b"dref" and not _self_contained(atoms, leaf):
                raise _cannot_move("a part of it lies in another file")


def _cannot_move(why: str) -> TagError:
    return TagError(f"The tags need more room than the file has before its sound, and {why}.")


def _moved_table(atoms: Atoms, table: Atom, new: _Moved) -> Iterator[tuple[int, bytes]]:
    skipped = 4
    width = 8 if table.kind == b"co64" else 4
    if table.kind == b"saio":
        version, *_, flags = _within(atoms, table, table.body, 4)
        width = 8 if version else 4
        skipped += 8 * (flags & 1)
    old = _numbers(atoms, table, skipped, width)
    try:
        moved = array(old.typecode, map(new, old))
    except OverflowError:
        raise TagError(
            "The tags need more room than the file has before its sound, and the sound would end "
            "beyond the 4 GB that its table can tell."
        ) from None
    if moved != old:
        yield table.body + skipped + 4, _swapped(moved).tobytes()


def _moved_fragment(atoms: Atoms, leaf: Atom, new: _Moved) -> Iterator[tuple[int, bytes]]:
    if has_base(atoms, leaf):
        at = leaf.body + 8
        old = int.from_bytes(_within(atoms, leaf, at, 8), "big")
        if new(old) != old:
            yield at, new(old).to_bytes(8, "big")


def has_base(atoms: Atoms, tfhd: Atom) -> bool:
    """Whether a fragment says its place in the file, not in relation to itself."""
    return bool(_within(atoms, tfhd, tfhd.body, 4)[3] & 1)


def _moved_entries(atoms: Atoms, leaf: Atom, new: _Moved) -> Iterator[tuple[int, bytes]]:
    """The table of fragments at the end: where each begins, between numbers of several widths."""
    head = _within(atoms, leaf, leaf.body, 16)
    width = 8 if head[0] else 4
    widths = int.from_bytes(head[8:12], "big")
    entry = 2 * width + 3 + (widths & 3) + (widths >> 2 & 3) + (widths >> 4 & 3)
    count = int.from_bytes(head[12:], "big")
    old = _within(atoms, leaf, leaf.body + 16, count * entry)
    moved = bytearray(old)
    for at in range(width, len(moved), entry):
        place = new(int.from_bytes(moved[at : at + width], "big"))
        if place >= 1 << 8 * width:
            raise _cannot_move("a part of it would lie beyond the 4 GB that its index can tell")
        moved[at : at + width] = place.to_bytes(width, "big")
    if moved != old:
        yield leaf.body + 16, bytes(moved)


def _self_contained(atoms: Atoms, dref: Atom) -> bool:
    """Whether the sound lies in this file, as far as the table of files says."""
    entries = atoms.children(Atom(dref.kind, dref.offset, dref.length, dref.head + 8))
    return all(
        entry.length <= 12 or _within(atoms, entry, entry.body, 4)[3] & 1 for entry in entries
    )


def shapes(atoms: Atoms, moov: Atom) -> Iterator[tuple[int, int]]:
    """(offset, length) of each atom that says how the sound is coded and cut into samples."""
    for _, leaf in atoms.leaves(moov):
        if leaf.kind in _SHAPE:
            yield leaf.offset, leaf.length


def chunks(atoms: Atoms, moov: Atom) -> Iterator[tuple[int, int]]:
    """(offset, length) of what the tracks' tables point at, in their order, as far as it is there.

    Raises:
        TagError: A table is damaged.
    """
    size = atoms.source.size
    left = _MOST_OFTEN * size
    begin = end = 0
    for offset, length in _chunks(atoms, moov):
        last = min(offset + length, size)
        if last <= offset:
            continue
        left -= last - offset
        if left < 0:
            raise damaged(_DAMAGED)
        if offset == end:
            end = last
            continue
        if end > begin:
            yield begin, end - begin
        begin, end = offset, last
    if end > begin:
        yield begin, end - begin


def _chunks(atoms: Atoms, moov: Atom) -> Iterator[tuple[int, int]]:
    for track in atoms.children(moov):
        if track.kind == b"trak":
            tables = {leaf.kind: leaf for _, leaf in atoms.leaves(track)}
            yield from _chunks_of(atoms, tables)


def _chunks_of(atoms: Atoms, tables: Mapping[bytes, Atom]) -> Iterator[tuple[int, int]]:
    if b"co64" in tables:
        offsets = _numbers(atoms, tables[b"co64"], 4, 8)
    elif b"stco" in tables:
        offsets = _numbers(atoms, tables[b"stco"], 4, 4)
    else:
        return
    if not offsets:
        return
    if b"stsc" not in tables:
        raise damaged(_DAMAGED)
    runs = _numbers(atoms, tables[b"stsc"], 4, 4, columns=3)
    firsts = [*runs[::3], len(offsets) + 1]
    if firsts[0] != 1 or any(one >= other for one, other in pairwise(firsts)):
        raise damaged(_DAMAGED)
    lengths = _Samples(atoms, tables)
    done = 0
    for (first, behind), samples in zip(pairwise(firsts), runs[1::3], strict=True):
        for offset in offsets[first - 1 : behind - 1]:
            yield offset, lengths.of(done, samples)
            done += samples


class _Samples:
    """The lengths of a track's samples, in bytes."""

    def __init__(self, atoms: Atoms, tables: Mapping[bytes, Atom]) -> None:
        self._fixed = self._count = 0
        self._lengths: Sequence[int] = ()
        if table := tables.get(b"stsz"):
            self._fixed, self._count = struct.unpack(
                ">II", _within(atoms, table, table.body + 4, 8)
            )
            if not self._fixed:
                self._lengths = _numbers(atoms, table, 8, 4)
        elif table := tables.get(b"stz2"):
            self._lengths = _small_numbers(atoms, table)
        else:
            raise damaged(_DAMAGED)

    def of(self, first: int, count: int) -> int:
        """Of some in a row, together."""
        if self._fixed:
            return self._fixed * max(0, min(count, self._count - first))
        return sum(self._lengths[first : first + count])


def _small_numbers(atoms: Atoms, table: Atom) -> Sequence[int]:
    """The compact table of lengths: of 4, 8 or 16 bits."""
    bits = _within(atoms, table, table.body + 4, 4)[3]
    if bits == 16:
        return _numbers(atoms, table, 8, 2)
    count = int.from_bytes(_within(atoms, table, table.body + 8, 4), "big")
    raw = _within(atoms, table, table.body + 12, (count * bits + 7) // 8)
    if bits == 8:
        return raw
    if bits == 4:
        return bytes(half for byte in raw for half in (byte >> 4, byte & 15))[:count]
    raise damaged(_DAMAGED)


def _numbers(atoms: Atoms, table: Atom, at: int, width: int, columns: int = 1) -> array[int]:
    """A table's numbers of `width` bytes; how many rows it has stands `at` bytes into it."""
    rows = int.from_bytes(_within(atoms, table, table.body + at, 4), "big")
    raw = _within(atoms, table, table.body + at + 4, rows * columns * width)
    return _swapped(array({2: "H", 4: "I", 8: "Q"}[width], raw))


def _swapped(numbers: array[int]) -> array[int]:
    """From the file's order of bytes to the machine's, or back."""
    numbers = numbers[:]
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _within(atoms: Atoms, table: Atom, offset: int, length: int) -> bytes:
    """Bytes of a table.

    Raises:
        TagError: It is not that long.
    """
    if offset + length > table.end or length > _LARGEST:
        raise damaged(_DAMAGED)
    return atoms.source.read(offset, length)
