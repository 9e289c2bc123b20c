"""The contract of a tagger: evidence in, suggestions out. A tagger adds no facts of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import LabelScore
from msa_desktop.base.music import Measures
from msa_desktop.base.proposals import Suggestion, TaggedNeighbour


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known of one track.

    Attributes:
        labels: What was heard, in the vocabulary's words, strongest first.
        neighbours: The nearest tracks that are not of the track's own album and carry a tag: by
            field, 20 at most, those of the person's own library first, each kind nearest first.
        votes: By field, how likely those neighbours make each word, 0 to 1.
        says: What the file says itself.
        measures: Its tempo, key and loudness, as measured.
        codec: FFmpeg's name of what its sound is coded in; "" before the file was read.
    """

    labels: tuple[LabelScore, ...]
    neighbours: Mapping[Field, tuple[TaggedNeighbour, ...]]
    votes: Mapping[Field, Mapping[str, float]]
    says: FieldValues
    measures: Measures = field(default_factory=Measures)
    codec: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that a language model wrote.

    Attributes:
        count: How many.
        seconds: For how long it wrote; of a server, for how long it answered.
    """

    count: int = 0
    seconds: float = 0.0

    def __add__(self, more: Tokens) -> Tokens:
        return Tokens(self.count + more.count, self.seconds + more.seconds)

    def rate_since(self, before: Tokens) -> float:
        """Tokens a second that came to what there was before; 0 where none did."""
        seconds = self.seconds - before.seconds
        return (self.count - before.count) / seconds if seconds > 0 else 0.0


NO_TOKENS = Tokens()


@dataclass(frozen=True, slots=True)
class Room:
    """What can still be proposed for one track, by the person's rules and decisions.

    Attributes:
        fields: The tags.
        takes: Whether a word would be new in a tag, and was not rejected there.
    """

    fields: Collection[Field]
    takes: Callable[[Field, str], bool]


class Tagger(Protocol):
    """Turns evidence into suggestions."""

    id: str
    """Id and version, such as "rules-1"; kept with what it made."""

    tokens: Tokens
    """All that a language model wrote for it so far; none where there is no model."""

    fallbacks: int
    """Tracks so far that the rules answered in a language model's place."""

    def suggest(
        self, evidence: Evidence, cancel: CancelToken | None = None, room: Room | None = None
    ) -> Mapping[Field, tuple[Suggestion, ...]]:
        """Values by field, the surest first; fields it has nothing for are left out.

        Each suggestion carries the labels and neighbours it rests on; there is none without.

        Args:
            evidence: What is known of the track.
            cancel: Ends a slow tagger early.
            room: What can be proposed: a slow tagger is spared the rest. None: everything.

        Raises:
            Cancelled: The token was set.
        """
