"""Many files at once: the threads that deal with them, how far they are, and what came of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, TagProgress, TagWork
from msa_desktop.base.history import WriteReport
from msa_desktop.base.jobs import CancelToken, Throttle
from msa_desktop.base.model import FileStamp, display_path

_GROUP = 16  # files between two moments at which work can be ended early
_PLANNERS = min(4, os.cpu_count() or 1)  # they read and hash
_WRITERS = 8  # they mostly wait for the disk

_log = logging.getLogger(__name__)


class OfFile(Protocol):
    """Whatever is about one file."""

    @property
    def path(self) -> str:
        """The file."""


@dataclass
class Tally:
    """What has come of a write or an undo so far.

    Attributes:
        refused: Files that were not tried, and why.
        failed: Files that were tried, and why nothing came of it.
        size: Bytes that taking the batch back takes.
        stopped: Why no more files are tried, or "".
    """

    batch_id: int | None = None
    done: list[FileStamp] = field(default_factory=list)
    refused: list[tuple[OfFile, str]] = field(default_factory=list)
    failed: list[tuple[OfFile, str]] = field(default_factory=list)
    unchanged: int = 0
    let_go: list[str] = field(default_factory=list)
    size: int = 0
    stopped: str = ""

    def stop(self, error: UserError, items: Iterable[OfFile]) -> None:
        """Ends the work before these files were tried; raises where nothing was done yet."""
        if not self.done:
            raise error
        self.stopped = str(error)
        self.refuse(items)

    def refuse(self, items: Iterable[OfFile]) -> None:
        """These files are not tried any more."""
        self.refused += [(item, self.stopped) for item in items]

    def report(self, *, cancelled: bool) -> WriteReport:
        """All of it, for whoever asked for the work."""
        return WriteReport(
            self.batch_id if self.done else None,
            tuple(self.done),
            tuple((item.path, reason) for item, reason in (*self.refused, *self.failed)),
            self.unchanged,
            cancelled,
            tuple(self.let_go),
        )


F = TypeVar("F", bound=OfFile)
R = TypeVar("R")


class Crew:
    """Deals with the files of one long work, group by group.

    Args:
        work: What the work is called.
        total: How many files there are.
        events: Where progress is told.
        cancel: Each ends the work between two groups.
    """

    def __init__(
        self, work: TagWork, total: int, events: EventBus, *cancel: CancelToken | None
    ) -> None:
        self._work = work
        self._total = total
        self._events = events
        self._cancel = cancel
        self._planners = ThreadPoolExecutor(_PLANNERS, thread_name_prefix="tags-plan")
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="tags-write")
        self._done = 0
        self._begun = 0
        self._throttle = Throttle()
        self.cancelled = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (self._planners, self._writers):
            pool.shutdown(cancel_futures=True)
        self._events.publish(TagProgress(self._work, self._done, self._total, running=False))

    def groups(
        self, plan: Callable[[F], R], items: Sequence[F], tally: Tally
    ) -> Iterator[tuple[Sequence[F], list[R | UserError]]]:
        """The items, a few at a time, with what `plan` returned or why nothing came of it.

        The next group is planned while the one before is dealt with: one keeps the processor busy,
        the other the disk. There are no more groups once the person has ended the work, or the
        tally is stopped, which the rest is then refused for.
        """
        ahead = self._plan(plan, items[:_GROUP])
        for start in range(0, len(items), _GROUP):
            if any(token is not None and token.cancelled for token in self._cancel):
                self.cancelled = True
                return
            if tally.stopped:
                tally.refuse(items[start:])
                return
            group, plans = items[start : start + _GROUP], list(ahead)
            ahead = self._plan(plan, items[start + _GROUP : start + 2 * _GROUP])
            self._begun += len(group)
            yield group, plans
            self._done += len(group)

    def for_all(self, amount: int) -> int:
        """What all files come to if the rest is like those begun so far, which come to `amount`."""
        return amount * self._total // self._begun

    def _plan(self, plan: Callable[[F], R], items: Iterable[F]) -> Iterator[R | UserError]:
        return self._planners.map(partial(self._one, plan), items)

    def each(self, call: Callable[[F], R], items: Iterable[F]) -> list[R | UserError]:
        """What each call returned, or why nothing came of it."""
        return list(self._writers.map(partial(self._one, call), items))

    def _one(self, call: Callable[[F], R], item: F) -> R | UserError:
        self._tell(item.path)
        try:
            return call(item)
        except UserError as error:
            return error
        except Exception:
            # A fault of the program on one strange file. That file is as it was, and the others
            # have nothing to do with it.
            _log.exception("the tags of %s could not be written", display_path(item.path))
            return UserError("The program failed on this file. Its log says how; please report it.")

    def _tell(self, path: str) -> None:
        if self._throttle.is_due():
            self._events.publish(TagProgress(self._work, self._done, self._total, path))
