"""The person's library: its folders, what changes in them, and the listening in the background."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

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
from msa_desktop.base.music import MEASURING
from msa_desktop.base.paths import is_inside
from msa_desktop.base.settings import Settings
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services.background import Background, Wanted, merge
from msa_desktop.services.intake import Intake
from msa_desktop.services.progress import ProgressCounter
from msa_desktop.services.scanning import ScanCounts, Scanner
from msa_desktop.store import measures, writes
from msa_desktop.store.tracks import Scope, TrackQuery, TrackReader
from msa_desktop.store.writer import Writer
from msa_desktop.watch.scan import root_is_there
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
        encoders: The encoders every track is to be heard by, now.
    """

    def __init__(
        self,
        reader: TrackReader,
        writer: Writer,
        make_pool: MakePool,
        events: EventBus,
        settings: Callable[[], Settings],
        encoders: Callable[[], tuple[EncoderFacts, ...]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._events = events
        self._settings = settings
        self._counter = ProgressCounter()
        self._measured = ProgressCounter()
        self._measures = settings().measure
        self._broken: str | None = None
        self.pool = make_pool(self._take, self._pool_broke)
        self._intake = Intake(
            writer,
            self.pool,
            events,
            encoders,
            self._counter,
            self._measured,
            measures=lambda: self._settings().measure,
            is_away=self._is_away,
            on_lost=self._outcome_lost,
        )
        self._scanner = Scanner(
            reader, writer, self._intake, events, settings, on_return=self._fill_in
        )
        self._scan_lock = threading.Lock()
        self._background: Background | None = None
        self._watcher: Watcher | None = None
        self._looked_at: tuple[object, ...] = ()
        self.pool.start()

    def _take(self, outcome: Outcome) -> None:
        self._intake.take(outcome)

    def _pool_broke(self, text: str) -> None:
        self._broken = text
        self._events.publish(Notice(text, is_error=True))

    def _outcome_lost(self, error: Exception) -> None:
        self._broken = f"What was found out could not be stored. {error}"

    def _is_away(self, path: str) -> bool:
        """Whether the root a file is under is not there now; notes it where it is not."""
        root = next((root for root in self.roots() if is_inside(path, root.path)), None)
        if root is None or root_is_there(root.path, root.tracks):
            return False
        self._scanner.set_online(root, False)
        return True

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
        _check_folder(path)
        for root in self.roots():
            if is_inside(path, root.path):
                raise UserError(
                    f"{display_path(path)} is already in the library, "
                    f"with {display_path(root.path)}."
                )
        inner = [root.id for root in self.roots() if is_inside(root.path, path)]

        def change(db: sqlite3.Connection) -> int:
            root_id = writes.add_root(db, path)
            for inner_id in inner:
                writes.merge_root(db, inner_id, root_id)
            return root_id

        with self._between_scans() if inner else nullcontext():
            root_id = self._writer.run(change)
        self._events.publish(RootsChanged())
        added = next(root for root in self.roots() if root.id == root_id)
        if self._background is not None:
            self._watch_roots()
            self._background.request(root_id, None)
        return added

    def remove_root(self, root_id: int) -> None:
        """Takes a folder and its tracks out of the library; the files stay as they are."""
        with self._between_scans():
            ids = [stamp.id for stamp in self._reader.stamps(root_id).values()]
            self._writer.run(lambda db: writes.remove_root(db, root_id))
            self._intake.forget(ids)
        self._watch_roots()
        self._events.publish(RootsChanged())
        self._events.publish(TracksChanged(frozenset()))

    @contextmanager
    def _between_scans(self) -> Iterator[None]:
        """Keeps scans away meanwhile: they write what they found under the roots they know.

        A scan in the background is ended, and begun again afterwards.
        """
        while not self._scan_lock.acquire(timeout=0.1):
            if self._background is not None:
                self._background.interrupt()
        try:
            yield
        finally:
            self._scan_lock.release()

    # -- in the background -------------------------------------------------------------------

    def start(self) -> None:
        """Scans every folder, watches them, and listens to what waits, in the background."""
        if self._background is None:
            self._fill_in()
            self._background = Background(self._scan_in_background, self.progress, self._events)
            self.settings_changed()

    def settings_changed(self) -> None:
        """Works by the settings that are now in force."""
        settings = self._settings()
        self.pool.set_limits(settings.worker_count, settings.file_time_limit)
        if settings.measure != self._measures:
            self._measures = settings.measure
            if settings.measure:
                self._measure_the_rest()
            else:
                dropped = self.pool.cancel_pending(Work.MEASURE)
                self._measured.dropped(task.track_id for task in dropped)
            self._events.publish(self.progress())
        looked_at = (settings.watch, settings.exclude, settings.follow_links)
        if self._background is None or looked_at == self._looked_at:
            return
        self._looked_at = looked_at
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

    def encoders_changed(self, memory: int) -> None:
        """Encoders came or went, or run elsewhere: has the library heard by those that have not.

        Args:
            memory: Megabytes that a process comes to need for all of them.
        """
        settings = self._settings()
        self.pool.renew(memory, settings.device)
        self._intake.encoders_changed()
        self.pool.set_limits(settings.worker_count, settings.file_time_limit)
        if self._background is not None:
            self._fill_in()
            self._events.publish(self.progress())

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
        for counter in (self._counter, self._measured):
            counter.restart_clock()
        self.pool.resume()
        self._events.publish(self.progress())

    def stop_analysis(self) -> None:
        """Drops what waits; the next scan takes it up again."""
        dropped = self.pool.cancel_pending()
        for counter in (self._counter, self._measured):
            counter.dropped(task.track_id for task in dropped)
        self._events.publish(self.progress())

    def progress(self) -> AnalysisProgress:
        """How far the listening is, or the measuring that follows it."""
        measuring = self._counter.idle and not self._measured.idle
        counter = self._measured if measuring else self._counter
        progress = counter.snapshot(paused=self.pool.paused, current=self.pool.current)
        return replace(progress, measuring=measuring)

    def prioritise(self, track_id: TrackId) -> None:
        """This file next: the person is looking at it."""
        self.pool.prioritise(track_id)

    def analyse_again(self, ids: Sequence[TrackId]) -> None:
        """Forgets what was heard in these tracks and listens to them anew."""
        found = self._reader.get_many(ids)
        ids = [track.id for track in found]

        def change(db: sqlite3.Connection) -> None:
            writes.requeue(db, ids)
            measures.forget_measures(db, ids)

        self._writer.run(change)
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
        """Has done what an older program left undone.

        Tracks that an encoder, new or of a new version, has not heard are heard by it, and keep
        what the others heard; tags that were not read before are read; and what was not measured
        is measured.
        """
        self._intake.queue(self._reader.incompletely_read())
        lacking: dict[int, tuple[EncoderFacts, ...]] = {}
        for encoder in self._intake.encoders:
            for track_id in self._reader.lacking(encoder.id, encoder.version).tolist():
                lacking[track_id] = (*lacking.get(track_id, ()), encoder)
        for encoders in set(lacking.values()):
            ids = [track_id for track_id, wanted in lacking.items() if wanted == encoders]
            self._intake.listen(self._reader.files(ids), encoders)
        if self._settings().measure:
            self._measure_the_rest()

    def _measure_the_rest(self) -> None:
        self._intake.measure(self._reader.files(self._reader.unmeasured(MEASURING)))

    # -- one scan, from start to end -----------------------------------------------------------

    def scan(
        self, paths: Sequence[str], cancel: CancelToken | None = None, *, retry: bool = False
    ) -> ScanReport:
        """Adds and scans folders, listens to what is new, and returns when all is done.

        Args:
            paths: Folders: new ones, ones in the library, or folders inside those; empty for all.
            cancel: Ends it early; what was done is kept.
            retry: Also try files again that failed before.

        Raises:
            UserError: A path is no folder that can be read, the analysis cannot work, or what it
                finds cannot be stored.
        """
        cancel = cancel or CancelToken()
        began = time.monotonic()
        failures: list[TrackId] = []
        counts = ScanCounts()
        adopted = self._intake.adopted
        cancelled = False
        self._broken = None
        wanted = self._wanted(paths)
        stop_listening = self._intake.on_failure(failures.append)
        try:
            self._fill_in()
            if retry:
                self._try_failed_again(wanted)
            self._scan(wanted, cancel, counts)
            self._wait_until_heard(cancel)
        except Cancelled:
            cancelled = True
            self.stop_analysis()
        finally:
            stop_listening()
        adopted = self._intake.adopted - adopted
        failed = self._reader.get_many(list(dict.fromkeys([*counts.failed, *failures])))
        scanned = [root for root in self.roots() if root.id in wanted]
        return ScanReport(
            added=max(0, counts.added - adopted),
            updated=counts.updated,
            moved=counts.moved + adopted,
            removed=max(0, counts.removed - adopted),
            unchanged=counts.unchanged,
            offline=sum(root.tracks for root in scanned if not root.online),
            failed=tuple((track.path, track.reason) for track in failed),
            seconds=time.monotonic() - began,
            cancelled=cancelled,
        )

    def _wanted(self, paths: Sequence[str]) -> Wanted:
        if not paths:
            return {root.id: None for root in self.roots()}
        wanted: Wanted = {}
        paths = [os.path.abspath(path) for path in paths]
        roots = self.roots()
        for path in paths:
            # A root that is not there is offline, which is no mistake; any other path must be.
            if all(path != root.path for root in roots):
                _check_folder(path)
        for path in paths:
            around = [root for root in self.roots() if is_inside(path, root.path)]
            if not around:
                merge(wanted, self.add_root(path).id, None)
            else:
                merge(wanted, around[0].id, None if path == around[0].path else [path])
        return wanted

    def _try_failed_again(self, wanted: Wanted) -> None:
        """Queues the failed files under some roots as if they were new."""
        failed = self._reader.get_many(self._reader.ids(TrackQuery(Scope.ATTENTION)))
        # What is no file at all (time 0) is looked at by the scan itself.
        ids = [track.id for track in failed if track.root_id in wanted and track.mtime_ns]
        if ids:
            self.analyse_again(ids)

    def _scan_in_background(self, wanted: Wanted, cancel: CancelToken) -> None:
        self._scan(wanted, cancel, ScanCounts())

    def _scan(self, wanted: Wanted, cancel: CancelToken, counts: ScanCounts) -> None:
        with self._scan_lock:
            self._scanner.run(wanted, cancel, counts)

    def _wait_until_heard(self, cancel: CancelToken) -> None:
        while True:
            self._writer.flush()
            if self._counter.idle and self._measured.idle and self._intake.settled:
                return
            cancel.check()
            if self._broken is not None:
                raise UserError(self._broken)
            self._events.publish(self.progress())
            (self._measured if self._counter.idle else self._counter).wait(_TELL_EVERY)

    def close(self) -> None:
        """Ends the background work. Files in work are given up and taken up at the next start."""
        if self._watcher is not None:
            self._watcher.close()
        if self._background is not None:
            self._background.close()
        self.pool.close()


def _check_folder(path: str) -> None:
    """Raises a UserError where a path is no folder that can be read."""
    shown = display_path(path)
    if os.path.isdir(path):
        if not os.access(path, os.R_OK | os.X_OK):
            raise UserError(f"{shown} cannot be read: you need permission to open this folder.")
    elif os.path.exists(path):
        raise UserError(f"{shown} is a file, not a folder: add its folder.")
    else:
        raise UserError(f"{shown} is not there: check its name, or connect its disk.")
