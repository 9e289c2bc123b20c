"""msa-desktop similar: the tracks that sound most like one."""

from __future__ import annotations

import click

from msa_desktop.base.model import display_path
from msa_desktop.cli._base import (
    find_track,
    hit_document,
    open_app,
    show,
    standard_options,
    table,
    track_document,
)


@click.command("similar")
@click.argument("track", metavar="PATH|ID")
@click.option("-k", "count", default=10, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--encoder", help="Which encoder's ears to use.")
@standard_options
def command(track: str, count: int, encoder: str | None) -> None:
    """Lists the tracks of the library that sound most like one of them.

    PATH is a file of the library, or a folder: then its first analysed track, by title.
    """
    app = open_app()
    query = find_track(app, track)
    hits = app.search.similar(query.id, count, encoder)
    rows = [
        [f"{hit.score:.2f}", hit.track.title, hit.track.tags.artist, ", ".join(hit.labels)]
        for hit in hits
    ]
    lines = [f"Similar to {query.title} ({display_path(query.path)}):"]
    if hits:
        lines += table(["score", "title", "artist", "both sound like"], rows, [6, 34, 26, 48])
    else:
        lines.append("There is no other analysed track to compare it with yet.")
    document = {"query": track_document(query), "hits": [hit_document(hit) for hit in hits]}
    show(document, lines)
