"""What the library keeps of a file's tags: readable text, the same for every format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from msa_desktop.base.fields import FACTS, Field, FieldValues
from msa_desktop.base.model import Tags
from msa_desktop.base.text import NOT_FOR_SCREENS

_TEXT_MAX = 4000  # characters; what is longer is no title but lyrics or a mistake


_FFMPEG_NAMES = {Field.ALBUM_ARTIST: "album_artist"}
"""FFmpeg's name of a field, where it is another."""

_TAGS_NAMES = {
    Field.ALBUM_ARTIST: "album_artist",
    Field.DATE: "year",
    Field.TRACK: "track_number",
    Field.TRACK_GAIN: "track_gain",
    Field.TRACK_PEAK: "track_peak",
}
"""The name of a field in `Tags`, where it is another."""


def from_fields(values: FieldValues, otherwise: Tags | None = None) -> Tags:
    """The fields the program shows, from a file's tags as `tagio` reads them.

    Args:
        values: By field.
        otherwise: What counts for a field that `values` does not have. One that is there without
            values is empty.
    """
    joined = {
        _FFMPEG_NAMES.get(field, str(field)): (";" if FACTS[field].many else " ").join(texts)
        for field, texts in values.items()
    }
    found = tags(joined)
    if otherwise is None:
        return found
    empty = {_TAGS_NAMES.get(field, str(field)) for field, texts in values.items() if not texts}
    names = [field.name for field in fields(Tags)]
    return Tags(
        **{
            name: getattr(found, name) or getattr(Tags() if name in empty else otherwise, name)
            for name in names
        }
    )


def to_fields(tags: Tags) -> dict[Field, tuple[str, ...]]:
    """What the library knows that a file says, of the fields that are proposed."""
    values = {
        Field.GENRE: tags.genre,
        Field.MOOD: tags.mood,
        Field.BPM: (tags.bpm,),
        Field.KEY: (tags.key,),
        Field.GROUPING: tags.grouping,
        Field.SUMMARY: (tags.summary,),
        Field.TRACK_GAIN: (tags.track_gain,),
        Field.TRACK_PEAK: (tags.track_peak,),
    }
    return {field: said for field, said in values.items() if any(said)}


def tags(*tables: Mapping[str, str]) -> Tags:
    """The fields the program shows, from FFmpeg's metadata.

    Args:
        tables: Metadata of the container and of the audio stream (where Ogg keeps it); the first
            that has a field wins. Bytes that are not UTF-8 are surrogate escapes.
    """
    found: dict[str, str] = {}
    for table in tables:
        for key, value in table.items():
            text = _clean(value)
            if text:
                found.setdefault(key.casefold(), text)

    def first(*names: str) -> str:
        return next((found[name] for name in names if name in found), "")

    return Tags(
        title=first("title"),
        artist=_joined(first("artist", "artists", "author")),
        album=first("album"),
        album_artist=_joined(first("album_artist", "albumartist", "album artist")),
        genre=tuple(dict.fromkeys(_several(first("genre")))),
        year=_number(r"1\d{3}|2[01]\d{2}", first("date", "year", "tyer", "originaldate")),
        track_number=_number(r"\d{1,4}", first("track", "tracknumber")) or None,
        mood=tuple(dict.fromkeys(_several(first("mood", "tmoo")))),
        bpm=first("bpm", "tbpm"),
        key=first("key", "tkey", "initialkey"),
        grouping=tuple(dict.fromkeys(_several(first("grouping")))),
        summary=first("summary"),
        track_gain=first("replaygain_track_gain"),
        track_peak=first("replaygain_track_peak"),
    )


def _clean(value: str) -> str:
    """Readable text: old encodings taken as Western European, control characters gone."""
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    # Several values of one ID3 frame come with a NUL between them.
    value = value.strip("\0 ").replace("\0", ";")
    value = value[:_TEXT_MAX].replace("\ufeff", " ")
    return " ".join(NOT_FOR_SCREENS.sub(" ", value).split())


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _joined(text: str) -> str:
    """Repeated fields, which FFmpeg joins with a bare semicolon, as people write them."""
    return "; ".join(dict.fromkeys(_several(text)))


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[0]) if match else None
