"""msa-desktop similar: the tracks that sound most like one, or mix well after it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from msa_desktop.base.model import Hit, Track, display_path
from msa_desktop.cli._base import find_track, open_app, show, standard_options, track_document
from msa_desktop.cli._hits import hit_json, hit_table, mix_json, pace_json


@click.command("similar")
@click.argument("track", metavar="PATH|ID")
@click.option("-k", "count", default=10, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--encoder", help="One encoder's ears only, instead of all that heard the track.")
@click.option("--mix", is_flag=True, help="Only what mixes well after it: in time and in key.")
@click.option("--stem", help='One stem of tracks taken apart: "drums", "bass", "vocals", "other".')
@standard_options
def command(track: str, count: int, encoder: str | None, mix: bool, stem: str | None) -> None:
    """Lists the tracks of the library that sound most like one of them.

    PATH is a file of the library, or a folder: then its first analysed track, by title.

    With --mix, tracks whose tempo is within 6 % (or of half or double that, where it may be counted
    so) and whose key goes with its key on the Camelot wheel: the same number, or one more or less
    with the same letter.

    With --stem, tracks with similar drums or a similar voice, of those that were taken apart
    (msa-desktop stems).
    """
    if mix and encoder:
        raise click.UsageError("--mix asks all that heard the track: leave out --encoder.")
    if stem and (mix or encoder):
        raise click.UsageError("--stem compares stems alone: leave out --mix and --encoder.")
    app = open_app()
    query = find_track(app, track)
    if mix:
        _show_mix(query, app.search.mixes_after(query.id, count))
        return
    if stem:
        hits = app.stem_search.similar(query.id, stem, count)
        head, others = f"Similar to the {stem} of", "track that was taken apart"
    else:
        hits = app.search.similar(query.id, count, encoder)
        head, others = "Similar to", "analysed track"
    lines = [f"{head} {query.title} ({display_path(query.path)}):"]
    if hits:
        lines += hit_table(hits, "both sound like")
    else:
        lines.append(f"There is no other {others} to compare it with yet.")
    document = {"query": track_document(query), "hits": [hit_json(hit) for hit in hits]}
    show(document, lines)


def _show_mix(query: Track, hits: Sequence[Hit]) -> None:
    pace = pace_json(query)
    told = f"{pace['bpm']:.0f} BPM, {pace['camelot'] or 'no key'}"
    lines = [f"Mixes well after {query.title} ({told}, {display_path(query.path)}):"]
    if hits:
        lines += hit_table(hits, "tempo and key")
    else:
        lines.append("No other track that sounds like it is in time and in key with it.")
    show({"query": track_document(query) | pace, "hits": [mix_json(hit) for hit in hits]}, lines)
