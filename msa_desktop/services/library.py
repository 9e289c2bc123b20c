"""The person's library: its folders, what changes in them, and the listening in the background."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Outcome, Task, Work
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import (
    AnalysisProgress,
    EventBus,
    Notice,
    PeaksReady,
    RootsChanged,
    TracksChanged,
)
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import Root, TrackId, display_path
from msa_desktop.base.settings import Settings
from msa_desktop.services.background import Background, Wanted, merge
from msa_desktop.services.intake import EncoderFacts, Intake
from msa_desktop.services.progress import ProgressCounter
from msa_desktop.services.scanning import ScanCounts, Scanner
from msa_desktop.store import writes
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.writer import Writer
from msa_desktop.watch.watcher import Watcher

MakePool = Callable[[Callable[[Outcome], None], Callable[[str], None]], Pool]
"""Makes the worker processes, given who takes their outcomes and who hears that none can start."""

_TELL_EVERY = 0.25  # seconds between two progress events


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan and the listening after it came to.

    Attributes:
        failed: (path, reason) of each file that could not be analysed in this scan.
        cancelled: The person ended it early; what was done is kept.
    """

    added: int
    updated: int
    moved: int
    removed: int
    unchanged: int
    offline: int
    failed: tuple[tuple[str, str], ...]
    seconds: float
    cancelled: bool = False


