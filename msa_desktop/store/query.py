"""What a list of tracks shows: which tracks, filtered by which words, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RECENT_LIMIT = 500


class Scope(StrEnum):
    """Which part of the library a list shows."""

    ALL = "all"
    RECENT = "recent"  # the 500 added last; sorted by ADDED, descending, the newest come first
    ATTENTION = "attention"  # failed
    FOLDER = "folder"  # one folder and everything below it


class SortKey(StrEnum):
    """What a list is sorted by. Blank values come last in both directions."""

    TITLE = "title"
    ARTIST = "artist"
    ALBUM = "album"
    GENRE = "genre"
    YEAR = "year"
    DURATION = "duration"
    BPM = "bpm"  # as tagged, or else measured; so is the key
    KEY = "key"  # around the Camelot wheel
    ADDED = "added"
    STATE = "state"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class TrackQuery:
    """One list of tracks.

    Attributes:
        scope: Which part of the library.
        folder: For `Scope.FOLDER`: the folder's absolute path.
        words: What the person typed; every word must begin a word of the title, artist, album,
            genre, file name or folder. Any text is allowed; accents and case are ignored.
        bpm: The lowest and the highest tempo, as tagged or else measured; None for any.
        keys: Any of these of `base.music.KEYS`, as tagged or else measured; empty for all tracks.
        sort: The order.
        descending: The other way round.
    """

    scope: Scope = Scope.ALL
    folder: str = ""
    words: str = ""
    bpm: tuple[float, float] | None = None
    keys: tuple[str, ...] = ()
    sort: SortKey = SortKey.ARTIST
    descending: bool = False


_COLUMNS: dict[SortKey, tuple[str, ...]] = {
    SortKey.TITLE: ("title_key", "artist_key"),
    SortKey.ARTIST: ("artist_key", "album_key", "track_number", "title_key"),
    SortKey.ALBUM: ("album_key", "folder_id", "track_number", "title_key"),
    SortKey.GENRE: ("genre_key", "artist_key", "album_key", "track_number"),
    SortKey.YEAR: ("year", "artist_key", "album_key", "track_number"),
    SortKey.DURATION: ("duration",),
    SortKey.BPM: ("bpm_order", "artist_key", "album_key", "track_number"),
    SortKey.KEY: ("key_order", "bpm_order", "artist_key"),
    SortKey.ADDED: ("added_at",),
    SortKey.STATE: ("state", "artist_key"),
    SortKey.PATH: ("folders.sort_key", "folders.id", "name_key"),
}


def ordered_ids_sql(sort: SortKey, *, descending: bool) -> str:
    """The statement that lists every track's `id` in order, answered by one covering index."""
    direction = "DESC" if descending else "ASC"
    first, *others = (*_COLUMNS[sort], "tracks.id")
    order = ", ".join(
        [f"{first} {direction} NULLS LAST", *(f"{column} {direction}" for column in others)]
    )
    source = "tracks"
    if sort is SortKey.PATH:
        source = "folders JOIN tracks ON tracks.folder_id = folders.id"
    return f"SELECT tracks.id AS id FROM {source} ORDER BY {order}"  # noqa: S608 - our own words


RECENT_IDS_SQL = f"SELECT id FROM tracks ORDER BY added_at DESC, id DESC LIMIT {RECENT_LIMIT}"  # noqa: S608
STATE_IDS_SQL = "SELECT id FROM tracks WHERE state = ?"
LACKING_IDS_SQL = """
    SELECT id FROM tracks WHERE state = ? AND id NOT IN
        (SELECT track_id FROM vectors WHERE encoder = ? AND version = ?)
"""
MATCHING_IDS_SQL = "SELECT rowid AS id FROM track_words WHERE track_words MATCH ?"
BPM_IDS_SQL = "SELECT id FROM tracks WHERE bpm_order BETWEEN ? AND ?"
KEY_IDS_SQL = "SELECT id FROM tracks WHERE key_order = ?"
FOLDER_IDS_SQL = """
    SELECT tracks.id AS id FROM folders JOIN tracks ON tracks.folder_id = folders.id
    WHERE folders.path = ?1 OR (folders.path >= ?2 AND folders.path < ?3)
"""
