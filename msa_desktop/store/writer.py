"""The one thread that changes the library."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from msa_desktop.store.db import Database, explain

T = TypeVar("T")

_log = logging.getLogger(__name__)
_BATCH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Job:
    """One change. Whoever gave it waits on `future`, or is told through `done` and `failed`."""

    change: Callable[[sqlite3.Connection], Any]
    done: Callable[[], None] | None = None
    failed: Callable[[Exception], None] | None = None
    future: Future[Any] | None = None


class _TransactionLost(Exception):  # noqa: N818 - an outcome inside this module
    """A change failed so badly (a full disk) that SQLite undid the whole transaction."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs changes one after the other in its own thread, many to a transaction.

    A change is stored whole or not at all, also when the program is killed.

    Args:
        db: The library, opened for writing.
        on_error: Told of each posted change that failed, in the writer's thread.
    """

    def __init__(self, db: Database, on_error: Callable[[Exception], None] | None = None) -> None:
        self._path = db.path
        self._connection = db.writing_connection()
        self.on_error = on_error
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        # A daemon: a program that ends without `close` must not hang, and loses nothing stored.
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def run(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Makes a change, waits until it is stored and returns what it returned.

        Raises:
            UserError: The disk is full, the file damaged and the like.
            Exception: Whatever the change raised; nothing of it is stored.
            RuntimeError: Called from the writer's own thread, where waiting would never end, or
                after `close`.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("run() inside the writer's thread would wait for itself: use post()")
        future: Future[T] = Future()
        self._put(_Job(change, future=future))
        return future.result()

    def post(
        self,
        change: Callable[[sqlite3.Connection], object],
        done: Callable[[], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Queues a change and returns at once; it is stored within about a quarter of a second.

        Args:
            change: Given the connection, inside a transaction. If it raises, it alone is undone,
                logged and told to `on_error`.
            done: Called in the writer's thread once the change is stored.
            failed: Called in the writer's thread, after `on_error`, when the change was not
                stored: it raised, or the transaction it was part of was lost with it.

        Raises:
            RuntimeError: After `close`.
        """
        self._put(_Job(change, done, failed))

    def flush(self) -> None:
        """Waits until everything posted so far is stored (or has failed)."""
        self.run(lambda _connection: None)

    def close(self) -> None:
        """Stores what is queued and ends the thread. Changes given later are refused."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _put(self, job: _Job) -> None:
        with self._gate:  # nothing may come after the end mark: nobody would ever take it
            if self._closed:
                raise RuntimeError("the writer is closed")
            self._jobs.put(job)

    def _work(self) -> None:
        more = True
        while more:
            job = self._jobs.get()
            more = job is not None and self._store_batch(job)
        self._connection.close()

    def _store_batch(self, job: _Job) -> bool:
        """Stores `job` and what follows soon in one transaction; False when asked to end."""
        made: list[tuple[_Job, Any]] = []
        following: _Job | None = job
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._fail(job, error)
            return True
        try:
            until = time.monotonic() + _BATCH_SECONDS
            while following is not None:
                job = following
                self._make(job, made)
                if job.future is not None:
                    break  # somebody is waiting
                following = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            pass
        except _TransactionLost as lost:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for earlier, _ in made:
                self._fail(earlier, lost.error)
            return True
        self._commit(made)
        return following is not None

    def _make(self, job: _Job, made: list[tuple[_Job, Any]]) -> None:
        try:
            self._connection.execute("SAVEPOINT change")
            value = job.change(self._connection)
            self._connection.execute("RELEASE change")
        except Exception as error:
            self._fail(job, error)
            try:
                self._connection.execute("ROLLBACK TO change")
                self._connection.execute("RELEASE change")
            except sqlite3.Error:
                raise _TransactionLost(error) from error
        else:
            made.append((job, value))

    def _commit(self, made: list[tuple[_Job, Any]]) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for job, _ in made:
                self._fail(job, error)
        else:
            for job, value in made:
                self._succeed(job, value)

    def _succeed(self, job: _Job, value: Any) -> None:
        if job.future is not None:
            job.future.set_result(value)
        if job.done is not None:
            _tell(job.done, "was stored")

    def _fail(self, job: _Job, error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            error = explain(error, self._path) or error
        if job.future is not None:
            job.future.set_exception(error)
            return
        _log.error("a change could not be stored", exc_info=error)
        for listener in (self.on_error, job.failed):
            if listener is not None:
                _tell(partial(listener, error), "failed")


def _tell(listener: Callable[[], None], ended: str) -> None:
    """Calls a listener. Its own fault must not stop the one thread that stores everything."""
    try:
        listener()
    except Exception:
        _log.exception("what was to follow a change that %s went wrong", ended)