class Library:
    """Folders, scanning, watching and the analysis queue. Thread-safe.

    Args:
        reader: The library's reads.
        writer: The one writer.
        make_pool: Makes the worker processes.
        events: Where changes are told.
        settings: The settings in force.
        encoders: The encoders every track is to be heard by.
    """

    def __init__(
        self,
        reader: TrackReader,
        writer: Writer,
        make_pool: MakePool,
        events: EventBus,
        settings: Callable[[], Settings],
        encoders: tuple[EncoderFacts, ...],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._events = events
        self._settings = settings
        self._encoders = encoders
        self._counter = ProgressCounter()
        self._broken: str | None = None
        self.pool = make_pool(self._take, self._pool_broke)
        self._intake = Intake(writer, self.pool, events, encoders, self._counter)
        self._scanner = Scanner(reader, writer, self._intake, events, settings)
        self._scan_lock = threading.Lock()
        self._background: Background | None = None
        self._watcher: Watcher | None = None

        self.pool.start()

    def _take(self, outcome: Outcome) -> None:
        self._intake.take(outcome)

    def _pool_broke(self, text: str) -> None:
        self._broken = text
        self._events.publish(Notice(text, is_error=True))

    # -- folders ---------------------------------------------------------------------------

    def roots(self) -> list[Root]:
        """The folders the person added."""
        return self._reader.roots()

    def add_root(self, path: str) -> Root:
        """Adds a folder; with the background running its scan starts at once.

        A folder around one that was added before takes that one in.

        Raises:
            UserError: It is no folder, cannot be read, or lies in a folder added before.
        """
        path = os.path.abspath(path)
        shown = display_path(path)
        if not os.path.isdir(path):
            what = (
                "is a file, not a folder: add its folder"
                if os.path.exists(path)
                else ("is not there: check its name, or connect its disk")
            )
            raise UserError(f"{shown} {what}.")
        if not os.access(path, os.R_OK | os.X_OK):
            raise UserError(f"{shown} cannot be read: you need permission to open this folder.")
        for root in self.roots():
            if is_inside(path, root.path):
                raise UserError(
                    f"{shown} is already in the library, with {display_path(root.path)}."
                )

        inner = [root for root in self.roots() if is_inside(root.path, path)]

        def change(db: sqlite3.Connection) -> int:
            root_id = writes.add_root(db, path)
            for root in inner:
                writes.merge_root(db, root.id, root_id)
            return root_id

        root_id = self._writer.run(change)
        self._events.publish(RootsChanged())
        added = next(root for root in self.roots() if root.id == root_id)
        if self._background is not None:
            self._watch_roots()
            self._background.request(root_id, None)
        return added

    def remove_root(self, root_id: int) -> None:
        """Takes a folder and its tracks out of the library; the files stay as they are.

        Waits for a scan that is under way: it may be adding tracks to this very folder.
        """
        with self._scan_lock:
            ids = [stamp.id for stamp in self._reader.stamps(root_id).values()]
            self._writer.run(lambda db: writes.remove_root(db, root_id))
            self._intake.forget(ids)
        self._watch_roots()
        self._events.publish(RootsChanged())
        self._events.publish(TracksChanged(frozenset()))

    # -- in the background -------------------------------------------------------------------

    def start(self) -> None:
        """Scans every folder, watches them, and listens to what waits, in the background."""
        if self._background is None:
            self._fill_in()
            self._background = Background(self._scan, self.progress, self._events)
            self.settings_changed()

    def settings_changed(self) -> None:
        """Works by the settings that are now in force."""
        settings = self._settings()
        self.pool.set_limits(settings.worker_count, settings.file_time_limit)
        if self._background is None:
            return
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        if settings.watch:
            # Each root is reported, and so scanned, as soon as its watch stands.
            self._watcher = Watcher(
                self._folders_changed,
                self._tell,
                exclude=settings.exclude,
                follow_links=settings.follow_links,
            )
            self._watch_roots()
        else:
            self.rescan()

    def rescan(self) -> None:
        """Looks through every folder again, in the background."""
        if self._background is not None:
            for root in self.roots():
                self._background.request(root.id, None)

    def _watch_roots(self) -> None:
        if self._watcher is not None:
            self._watcher.watch(root.path for root in self.roots())

    def _folders_changed(self, changed: Mapping[str, frozenset[str]]) -> None:
        background = self._background
        for root in self.roots():
            if background is not None and root.path in changed:
                folders = changed[root.path]
                background.request(root.id, None if root.path in folders else folders)

    def _tell(self, text: str) -> None:
        self._events.publish(Notice(text))

    @property
    def scanning(self) -> bool:
        """Whether a scan is under way."""
        return self._scan_lock.locked()

    @property
    def paused(self) -> bool:
        """Whether the person paused the listening."""
        return self.pool.paused

    def pause(self) -> None:
        """Lets the files in work finish and starts no other."""
        self.pool.pause()
        self._events.publish(self.progress())

    def resume(self) -> None:
        """Goes on listening."""
        self._broken = None
        self._counter.restart_clock()
        self.pool.resume()
        self._events.publish(self.progress())

    def stop_analysis(self) -> None:
        """Drops what waits; the next scan takes it up again."""
        dropped = self.pool.cancel_pending()
        self._counter.dropped(task.track_id for task in dropped)
        self._events.publish(self.progress())

    def progress(self) -> AnalysisProgress:
        """How far the listening is."""
        pool = self.pool
        return self._counter.snapshot(paused=pool.paused, current=pool.current)

    def prioritise(self, track_id: TrackId) -> None:
        """This file next: the person is looking at it."""
        self.pool.prioritise(track_id)

    def analyse_again(self, ids: Sequence[TrackId]) -> None:
        """Forgets what was heard in these tracks and listens to them anew."""
        found = self._reader.get_many(ids)
        self._writer.run(lambda db: writes.requeue(db, [track.id for track in found]))
        self._events.publish(TracksChanged(frozenset(track.id for track in found)))
        self._intake.queue_again((track.id, track.path) for track in found)

    def request_peaks(self, track_id: TrackId) -> None:
        """Has the waveform of one track made; `PeaksReady` tells when it can be read."""
        if self._reader.peaks(track_id) is not None:
            self._events.publish(PeaksReady(track_id))
            return
        track = self._reader.get(track_id)
        if track is not None and not track.offline:
            self.pool.submit(Task(track.id, track.path, Work.PEAKS), urgent=True)

    def _fill_in(self) -> None:
        """Has tracks that an encoder, new or of a new version, has not heard listened to again."""
        for encoder in self._encoders:
            lacking = self._reader.lacking(encoder.id, encoder.version)
            if len(lacking):
                self._writer.run(partial(writes.requeue, ids=lacking.tolist()))

    # -- one scan, from start to end -----------------------------------------------------------

    def scan(self, paths: Sequence[str], cancel: CancelToken | None = None) -> ScanReport:
        """Adds and scans folders, listens to what is new, and returns when all is done.

        Args:
            paths: Folders: new ones, ones in the library, or folders inside those; empty for all.
            cancel: Ends it early; what was done is kept.

        Raises:
            UserError: A path is no folder that can be read.
        """
        cancel = cancel or CancelToken()
        began = time.monotonic()
        failures: list[TrackId] = []
        counts = ScanCounts()
        adopted = self._intake.adopted
        cancelled = False
        stop_listening = self._intake.on_failure(failures.append)
        try:
            self._fill_in()
            counts = self._scan(self._wanted(paths), cancel)
            self._wait_until_heard(cancel)
        except Cancelled:
            cancelled = True
            self.stop_analysis()
        finally:
            stop_listening()
        adopted = self._intake.adopted - adopted
        failed = self._reader.get_many(list(dict.fromkeys([*counts.failed, *failures])))
        return ScanReport(
            added=counts.added - adopted,
            updated=counts.updated,
            moved=counts.moved + adopted,
            removed=counts.removed - adopted,
            unchanged=counts.unchanged,
            offline=counts.offline,
            failed=tuple((track.path, track.reason) for track in failed),
            seconds=time.monotonic() - began,
            cancelled=cancelled,
        )

    def _wanted(self, paths: Sequence[str]) -> Wanted:
        if not paths:
            return {root.id: None for root in self.roots()}
        wanted: Wanted = {}
        for path in map(os.path.abspath, paths):
            around = [root for root in self.roots() if is_inside(path, root.path)]
            if not around:
                merge(wanted, self.add_root(path).id, None)
            else:
                merge(wanted, around[0].id, None if path == around[0].path else [path])
        return wanted

    def _scan(self, wanted: Wanted, cancel: CancelToken) -> ScanCounts:
        with self._scan_lock:
            return self._scanner.run(wanted, cancel)

    def _wait_until_heard(self, cancel: CancelToken) -> None:
        while True:
            self._writer.flush()
            if self._counter.idle and self._intake.settled:
                return
            cancel.check()
            if self._broken is not None:
                raise UserError(self._broken)
            self._events.publish(self.progress())
            self._counter.wait(_TELL_EVERY)

    def close(self) -> None:
        """Ends the background work. Files in work are given up and taken up at the next start."""
        if self._watcher is not None:
            self._watcher.close()
        if self._background is not None:
            self._background.close()
        self.pool.close()


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it, by name alone."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
