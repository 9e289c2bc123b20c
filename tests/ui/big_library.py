"""A made-up library of any size, stored by the program's own code and then multiplied."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from msa_desktop.base.model import AudioInfo, FileStamp, Reading, Tags
from msa_desktop.base.music import KEYS
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.writer import Writer

_BASE = 2000
_WORDS = tuple(
    f"{one}{two}"
    for one in ("am", "bir", "ce", "del", "em", "fjor", "glas")
    for two in ("a", "ko", "lin")
)
_GENRES = ("Rock", "Jazz", "Classical", "Electronic", "Folk", "Ambient")


def make(path: Path, count: int) -> None:
    """Makes a library of `count` tracks (a multiple of 2,000) in the database file `path`."""
    database = Database(path)
    writer = Writer(database)
    writer.run(_store_base)
    writer.run(lambda conn: _multiply(conn, count // _BASE))
    writer.close()
    database.close()


def _store_base(conn: sqlite3.Connection) -> None:
    chance = random.Random(5)
    root_id = writes.add_root(conn, "/music")
    for album in range(_BASE // 10):
        artist = " ".join(chance.sample(_WORDS, 2)).title()
        name = " ".join(chance.sample(_WORDS, 3)).title()
        for number in range(10):
            title = " ".join(chance.sample(_WORDS, 3)).title()
            file = f"/music/{artist}/{album} {name}/{number:02} {title}.flac"
            (track_id,) = writes.add_tracks(conn, root_id, [FileStamp(file, 1, 1)])
            tags = Tags(
                title,
                artist,
                name,
                "",
                (chance.choice(_GENRES),),
                1950 + album % 75,
                bpm=str(60 + album % 120),
                key=KEYS[album % len(KEYS)],
            )
            info = AudioInfo(chance.uniform(60, 600), "flac", 44_100, 2)
            writes.store_reading(conn, track_id, Reading(info, tags, bytes([number])))
            if number == 9:
                writes.store_failure(conn, track_id, "The file holds no sound. Copy it again.")


def _multiply(conn: sqlite3.Connection, times: int) -> None:
    """Copies every row under other folders."""
    folders, tracks = (
        conn.execute(f"SELECT max(id) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("folders", "tracks")
    )
    columns = [row[1] for row in conn.execute("PRAGMA table_info(tracks)")]
    kept = ", ".join(column for column in columns if column not in ("id", "folder_id"))
    for copy in range(1, times):
        conn.execute(
            "INSERT INTO folders (id, root_id, path, sort_key, words)"
            " SELECT id + ?, root_id, CAST(path || ? AS BLOB), sort_key || ?, words"
            " FROM folders WHERE id <= ?",
            (copy * folders, f" ({copy})", f" ({copy})", folders),
        )
        conn.execute(
            f"INSERT INTO tracks (id, folder_id, {kept})"  # noqa: S608
            f" SELECT id + ?, folder_id + ?, {kept} FROM tracks WHERE id <= ?",
            (copy * tracks, copy * folders, tracks),
        )
        conn.execute(
            "INSERT INTO track_words (rowid, words)"
            " SELECT rowid + ?, words FROM track_words WHERE rowid <= ?",
            (copy * tracks, tracks),
        )
