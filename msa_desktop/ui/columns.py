"""The columns of the track table, declared once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from msa_desktop.base.model import Track, display_path
from msa_desktop.store.tracks import SortKey
from msa_desktop.ui import text


class Col(IntEnum):
    """The columns by position in the model."""

    TITLE = 0
    ARTIST = 1
    ALBUM = 2
    GENRE = 3
    YEAR = 4
    LENGTH = 5
    STATE = 6
    ADDED = 7
    REASON = 8
    FOLDER = 9


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
    """

    key: str
    title: str
    sort: SortKey | None
    width: int
    least: int
    elastic: bool
    text: Callable[[Track], str]
    right: bool = False


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


COLUMNS: dict[Col, Column] = {
    Col.TITLE: Column("title", "Title", SortKey.TITLE, 28, 150, True, _title),
    Col.ARTIST: Column("artist", "Artist", SortKey.ARTIST, 20, 110, True, _artist),
    Col.ALBUM: Column("album", "Album", SortKey.ALBUM, 22, 100, True, _album),
    Col.GENRE: Column("genre", "Genre", SortKey.GENRE, 16, 90, True, _genre),
    Col.YEAR: Column("year", "Year", SortKey.YEAR, 58, 58, False, _year, right=True),
    Col.LENGTH: Column("length", "Length", SortKey.DURATION, 72, 72, False, _length, right=True),
    Col.STATE: Column("state", "State", SortKey.STATE, 56, 56, False, text.state),
    Col.ADDED: Column("added", "Added", SortKey.ADDED, 96, 96, False, _added),
    Col.REASON: Column("reason", "Reason", None, 50, 180, True, _reason),
    Col.FOLDER: Column("folder", "Folder", SortKey.PATH, 26, 90, True, _folder),
}

LIBRARY_COLUMNS = frozenset(
    {Col.TITLE, Col.ARTIST, Col.ALBUM, Col.GENRE, Col.YEAR, Col.LENGTH, Col.STATE}
)
"""Shown at first, wherever nothing else is said."""

RECENT_COLUMNS = frozenset({Col.TITLE, Col.ARTIST, Col.ALBUM, Col.LENGTH, Col.ADDED, Col.STATE})
"""Shown at first in Recently added."""

ATTENTION_COLUMNS = frozenset({Col.TITLE, Col.REASON, Col.FOLDER})
"""Shown at first in Needs attention."""
