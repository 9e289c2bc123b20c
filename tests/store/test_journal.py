from __future__ import annotations

import gzip
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.history import FileState
from msa_desktop.base.model import TrackId
from msa_desktop.store import journal_schema
from msa_desktop.store.db import Database
from msa_desktop.store.journal import Entry, Journal, Original

_STORED = Path(__file__).parents[1] / "data" / "store"
ODD = os.fsdecode(b'/music/caf\xe9 "quoted"\n.mp3')


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "state" / "history.db")) as journal:
        yield journal


VALUES = 86  # bytes of the values below


def entry(path: str = "/music/a.mp3", delta: bytes = b"delta", track: int | None = None) -> Entry:
    return Entry(
        path,
        TrackId(track) if track is not None else None,
        {Field.GENRE: ("Rock",), Field.MOOD: ()},
        {Field.GENRE: ("Jazz", "Cööl"), Field.MOOD: ("calm",)},
        f"{path}.copy",
        Original(b"\x01" * 32, 5, delta),
        b"\x02" * 16,
    )


def written(journal: Journal, name: str, *entries: Entry) -> tuple[int, list[int]]:
    batch_id, ids = journal.begin(name, entries)
    journal.settle(ids)
    return batch_id, ids


def test_a_file_goes_through_write_and_undo(journal: Journal) -> None:
    batch_id, (file_id,) = journal.begin("First", [entry(ODD, track=7)])
    (file,) = journal.files(batch_id)
    assert (file.path, file.track_id, file.state) == (ODD, 7, FileState.PENDING)
    assert file.sound == b"\x02" * 16
    assert file.before == {Field.GENRE: ("Rock",), Field.MOOD: ()}
    assert file.after == {Field.GENRE: ("Jazz", "Cööl"), Field.MOOD: ("calm",)}
    (unfinished,) = journal.unfinished()
    assert (unfinished.file, unfinished.copy) == (file, f"{ODD}.copy")
    assert unfinished.original == Original(b"\x01" * 32, 5, b"delta")

    journal.settle([file_id])
    assert journal.unfinished() == []
    batch = journal.batch(batch_id)
    assert (batch.name, batch.written, batch.undone, batch.left_alone) == ("First", 1, 0, 0)
    assert batch.size == journal.size() == entry().size == 5 + VALUES

    journal.undoing({file_id: "/music/another"})
    (unfinished,) = journal.unfinished()
    assert (unfinished.file.state, unfinished.copy) == (FileState.WRITTEN, "/music/another")
    journal.settle_undo([], {file_id: "locked"})
    assert journal.unfinished() == []
    assert [file.reason for file in journal.files(batch_id)] == ["locked"]
    assert journal.original(file_id) is not None

    journal.undoing({file_id: "/music/another"})
    journal.settle_undo([file_id])
    (file,) = journal.files(batch_id)
    assert (file.state, file.reason, file.kept) == (FileState.UNDONE, "", False)
    assert journal.original(file_id) is None
    assert (journal.batch(batch_id).undone, journal.size()) == (1, 0)


def test_files_left_alone(journal: Journal) -> None:
    batch_id, (first, second) = journal.begin("Batch", [entry("/a"), entry("/b")])
    assert journal.pending(batch_id, [entry("/c")]) == [second + 1]
    journal.settle([first, second + 1], {second: "locked"})
    journal.left_alone(batch_id, [(ODD, "read-only")])
    assert [(file.path, file.state, file.reason) for file in journal.files(batch_id)] == [
        ("/a", FileState.WRITTEN, ""),
        ("/b", FileState.LEFT_ALONE, "locked"),
        ("/c", FileState.WRITTEN, ""),
        (ODD, FileState.LEFT_ALONE, "read-only"),
    ]
    assert journal.batch(batch_id).left_alone == 2
    assert journal.size() == 2 * (5 + VALUES)


def test_only_a_batch_of_which_nothing_was_written_is_forgotten(journal: Journal) -> None:
    batch_id, (first, second) = journal.begin("Batch", [entry("/a"), entry("/b")])
    journal.forget(batch_id)
    assert len(journal.files(batch_id)) == 2, "both may be being written"
    journal.settle([], {first: "no"}, forgotten=[second])
    journal.forget(batch_id)
    assert journal.history() == []
    with pytest.raises(UserError, match="no batch"):
        journal.batch(batch_id)

    batch_id, ids = journal.begin("Next", [entry()])
    journal.settle(forgotten=ids)
    assert journal.history() == [], "a batch goes with its last file"


def test_history_is_newest_first(journal: Journal) -> None:
    for name in ("one", "two\n\x1b[31m", "three"):
        written(journal, name, entry())
    assert [batch.name for batch in journal.history()] == ["three", "two��[31m", "one"]


def test_a_later_write_of_the_same_file_is_known(journal: Journal) -> None:
    first, _ = written(journal, "first", entry("/a", track=1))
    second, ids = written(journal, "moved since", entry("/b", track=1))
    written(journal, "another file", entry("/c", track=2), entry("/d"))
    (file,) = journal.files(first)
    again = journal.written_again(file)
    assert again is not None
    assert again.id == second
    (file,) = journal.files(second)
    assert journal.written_again(file) is None
    journal.settle_undo(ids)
    (file,) = journal.files(first)
    assert journal.written_again(file) is None


