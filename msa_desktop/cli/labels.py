"""msa-desktop labels: what the encoders heard in one track, in words."""

from __future__ import annotations

import click

from msa_desktop.base.model import display_path
from msa_desktop.cli._base import (
    find_track,
    label_document,
    open_app,
    show,
    standard_options,
    table,
    track_document,
)


@click.command("labels")
@click.argument("track", metavar="PATH|ID")
@standard_options
def command(track: str) -> None:
    """Lists the labels heard in a track, strongest first.

    PATH is a file of the library, or a folder: then its first analysed track, by title.
    """
    app = open_app()
    found = find_track(app, track)
    labels = app.search.labels(found.id)
    rows = [[f"{label.score:.2f}", label.label, label.source] for label in labels]
    document = {"track": track_document(found), "labels": [label_document(x) for x in labels]}
    lines = [f"Heard in {found.title} ({display_path(found.path)}):"]
    show(document, lines + table(["score", "label", "source"], rows, [6, 30, 12]))
