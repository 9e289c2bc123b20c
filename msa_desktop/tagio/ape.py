"""Sound with an APE tag behind it: Monkey's Audio, WavPack, Musepack, OptimFROG.

A tag of ID3v2 before the sound, which is none of these formats' own, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio._base import Edit, Keep, Source, damaged
from msa_desktop.tagio._id3v2_tag import length_at
from msa_desktop.tagio._pieces import content, merged
from msa_desktop.tagio._tail import Tail, find

NAME = "Monkey's Audio, WavPack, Musepack and OptimFROG"
EXTENSIONS = frozenset({".ape", ".wv", ".mpc", ".mp+", ".mpp", ".ofr", ".ofs"})

_MAGICS = (b"MAC ", b"wvpk", b"MP+", b"MPCK", b"OFR ")


def knows(source: Source) -> bool:
    """Whether the sound, behind ID3v2 if there is some, begins as in one of these formats."""
    begin = _begin(source)
    return source.read(begin, min(4, source.size - begin)).startswith(_MAGICS)


def read(source: Source) -> dict[Field, tuple[str, ...]]:
    """The fields of the tags at the file's end."""
    return _tail(source).read()


def edit(source: Source, changes: FieldValues) -> Edit:
    """Lays out the file with other tags at its end."""
    tail = _tail(source)
    end = tail.edit(changes, create=True)
    return Edit(merged((Keep(0, tail.begin), *end.pieces)), end.frames)


def sound(source: Source) -> Iterator[tuple[int, int]]:
    """Everything between the tags."""
    begin = _begin(source)
    yield begin, _tail(source).begin - begin


def others(source: Source, changes: FieldValues) -> Mapping[str, bytes]:
    """The other items and tags at the end, and the ID3v2 at the beginning."""
    before = content(source, 0, _begin(source))
    return {"before the sound": before, **_tail(source).others(changes)}


def _tail(source: Source) -> Tail:
    begin = _begin(source)
    if begin == source.size:
        raise damaged("The file ends before its sound begins: it is cut off or damaged.")
    return find(source, begin + len(_MAGICS[0]))


def _begin(source: Source) -> int:
    """Where the sound begins: behind ID3v2."""
    return min(source.size, length_at(source, 0))
