"""The contract of a tagger: evidence in, suggestions out. A tagger adds no facts of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import LabelScore
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
    """

    labels: tuple[LabelScore, ...]
    neighbours: Mapping[Field, tuple[TaggedNeighbour, ...]]
    votes: Mapping[Field, Mapping[str, float]]
    says: FieldValues


class Tagger(Protocol):
    """Turns evidence into suggestions."""

    id: str
    """Id and version, such as "rules-1"; kept with what it proposed."""

    def suggest(
        self, evidence: Evidence, cancel: CancelToken | None = None
    ) -> Mapping[Field, tuple[Suggestion, ...]]:
        """Values by field, the surest first; fields it has nothing for are left out.

        Each suggestion carries the labels and neighbours it rests on; there is none without.

        Args:
            evidence: What is known of the track.
            cancel: Ends a slow tagger early.

        Raises:
            Cancelled: The token was set.
        """
