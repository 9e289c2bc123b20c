"""One scan: walks folders, compares with the library, and writes the differences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from msa_desktop.analysis.worker import Work
from msa_desktop.base.events import EventBus, RootsChanged, ScanProgress, TracksChanged
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FileStamp, Root, TrackId, TrackState, display_path
from msa_desktop.base.settings import Settings
from msa_desktop.services.comparison import Changes, Found, compare, match_moves
from msa_desktop.services.intake import Intake
from msa_desktop.store import writes
from msa_desktop.store.tracks import StoredStamp, TrackReader
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
    offline: int = 0
    failed: list[TrackId] = field(default_factory=list)


class Scanner:
    """Scans roots, or some of their folders.

    Args:
        reader: The library's reads.
        writer: The one writer.
        intake: Takes the files that need reading.
        events: Where progress is told.
        settings: The settings in force, read at each scan.
    """

    def __init__(
        self,
        reader: TrackReader,
        writer: Writer,
        intake: Intake,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._intake = intake
        self._events = events
        self._settings = settings

    def run(self, wanted: Mapping[int, frozenset[str] | None], cancel: CancelToken) -> ScanCounts:
        """Scans some roots as one batch, so that a move between two of them is seen as a move.

        Args:
            wanted: Root ids; with each the folders to look into, or None for all of it.
            cancel: Ends the scan at the next file; what was written stays.

        Raises:
            Cancelled: The token was set.
        """
        counts = ScanCounts()
        changes = Changes()
        paths: dict[TrackId, str] = {}
        walk = _Walk(self._events, cancel)
        try:
            for root in self._reader.roots():
                if root.id in wanted:
                    try:
                        self._look_into(root, wanted[root.id], walk, changes, paths, counts)
                    except RootGone:
                        counts.offline += root.tracks
                        self._set_online(root, False)
                    else:
                        self._set_online(root, True)
            match_moves(changes, paths)
            self._apply(changes, paths, counts)
        finally:
            self._events.publish(ScanProgress(False, walk.seen))
        return counts

    def _look_into(
        self,
        root: Root,
        folders: frozenset[str] | None,
        walk: _Walk,
        changes: Changes,
        paths: dict[TrackId, str],
        counts: ScanCounts,
    ) -> None:
        """Walks a root, or some of its folders.

        Raises:
            RootGone: It is not there. What the library knows of it stays as it is.
        """
        if not root_is_there(root.path, root.tracks):
            raise RootGone(display_path(root.path))
        settings = self._settings()
        known = self._reader.stamps(root.id)
        paths.update((stamp.id, path) for path, stamp in known.items())
        for folder in _outermost(folders or {root.path}):
            here = known if folder == root.path else _below(known, folder)
            found = walk.told(
                scan(
                    root.path,
                    settings.exclude,
                    follow_links=settings.follow_links,
                    only=folder,
                )
            )
            if here or changes.missing:
                compare(root.id, found, here, changes)
            else:
                self._add_while_walking(root, found, counts, changes)

    def _set_online(self, root: Root, online: bool) -> None:
        """Notes whether a root is there."""
        if online != root.online:
            self._writer.run(partial(writes.set_root_online, root_id=root.id, online=online))
            self._events.publish(RootsChanged())

    def _add_while_walking(
        self,
        root: Root,
        found: Iterable[FileStamp | Problem],
        counts: ScanCounts,
        changes: Changes,
    ) -> None:
        """A folder of which nothing is known: its files show, and are read, as they are seen."""
        chunk: list[Found] = []
        for item in found:
            if isinstance(item, Problem):
                changes.problems.append((root.id, item))
                continue
            chunk.append(Found(root.id, item))
            if len(chunk) == _CHUNK:
                self._add(chunk, counts)
                chunk = []
        self._add(chunk, counts)

    def _add(self, found: list[Found], counts: ScanCounts) -> list[TrackId]:
        if not found:
            return []

        def change(db: sqlite3.Connection) -> list[TrackId]:
            ids: list[TrackId] = []
            for root_id, group in groupby(found, key=lambda f: f.root_id):
                ids += writes.add_tracks(db, root_id, [f.stamp for f in group])
            return ids

        ids = self._writer.run(change)
        counts.added += len(ids)
        self._events.publish(TracksChanged(frozenset(ids)))
        self._intake.queue(zip(ids, (f.stamp.path for f in found), strict=True))
        return ids

    def _apply(self, changes: Changes, paths: dict[TrackId, str], counts: ScanCounts) -> None:
        counts.unchanged += changes.unchanged
        counts.updated += len(changes.changed)
        counts.moved += len(changes.moved)
        counts.removed += len(changes.missing)

        def change(db: sqlite3.Connection) -> None:
            for track_id, found in changes.moved:
                writes.move_track(db, track_id, found.root_id, found.stamp.path, found.stamp)
            for track_id, stamp in changes.changed:
                writes.update_stamp(db, track_id, stamp)
            for root_id, problem in changes.problems:
                counts.failed.append(
                    writes.store_problem(db, root_id, problem.path, problem.reason)
                )

        self._writer.run(change)
        # Changed and moved files are read again; the intake sees whether their sound is the same.
        read = [(i, stamp.path) for i, stamp in changes.changed]
        read += [(i, found.stamp.path) for i, found in changes.moved]
        unfinished = [(i, paths[i]) for i, state in changes.unfinished if state is TrackState.NEW]
        waiting = [(i, paths[i]) for i, state in changes.unfinished if state is TrackState.QUEUED]
        touched = [i for i, _ in read] + counts.failed
        if touched:
            self._events.publish(TracksChanged(frozenset(touched)))
        newcomers = self._add(changes.new, counts)
        self._intake.queue(read + unfinished)
        self._intake.queue(waiting, Work.LISTEN)
        if changes.missing:
            self._intake.hold_missing(changes.missing, newcomers)


class _Walk:
    """Counts what a walk yields, tells of it, and ends it when asked to."""

    def __init__(self, events: EventBus, cancel: CancelToken) -> None:
        self._events = events
        self._cancel = cancel
        self.seen = 0

    def told(self, items: Iterable[FileStamp | Problem]) -> Iterator[FileStamp | Problem]:
        for item in items:
            self._cancel.check()
            if self.seen % _TELL_EVERY == 0:
                self._events.publish(ScanProgress(True, self.seen, item.path))
            self.seen += 1
            yield item


def _outermost(folders: Iterable[str]) -> list[str]:
    """The folders that are inside none of the others: a walk goes into what is below."""
    kept: list[str] = []
    for folder in sorted(folders):
        if not any(folder == k or folder.startswith(k.rstrip(os.sep) + os.sep) for k in kept):
            kept.append(folder)
    return kept


def _below(known: Mapping[str, StoredStamp], folder: str) -> dict[str, StoredStamp]:
    prefix = folder.rstrip(os.sep) + os.sep
    return {path: stamp for path, stamp in known.items() if path.startswith(prefix)}
