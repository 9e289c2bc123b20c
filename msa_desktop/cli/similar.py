"""msa-desktop similar: the tracks that sound most like one."""

from __future__ import annotations

import click

from msa_desktop.base.model import display_path
from msa_desktop.cli._base import find_track, open_app, show, standard_options, track_document
from msa_desktop.cli._hits import hit_json, hit_table


@click.command("similar")
@click.argument("track", metavar="PATH|ID")
@click.option("-k", "count", default=10, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--encoder", help="One encoder's ears only, instead of all that heard the track.")
@standard_options
def command(track: str, count: int, encoder: str | None) -> None:
    """Lists the tracks of the library that sound most like one of them.

    PATH is a file of the library, or a folder: then its first analysed track, by title.
    """
    app = open_app()
    query = find_track(app, track)
    hits = app.search.similar(query.id, count, encoder)
    lines = [f"Similar to {query.title} ({display_path(query.path)}):"]
    if hits:
        lines += hit_table(hits, "both sound like")
    else:
        lines.append("There is no other analysed track to compare it with yet.")
    document = {"query": track_document(query), "hits": [hit_json(hit) for hit in hits]}
    show(document, lines)
