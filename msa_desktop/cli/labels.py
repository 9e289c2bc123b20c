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
from msa_desktop.services.kind import Kind, KindOfTrack


@click.command("labels")
@click.argument("track", metavar="PATH|ID")
@standard_options
def command(track: str) -> None:
    """Lists the labels heard in a track, strongest first, and says what kind of track it is.

    PATH is a file of the library, or a folder: then its first analysed track, by title. The kind is
    song, instrumental or a cappella: by the track's stems where they were listened to (msa-desktop
    stems), else by its labels, less surely.
    """
    app = open_app()
    found = find_track(app, track)
    labels = app.search.labels(found.id)
    rows = [[f"{label.score:.2f}", label.label, label.source] for label in labels]
    kind = app.stem_search.kind(found.id, labels)
    document = {
        "track": track_document(found),
        "kind": {
            "name": str(kind.kind),
            "confidence": round(kind.confidence, 3),
            "by": "stems" if kind.by_stems else "labels",
        },
        "labels": [label_document(x) for x in labels],
    }
    lines = [f"Heard in {found.title} ({display_path(found.path)}):", *_kind_lines(kind)]
    show(document, lines + table(["score", "label", "source"], rows, [6, 30, 12]))


def _kind_lines(kind: KindOfTrack) -> list[str]:
    if kind.kind is Kind.UNKNOWN:
        return []
    by = "stems" if kind.by_stems else "labels"
    return [f"{str(kind.kind).capitalize()}, {kind.confidence:.0%} sure (by its {by})"]
