"""Why a value is proposed: as lines for the pane, and in words for a tooltip. Knows no widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from msa_desktop.base.fields import FACTS
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Proposal, Suggestion, TaggedNeighbour
from msa_desktop.ui import text

_MOST_LABELS = 5
_MOST_NEIGHBOURS = 6
_IN_A_TOOLTIP = 3


class Kind(Enum):
    """What a line of the evidence is."""

    VALUE = auto()  # a proposed value and how sure the program is of it
    TITLE = auto()  # a word above a group
    LABEL = auto()  # something heard: its score against the usual one
    NEIGHBOUR = auto()  # a tagged track that sounds alike
    REASON = auto()  # a sentence


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the evidence.

    Attributes:
        words: What is said at the left.
        detail: What is said below or beside it.
        share: 0 to 1, for a bar.
        usual: Where the bar would usually end.
        track_id: The neighbour, to be played; None for one that is not in the library.
    """

    kind: Kind
    words: str
    detail: str = ""
    share: float | None = None
    usual: float | None = None
    track_id: TrackId | None = None


def items(proposals: Iterable[Proposal]) -> list[Item]:
    """All that speaks for these proposals."""
    found: list[Item] = []
    for proposal in proposals:
        title = FACTS[proposal.field].title
        for suggestion in proposal.suggestions:
            found.append(Item(Kind.VALUE, suggestion.value, title, suggestion.confidence))
            found += _reasons(suggestion)
        if proposal.edited:
            mine = "; ".join(proposal.values) or "nothing"
            found.append(Item(Kind.REASON, f"You made it “{mine}”."))
    return found


def in_words(proposal: Proposal) -> str:
    """All that speaks for a proposal, in a few lines."""
    title = FACTS[proposal.field].title
    lines = []
    for suggestion in proposal.suggestions:
        sure = text.match(suggestion.confidence)
        lines.append(f"{title}: {shortened(suggestion.value)} \N{EM DASH} {sure} sure")
        heard = [
            f"{label.label} {text.match(label.score)} (usually {text.match(label.usual)})"
            for label in suggestion.labels[:_IN_A_TOOLTIP]
        ]
        if heard:
            lines.append(f"Heard: {', '.join(heard)}")
        near = [
            f"{by(neighbour)} ({_where(neighbour)}{text.match(neighbour.similarity)} alike)"
            for neighbour in suggestion.neighbours[:_IN_A_TOOLTIP]
        ]
        if near:
            more = len(suggestion.neighbours) - len(near)
            rest = f" and {more} more" if more > 0 else ""
            lines.append(f"Tagged so: {', '.join(near)}{rest}")
        if suggestion.reason:
            lines.append(suggestion.reason)
    return "\n".join(lines)


def by(neighbour: TaggedNeighbour) -> str:
    """A neighbour in one line: "Title - Artist"."""
    return " \N{EN DASH} ".join(filter(None, (neighbour.title, neighbour.artist)))


def _where(neighbour: TaggedNeighbour) -> str:
    return f"{shortened(neighbour.reference, 40)}, " if neighbour.reference else ""


def shortened(words: str, most: int = 80) -> str:
    """A long value cut to a glance."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def playable(found: Sequence[Item]) -> list[TrackId]:
    """The neighbours among these lines, each once, in order."""
    ids = (item.track_id for item in found if item.track_id is not None)
    return list(dict.fromkeys(ids))


def _reasons(suggestion: Suggestion) -> Iterable[Item]:
    if suggestion.reason:
        yield Item(Kind.REASON, suggestion.reason)
    if suggestion.labels:
        yield Item(Kind.TITLE, "Heard in it", "against what is usual")
    for label in suggestion.labels[:_MOST_LABELS]:
        yield Item(Kind.LABEL, label.label, "", label.score, label.usual)
    by_place: dict[str, list[TaggedNeighbour]] = {}
    for neighbour in suggestion.neighbours:
        by_place.setdefault(neighbour.reference, []).append(neighbour)
    room = _MOST_NEIGHBOURS
    for reference, neighbours in by_place.items():
        if room <= 0:
            return
        place = shortened(reference, 40) or "your library"
        yield Item(Kind.TITLE, f"Alike in {place}", f"{len(neighbours)} tagged so")
        for neighbour in neighbours[:room]:
            yield Item(
                Kind.NEIGHBOUR,
                by(neighbour),
                ", ".join(neighbour.values),
                neighbour.similarity,
                track_id=neighbour.track_id,
            )
        room -= len(neighbours)
