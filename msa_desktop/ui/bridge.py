"""The only place where threads meet the window.

`Bridge` brings the services' events into the GUI thread, gathered; `Background` takes work out of
it and brings the answer back. Everything else under `ui` runs in the GUI thread alone.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import (
    AnalysisProgress,
    Event,
    EventBus,
    HistoryChanged,
    ModelProgress,
    Notice,
    PeaksReady,
    ProposalsChanged,
    RootsChanged,
    ScanProgress,
    StemsProgress,
    StemsStep,
    TagProgress,
    TracksChanged,
)
from msa_desktop.base.model import TrackId

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

GATHER_MS = 100  # ten deliveries a second are smooth to the eye and cheap for the tables


@dataclass(slots=True)
class _Gathered:
    """What arrived since the last delivery; its size does not grow with the number of events."""

    ids: set[TrackId] = field(default_factory=set)
    tracks: bool = False
    structure: bool = False
    roots: bool = False
    scan: ScanProgress | None = None
    analysis: AnalysisProgress | None = None
    peaks: list[TrackId] = field(default_factory=list)
    proposals: set[TrackId] | None = None
    history: bool = False
    tags: TagProgress | None = None
    models: dict[str, ModelProgress] = field(default_factory=dict)
    stems: dict[tuple[str, bool], StemsProgress] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Merges one event: changes are united, of each progress only the latest counts."""
        match event:
            case TracksChanged():
                self.tracks = True
                self.ids |= event.ids
                self.structure |= event.structure
            case RootsChanged():
                self.roots = True
            case ScanProgress():
                self.scan = event
            case AnalysisProgress():
                self.analysis = event
            case PeaksReady():
                self.peaks.append(event.id)
            case ProposalsChanged():
                self.proposals = self.proposals or set()
                self.proposals |= event.ids
            case HistoryChanged():
                self.history = True
            case TagProgress():
                self.tags = event
            case ModelProgress():
                self.models[event.model] = event
            case StemsProgress():  # one track may be exported while another is taken apart
                self.stems[event.path, event.step is StemsStep.EXPORT] = event
            case Notice():
                self.notices.append(event)


class Bridge(QObject):
    """Delivers the bus's events as signals in the GUI thread, gathered over `GATHER_MS`."""

    tracks_changed = Signal(TracksChanged)
    roots_changed = Signal()
    scan_progress = Signal(ScanProgress)
    analysis_progress = Signal(AnalysisProgress)
    peaks_ready = Signal(int)
    proposals_changed = Signal(frozenset)
    history_changed = Signal()
    tag_progress = Signal(TagProgress)
    model_progress = Signal(ModelProgress)
    stems_progress = Signal(StemsProgress)
    notice = Signal(Notice)
    _arrived = Signal()

    def __init__(self, bus: EventBus, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._gathered: _Gathered | None = None
        self._closed = False
        self._timer = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._timer.start, Qt.ConnectionType.QueuedConnection)
        self._unsubscribe = bus.subscribe(self._receive)

    def close(self) -> None:
        """Ends the subscription; what was gathered is not delivered any more."""
        self._unsubscribe()
        with self._lock:
            self._closed = True
            self._gathered = None
        self._timer.stop()

    def _receive(self, event: Event) -> None:
        """Takes an event in the publisher's thread."""
        with self._lock:
            if self._closed:
                return
            first = self._gathered is None
            if self._gathered is None:
                self._gathered = _Gathered()
            self._gathered.add(event)
            # Inside the lock, so that `close` cannot delete the receiver under the signal.
            if first:
                self._arrived.emit()

    def _deliver(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, None
        if gathered is None:
            return
        if gathered.roots:
            self.roots_changed.emit()
        if gathered.tracks:
            self.tracks_changed.emit(TracksChanged(frozenset(gathered.ids), gathered.structure))
        if gathered.scan is not None:
            self.scan_progress.emit(gathered.scan)
        if gathered.analysis is not None:
            self.analysis_progress.emit(gathered.analysis)
        for track_id in gathered.peaks:
            self.peaks_ready.emit(track_id)
        if gathered.proposals is not None:
            self.proposals_changed.emit(frozenset(gathered.proposals))
        if gathered.history:
            self.history_changed.emit()
        if gathered.tags is not None:
            self.tag_progress.emit(gathered.tags)
        for progress in gathered.models.values():
            self.model_progress.emit(progress)
        for stems in gathered.stems.values():
            self.stems_progress.emit(stems)
        for notice in gathered.notices:
            self.notice.emit(notice)


@dataclass(frozen=True, slots=True)
class _Request:
    key: str | None
    number: int
    work: Callable[[], Any]
    done: Callable[[Any], None] | None
    failed: Callable[[Exception], None] | None


class Background(QObject):
    """Runs work outside the GUI thread and hands its result to a slot inside it.

    Signals:
        failed: An exception of a request that brought no `failed` slot of its own.
    """

    failed = Signal(Exception)
    _finished = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None, threads: int = 3) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="window")
        self._numbers = itertools.count()
        self._newest: dict[str, int] = {}
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        work: Callable[[], _T],
        done: Callable[[_T], None] | None = None,
        *,
        key: str | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Runs `work` in a thread, then `done` with its result in the GUI thread.

        Args:
            work: Must not touch widgets.
            done: Called in the GUI thread.
            key: A newer request with the same key makes this one stale: it is not begun if it
                still waits, and its answer is dropped. None: every request counts.
            failed: Called in the GUI thread with the exception instead of `done`; without it
                the signal `failed` tells.
        """
        if self._closed:
            return
        number = next(self._numbers)
        if key is not None:
            self._newest[key] = number
        self._pool.submit(self._do, _Request(key, number, work, done, failed))

    def close(self, *, finish: bool = False) -> None:
        """Drops what waits, ends what runs, and delivers nothing any more.

        Args:
            finish: What waits is done all the same, though nobody hears of it.
        """
        if finish:
            self._pool.shutdown(wait=True)
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _is_stale(self, request: _Request) -> bool:
        return request.key is not None and self._newest.get(request.key) != request.number

    def _do(self, request: _Request) -> None:
        """Works in the pool's thread."""
        if self._closed or self._is_stale(request):
            return
        result, error = None, None
        try:
            result = request.work()
        except Exception as raised:
            error = raised
        self._finished.emit(request, result, error)

    def _deliver(self, request: _Request, result: object, error: Exception | None) -> None:
        if self._closed or self._is_stale(request):
            return
        if error is None:
            if request.done is not None:
                request.done(result)
            return
        if not isinstance(error, UserError | Cancelled):
            _log.error("a request of the window failed", exc_info=error)
        (request.failed or self.failed.emit)(error)


def sentence(error: Exception) -> str:
    """What to tell the person of an error; the trace of a bug is in the log."""
    if isinstance(error, UserError):
        return str(error)
    return f"Something went wrong inside the program ({error}). Its log has the details."
