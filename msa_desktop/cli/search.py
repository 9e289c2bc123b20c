"""msa-desktop search: the tracks that fit words."""

from __future__ import annotations

import re
from dataclasses import asdict

import click

from msa_desktop.cli._base import find_track, open_app, show, standard_options, track_document
from msa_desktop.cli._hits import hit_json, hit_table
from msa_desktop.cli._progress import telling
from msa_desktop.services.text_search import Understood

_MINUS = "\0"  # no argument can hold it
_WITH_VALUE = frozenset({"-k", "--like", "--unlike", "--data-dir"})


class _MinusWords(click.Command):
    """Takes "-rock" for a word turned around, where click would see the options -r -o -c -k."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command`."""
        before = ["", *args]
        marked = [
            _MINUS + one[1:]
            if last not in _WITH_VALUE and re.match(r"-(?!-|$|k\d*$)", one)
            else one
            for last, one in zip(before, args, strict=False)
        ]
        return super().parse_args(ctx, marked)


@click.command("search", cls=_MinusWords)
@click.argument("words", nargs=-1)
@click.option("-k", "count", default=10, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--like", multiple=True, metavar="PATH|ID", help="Sounds like this track, too.")
@click.option("--unlike", multiple=True, metavar="PATH|ID", help="Does not sound like this track.")
@standard_options
def command(
    words: tuple[str, ...], count: int, like: tuple[str, ...], unlike: tuple[str, ...]
) -> None:
    """Lists the tracks of the library that fit WORDS best.

    WORDS are moods, instruments, voices, genres and times, as in "calm piano", "no vocals" or "80s
    female singer", and words of titles, artists, albums, tags and summaries. A minus before a word
    turns it around: -drums. Quotation marks keep a phrase together.

    Conditions: genre:techno mood:calm bpm:120-128 key:F#m year:1990-1999 artist:NAME album:NAME
    """
    app = open_app()
    seeds = [find_track(app, name) for name in like]
    others = [find_track(app, name) for name in unlike]
    text = " ".join(words).replace(_MINUS, "-")
    with telling(app.events):  # of encoders that cannot be loaded
        found = app.text_search.search(
            text, count, like=[one.id for one in seeds], unlike=[one.id for one in others]
        )
    lines = _explained(found.understood)
    if found.hits:
        lines += hit_table(found.hits, "sounds")
    else:
        lines.append("No track of the library fits.")
    document = {
        "query": {
            "words": text,
            "like": [track_document(one) for one in seeds],
            "unlike": [track_document(one) for one in others],
        },
        "understood": asdict(found.understood),
        "hits": [hit_json(hit) for hit in found.hits],
    }
    show(document, lines)


def _explained(understood: Understood) -> list[str]:
    """How the words were read, one line each kind."""
    lines = []
    for meaning in understood.meanings:
        labels = ", ".join(meaning.labels) or "a time"
        against = "not " if meaning.against else ""
        rare = "" if meaning.found else " (no track stands out by it)"
        lines.append(f'"{meaning.words}": heard as {against}{labels}{rare}')
    for title, said in (
        ("In names, tags and summaries", understood.text),
        ("Only", understood.operators),
        ("Read by", understood.encoders),
        ("Passed over", understood.ignored),
    ):
        if said:
            lines.append(f"{title}: {', '.join(said)}")
    return lines
