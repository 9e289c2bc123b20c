from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.model import AudioInfo, Tags, TrackId, TrackState
from msa_desktop.base.music import Key, Loudness, Measures, Tempo
from msa_desktop.base.proposals import (
    Decision,
    HeardLabel,
    Proposal,
    Suggestion,
    TaggedNeighbour,
)
from msa_desktop.store import migrations, writes
from msa_desktop.store.db import Database
from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.tracks import Counts, TrackQuery, TrackReader
from msa_desktop.store.vectors import VectorIndex
from msa_desktop.store.word_rows import Said, WordRows
from msa_desktop.store.writer import Writer
from tests.store.shelf import Shelf

if TYPE_CHECKING:
    import sqlite_utils

_STORED = Path(__file__).parents[1] / "data" / "store"


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_new_database(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "library.db"
    db = Database(path)
    connection = db.connection()
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert version_of(path) == migrations.NEWEST
    assert db.check() == []
    del connection
    db.close()
    assert os.listdir(path.parent) == ["library.db"], "no backup of a new database, no left-overs"


def test_opening_again_changes_nothing(shelf: Shelf) -> None:
    shelf.add("a.mp3")
    again = Database(shelf.path)
    assert TrackReader(again).counts() == shelf.reader.counts()
    assert not list(shelf.folder.glob("*.before-*"))


def test_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {migrations.NEWEST + 1}")
    before = path.read_bytes()
    with pytest.raises(UserError, match="newer version"):
        Database(path)
    assert path.read_bytes() == before


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(UserError, match="some other program"):
        Database(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    path.write_bytes(b"this was never a database " * 200)
    with pytest.raises(UserError, match="damaged") as told:
        Database(path)
    assert str(path) in str(told.value)
    assert path.read_bytes().startswith(b"this was never")


def test_damage_inside_is_found(tmp_path: Path) -> None:
    with Shelf(tmp_path) as shelf:
        shelf.add(*(f"{n}.mp3" for n in range(2000)))
        path = shelf.path
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)
    problems = Database(path).check()
    assert problems
    assert "damaged" in problems[0]


def test_path_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "library.db").mkdir()
    with pytest.raises(UserError, match="cannot be opened"):
        Database(tmp_path / "library.db")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="data folder"):
        Database(tmp_path / "file" / "library.db")


def test_only_the_writer_may_write(shelf: Shelf) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        shelf.db.connection().execute("DELETE FROM roots")


def test_each_thread_has_its_connection_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    db = Database(path)
    mine = db.connection()
    assert db.connection() is mine
    mine.execute("SELECT * FROM roots").fetchall()
    ready, leave = threading.Event(), threading.Event()
    theirs: list[int] = []
    rows: list[object] = []

    def work() -> None:
        theirs.append(id(db.connection()))
        db.connection().execute("SELECT * FROM roots").fetchall()
        cursor = db.connection().execute("SELECT 1 UNION ALL SELECT 2")
        ready.set()
        leave.wait(10)
        rows.extend(cursor.fetchall())

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    assert theirs[0] != id(mine)
    del mine
    log = path.with_name("library.db-wal")
    assert log.exists()
    db.close()
    with pytest.raises(RuntimeError, match="closed"):
        db.connection()
    leave.set()
    thread.join()
    assert len(rows) == 2, "a query that was running ends as usual"
    assert not log.exists(), "SQLite removes its log when the last connection closes"


