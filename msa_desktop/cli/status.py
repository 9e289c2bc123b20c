"""msa-desktop status: what the library holds and how much of it was heard."""

from __future__ import annotations

import click

from msa_desktop.base.model import display_path
from msa_desktop.cli._base import open_app, show, standard_options
from msa_desktop.store.vector_rows import VectorRows


@click.command("status")
@standard_options
def command() -> None:
    """Shows how many tracks there are, were analysed, failed or are offline."""
    app = open_app()
    counts = app.tracks.counts()
    roots = app.tracks.roots()
    encoders = [
        {
            "id": encoder.id,
            "version": encoder.version,
            "ready": True,
            "tracks": VectorRows(app.database, encoder.id, encoder.version).count(),
        }
        for encoder in app.encoders
    ]
    document = {
        "tracks": counts.tracks,
        "analysed": counts.analysed,
        "waiting": counts.new + counts.queued,
        "failed": counts.failed,
        "offline": counts.offline,
        "roots": [
            {"path": root.path, "tracks": root.tracks, "online": root.online} for root in roots
        ],
        "encoders": encoders,
        "data_dir": str(app.paths.root),
    }
    lines = [
        f"{counts.tracks} tracks: {counts.analysed} analysed, {counts.new + counts.queued} "
        f"waiting, {counts.failed} failed, {counts.offline} offline"
    ]
    for root in roots:
        away = "" if root.online else " (offline)"
        lines.append(f"  {display_path(root.path)}: {root.tracks}{away}")
    lines += [f"Encoder {e['id']} {e['version']}: {e['tracks']} tracks" for e in encoders]
    show(document, lines)
