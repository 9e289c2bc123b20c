"""Progress on standard error, and Ctrl+C, for commands that take their time."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from msa_desktop.base.events import (
    AnalysisProgress,
    Event,
    EventBus,
    ModelProgress,
    ModelStep,
    Notice,
    ReferenceProgress,
    ScanProgress,
    StemsProgress,
    StemsStep,
    TagProgress,
    TagWork,
)
from msa_desktop.base.jobs import JobControl
from msa_desktop.base.text import bytes_in_words
from msa_desktop.cli._base import say

_TELL_EVERY = 10.0  # seconds between two lines where they do not overwrite each other
_WORK = {
    TagWork.PROPOSE: "Proposing",
    TagWork.PREVIEW: "Looking",
    TagWork.WRITE: "Writing",
    TagWork.UNDO: "Undoing",
}
_STEPS = {
    ModelStep.DOWNLOAD: "Downloading",
    ModelStep.CHECK: "Checking",
    ModelStep.CONVERT: "Converting",
}
_STEMS = {
    StemsStep.LOAD: "Loading the model",
    StemsStep.MEASURE: "Listening",
    StemsStep.SEPARATE: "Separating",
    StemsStep.LISTEN: "Listening to the stems",
    StemsStep.EXPORT: "Writing",
}


def cancel_on_signal() -> JobControl:
    """A token that Ctrl+C and the request to end set: the work ends in good order."""
    cancel = JobControl()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        cancel.cancel()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return cancel


@contextmanager
def telling(events: EventBus) -> Iterator[Teller]:
    """Tells of progress meanwhile."""
    teller = Teller(live=sys.stderr.isatty())
    end = events.subscribe(teller)
    try:
        yield teller
    finally:
        end()
        teller.end_line()


class Teller:
    """Prints progress on standard error: in place on a terminal, else a line every ten seconds.

    Args:
        live: Whether standard error is a terminal.
        clock: Seconds, monotonic; a test hands in its own.
    """

    def __init__(self, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._live = live
        self._clock = clock
        self._told_at = clock()
        self._line = ""

    def __call__(self, event: Event) -> None:
        """Tells of one event; called in the thread that publishes it."""
        with self._lock:
            if isinstance(event, Notice):
                self._end_line()
                say(event.text, err=True)
            elif isinstance(event, ScanProgress) and event.running:
                self._tell(f"Looking through folders: {event.seen} files")
            elif isinstance(event, AnalysisProgress) and event.total:
                self._tell(listening(event))
            elif isinstance(event, ModelProgress) and event.running:
                self._tell(f"{_STEPS[event.step]} {event.model}{_share(event)}")
            elif isinstance(event, StemsProgress) and event.running:
                share = f": {event.done / event.total:.0%}" if event.total else ""
                self._tell(f"{_STEMS[event.step]}{share}")
            elif isinstance(event, ReferenceProgress) and event.running:
                self._tell(f"Listening: {event.done} of {event.total}")
            elif isinstance(event, TagProgress) and event.running:
                self._tell(tagging(event))

    def end_line(self) -> None:
        """Clears the line in place, so that what is printed next stands alone."""
        with self._lock:
            self._end_line()

    def _end_line(self) -> None:
        if self._line:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._line = ""

    def _tell(self, text: str) -> None:
        if not self._live:
            if self._clock() - self._told_at >= _TELL_EVERY:
                self._told_at = self._clock()
                say(text, err=True)
        elif text != self._line:
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._line = text


def _share(progress: ModelProgress) -> str:
    if not progress.total:
        return ""
    return f": {bytes_in_words(progress.done)} of {bytes_in_words(progress.total)}"


def listening(progress: AnalysisProgress) -> str:
    """The progress in words."""
    speed = _speed(progress.rate, progress.seconds_left)
    doing = "Measuring tempo, key and loudness" if progress.measuring else "Listening"
    return f"{doing}: {progress.done} of {progress.total}{speed}"


def tagging(progress: TagProgress) -> str:
    """The progress in words."""
    speed = _speed(progress.rate, progress.seconds_left)
    tokens = f", {progress.tokens_rate:.0f} tokens a second" if progress.tokens_rate else ""
    return f"{_WORK[progress.work]}: {progress.done} of {progress.total}{speed}{tokens}"


def _speed(rate: float, seconds_left: float | None) -> str:
    text = ""
    if rate:
        text = f", {rate:.1f} a second" if rate >= 0.1 else f", {60 * rate:.1f} a minute"
    if seconds_left is not None:
        minutes, seconds = divmod(round(seconds_left), 60)
        text += f", {minutes}:{seconds:02} left"
    return text