def test_a_thread_that_ends_closes_its_connection(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    db = Database(path)
    log = path.with_name("library.db-wal")
    seen: list[bool] = []

    def work() -> None:
        db.connection().execute("SELECT * FROM roots").fetchall()
        seen.append(log.exists())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
    assert not log.exists()


def _add_colour(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE tracks ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")


def _break_off(db: sqlite_utils.Database) -> None:
    db.execute("DROP TABLE peaks")
    raise sqlite3.OperationalError("the lights went out")


def _orphan(db: sqlite_utils.Database) -> None:
    db.execute("DELETE FROM folders")


def test_migration_backs_up_first(tmp_path: Path) -> None:
    with Shelf(tmp_path) as shelf:
        (track_id,) = shelf.add("a.mp3")
        connection = shelf.db.writing_connection()
        migrations.migrate(connection, shelf.path, (*migrations.MIGRATIONS, _add_colour))
        rows = connection.execute("SELECT id, colour FROM tracks").fetchall()
        assert [tuple(row) for row in rows] == [(track_id, "blue")]
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        connection.close()
    backup = tmp_path / f"library.db.before-{migrations.NEWEST + 1}"
    assert version_of(tmp_path / "library.db") == migrations.NEWEST + 1
    assert version_of(backup) == migrations.NEWEST
    kept = Database(backup)
    assert TrackReader(kept).counts().tracks == 1
    assert kept.check() == []


@pytest.mark.parametrize("bad", [_break_off, _orphan])
def test_migration_that_fails_changes_nothing(shelf: Shelf, bad: migrations.Migration) -> None:
    (track_id,) = shelf.add("a.mp3")
    connection = shelf.db.writing_connection()
    with pytest.raises(sqlite3.Error):
        migrations.migrate(connection, shelf.path, (*migrations.MIGRATIONS, _add_colour, bad))
    # The one before it was a transaction of its own.
    assert version_of(shelf.path) == migrations.NEWEST + 1
    assert connection.execute("SELECT count(*) FROM peaks").fetchone()[0] == 0
    assert shelf.get(track_id).path == "/music/a.mp3"


def stored(schema: int, folder: Path) -> Database:
    """A copy of the database stored with the tests, opened (and migrated) by today's program."""
    path = folder / "library.db"
    path.write_bytes(gzip.decompress((_STORED / f"schema-{schema}.db.gz").read_bytes()))
    assert version_of(path) == schema
    return Database(path)


@pytest.mark.parametrize("schema", range(1, migrations.NEWEST + 1))
def test_databases_of_every_released_schema_open(schema: int, tmp_path: Path) -> None:
    db = stored(schema, tmp_path)
    reader = TrackReader(db)
    assert version_of(tmp_path / "library.db") == migrations.NEWEST
    assert db.check() == []
    assert reader.counts() == Counts(tracks=4, new=1, queued=1, analysed=1, failed=1, offline=1)
    assert [(root.path, root.tracks, root.online) for root in reader.roots()] == [
        ("/music", 3, True),
        ("/media/stick", 1, False),
    ]
    heard = reader.by_path("/music/Björk/Début/01 Human Behaviour.flac")
    assert heard is not None
    assert heard.state is TrackState.ANALYSED
    known = Tags("Human Behaviour", "Björk", "Debut", "Björk", ("Pop", "Electronic"), 1993, 1)
    if schema >= 2:
        known = replace(
            known,
            mood=("Calm", "Dark"),
            bpm="120",
            key="F#m",
            grouping=("Vocal",),
            summary="Pop music.",
        )
    if schema >= 4:
        known = replace(known, track_gain="-9.00 dB", track_peak="1.000000")
    assert heard.tags == known
    assert reader.incompletely_read() == ([(heard.id, heard.path)] if schema < 4 else [])
    assert heard.info == AudioInfo(252.5, "flac", 44_100, 2, 900_000)
    assert (heard.size, heard.mtime_ns, heard.added_at) == (
        31_000_000,
        1_600_000_000_123_456_789,
        1.7e9,
    )
    failed = reader.by_path(os.fsdecode(b"/music/caf\xe9.mp3"))
    assert failed is not None
    assert failed.reason == "The file holds no sound."
    assert reader.ids(TrackQuery(words="bjork human")).tolist() == [heard.id]
    assert WordRows(db).said([Said.GENRE], [("pop",)]).tolist() == [heard.id]
    assert reader.labels(heard.id)["msd"].tolist() == [0.25, 0.5]
    assert reader.peaks(heard.id) == b"\x01\x02\x03"
    vector = reader.vector(heard.id, "musicnn", "1")
    assert vector is not None
    assert vector.tolist() == [0.5, -1.5, 2.0]
    index = VectorIndex(db, tmp_path, "musicnn", "1")
    index.refresh()
    assert (len(index), index.check()) == (1, [])
    writer = Writer(db)
    writer.run(lambda conn: writes.remove_root(conn, 1))
    assert reader.counts().tracks == 1
    writer.close()


def test_proposals_of_schema_2(tmp_path: Path) -> None:
    db = stored(2, tmp_path)
    reader = ProposalReader(db, TrackReader(db))
    (group,) = reader.get_many(reader.ids())
    crying = TaggedNeighbour(TrackId(2), "Crying", "Björk", 0.9, ("Pop",))
    assert group.proposals == (
        Proposal(
            group.track.id,
            Field.GENRE,
            ("Pop", "Electronic"),
            ("Pop", "Electronic", "Art Pop"),
            (Suggestion("Art Pop", 0.75, (HeardLabel("pop", 0.5, 0.05),), (crying,)),),
            "rules-1",
            Decision.ACCEPTED,
            edited=True,
        ),
    )
    assert reader.rejected([group.track.id]) == {group.track.id: {(Field.MOOD, "happy")}}


@pytest.mark.parametrize("schema", range(2, migrations.NEWEST + 1))
def test_tempo_and_key_of_every_schema(schema: int, tmp_path: Path) -> None:
    db = stored(schema, tmp_path)
    (heard,) = WordRows(db).by_bpm(119, 121)
    assert WordRows(db).by_key("F#m").tolist() == [heard]
    track = TrackReader(db).get(heard)
    assert track is not None
    measured = Measures(Tempo(121.5, 0.75, ((60.75, 0.2),)), Key("A", 0.5), Loudness(-9, 1, 0, 2))
    assert track.measures == (measured if schema >= 4 else Measures())


def test_reading_loads_nothing_heavy() -> None:
    code = (
        "import sys, msa_desktop.store.vectors, msa_desktop.store.writer, msa_desktop.store.tracks;"
        "print({'faiss', 'sqlite_utils', 'PySide6'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"
