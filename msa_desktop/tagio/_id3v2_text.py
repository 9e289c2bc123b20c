"""What the text frames of ID3v2 say, and how it is written: tags <-> contents of frames.

Frames are named as ID3v2.3 and 2.4 name them, whatever a tag's version; those with a description
have it behind a colon ("TXXX:mood"). Standards: id3.org/id3v2-00, id3v2.3.0, id3v2.4.0-frames.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msa_desktop.base.fields import Field
from msa_desktop.tagio._base import TagError

OLD_NAMES = {
    "TT2": "TIT2",
    "TP1": "TPE1",
    "TAL": "TALB",
    "TP2": "TPE2",
    "TCM": "TCOM",
    "TYE": "TYER",
    "TDA": "TDAT",
    "TRK": "TRCK",
    "TPA": "TPOS",
    "TCO": "TCON",
    "TBP": "TBPM",
    "TKE": "TKEY",
    "TT1": "TIT1",
    "TXX": "TXXX",
    "COM": "COMM",
}
"""ID3v2.2's names of frames, and those of the later versions."""

_NEW_NAMES = {new: old for old, new in OLD_NAMES.items()}

# Where a tag may stand, the place it is written to first; descriptions are compared casefolded.
_PLACES: Mapping[Field, tuple[str, ...]] = {
    Field.TITLE: ("TIT2",),
    Field.ARTIST: ("TPE1",),
    Field.ALBUM: ("TALB",),
    Field.ALBUM_ARTIST: ("TPE2", "TXXX:albumartist", "TXXX:album artist"),
    Field.COMPOSER: ("TCOM",),
    Field.DATE: ("TDRC", "TYER", "TDAT"),
    Field.TRACK: ("TRCK",),
    Field.DISC: ("TPOS",),
    Field.GENRE: ("TCON",),
    Field.MOOD: ("TMOO", "TXXX:mood"),
    Field.BPM: ("TBPM", "TXXX:bpm", "TXXX:tempo"),
    Field.KEY: ("TKEY", "TXXX:key", "TXXX:initialkey"),
    Field.GROUPING: ("TIT1",),
    Field.SUMMARY: ("COMM:msa",),
    # Not RVA2: it says by how much, but not of what, and may be the person's own volume.
    Field.TRACK_GAIN: ("TXXX:replaygain_track_gain",),
    Field.TRACK_PEAK: ("TXXX:replaygain_track_peak",),
}
_IN_CAPITALS = frozenset({"replaygain_track_gain", "replaygain_track_peak"})
"""Descriptions that are written so: some players look for nothing else."""

_PLACES_BEFORE_2_4 = {
    **_PLACES,
    Field.DATE: ("TYER", "TDAT", "TDRC"),
    Field.MOOD: ("TXXX:mood", "TMOO"),
}

SEVERAL = "; "
"""What stands between several values before 2.4."""

DESCRIBED = {"TXXX": 0, "COMM": 3}
"""Frames that are told apart by a description, and the bytes (a language) before it."""

NAMES = frozenset(place.partition(":")[0] for places in _PLACES.values() for place in places)
"""Every frame that may hold a tag."""

_DATE = re.compile(r"(\d{4})(?:-(\d\d)-(\d\d))?")
_DAY_AND_MONTH = re.compile(r"(\d\d)(\d\d)")
_GENRE_LONGEST = 1000  # characters


def places(field: Field, version: int) -> tuple[str, ...]:
    """The frames a tag may stand in, the one it is written to first.

    Args:
        field: The tag.
        version: 2, 3 or 4, of ID3v2.
    """
    return (_PLACES if version >= 4 else _PLACES_BEFORE_2_4)[field]


@dataclass(frozen=True, slots=True)
class Text:
    """What one frame says.

    Attributes:
        place: The frame, its description casefolded, to find it by.
        label: The frame as its tag writes it, for people.
        values: What it says; None where it cannot be read (encrypted, damaged).
    """

    place: str
    label: str
    values: tuple[str, ...] | None


def label(name: str, description: str | None, version: int) -> str:
    """A frame's name for people, as its tag's version has it."""
    shown = _NEW_NAMES.get(name, name) if version == 2 else name
    return shown if description is None else f"{shown}:{description}"


def decoded(name: str, content: bytes | None, version: int) -> Text:
    """What a frame's content says.

    Args:
        name: The frame, one of `NAMES`.
        content: Its bytes; None where they cannot be had.
        version: 2, 3 or 4, of ID3v2.
    """
    if content is None or content[:1] > b"\x03":
        return Text(name, label(name, None, version), None)
    if name not in DESCRIBED:
        return Text(name, label(name, None, version), _filled(_split(content[:1], content[1:])))
    description, *values = _split(content[:1], content[1 + DESCRIBED[name] :])
    place = f"{name}:{description.casefold()}"
    return Text(place, label(name, description, version), _filled(values))


