"""msa-desktop scan: add folders, listen to what is new, say what came of it."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

import click

from msa_desktop.base.events import AnalysisProgress, Event, Notice, ScanProgress
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.cli._base import FAILED, open_app, show, standard_options
from msa_desktop.services.library import Library, ScanReport


@click.command("scan")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--watch", is_flag=True, help="Go on: notice changes until Ctrl+C.")
@standard_options
def command(paths: tuple[str, ...], watch: bool) -> None:
    """Adds folders and listens to every file in them; without PATHS, to all that were added.

    Ctrl+C ends it early; what was done is kept, and the next scan goes on there.
    """
    app = open_app()
    cancel = CancelToken()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        cancel.cancel()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    app.events.subscribe(_Teller())
    report = app.library.scan(paths, cancel)
    _tell(report)
    if watch and not report.cancelled:
        _watch(app.library, cancel)
    if report.failed or report.cancelled:
        sys.exit(FAILED)


def _watch(library: Library, cancel: CancelToken) -> None:
    library.start()
    click.echo("Watching for changes; Ctrl+C ends it.", err=True)
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


class _Teller:
    """Prints progress on standard error: in place on a terminal, else a line every ten seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live = sys.stderr.isatty()
        self._last = ""

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Notice):
                click.echo(event.text, err=True)
            elif self._live and isinstance(event, ScanProgress) and event.running:
                self._line(f"Looking through folders: {event.seen} files")
            elif self._live and isinstance(event, AnalysisProgress) and event.total:
                self._line(listening(event))

    def _line(self, text: str) -> None:
        if text != self._last:
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._last = text


def listening(progress: AnalysisProgress) -> str:
    """The progress in words."""
    text = f"Listening: {progress.done} of {progress.total}"
    if progress.rate:
        text += f", {progress.rate:.1f} a second"
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        text += f", {minutes}:{seconds:02} left"
    return text
