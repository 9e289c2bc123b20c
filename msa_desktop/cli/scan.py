"""msa-desktop scan: add folders, listen to what is new, say what came of it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import click

from msa_desktop.base.events import AnalysisProgress, Event, Notice, ScanProgress
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.cli._base import FAILED, open_app, say, show, standard_options
from msa_desktop.services.library import Library, ScanReport

_TELL_EVERY = 10.0  # seconds between two lines where they do not overwrite each other


@click.command("scan")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--watch", is_flag=True, help="Go on: notice changes until Ctrl+C.")
@click.option("--retry", is_flag=True, help="Also try files again that failed before.")
@standard_options
def command(paths: tuple[str, ...], watch: bool, retry: bool) -> None:
    """Adds folders and listens to every file in them; without PATHS, to all that were added.

    Ctrl+C ends it early; what was done is kept, and the next scan goes on there.
    """
    app = open_app()
    if watch:
        app.override(watch=True)  # who asks for it here means it, whatever the setting says
    cancel = CancelToken()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        cancel.cancel()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    teller = Teller(live=sys.stderr.isatty())
    app.events.subscribe(teller)
    try:
        report = app.library.scan(paths, cancel, retry=retry)
    finally:
        teller.end_line()
    _tell(report)
    if watch and not report.cancelled:
        _watch(app.library, cancel)
        teller.end_line()
    if report.failed or report.cancelled:
        sys.exit(FAILED)


def _watch(library: Library, cancel: CancelToken) -> None:
    library.start()
    say("Watching for changes; Ctrl+C ends it.", err=True)
    cancel.wait()


def _tell(report: ScanReport) -> None:
    lines = [
        f"{report.added} added, {report.updated} updated, {report.moved} moved, "
        f"{report.removed} removed, {report.unchanged} unchanged, {len(report.failed)} failed "
        f"in {report.seconds:.1f} s"
    ]
    if report.offline:
        lines.append(f"{report.offline} tracks are offline: their folder is not there. Kept.")
    if report.cancelled:
        lines.append("Stopped early. Run it again to go on.")
    lines += [f"{display_path(path)}: {reason}" for path, reason in report.failed]
    document = {
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "offline": report.offline,
        "failed": [{"path": path, "reason": reason} for path, reason in report.failed],
        "seconds": round(report.seconds, 3),
        "cancelled": report.cancelled,
    }
    show(document, lines)


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


def listening(progress: AnalysisProgress) -> str:
    """The progress in words."""
    text = f"Listening: {progress.done} of {progress.total}"
    if progress.rate:
        text += f", {progress.rate:.1f} a second"
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        text += f", {minutes}:{seconds:02} left"
    return text
