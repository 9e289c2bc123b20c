"""What happened, told to whoever listens. Services publish; the window's bridge subscribes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.base.model import TrackId

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TracksChanged:
    """Rows were added, changed or removed; `ids` are those still worth reading again.

    `structure` is True when the set of rows or their order may differ (added, removed, retagged),
    False when only cells did.
    """

    ids: frozenset[TrackId]
    structure: bool = True


@dataclass(frozen=True, slots=True)
class RootsChanged:
    """A folder was added or removed, or went offline or came back."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """A walk over the folders is under way (`running`) or has just ended."""

    running: bool
    seen: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class AnalysisProgress:
    """How far the background listening is.

    Attributes:
        done: Files finished since the queue was last empty, failed ones included.
        total: `done` plus what is waiting or being worked on.
        failed: Of `done`, how many failed.
        rate: Files a second over the last half minute; 0 while unknown.
        seconds_left: Estimate, or None while unknown.
        paused: The person paused it.
        current: Paths being listened to now.
        measuring: Everything was listened to; what goes on is the measuring of tempo, key and
            loudness, and the counts are of that.
    """

    done: int
    total: int
    failed: int
    rate: float
    seconds_left: float | None
    paused: bool
    current: tuple[str, ...] = ()
    measuring: bool = False


@dataclass(frozen=True, slots=True)
class PeaksReady:
    """The waveform that was asked for is stored."""

    id: TrackId


@dataclass(frozen=True, slots=True)
class ProposalsChanged:
    """What is proposed for these tracks, or decided about it, is different now."""

    ids: frozenset[TrackId]


@dataclass(frozen=True, slots=True)
class HistoryChanged:
    """A batch was written, undone or let go."""


class TagWork(StrEnum):
    """Long work on tags."""

    PROPOSE = "propose"
    PREVIEW = "preview"
    WRITE = "write"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class TagProgress:
    """How far long work on tags is; `running` is False in the last one, however it ended.

    Attributes:
        done: Tracks or files dealt with, of `total`.
        path: The file in work, or "".
        rate: Tracks a second while tags are proposed; 0 while it is not known.
        seconds_left: Until the end at that rate; None while it is not known.
        paused: The person holds it.
        tokens_rate: Tokens a second that a language model writes while it writes; 0 without one.
    """

    work: TagWork
    done: int
    total: int
    path: str = ""
    running: bool = True
    rate: float = 0.0
    seconds_left: float | None = None
    paused: bool = False
    tokens_rate: float = 0.0


class ModelStep(StrEnum):
    """What is being done about a model."""

    DOWNLOAD = "download"
    CHECK = "check"
    CONVERT = "convert"


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """How far a model is on its way into the models folder, or a check of it.

    Attributes:
        model: Its id.
        done: Bytes of the step that are done, of `total`.
        total: 0 where it is not known.
        running: False in the last one, however it ended.
    """

    model: str
    step: ModelStep
    done: int
    total: int
    running: bool = True


@dataclass(frozen=True, slots=True)
class ReferenceProgress:
    """How far the building of a reference index is; see `TagProgress` for the numbers."""

    name: str
    done: int
    total: int
    running: bool = True


class StemsStep(StrEnum):
    """What is being done about a track's stems."""

    LOAD = "load"  # the file's facts, then the model
    MEASURE = "measure"
    SEPARATE = "separate"
    LISTEN = "listen"  # the stems, by the encoders
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class StemsProgress:
    """How far a track is on its way apart, or its stems into files.

    Attributes:
        path: The track's.
        done: Seconds of sound that are done in this step, of `total`.
        total: 0 where it is not known.
        running: False in the last one, however it ended.
    """

    path: str
    step: StemsStep
    done: float
    total: float
    running: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the person: a warning or an error that belongs to no single call."""

    text: str
    is_error: bool = False


Event = (
    TracksChanged
    | RootsChanged
    | ScanProgress
    | AnalysisProgress
    | PeaksReady
    | ProposalsChanged
    | HistoryChanged
    | TagProgress
    | ModelProgress
    | ReferenceProgress
    | StemsProgress
    | Notice
)


class EventBus:
    """Hands each event to every subscriber, in the publisher's thread.

    Subscribers must be quick and thread-safe; the window's one only puts the event in a queue.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, receive: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `receive` with each event from now on; returns the function that ends that."""
        with self._lock:
            self._subscribers.append(receive)

        def unsubscribe() -> None:
            with self._lock:
                if receive in self._subscribers:
                    self._subscribers.remove(receive)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Tells every subscriber. One that raises is logged and does not stop the others."""
        with self._lock:
            subscribers = tuple(self._subscribers)
        for receive in subscribers:
            try:
                receive(event)
            except Exception:
                _log.exception("a subscriber failed on %r", event)
