"""What files say of themselves, searched by words: names, tags, summaries, numbers.

Words are folded by the house's one rule (`store.text`) when they are stored and when they are asked
for. `track_words` (title, artist, album, genre, file name, folder) is kept by `store.writes`,
`said_words` (genre, mood, grouping, summary, each apart) by triggers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.music import camelot_place
from msa_desktop.store.db import Database, read_integers
from msa_desktop.store.query import BPM_IDS_SQL, KEY_IDS_SQL, MATCHING_IDS_SQL
from msa_desktop.store.schema import IN_JSON
from msa_desktop.store.text import clean, indexed_words, sort_key, words

Ids = NDArray[np.int64]
Phrase = tuple[str, ...]

_MOST_TITLES = 5000
_LONGEST_SUMMARY, _LONGEST_TAGS = 1000, 200  # characters, of a sentence to be read
_NAMES_SQL = """
    SELECT id, ' ' || replace(replace(ifnull(title_key, '') || ' ' || ifnull(artist_key, ''),
        '-', ' '), '_', ' ') AS names
    FROM tracks
"""


class Said(StrEnum):
    """A column of `said_words`."""

    GENRE = "genre"
    MOOD = "mood"
    GROUPING = "grouping"
    SUMMARY = "summary"


class WordRows:
    """Finds tracks by what their files say, in any thread. Every answer is track ids, rising.

    Args:
        db: The library.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def named(self, phrase: Phrase, *, begins: bool = False) -> Ids:
        """Tracks with every one of these folded words in a name: title, artist, folder...

        Args:
            phrase: At least one word.
            begins: Whether a word counts that only begins so.
        """
        star = "*" if begins else ""
        expression = " ".join(f'"{word}"{star}' for word in phrase)
        return self._ids(
            "SELECT rowid AS id FROM track_words WHERE track_words MATCH ?", expression
        )

    def titled(self, ids: Ids, phrase: Phrase) -> Ids:
        """Those of some tracks whose title (or file's name) or artist has words beginning so.

        Args:
            ids: The tracks; of very many nothing can be told, and all are given back.
            phrase: Folded words, at least one.
        """
        if len(ids) > _MOST_TITLES:
            return ids
        return self._ids(
            f"SELECT id FROM ({_NAMES_SQL} WHERE id IN {IN_JSON}) WHERE "  # noqa: S608
            + " AND ".join("instr(names, ' ' || ?)" for _ in phrase),
            json.dumps(ids.tolist()),
            *(sort_key(word) for word in phrase),
        )

    def quoted(self, text: str) -> Ids:
        """Tracks with these words one after another in their names."""
        together = f" {indexed_words(text)} "
        return self._ids(
            f"{MATCHING_IDS_SQL} AND instr(' ' || words || ' ', ?)",
            " ".join(f'"{word}"' for word in words(text)),
            together,
        )

    def said(self, columns: Sequence[Said], phrases: Iterable[Phrase]) -> Ids:
        """Tracks that say one of these phrases (all its words) in one of these columns."""
        any_of = " OR ".join(
            "(" + " AND ".join(f'"{word}"' for word in phrase) + ")" for phrase in phrases
        )
        return self._ids(
            "SELECT rowid AS id FROM said_words WHERE said_words MATCH ?",
            f"{{{' '.join(columns)}}} : ({any_of})",
        )

    def silent(self, column: Said, ids: Ids) -> Ids:
        """Those of some tracks that say nothing in a column."""
        return self._ids(
            f"SELECT id FROM tracks WHERE id IN {IN_JSON} AND {column} = ''",  # noqa: S608
            json.dumps(ids.tolist()),
        )

    def by_artist(self, text: str) -> Ids:
        """Tracks whose artist (or album artist, where there is none) has words beginning so."""
        return self._containing("artist_key", text)

    def by_album(self, text: str) -> Ids:
        """Tracks whose album has words beginning so."""
        return self._containing("album_key", text)

    def by_year(self, low: float, high: float) -> Ids:
        """Tracks of the years from `low` to `high`."""
        return self._ids("SELECT id FROM tracks WHERE year BETWEEN ? AND ?", low, high)

    def dated(self) -> Ids:
        """Tracks whose year is known."""
        return self._ids("SELECT id FROM tracks WHERE year > 0")

    def by_bpm(self, low: float, high: float) -> Ids:
        """Tracks of a tempo from `low` to `high`, in beats a minute, as tagged or else measured."""
        return self._ids(BPM_IDS_SQL, low, high)

    def by_key(self, name: str) -> Ids:
        """Tracks in one of `base.music.KEYS`, as tagged or else measured."""
        return self._ids(KEY_IDS_SQL, camelot_place(name))

    def change(self) -> int:
        """A number that another commit of anybody's changes; comparable within one thread."""
        return int(self._db.connection().execute("PRAGMA data_version").fetchone()[0])

    def summaries(self) -> Iterator[tuple[int, str]]:
        """Every track with a summary, rising, and its summary's beginning, genres and moods."""
        cursor = self._db.connection().cursor()
        cursor.row_factory = None
        yield from cursor.execute(
            f"SELECT id, trim(substr(summary, 1, {_LONGEST_SUMMARY}) || ' ' || replace("  # noqa: S608
            f"substr(trim(genre || char(31) || mood, char(31)), 1, {_LONGEST_TAGS}),"
            " char(31), ', ')) FROM tracks WHERE summary <> '' ORDER BY id"
        )

    def _containing(self, column: str, text: str) -> Ids:
        key = sort_key(clean(text))
        return self._ids(
            f"SELECT id FROM tracks WHERE {column} IS NOT NULL"  # noqa: S608 - our own words
            f" AND instr(' ' || {column}, ' ' || ?)",
            key,
        )

    def _ids(self, statement: str, *parameters: object) -> Ids:
        return np.sort(read_integers(self._db.connection(), statement, "id", *parameters))