def test_files_that_changed_places_are_told_apart_by_their_tracks(journal: Journal) -> None:
    first, _ = written(journal, "first", entry("/a", track=1))
    written(journal, "another file in its place", entry("/a", track=2))
    (file,) = journal.files(first)
    assert journal.written_again(file) is None
    by_path, _ = written(journal, "of which no track is known", entry("/a"))
    again = journal.written_again(file)
    assert again is not None
    assert again.id == by_path


def test_tracks_of_another_library_are_none(journal: Journal) -> None:
    """A library that is made again begins to count at 1."""
    first, _ = written(journal, "first", entry("/a", track=1))
    journal.close()
    with closing(Journal(journal.path, library=2)) as other:
        (file,) = other.files(first)
        assert (file.track_id, file.path) == (None, "/a")
        written(other, "another file", entry("/b", track=1))
        assert other.written_again(file) is None
        last, _ = written(other, "the same", entry("/a", track=5))
        again = other.written_again(file)
        assert again is not None
        assert again.id == last
    with closing(Journal(journal.path)) as back:
        assert back.files(first)[0].track_id == 1


def test_trimming_lets_go_of_the_oldest(journal: Journal) -> None:
    for number in range(4):
        written(journal, f"batch {number}", entry(delta=bytes(100)), entry("/b", bytes(100)))
    values = 8 * VALUES
    assert journal.trim(values + 800) == []
    assert journal.trim(values + 500) == ["batch 0", "batch 1"]
    assert journal.size() == values + 400
    assert [batch.kept for batch in journal.history()] == [True, True, False, False]
    assert [file.kept for file in journal.files(1)] == [False, False]
    assert journal.files(1)[0].state is FileState.WRITTEN
    assert journal.trim(values + 200, spare=3) == ["batch 3"]
    assert journal.batch(3).kept
    assert journal.trim(values + 100, spare=3) == ["batch 0"], "now the values, too"
    assert [batch.id for batch in journal.history()] == [4, 3, 2]


def test_what_is_let_go_makes_room_on_the_disk(journal: Journal) -> None:
    written(journal, "large", entry(delta=os.urandom(2_000_000)))
    written(journal, "small", entry())
    with closing(sqlite3.connect(journal.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert journal.path.stat().st_size > 2_000_000
        journal.trim(1000)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert journal.path.stat().st_size < 200_000


def test_what_was_undone_makes_room_on_the_disk(journal: Journal) -> None:
    _, ids = written(journal, "large", entry(delta=os.urandom(2_000_000)))
    journal.settle_undo(ids)
    journal.shrink()
    with closing(sqlite3.connect(journal.path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert journal.path.stat().st_size < 200_000


def test_a_change_is_whole_or_not_at_all(journal: Journal) -> None:
    batch_id, _ = written(journal, "good", entry())
    bad = entry("/bad")
    with pytest.raises(AttributeError):
        journal.pending(batch_id, [entry("/b"), None])  # type: ignore[list-item]
    assert [file.path for file in journal.files(batch_id)] == ["/music/a.mp3"]
    assert len(journal.pending(batch_id, [bad])) == 1, "and the next one goes well"


def test_what_was_stored_is_on_the_disk(journal: Journal) -> None:
    """FULL: a commit returns when the log is flushed."""
    assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert journal._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_many_threads(journal: Journal) -> None:
    def work(number: int) -> None:
        for _ in range(20):
            written(journal, f"thread {number}", entry(f"/{number}"))
            journal.history()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.history()) == 80
    assert all(batch.written == 1 for batch in journal.history())


def test_opening_again(journal: Journal) -> None:
    batch_id, _ = written(journal, "first", entry())
    with closing(Journal(journal.path)) as again:
        assert again.history() == journal.history()
        assert again.files(batch_id) == journal.files(batch_id)
    assert not list(journal.path.parent.glob("*.before-*"))


def test_files_that_are_no_history(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"this was never a database " * 200)
    with pytest.raises(UserError, match="damaged"):
        Journal(path)
    assert path.read_bytes().startswith(b"this was never")
    Database(tmp_path / "library.db").close()
    with pytest.raises(UserError, match="some other program"):
        Journal(tmp_path / "library.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as connection:
        connection.execute("CREATE TABLE files (x)")
        connection.execute(f"PRAGMA application_id = {journal_schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {journal_schema.NEWEST + 1}")
    with pytest.raises(UserError, match="newer version"):
        Journal(tmp_path / "newer.db")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="data folder"):
        Journal(tmp_path / "file" / "history.db")


@pytest.mark.parametrize("schema", range(1, journal_schema.NEWEST + 1))
def test_histories_of_every_released_schema_open(schema: int, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(gzip.decompress((_STORED / f"history-{schema}.db.gz").read_bytes()))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == schema
    with closing(Journal(path, library=3)) as journal:
        pending, two = journal.history()
        assert (two.name, two.written, two.undone, two.left_alone) == ("Genre: 2 files", 1, 1, 1)
        assert (two.kept, two.size, two.created_at) == (True, 5 + VALUES, 1.7e9)
        files = journal.files(two.id)
        assert [file.path for file in files] == [ODD, "/music/b.flac", "/music/locked.ogg"]
        assert files[0].track_id == 7
        assert files[0].before == {Field.GENRE: ("Rock",), Field.MOOD: ()}
        assert (files[0].sound, files[2].sound) == (b"\x02" * 16, b"")
        assert files[2].reason == "Another program has locked the file."
        assert journal.original(files[0].id) == Original(b"\x01" * 32, 5, b"delta")
        (unfinished,) = journal.unfinished()
        assert unfinished.file.batch_id == pending.id
        assert unfinished.copy == f"{ODD}.copy"
