from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np
import pytest

from msa_desktop.base.model import FileStamp, Tags
from msa_desktop.store import writes
from msa_desktop.store.word_rows import Said, WordRows
from tests.store.shelf import Shelf

_ALL = tuple(Said)


@pytest.fixture
def rows(shelf: Shelf) -> WordRows:
    return WordRows(shelf.db)


def test_what_a_file_says_is_found_by_its_column(shelf: Shelf, rows: WordRows) -> None:
    one, other = shelf.add("a.mp3", "b.mp3")
    shelf.read(one, genre=("Hip-Hop", "Død Metal"), mood=("Calm",), summary="A slow piano piece.")
    shelf.read(other, genre=("Jazz",), grouping=("Été",), mood=("夜の音楽",))
    assert rows.said([Said.GENRE], [("hip", "hop")]).tolist() == [one]
    assert rows.said([Said.GENRE], [("hiphop",)]).tolist() == [one]
    assert rows.said([Said.GENRE], [("dod",)]).tolist() == [one], "folded as everywhere"
    assert rows.said([Said.MOOD], [("hip", "hop")]).tolist() == []
    assert rows.said([Said.GENRE, Said.GROUPING], [("calm",), ("ete",)]).tolist() == [other]
    assert rows.said([Said.GENRE], [("metal",), ("jazz",)]).tolist() == [one, other]
    assert rows.said([Said.SUMMARY], [("piano", "slow")]).tolist() == [one]
    assert rows.said([Said.MOOD], [("楽",)]).tolist() == [other]
    assert rows.silent(Said.MOOD, np.array([one, other])).tolist() == []
    assert rows.silent(Said.SUMMARY, np.array([other, one])).tolist() == [other]


def _retag(shelf: Shelf, track_id: int, tags: Tags) -> Callable[[sqlite3.Connection], None]:
    stamp = FileStamp("/music/a.mp3", 1, 1)
    return lambda conn: writes.store_retagged(conn, track_id, stamp, tags)


def test_the_words_follow_every_change(shelf: Shelf, rows: WordRows) -> None:
    (track,) = shelf.add("a.mp3")
    assert shelf.sql("SELECT rowid FROM said_words") == []
    shelf.read(track, genre=("Rock",))
    shelf.writer.run(_retag(shelf, track, Tags(genre=("Jazz",), summary="Blue.")))
    assert rows.said(_ALL, [("rock",)]).tolist() == []
    assert rows.said(_ALL, [("jazz",)]).tolist() == [track]
    assert rows.said(_ALL, [("blue",)]).tolist() == [track]
    shelf.writer.run(_retag(shelf, track, Tags()))
    assert shelf.sql("SELECT rowid FROM said_words") == [], "a file that says nothing has no row"
    shelf.writer.run(_retag(shelf, track, Tags(mood=("Calm",))))
    # Whatever changes a track keeps them right, also what knows nothing of them.
    shelf.writer.run(lambda conn: conn.execute("UPDATE tracks SET mood = 'Dark'"))
    assert rows.said(_ALL, [("dark",)]).tolist() == [track]
    shelf.remove(track)
    assert shelf.sql("SELECT rowid FROM said_words") == []


def test_removing_a_folder_removes_its_words(shelf: Shelf) -> None:
    (track,) = shelf.add("a.mp3")
    shelf.read(track, genre=("Rock",))
    shelf.writer.run(lambda conn: writes.remove_root(conn, shelf.root))
    assert shelf.sql("SELECT rowid FROM said_words") == []
    assert shelf.db.check() == []


def test_names(shelf: Shelf, rows: WordRows) -> None:
    one, other, third = shelf.add("x/a.mp3", "x/blue train.mp3", "blue/c-7.mp3")
    shelf.read(one, "Train in Vain", "AC/DC", album="Blue Lines")
    assert rows.named(("train",)).tolist() == [one, other]
    assert rows.named(("tra",)).tolist() == []
    assert rows.named(("tra",), begins=True).tolist() == [one, other]
    assert rows.named(("blue", "train")).tolist() == [one, other]
    assert rows.quoted("Blue  TRAIN").tolist() == [other]
    assert rows.quoted("train blue").tolist() == []
    assert rows.quoted("AC/DC").tolist() == [one]
    blue = rows.named(("blue",))
    assert blue.tolist() == [one, other, third]
    assert rows.titled(blue, ("blue",)).tolist() == [other], "not by album or folder"
    assert rows.titled(blue, ("7",)).tolist() == [third], "a number behind a hyphen"


def test_numbers_and_names_as_conditions(shelf: Shelf, rows: WordRows) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    shelf.read(a, artist="Björk", album="Début", year=1993, bpm="120.4", key="F#m")
    shelf.read(b, artist="Bach", album="", year=1999, bpm="9", key="C")
    shelf.read(c, album_artist="Johann Sebastian Bach")
    assert rows.by_year(1993, 1998).tolist() == [a]
    assert rows.by_year(1994, float("inf")).tolist() == [b]
    assert rows.dated().tolist() == [a, b]
    assert rows.by_bpm(100, 130).tolist() == [a], "by value, not by letter"
    assert rows.by_bpm(0, 99).tolist() == [b]
    assert rows.by_key("F#m").tolist() == [a]
    assert rows.by_key("Am").tolist() == []
    assert rows.by_artist("BJORK").tolist() == [a]
    assert rows.by_artist("bach").tolist() == [b, c]
    assert rows.by_artist("ach").tolist() == []
    assert rows.by_album("deb").tolist() == [a]
    assert rows.by_album("?").tolist() == []


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT id FROM tracks WHERE bpm_order BETWEEN 1 AND 2", "bpm"),
        ("SELECT id FROM tracks WHERE key_order = 3", "key"),
    ],
)
def test_conditions_read_no_other_tracks(shelf: Shelf, statement: str, index: str) -> None:
    plan = shelf.sql(f"EXPLAIN QUERY PLAN {statement}")
    assert f"tracks_by_{index}" in str(plan)


def test_summaries_with_what_else_is_said(shelf: Shelf, rows: WordRows) -> None:
    before = rows.change()
    full, bare, _ = shelf.add("a.mp3", "b.mp3", "c.mp3")
    shelf.read(full, summary="A waltz.", genre=("Folk", "Dance"), mood=("Happy",))
    shelf.read(bare, summary="é" * 5000)
    assert list(rows.summaries()) == [(full, "A waltz. Folk, Dance, Happy"), (bare, "é" * 1000)]
    after = rows.change()
    assert after != before
    assert rows.change() == after
