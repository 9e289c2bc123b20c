"""One scan: walks folders, compares with the library, and writes the differences."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from msa_desktop.base.events import EventBus, RootsChanged, ScanProgress, TracksChanged
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FileStamp, Root, TrackId, TrackState, display_path
from msa_desktop.base.paths import outermost
from msa_desktop.base.settings import Settings
from msa_desktop.services.background import Wanted
from msa_desktop.services.comparison import Changes, Found, compare, match_moves
from msa_desktop.services.intake import Intake
from msa_desktop.store import writes
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.writer import Writer
from msa_desktop.watch.scan import Problem, RootGone, root_is_there, scan

_CHUNK = 500  # files written in one transaction while a new folder is walked
_TELL_EVERY = 200  # files between two progress events


@dataclass(slots=True)
class ScanCounts:
    """What one scan found, before anything was listened to."""

    added: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: list[TrackId] = field(default_factory=list)


class Scanner:
    """Scans roots, or some of their folders.

    Args:
        reader: The library's reads.
        writer: The one writer.
        intake: Takes the files that need reading.
        events: Where progress is told.
        settings: The settings in force, read at each scan.
        on_return: Called when a root is there again that was away.
    """

    def __init__(
        self,
        reader: TrackReader,
        writer: Writer,
        intake: Intake,
        events: EventBus,
        settings: Callable[[], Settings],
        *,
        on_return: Callable[[], None],
    ) -> None:
        self._on_return = on_return
        self._reader = reader
        self._writer = writer
        self._intake = intake
        self._events = events
        self._settings = settings

    def run(self, wanted: Wanted, cancel: CancelToken, counts: ScanCounts) -> None:
        """Scans some roots as one batch, so that a move between two of them is seen as a move.

        Args:
            wanted: Root ids; with each the folders to look into, or None for all of it.
            cancel: Ends the scan soon; what was written stays.
            counts: Filled as the scan goes, so that it also tells what a cancelled one did.

        Raises:
            Cancelled: The token was set.
        """
        batch = _Batch(cancel, counts)
        roots = [root for root in self._reader.roots() if root.id in wanted]
        # Roots that are known come first: what is missing there may be found in a new one.
        roots.sort(key=lambda root: root.tracks == 0)
        try:
            for root in roots:
                try:
                    self._look_into(root, wanted[root.id], batch)
                except RootGone:
                    self.set_online(root, False)
                else:
                    self.set_online(root, True)
            match_moves(batch.changes, batch.paths)
            self._apply(batch)
        finally:
            self._events.publish(ScanProgress(False, batch.walked))

    def set_online(self, root: Root, online: bool) -> None:
        """Notes whether a root is there."""
        if online != root.online:
            self._writer.run(partial(writes.set_root_online, root_id=root.id, online=online))
            self._events.publish(RootsChanged())
            if online:
                self._on_return()

    def _look_into(self, root: Root, folders: frozenset[str] | None, batch: _Batch) -> None:
        """Walks a root, or some of its folders.

        Raises:
            RootGone: It is not there. What the library knows of it stays as it is.
        """
        if not root_is_there(root.path, root.tracks):
            raise RootGone(display_path(root.path))
        settings = self._settings()
        for folder in outermost(folders or {root.path}):
            found = scan(
                root.path,
                settings.exclude,
                follow_links=settings.follow_links,
                cancel=batch.cancel,
                only=folder,
            )
            if not root.tracks and not batch.changes.missing:
                self._add_while_walking(root, self._told(found, batch), batch)
                continue
            known = self._reader.stamps(root.id, None if folder == root.path else folder)
            batch.paths.update((stamp.id, path) for path, stamp in known.items())
            compare(root.id, self._told(found, batch), known, batch.changes)

    def _told(
        self, items: Iterable[FileStamp | Problem], batch: _Batch
    ) -> Iterator[FileStamp | Problem]:
        """The same items, with progress told and the token looked at."""
        for item in items:
            batch.cancel.check()
            if batch.walked % _TELL_EVERY == 0:
                self._events.publish(ScanProgress(True, batch.walked, item.path))
            batch.walked += 1
            yield item

    def _add_while_walking(
        self, root: Root, found: Iterable[FileStamp | Problem], batch: _Batch
    ) -> None:
        """A root of which nothing is known: its files show, and are read, as they are seen."""
        chunk: list[Found] = []

        def add() -> None:
            self._intake.queue(self._add(chunk, batch))
            chunk.clear()

        for item in found:
            if isinstance(item, Problem):
                batch.changes.problems.append((root.id, item))
                continue
            chunk.append(Found(root.id, item))
            if len(chunk) == _CHUNK:
                add()
        add()

    def _add(self, found: list[Found], batch: _Batch) -> list[tuple[TrackId, str]]:
        """Adds files, some hundred in a transaction; returns their ids and paths."""
        added: list[tuple[TrackId, str]] = []
        for start in range(0, len(found), _CHUNK):
            chunk = found[start : start + _CHUNK]
            ids = self._writer.run(partial(_add_rows, found=chunk))
            batch.counts.added += len(ids)
            self._events.publish(TracksChanged(frozenset(ids)))
            added += zip(ids, (f.stamp.path for f in chunk), strict=True)
        return added

    def _apply(self, batch: _Batch) -> None:
        changes, counts, paths = batch.changes, batch.counts, batch.paths
        counts.unchanged += changes.unchanged
        counts.updated += len(changes.changed)
        counts.moved += len(changes.moved)
        counts.removed += len(changes.missing)
        counts.failed += self._writer.run(partial(_write_changes, changes=changes))
        # Changed and moved files are read again; the intake sees whether their sound is the same.
        again = [(i, stamp.path) for i, stamp in changes.changed]
        again += [(i, found.stamp.path) for i, found in changes.moved]
        if again or counts.failed:
            touched = [*(i for i, _ in again), *counts.failed]
            self._events.publish(TracksChanged(frozenset(touched)))
        newcomers = self._add(changes.new, batch)
        self._intake.seen(paths.keys() - changes.missing.keys())
        if changes.missing:
            self._intake.hold_missing(changes.missing, [i for i, _ in (*newcomers, *again)])
        unfinished = [(i, paths[i]) for i, state in changes.unfinished if state is TrackState.NEW]
        waiting = [(i, paths[i]) for i, state in changes.unfinished if state is TrackState.QUEUED]
        self._intake.queue(newcomers + again + unfinished)
        self._intake.listen(waiting)


class _Batch:
    """What one scan has come to so far."""

    def __init__(self, cancel: CancelToken, counts: ScanCounts) -> None:
        self.cancel = cancel
        self.counts = counts
        self.changes = Changes()
        self.paths: dict[TrackId, str] = {}  # of the tracks that were known
        self.walked = 0


def _add_rows(db: sqlite3.Connection, found: list[Found]) -> list[TrackId]:
    ids: list[TrackId] = []
    for root_id, group in groupby(found, key=lambda f: f.root_id):
        ids += writes.add_tracks(db, root_id, [f.stamp for f in group])
    return ids


def _write_changes(db: sqlite3.Connection, changes: Changes) -> list[TrackId]:
    """Writes what is known to differ; returns the ids of the things that cannot be music."""
    for track_id, found in changes.moved:
        writes.move_track(db, track_id, found.root_id, found.stamp.path, found.stamp)
    for track_id, stamp in changes.changed:
        writes.update_stamp(db, track_id, stamp)
    return [
        writes.store_problem(db, root_id, problem.path, problem.reason)
        for root_id, problem in changes.problems
    ]
