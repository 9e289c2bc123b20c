"""Tags from the names that FFmpeg gives them, the same for every format."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mutagen import MutagenError
from mutagen.id3 import ID3, TCON

from msa_desktop.base.model import Tags
from msa_desktop.base.text import NOT_FOR_SCREENS

_TEXT_MAX = 1000  # characters; what is longer is no title but lyrics or a mistake


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
    )


def id3_genres(path: str) -> tuple[str, ...]:
    """Every genre of an ID3 tag at the head of a file; FFmpeg tells the first alone."""
    try:
        frames = ID3(path, known_frames={"TCON": TCON}, load_v1=False).getall("TCON")
    except MutagenError:  # no tag, or one that FFmpeg may still have made sense of
        return ()
    texts = [_clean(genre) for frame in frames for genre in frame.genres]
    return tuple(dict.fromkeys(part for text in texts for part in _several(text)))


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
