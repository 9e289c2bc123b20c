"""msa-desktop scan: add folders, listen to what is new, say what came of it."""

from __future__ import annotations

import sys

import click

from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.cli._base import FAILED, open_app, say, show, standard_options
from msa_desktop.cli._progress import cancel_on_signal, telling
from msa_desktop.services.library import Library, ScanReport


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
    cancel = cancel_on_signal()
    with telling(app.events) as teller:
        report = app.library.scan(paths, cancel, retry=retry)
        teller.end_line()
        _tell(report)
        if watch and not report.cancelled:
            _watch(app.library, cancel)
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
