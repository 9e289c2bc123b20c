"""How the answers of a search are shown: as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msa_desktop.base.model import Hit, Track
from msa_desktop.base.music import camelot
from msa_desktop.cli._base import table


def hit_json(hit: Hit) -> dict[str, Any]:
    """A hit as JSON."""
    return {
        "id": hit.track.id,
        "path": hit.track.path,
        "title": hit.track.title,
        "artist": hit.track.tags.artist,
        "album": hit.track.tags.album,
        "score": round(hit.score, 4),
        "labels": list(hit.labels),
        "encoders": list(hit.encoders),
    }


def mix_json(hit: Hit) -> dict[str, Any]:
    """A hit of what mixes well as JSON: with tempo and key."""
    return hit_json(hit) | pace_json(hit.track)


def pace_json(track: Track) -> dict[str, Any]:
    """A track's tempo and key as JSON; null where none is known."""
    return {
        "bpm": None if track.bpm is None else round(track.bpm, 2),
        "key": track.key,
        "camelot": None if track.key is None else camelot(track.key),
    }


def hit_table(hits: Sequence[Hit], reason: str) -> list[str]:
    """Hits as the lines of a table, which says whose ears found them where there are several's.

    Args:
        hits: At least one, best first.
        reason: The heading over the labels of each.
    """
    head = ["score", "title", "artist", reason]
    rows = [
        [f"{hit.score:.2f}", hit.track.title, hit.track.tags.artist, ", ".join(hit.labels)]
        for hit in hits
    ]
    widths = [6, 34, 26, 48]
    if len({encoder for hit in hits for encoder in hit.encoders}) > 1:
        head.append("heard by")
        rows = [[*row, ", ".join(hit.encoders)] for row, hit in zip(rows, hits, strict=True)]
        widths.append(30)
    return table(head, rows, widths)
