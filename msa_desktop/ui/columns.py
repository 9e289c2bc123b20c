"""The columns of the track table, declared once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from msa_desktop.base.model import Track, display_path
from msa_desktop.store.tracks import SortKey
from msa_desktop.ui import measure_words, text


class Col(IntEnum):
    """The columns by position in the model."""

    TITLE = 0
    ARTIST = 1
    ALBUM = 2
    GENRE = 3
    BPM = 4
    KEY = 5
    LOUDNESS = 6
    YEAR = 7
    LENGTH = 8
    STATE = 9
    ADDED = 10
    REASON = 11
    FOLDER = 12


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Its name in the saved layout.
        title: Its header.
        sort: What a click on the header sorts by; None where sorting makes no sense.
        width: Share of the free width for an elastic column, pixels for a fixed one.
        least: The narrowest it may be, in pixels.
        elastic: Whether it takes part in filling the table's width.
        text: The cell's words.
        right: Whether its cells are numbers, aligned right.
        tip: A cell's tooltip; None for its words, shown where they were cut.
        tagged: Whether the file itself says what the cell does; None where nobody else could.
        about: The header's tooltip.
    """

    key: str
    title: str
    sort: SortKey | None
    width: int
    least: int
    elastic: bool
    text: Callable[[Track], str]
    right: bool = False
    tip: Callable[[Track], str] | None = None
    tagged: Callable[[Track], bool] | None = None
    about: str = ""


def _title(track: Track) -> str:
    return track.title


def _artist(track: Track) -> str:
    return track.tags.artist or track.tags.album_artist


def _album(track: Track) -> str:
    return track.tags.album


def _genre(track: Track) -> str:
    return ", ".join(track.tags.genre)


def _year(track: Track) -> str:
    return str(track.tags.year) if track.tags.year else ""


def _length(track: Track) -> str:
    return text.length(track.info.duration) if track.info else ""


def _added(track: Track) -> str:
    return text.date(track.added_at)


def _reason(track: Track) -> str:
    return track.reason


def _folder(track: Track) -> str:
    return display_path(os.path.dirname(track.path))


_HEARD = "as the file says, or in grey as it was measured"

COLUMNS: dict[Col, Column] = {
    Col.TITLE: Column("title", "Title", SortKey.TITLE, 28, 150, True, _title),
    Col.ARTIST: Column("artist", "Artist", SortKey.ARTIST, 20, 110, True, _artist),
    Col.ALBUM: Column("album", "Album", SortKey.ALBUM, 22, 90, True, _album),
    Col.GENRE: Column("genre", "Genre", SortKey.GENRE, 16, 80, True, _genre),
    Col.BPM: Column(
        "bpm",
        "BPM",
        SortKey.BPM,
        68,
        68,
        False,
        measure_words.bpm,
        right=True,
        tip=measure_words.tempo_tip,
        tagged=measure_words.has_bpm_tag,
        about=f"Beats a minute: {_HEARD}",
    ),
    Col.KEY: Column(
        "key",
        "Key",
        SortKey.KEY,
        84,
        84,
        False,
        measure_words.key,
        tip=measure_words.key_tip,
        tagged=measure_words.has_key_tag,
        about=f"Key and Camelot code: {_HEARD}",
    ),
    Col.LOUDNESS: Column(
        "loudness",
        "Loudness",
        None,
        100,
        100,
        False,
        measure_words.loudness,
        right=True,
        tip=measure_words.loudness_tip,
        about="How loud it is on the whole (EBU R128)",
    ),
    Col.YEAR: Column("year", "Year", SortKey.YEAR, 64, 64, False, _year, right=True),
    Col.LENGTH: Column("length", "Length", SortKey.DURATION, 80, 80, False, _length, right=True),
    Col.STATE: Column("state", "State", SortKey.STATE, 56, 56, False, text.state, tip=text.state),
    Col.ADDED: Column("added", "Added", SortKey.ADDED, 96, 96, False, _added),
    Col.REASON: Column("reason", "Reason", None, 50, 180, True, _reason),
    Col.FOLDER: Column("folder", "Folder", SortKey.PATH, 26, 90, True, _folder),
}

LIBRARY_COLUMNS = frozenset(
    {
        Col.TITLE,
        Col.ARTIST,
        Col.ALBUM,
        Col.GENRE,
        Col.BPM,
        Col.KEY,
        Col.YEAR,
        Col.LENGTH,
        Col.STATE,
    }
)
"""Shown at first, wherever nothing else is said."""

RECENT_COLUMNS = frozenset({Col.TITLE, Col.ARTIST, Col.ALBUM, Col.LENGTH, Col.ADDED, Col.STATE})
"""Shown at first in Recently added."""

ATTENTION_COLUMNS = frozenset({Col.TITLE, Col.REASON, Col.FOLDER})
"""Shown at first in Needs attention."""
