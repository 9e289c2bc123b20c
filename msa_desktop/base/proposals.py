"""What the program proposes to write, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.base.fields import Field
from msa_desktop.base.model import Track, TrackId

MOST_VALUES = {Field.GENRE: 3, Field.MOOD: 2, Field.GROUPING: 4}
"""How many values of a field are proposed at most; of the others one."""


class Policy(StrEnum):
    """What a proposal may do with what a file says already."""

    FILL = "fill"  # propose only where the file says nothing
    ADD = "add"  # keep what is there and add to it
    REPLACE = "replace"
    NEVER = "never"  # propose nothing


class Decision(StrEnum):
    """What the person said to a proposal. One that is rejected is remembered elsewhere."""

    OPEN = "open"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class HeardLabel:
    """A label that speaks for a value.

    Attributes:
        label: The vocabulary's word for it.
        score: 0 to 1, the model's probability.
        usual: The probability the model gives it over all kinds of music.
    """

    label: str
    score: float
    usual: float


@dataclass(frozen=True, slots=True)
class TaggedNeighbour:
    """A track that sounds alike and carries a tag: of the person's own library, or a reference.

    Attributes:
        track_id: None for one of a reference index, which cannot be played.
        similarity: Cosine of the standardised vectors, -1 to 1.
        values: What it is tagged in the field, as its file says it; of a reference, the words that
            the program knows.
        reference: The title of the reference index it is from; "" for the person's own.
    """

    track_id: TrackId | None
    title: str
    artist: str
    similarity: float
    values: tuple[str, ...]
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One value, how sure the program is of it, and why.

    Attributes:
        confidence: 0 to 1: of suggestions with this number, about this share is right.
        labels: Labels that say so, the strongest first.
        neighbours: Tagged tracks that say so, the nearest first.
        reason: What else says so, in words; empty where labels and neighbours say it all.
        by: The id of the tagger whose language model chose or worded it; empty: the rules did.
    """

    value: str
    confidence: float
    labels: tuple[HeardLabel, ...] = ()
    neighbours: tuple[TaggedNeighbour, ...] = ()
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one tag of one file should become.

    Attributes:
        current: What the file said when this was proposed.
        values: What it shall say; what the person made of it, where they edited it.
        suggestions: The values that are new, the surest first.
        tagger: Who made the new values: the id and version of the rules, or the id of a tagger
            with a language model (its model, the prompt's version and the seed).
    """

    track_id: TrackId
    field: Field
    current: tuple[str, ...]
    values: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]
    tagger: str
    decision: Decision = Decision.OPEN
    edited: bool = False

    @property
    def confidence(self) -> float:
        """How sure the program is of all the new values: as of the least sure one."""
        return min((suggestion.confidence for suggestion in self.suggestions), default=1.0)


@dataclass(frozen=True, slots=True)
class TrackProposals:
    """A track and everything proposed for it, in the order of `base.fields.PROPOSED`."""

    track: Track
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class ProposalCounts:
    """How much there is to review.

    Attributes:
        tracks: Tracks with proposals.
        undecided: Tracks with a proposal that nobody decided on yet.
        open: Proposals that nobody decided on yet.
        accepted: Proposals that wait to be written.
    """

    tracks: int
    undecided: int
    open: int
    accepted: int
