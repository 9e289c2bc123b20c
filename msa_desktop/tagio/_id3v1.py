"""ID3v1 and 1.1: 128 bytes at a file's end, with slots of fixed length in Latin-1.

Source: id3.org/ID3v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mutagen._constants import GENRES

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio._base import Keep, Piece, Source

SIZE = 128

_SLOTS = {
    Field.TITLE: slice(3, 33),
    Field.ARTIST: slice(33, 63),
    Field.ALBUM: slice(63, 93),
    Field.DATE: slice(93, 97),
    # Version 1.1: the comment's last two bytes are a zero and the track's number.
    Field.TRACK: slice(126, 127),
    Field.GENRE: slice(127, 128),
}
_COMMENT = slice(97, 127)
_ZERO = 125
_NO_GENRE = 255
_NUMBERS = {name.lower(): number for number, name in reversed(list(enumerate(GENRES)))}


@dataclass(frozen=True, slots=True)
class Id3v1:
    """The tag of a file."""

    source: Source
    begin: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.begin + SIZE

    @property
    def comment(self) -> str:
        """What its comment says, which is none of the fields."""
        raw = self._raw()
        slot = raw[_COMMENT if raw[_ZERO] else slice(_COMMENT.start, _ZERO)]
        return slot.partition(b"\0")[0].strip().decode("latin-1")

    def read(self) -> dict[Field, tuple[str, ...]]:
        """The fields it holds."""
        raw = self._raw()
        found = {field: _value(raw, field) for field in _SLOTS}
        return {field: (value,) for field, value in found.items() if value}

    def edit(
        self, changes: FieldValues, *, main: bool = False
    ) -> tuple[list[Piece], list[FrameChange]]:
        """Its new bytes and what changes in it; fields that it does not hold are left so."""
        del main  # it never is
        raw = bytearray(self._raw())
        frames = []
        for field in (field for field in _SLOTS if field in changes):
            before = _value(raw, field)
            # Other writers put the first of several artists here, this one all of them.
            slots = [_slot(field, values) for values in (changes[field], changes[field][:1])]
            wanted = [_decoded(field, slot) for slot in slots]
            if before and before not in wanted:
                raw[_SLOTS[field]] = slots[0]
                frames.append(
                    FrameChange(f"ID3v1 {field}", (before,), tuple(filter(None, wanted[:1])))
                )
        return [bytes(raw) if frames else Keep(self.begin, SIZE)], frames

    def others(self, changes: FieldValues) -> Iterator[tuple[str, bytes]]:
        """What `changes` does not speak of."""
        raw = bytearray(self._raw())
        for field in (field for field in _SLOTS if field in changes):
            if _value(raw, field):
                raw[_SLOTS[field]] = _slot(field, ())
        yield "ID3v1", bytes(raw)

    def _raw(self) -> bytes:
        return self.source.read(self.begin, SIZE)


def _value(raw: bytes | bytearray, field: Field) -> str:
    if field is Field.TRACK and raw[_ZERO]:
        return ""  # version 1.0: the byte is the comment's
    return _decoded(field, bytes(raw[_SLOTS[field]]))


def _decoded(field: Field, slot: bytes) -> str:
    if field is Field.TRACK:
        return str(slot[0]) if slot[0] else ""
    if field is Field.GENRE:
        return GENRES[slot[0]] if slot[0] < len(GENRES) else ""
    return slot.partition(b"\0")[0].strip().decode("latin-1")


def _slot(field: Field, values: tuple[str, ...]) -> bytes:
    """Values as their slot holds them: cut off, and what Latin-1 lacks as "?"."""
    if field is Field.TRACK:
        number = int(values[0].partition("/")[0]) if values else 0
        return bytes([number if number <= 255 else 0])
    if field is Field.GENRE:
        numbers = (_NUMBERS.get(value.lower()) for value in values)
        return bytes([next((number for number in numbers if number is not None), _NO_GENRE)])
    place = _SLOTS[field]
    length = place.stop - place.start
    return "; ".join(values).encode("latin-1", "replace")[:length].ljust(length, b"\0")
