from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FileStamp
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.writer import Writer
from tests.store.shelf import Shelf


def add(name: str, root: int = 1) -> Callable[[sqlite3.Connection], None]:
    def change(conn: sqlite3.Connection) -> None:
        writes.add_tracks(conn, root, [FileStamp(f"/music/{name}", 1, 1)])

    return change


def names(shelf: Shelf) -> list[str]:
    return sorted(path.removeprefix("/music/") for path in shelf.reader.stamps(shelf.root))


def test_run_returns_what_the_change_returned_once_it_is_stored(shelf: Shelf) -> None:
    ids = shelf.writer.run(
        lambda conn: writes.add_tracks(conn, shelf.root, [FileStamp("/music/a", 1, 1)])
    )
    assert shelf.get(ids[0]).path == "/music/a"


def test_run_raises_what_the_change_raised_and_stores_nothing(shelf: Shelf) -> None:
    def change(conn: sqlite3.Connection) -> None:
        add("lost")(conn)
        raise KeyError("no")

    with pytest.raises(KeyError):
        shelf.writer.run(change)
    assert names(shelf) == []
    shelf.writer.run(add("next"))
    assert names(shelf) == ["next"]


def test_a_posted_change_that_fails_is_undone_alone_and_told(shelf: Shelf) -> None:
    told: list[Exception] = []
    shelf.writer.on_error = told.append

    def bad(conn: sqlite3.Connection) -> None:
        add("bad")(conn)
        raise ValueError("no such thing")

    followed: list[str] = []
    failed: list[tuple[Exception, int]] = []
    for name, change in {"a": add("a"), "bad": bad, "b": add("b")}.items():
        shelf.writer.post(
            change,
            lambda name=name: followed.append(name),  # type: ignore[misc]
            lambda error: failed.append((error, len(told))),
        )
    shelf.writer.flush()
    assert names(shelf) == ["a", "b"]
    assert [str(error) for error in told] == ["no such thing"]
    assert followed == ["a", "b"]
    assert failed == [(told[0], 1)]  # after on_error


def test_done_is_called_after_the_commit_and_may_post(shelf: Shelf) -> None:
    seen: list[list[str]] = []
    finished = threading.Event()

    def done() -> None:
        seen.append(names(shelf))
        shelf.writer.post(add("second"), finished.set)

    shelf.writer.post(add("first"), done)
    assert finished.wait(10)
    assert seen == [["first"]]
    assert names(shelf) == ["first", "second"]


def test_posts_share_a_transaction_and_are_stored_soon(shelf: Shelf) -> None:
    inside: list[bool] = []

    def change(conn: sqlite3.Connection, name: str) -> None:
        add(name)(conn)
        inside.append(names(shelf) == [])  # another connection sees none of it yet

    stored = threading.Event()
    began = time.monotonic()
    shelf.writer.post(lambda conn: change(conn, "0"), stored.set)
    for n in range(1, 5):
        shelf.writer.post(lambda conn, n=n: change(conn, str(n)))  # type: ignore[misc]
    assert stored.wait(10)
    assert time.monotonic() - began < 5
    assert inside == [True] * 5
    assert names(shelf) == ["0", "1", "2", "3", "4"]


def test_done_or_error_callbacks_that_raise_do_not_stop_the_writer(shelf: Shelf) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("listener's own bug")

    shelf.writer.on_error = fail
    shelf.writer.post(add("a"), fail)
    shelf.writer.post(fail, failed=fail)
    shelf.writer.flush()
    shelf.writer.run(add("b"))
    assert names(shelf) == ["a", "b"]


def test_close_stores_what_is_queued_and_refuses_more(tmp_path: Path) -> None:
    db = Database(tmp_path / "library.db")
    writer = Writer(db)
    writer.run(lambda conn: writes.add_root(conn, "/music"))
    for n in range(50):
        writer.post(add(str(n)))
    writer.close()
    writer.close()
    assert db.connection().execute("SELECT count(*) FROM tracks").fetchone()[0] == 50
    with pytest.raises(RuntimeError, match="closed"):
        writer.post(add("late"))
    with pytest.raises(RuntimeError, match="closed"):
        writer.run(add("late"))


def test_run_inside_the_writers_thread_is_refused_instead_of_hanging(shelf: Shelf) -> None:
    caught: list[BaseException] = []

    def change(_: sqlite3.Connection) -> None:
        try:
            shelf.writer.run(add("never"))
        except RuntimeError as error:
            caught.append(error)

    shelf.writer.run(change)
    assert len(caught) == 1


def limit(conn: sqlite3.Connection, pages: int) -> None:
    """Makes the database as good as a full disk beyond this size."""
    conn.execute(f"PRAGMA max_page_count = {pages}")


def fill(conn: sqlite3.Connection) -> None:
    writes.store_peaks(conn, 1, bytes(50_000_000))


