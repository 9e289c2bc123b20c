"""msa-desktop status: what the library holds and how much of it was heard."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.music import MEASURING
from msa_desktop.cli._base import open_app, show, standard_options
from msa_desktop.encoders._base import MANIFEST, read_model


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
            # One that was installed is only here where it is whole.
            "ready": bool(encoder.load().MODELS) or models_are_whole(Path(encoder.folder)),
            "tracks": app.tracks.vector_count(encoder.id, encoder.version),
        }
        for encoder in app.encoders
    ]
    document = {
        "tracks": counts.tracks,
        "analysed": counts.analysed,
        "measured": app.tracks.measured_count(MEASURING),
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
    for encoder in encoders:
        lines.append(f"Encoder {encoder['id']} {encoder['version']}: {encoder['tracks']} tracks")
        if not encoder["ready"]:
            lines.append("  Its models are missing or damaged: msa-desktop doctor says more.")
    show(document, lines)


def models_are_whole(folder: Path) -> bool:
    """Whether every model that an encoder's manifest names is there and as it was made.

    Reads the files and loads nothing: quick, where `doctor` makes the encoder itself.
    """
    try:
        manifest = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
        for name, entry in manifest.items():
            if isinstance(entry, dict):
                read_model(folder, name)
    except (OSError, ValueError, UserError):
        return False
    return True
