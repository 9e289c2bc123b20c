"""What is asked of one track in the panel at the right, and all there is to answer."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Hit, LabelScore, Track, TrackId, TrackState
from msa_desktop.services.kind import KindOfTrack
from msa_desktop.services.search import Search
from msa_desktop.services.stem_search import StemSearch
from msa_desktop.store.tracks import TrackReader


@dataclass(frozen=True, slots=True)
class Question:
    """What is wanted.

    Attributes:
        count: How many hits, at most.
        mixing: What mixes well after the track, instead of what sounds alike.
        part: What has a part (stem) that sounds alike; "" for the whole track.
    """

    track_id: TrackId
    count: int
    mixing: bool = False
    part: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All there is to show of one track.

    Attributes:
        track: None when it is no longer in the library.
        mixing: As in the question.
        part: As in the question; "" where the track has no such part.
        parts: Those that can be asked for.
        kind: The kind of track it is; None where nothing was heard in it.
        hits: Those that sound alike at all; a negative cosine is the opposite of similar.
        compared: Whether there was any other track to compare with.
        problem: Why there are no hits, in words; empty if all went well.
    """

    track: Track | None
    mixing: bool = False
    part: str = ""
    parts: tuple[str, ...] = ()
    kind: KindOfTrack | None = None
    hits: list[Hit] = field(default_factory=list)
    labels: list[LabelScore] = field(default_factory=list)
    compared: bool = False
    problem: str = ""


def read(reader: TrackReader, search: Search, stems: StemSearch, asked: Question) -> Answer:
    """A track, what is wanted of it, and its labels; in the background."""
    track = reader.get(asked.track_id)
    if track is None or track.state is not TrackState.ANALYSED:
        return Answer(track, asked.mixing)
    parts = stems.parts(track.id)
    part = asked.part if asked.part in parts and not asked.mixing else ""
    hits: list[Hit] = []
    labels: list[LabelScore] = []
    problem = ""
    # Each on its own: not every encoder knows words for what it hears.
    with contextlib.suppress(UserError):
        labels = search.labels(track.id)
    kind = stems.kind(track.id, labels)
    try:
        if asked.mixing:
            hits = search.mixes_after(track.id, asked.count)
        elif part:
            hits = stems.similar(track.id, part, asked.count)
        else:
            hits = search.similar(track.id, asked.count)
    except UserError as error:
        problem = str(error)
    alike = hits if asked.mixing else [hit for hit in hits if hit.score > 0]
    return Answer(track, asked.mixing, part, parts, kind, alike, labels, bool(hits), problem)