def pages(shelf: Shelf) -> int:
    (count,) = shelf.db.connection().execute("PRAGMA page_count").fetchone()
    return int(count)


def test_a_full_disk_loses_only_what_was_not_stored(shelf: Shelf) -> None:
    shelf.add("before")
    told: list[Exception] = []
    shelf.writer.on_error = told.append
    size = pages(shelf)
    shelf.writer.run(lambda conn: limit(conn, size + 5))
    shelf.writer.post(add("lost with it"))
    shelf.writer.post(fill)
    with pytest.raises(UserError, match="full"):
        shelf.writer.run(fill)
    assert {type(error) for error in told} == {UserError}
    assert all("full" in str(error) for error in told)
    shelf.writer.run(lambda conn: limit(conn, 2**30))
    shelf.writer.run(add("after"))
    assert {"before", "after"} <= set(names(shelf))
    assert shelf.db.check() == []


def test_whoever_posted_a_change_is_told_when_a_full_disk_refuses_it(shelf: Shelf) -> None:
    shelf.add("before")
    size = pages(shelf)
    shelf.writer.run(lambda conn: limit(conn, size + 5))
    stored: list[str] = []
    failed: dict[str, Exception] = {}
    for name, change in {"first": add("first"), "second": add("second"), "fill": fill}.items():
        shelf.writer.post(
            change,
            lambda name=name: stored.append(name),  # type: ignore[misc]
            lambda error, name=name: failed.update({name: error}),  # type: ignore[misc]
        )
    shelf.writer.flush()
    assert isinstance(failed["fill"], UserError)
    assert sorted(stored + list(failed)) == ["fill", "first", "second"]  # each is told, once
    assert set(names(shelf)) == {"before", *stored}


def test_every_change_of_a_lost_transaction_is_told(shelf: Shelf) -> None:
    failed: dict[str, Exception] = {}
    told: list[Exception] = []
    shelf.writer.on_error = told.append
    together = threading.Event()

    def first(conn: sqlite3.Connection) -> None:
        add("first")(conn)
        together.wait(10)  # until the second is posted: one transaction for both

    def undo_all(conn: sqlite3.Connection) -> None:
        conn.execute("ROLLBACK")  # as SQLite does by itself when a disk fails
        raise OSError("the disk went away")

    shelf.writer.post(first, failed=lambda error: failed.update(first=error))
    shelf.writer.post(undo_all, failed=lambda error: failed.update(undo_all=error))
    together.set()
    shelf.writer.flush()
    assert failed.keys() == {"first", "undo_all"}
    assert failed["first"] is failed["undo_all"]
    assert len(told) == 2
    assert names(shelf) == []


def test_a_commit_that_fails_is_told(shelf: Shelf) -> None:
    failed: list[Exception] = []
    stored: list[str] = []

    def orphan(conn: sqlite3.Connection) -> None:
        conn.execute("PRAGMA defer_foreign_keys = ON")  # looked at when the change is committed
        add("nobody's", root=99)(conn)

    shelf.writer.post(orphan, lambda: stored.append("orphan"), failed.append)
    shelf.writer.flush()
    assert (len(failed), stored, names(shelf)) == (1, [], [])
    shelf.writer.run(add("b"))
    assert names(shelf) == ["b"]


def test_a_change_that_hides_a_lost_transaction(shelf: Shelf) -> None:
    told: list[Exception] = []
    shelf.writer.on_error = told.append

    def undo_all(conn: sqlite3.Connection) -> None:
        conn.execute("ROLLBACK")  # as SQLite does by itself when a disk fails
        raise OSError("the disk went away")

    shelf.writer.post(add("a"))
    shelf.writer.post(undo_all)
    shelf.writer.flush()
    assert len(told) in (1, 2)  # two where both shared the transaction, as they nearly always do
    shelf.writer.run(add("b"))
    assert "b" in names(shelf)


def test_a_change_that_commits_by_itself_does_not_stop_the_writer(shelf: Shelf) -> None:
    with pytest.raises(sqlite3.OperationalError):
        shelf.writer.run(lambda conn: conn.execute("COMMIT"))
    shelf.writer.run(add("b"))
    assert names(shelf) == ["b"]


def test_writes_from_many_threads(shelf: Shelf) -> None:
    def work(thread: int) -> None:
        for n in range(20):
            shelf.writer.run(add(f"{thread}-{n}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(shelf)) == 160


def test_another_process_holding_the_lock_is_a_reason_not_a_hang(shelf: Shelf) -> None:
    other = sqlite3.connect(shelf.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    shelf.writer._connection.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(UserError, match="Another program"):
        shelf.writer.run(add("a"))
    other.execute("ROLLBACK")
    other.close()
    shelf.writer.run(add("a"))
    assert names(shelf) == ["a"]