def _filled(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(value for value in values if value.strip())


def _split(encoding: bytes, content: bytes) -> list[str]:
    """Texts with a NUL between them; at least one."""
    if encoding in (b"\x01", b"\x02"):
        content += bytes(len(content) % 2)  # some writers end UTF-16 with one zero
    big_endian = encoding == b"\x02" or content.startswith(codecs.BOM_UTF16_BE)
    utf16 = "utf-16-be" if big_endian else "utf-16-le"
    codec = {b"\x01": utf16, b"\x02": utf16, b"\x03": "utf-8"}.get(encoding, "latin-1")
    return [part.removeprefix("\ufeff") for part in content.decode(codec, "replace").split("\0")]


def said(field: Field, texts: Sequence[Text], version: int) -> tuple[str, ...]:
    """The values of a tag, from the first place that has any."""
    found = (said_at(place, field, texts, version) for place in places(field, version))
    return next(filter(None, found), ())


def said_at(place: str, field: Field, texts: Sequence[Text], version: int) -> tuple[str, ...]:
    """The values of a tag, from one place."""
    values = [value for text in texts if text.place == place for value in text.values or ()]
    if place == "TDAT":
        return ()  # a day and a month are none without TYER
    if place == "TYER":
        return _date(values, [v for t in texts if t.place == "TDAT" for v in t.values or ()])
    return several(field, values, version)


def several(field: Field, values: Sequence[str], version: int) -> tuple[str, ...]:
    """The values that a frame's texts mean."""
    if field is Field.GENRE:
        values = genres(values)
    # Before 2.4 a frame held one text, and people put several values into it. Names of artists
    # have semicolons of their own.
    if field in (Field.GENRE, Field.MOOD) or (field is Field.GROUPING and version < 4):
        values = [part.strip() for value in values for part in value.split(";") if part.strip()]
    return tuple(dict.fromkeys(values))


def _date(years: Sequence[str], days: Sequence[str]) -> tuple[str, ...]:
    day = _DAY_AND_MONTH.fullmatch(days[0]) if days else None
    if day and years and re.fullmatch(r"\d{4}", years[0]):
        return (f"{years[0]}-{day[2]}-{day[1]}", *years[1:])
    return tuple(years)


def genres(values: Sequence[str]) -> tuple[str, ...]:
    """Names of genres, where some are ID3v1's numbers ("17", "(17)", "(RX)")."""
    from mutagen.id3 import TCON  # noqa: PLC0415 - takes longer to load than all of this package

    found: list[str] = []
    for value in values:
        # mutagen fails on numbers of thousands of digits.
        short = len(value) <= _GENRE_LONGEST
        found += TCON(encoding=3, text=[value]).genres if short else [value]
    return tuple(found)


def written(field: Field, values: tuple[str, ...], version: int) -> Iterator[Text]:
    """The frames that say a tag's values, in a tag that says nothing else of it.

    Raises:
        TagError: ID3 cannot say it.
    """
    if not values:
        return
    place = places(field, version)[0]
    if place == "TYER":
        match = _DATE.fullmatch(values[0])
        if match is None:
            raise TagError(
                "The file's ID3v2 tag, of an old version, has room for a year or a whole date: "
                f'write {values[0][:4]} or {values[0][:4]}-01-31 instead of "{values[0]}".'
            )
        if match[2]:
            yield Text("TDAT", label("TDAT", None, version), (match[3] + match[2],))
        values = (match[1],)
    texts = values if version >= 4 else (SEVERAL.join(values),)
    if field is Field.GENRE:
        texts = tuple(map(_escaped, texts))
    meant, read = SEVERAL.join(values), SEVERAL.join(several(field, texts, version))
    if read != meant:
        raise TagError(f'In an ID3 tag the {field} "{meant}" means "{read}": write it another way.')
    name, _, description = place.partition(":")
    if description in _IN_CAPITALS:
        description = description.upper()
    yield Text(place, label(name, description or None, version), texts)


def _escaped(genre: str) -> str:
    """A genre whose parenthesis is not to be taken for ID3v1's number in one."""
    return f"({genre}" if genre.startswith("(") and genres((genre,)) != (genre,) else genre


def encoded(text: Text, version: int) -> tuple[str, bytes]:
    """A frame's identifier and content: UTF-8, or before 2.4 Latin-1, or UTF-16 where it must."""
    name, colon, _ = text.place.partition(":")
    description = text.label.partition(":")[2]  # as it is spelt
    value = "\0".join(text.values or ())
    encoding, codec, mark = b"\x03", "utf-8", b""
    if version < 4:
        encoding, codec = b"\x00", "latin-1"
        if any(ord(character) > 0xFF for character in value):
            encoding, codec, mark = b"\x01", "utf-16-le", codecs.BOM_UTF16_LE
    content = encoding
    if colon:
        content += b"eng"[: DESCRIBED[name]] + mark + f"{description}\0".encode(codec)
    content += mark + value.encode(codec)
    return _NEW_NAMES[name] if version == 2 else name, content
