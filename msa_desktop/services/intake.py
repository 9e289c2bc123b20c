"""Takes what the analysis found, stores it, and decides what each file needs next."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Outcome, Task, Work
from msa_desktop.base.events import EventBus, Notice, PeaksReady, TracksChanged
from msa_desktop.base.model import Reading, TrackId, TrackState, display_path
from msa_desktop.base.music import MEASURING, Measures
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services.progress import ProgressCounter
from msa_desktop.store import proposals, sounds, writes
from msa_desktop.store.measures import measured_by, store_measures
from msa_desktop.store.writer import Writer

_log = logging.getLogger(__name__)

_DISK_PATIENCE = 10.0  # seconds after which a disk that does not answer counts as away


@dataclass(slots=True)
class _Next:
    """What follows once an outcome is committed."""

    ended: TrackId | None = None
    failed: bool = False
    more: list[Task] = field(default_factory=list)
    changed: set[TrackId] = field(default_factory=set)
    peaks: TrackId | None = None
    twins: list[TrackId] = field(default_factory=list)

    def end(self, track_id: TrackId, *, failed: bool = False) -> None:
        """The track has come to its end, and shows differently."""
        self.ended = track_id
        self.failed = failed
        self.changed.add(track_id)


class Intake:
    """The way of a file through the analysis, one step an outcome.

    A file is read (tags, length, sound id). Is its sound one the library already analysed, then
    nothing is listened to again: the same file retagged keeps its analysis, a file that moved and
    was retagged becomes the track that is missing elsewhere, and a second copy takes over the
    first one's analysis. Everything else is listened to, and when all that is done, measured.

    Args:
        writer: The one writer.
        pool: The worker processes.
        events: Where changes are told.
        encoders: The encoders every track is to be heard by; one that turns out not to work is
            left out from then on.
        counter: Counts files to their end, but for the measuring.
        measured: Counts files that are to be measured.
        measures: Whether tracks are to be measured.
        is_away: Whether the disk a file is on is not there now; may take long to answer.
        on_lost: Told why an outcome could not be stored.
    """

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        events: EventBus,
        encoders: Callable[[], tuple[EncoderFacts, ...]],
        counter: ProgressCounter,
        measured: ProgressCounter,
        *,
        measures: Callable[[], bool],
        is_away: Callable[[str], bool],
        on_lost: Callable[[Exception], None],
    ) -> None:
        self._writer = writer
        self._events = events
        self._encoders = encoders
        self._unusable: set[EncoderFacts] = set()
        self._counter = counter
        self._measured = measured
        self._measures = measures
        self._pool = pool
        self._is_away = is_away
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._again: set[TrackId] = set()
        self._missing: set[TrackId] = set()
        self._may_be_missing: set[TrackId] = set()
        self._failure_listeners: list[Callable[[TrackId], None]] = []
        self.adopted = 0

    def queue(self, jobs: Iterable[tuple[TrackId, str]]) -> None:
        """Has files, as (id, path) pairs, read, and then listened to where that is needed."""
        self._submit((Task(track_id, path, Work.READ) for track_id, path in jobs), self._counter)

    def listen(
        self, jobs: Iterable[tuple[TrackId, str]], encoders: Iterable[EncoderFacts] | None = None
    ) -> None:
        """Has files heard by some encoders; by all where none are named.

        What others heard in a track stays, whatever becomes of it.
        """
        by = self.encoders if encoders is None else tuple(encoders)
        tasks = (Task(track_id, path, Work.LISTEN, by) for track_id, path in jobs)
        self._submit(tasks, self._counter)

    def measure(self, jobs: Iterable[tuple[TrackId, str]]) -> None:
        """Has tempo, key and loudness of files measured, after everything that is listened to."""
        tasks = (Task(track_id, path, Work.MEASURE) for track_id, path in jobs)
        self._submit(tasks, self._measured)

    def _submit(self, tasks: Iterable[Task], counter: ProgressCounter) -> None:
        tasks = list(tasks)
        counter.waiting(task.track_id for task in tasks)
        for task in tasks:
            self._pool.submit(task)

    def queue_again(self, jobs: Iterable[tuple[TrackId, str]]) -> None:
        """The same, but known sounds are listened to all the same: the person asked for it."""
        jobs = list(jobs)
        with self._lock:
            self._again.update(track_id for track_id, _ in jobs)
        self.queue(jobs)

    @property
    def settled(self) -> bool:
        """Whether no missing track waits for the newcomers to be read."""
        with self._lock:
            return not self._missing

    def on_failure(self, told: Callable[[TrackId], None]) -> Callable[[], None]:
        """Calls `told` with each track that fails from now on; returns what ends that."""
        with self._lock:
            self._failure_listeners.append(told)

        def end() -> None:
            with self._lock:
                self._failure_listeners.remove(told)

        return end

    def seen(self, ids: Iterable[TrackId]) -> None:
        """A scan found these tracks' files: they are not missing any more."""
        with self._lock:
            if self._missing:
                self._missing.difference_update(ids)

    def hold_missing(self, missing: Iterable[TrackId], newcomers: Iterable[TrackId]) -> None:
        """Removes missing tracks, but not before every newcomer was read.

        One of the newcomers may turn out to be a missing track that was moved and changed. To be
        called before the newcomers are queued.
        """
        with self._lock:
            self._missing.update(missing)
            if self._missing:
                self._may_be_missing.update(newcomers)
        self._writer.post(self._remove_missing_when_sure, self._tell_removed)

    def forget(self, ids: Iterable[TrackId]) -> None:
        """These tracks were removed from the library."""
        ids = list(ids)
        self._drop(ids)
        with self._lock:
            self._missing.difference_update(ids)
        self._no_longer_awaited(ids)

    def _drop(self, ids: Collection[TrackId]) -> None:
        """Nothing is to be done for these tracks any more."""
        self._pool.drop(ids)
        self._counter.dropped(ids)
        self._measured.dropped(ids)

    def take(self, outcome: Outcome) -> None:
        """Stores one outcome; called from the pool's supervisor thread, and returns at once."""
        for encoder, reason in outcome.unusable.items():
            self._do_without(encoder, reason)
        if outcome.failure is None:
            self._post(outcome, away=False)
        else:
            # Was it the file, or the disk? To ask may take long where a share hangs.
            threading.Thread(
                target=self._ask_the_disk, args=(outcome,), name="disk check", daemon=True
            ).start()

    def encoders_changed(self) -> None:
        """Encoders came or went: what waits for one that is gone waits no longer."""
        with self._lock:
            self._unusable.clear()
        here = self.encoders
        for task in self._pool.cancel_pending(Work.LISTEN):
            by = tuple(one for one in task.encoders if one in here)
            if by:
                self._pool.submit(replace(task, encoders=by))
            else:
                self._counter.dropped([task.track_id])

    @property
    def encoders(self) -> tuple[EncoderFacts, ...]:
        """The encoders every track is to be heard by, less those that turned out not to work."""
        with self._lock:
            return tuple(one for one in self._encoders() if one not in self._unusable)

    def _do_without(self, encoder: EncoderFacts, reason: str) -> None:
        """No track is to be heard by this encoder any more; the person is told why, once."""
        with self._lock:
            told = encoder in self._unusable
            self._unusable.add(encoder)
        if not told:
            self._events.publish(Notice(reason, is_error=True))

    def _ask_the_disk(self, outcome: Outcome) -> None:
        answers: list[bool] = []
        asking = threading.Thread(
            target=lambda: answers.append(self._is_away(outcome.task.path)), daemon=True
        )
        asking.start()
        asking.join(_DISK_PATIENCE)
        self._post(outcome, away=answers != [False])

    def _post(self, outcome: Outcome, *, away: bool) -> None:
        following = _Next()
        # What could not be measured for now is measured at another start.
        away = away or (outcome.task.work is Work.MEASURE and outcome.passing)

        def store(connection: sqlite3.Connection) -> None:
            if not away:
                self._store(connection, outcome, following)

        def committed() -> None:
            self._go_on(outcome, following)

        def failed(error: Exception) -> None:
            self._counter_of(outcome.task).dropped([outcome.task.track_id])
            self._no_longer_awaited([outcome.task.track_id])
            self._on_lost(error)

        try:
            self._writer.post(store, committed, failed)
        except RuntimeError:
            _log.info("%s came after the end", display_path(outcome.task.path))

    def _store(self, connection: sqlite3.Connection, outcome: Outcome, following: _Next) -> None:
        task = outcome.task
        state = sounds.state_of(connection, task.track_id)
        if state is None:
            return  # removed from the library meanwhile
        heard = state is TrackState.ANALYSED
        match task.work:
            case Work.PEAKS:
                self._store_peaks(connection, outcome, following)
            case Work.MEASURE:
                if heard:  # else its file changed: it will be read, and measured, again
                    self._store_measures(connection, outcome, following)
            case Work.READ | Work.LISTEN if outcome.failure is not None and heard:
                # What it lacks is another encoder's answer, or tags that an older program did not
                # read. Nobody has seen its file change: no reason to lose what it has.
                _log.warning("%s: %s", display_path(task.path), outcome.failure)
                following.ended = task.track_id
            case _ if outcome.failure is not None:
                writes.store_failure(connection, task.track_id, outcome.failure)
                following.end(task.track_id, failed=True)
            case Work.READ if outcome.reading is not None:
                self._store_reading(connection, task, outcome.reading, following)
            case Work.LISTEN if state is not TrackState.NEW:
                # Of a new one the file changed while it was listened to: it is read again first.
                self._store_analysis(connection, outcome, following)

    def _store_peaks(
        self, connection: sqlite3.Connection, outcome: Outcome, following: _Next
    ) -> None:
        if outcome.peaks is not None:
            writes.store_peaks(connection, outcome.task.track_id, outcome.peaks)
            following.peaks = outcome.task.track_id
        else:
            _log.warning("%s: %s", display_path(outcome.task.path), outcome.failure)

    def _store_analysis(
        self, connection: sqlite3.Connection, outcome: Outcome, following: _Next
    ) -> None:
        track_id = outcome.task.track_id
        if not outcome.embeddings:
            following.ended = track_id
        else:
            writes.store_analysis(connection, track_id, outcome.embeddings)
            following.end(track_id)
            for twin in sounds.twins(connection, track_id):
                if sounds.state_of(connection, twin) is TrackState.QUEUED:
                    sounds.copy_analysis(connection, track_id, twin)
                    following.twins.append(twin)
            lacking = self._lacking(connection, track_id)
            if lacking := tuple(one for one in lacking if one not in outcome.task.encoders):
                # An encoder that was installed while this one waited. One that was asked, and could
                # not hear this track, is asked again at the next start.
                following.ended = None
                task = Task(track_id, outcome.task.path, Work.LISTEN, lacking)
                following.more.append(task)
                return
        self._measure_next(connection, outcome.task, following)

    def _measure_next(self, connection: sqlite3.Connection, task: Task, following: _Next) -> None:
        """Has a track that was heard measured, where that was not done yet."""
        if self._measures() and measured_by(connection, task.track_id) != MEASURING:
            following.more.append(Task(task.track_id, task.path, Work.MEASURE))

    def _store_measures(
        self, connection: sqlite3.Connection, outcome: Outcome, following: _Next
    ) -> None:
        """Stores a track's measures, and gives them to the other files of the same sound.

        Of one that cannot be measured nothing is told, and that is stored: it was heard all the
        same, and is not to be tried at every start.
        """
        if outcome.failure is not None:
            _log.warning("%s: %s", display_path(outcome.task.path), outcome.failure)
        track_id, measures = outcome.task.track_id, outcome.measures or Measures()
        store_measures(connection, track_id, measures, MEASURING)
        following.changed.add(track_id)
        if outcome.failure is not None:
            return
        for twin in sounds.twins(connection, track_id):
            if measured_by(connection, twin) != MEASURING:
                store_measures(connection, twin, measures, MEASURING)
                following.changed.add(twin)

    def _store_reading(
        self, connection: sqlite3.Connection, task: Task, reading: Reading, following: _Next
    ) -> None:
        track_id = task.track_id
        state = writes.store_reading(connection, track_id, reading)
        proposals.look_again(connection, track_id)
        following.end(track_id)
        with self._lock:
            again = track_id in self._again
            self._again.discard(track_id)
        lacking = self.encoders
        if not again:
            if state is TrackState.ANALYSED:
                lacking = self._lacking(connection, track_id)
                if not lacking:
                    self._measure_next(connection, task, following)
                    return
            twins = sounds.twins(connection, track_id)
            twins = [twin for twin in twins if not self._lacking(connection, twin)]
            with self._lock:
                lost = next((twin for twin in twins if twin in self._missing), None)
            if lost is not None:
                sounds.adopt(connection, lost, track_id)
                writes.store_reading(connection, lost, reading)
                following.changed.add(lost)
                with self._lock:
                    self._missing.discard(lost)
                    self.adopted += 1
                return
            if twins:
                sounds.copy_analysis(connection, twins[0], track_id)
                return
        if again or state is not TrackState.ANALYSED:
            writes.requeue(connection, [track_id])
        following.ended = None
        following.more.append(Task(track_id, task.path, Work.LISTEN, lacking))

    def _lacking(
        self, connection: sqlite3.Connection, track_id: TrackId
    ) -> tuple[EncoderFacts, ...]:
        """The encoders that have not heard a track."""
        heard = sounds.heard_by(connection, track_id)
        return tuple(e for e in self.encoders if (e.id, e.version) not in heard)

    def _go_on(self, outcome: Outcome, following: _Next) -> None:
        task = outcome.task
        for more in following.more:
            self._submit([more], self._counter_of(more))
        if following.failed:
            with self._lock:
                listeners = list(self._failure_listeners)
            for told in listeners:
                told(task.track_id)
        if task.work is Work.MEASURE:
            # Its copies have what it has: theirs need not be measured.
            self._pool.drop(following.changed - {task.track_id}, [Work.MEASURE])
            for measured in {task.track_id, *following.changed}:
                self._measured.finished(measured)
        elif following.ended is not None:
            self._counter.finished(following.ended, failed=following.failed)
        elif not following.more and task.work is not Work.PEAKS:
            self._counter.dropped([task.track_id])
        self._pool.drop(following.twins, [Work.READ, Work.LISTEN])
        for twin in following.twins:
            self._counter.finished(twin)
        following.changed.update(following.twins)
        if following.changed:
            # Only what is read and measured changes what a list is sorted and filtered by.
            structure = task.work in (Work.READ, Work.MEASURE) or following.failed
            self._events.publish(TracksChanged(frozenset(following.changed), structure))
        if following.peaks is not None:
            self._events.publish(PeaksReady(following.peaks))
        if task.work is Work.READ:
            self._no_longer_awaited([task.track_id])

    def _counter_of(self, task: Task) -> ProgressCounter:
        return self._measured if task.work is Work.MEASURE else self._counter

    def _no_longer_awaited(self, ids: Iterable[TrackId]) -> None:
        """These newcomers were read, or are gone themselves."""
        with self._lock:
            self._may_be_missing.difference_update(ids)
            sure = bool(self._missing) and not self._may_be_missing
        if sure:
            self._writer.post(self._remove_missing_when_sure, self._tell_removed)

    def _remove_missing_when_sure(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._may_be_missing:
                return
            gone, self._missing = self._missing, set()
        writes.remove_tracks(connection, gone)
        self._drop(gone)

    def _tell_removed(self) -> None:
        self._events.publish(TracksChanged(frozenset()))
