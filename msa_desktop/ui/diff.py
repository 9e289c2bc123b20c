"""What a tag loses and gains, piece by piece. Knows no Qt."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

_MOST_WORDS = 300  # a longer text is shown as replaced whole; difflib is quadratic


class Mark(Enum):
    """What becomes of a piece."""

    KEPT = auto()
    REMOVED = auto()
    ADDED = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A value, or some words of a text."""

    mark: Mark
    text: str


def pieces(before: Sequence[str], after: Sequence[str]) -> tuple[Piece, ...]:
    """Every value of a tag before and after, marked; one text against another word by word."""
    if len(before) == len(after) == 1 and before != after:
        old, new = before[0].split(), after[0].split()
        if len(old) + len(new) > 2 and max(len(old), len(new)) <= _MOST_WORDS:
            return _words(old, new)
    old_values = [Piece(Mark.KEPT if v in after else Mark.REMOVED, v) for v in before]
    return (*old_values, *(Piece(Mark.ADDED, v) for v in after if v not in before))


def in_words(parts: Sequence[Piece]) -> str:
    """The same for a screen reader: "add Jazz, remove Pop, keep Rock"."""
    verbs = {Mark.ADDED: "add", Mark.REMOVED: "remove", Mark.KEPT: "keep"}
    said = []
    for mark, verb in verbs.items():
        texts = [part.text for part in parts if part.mark is mark]
        if texts:
            said.append(f"{verb} {', '.join(texts)}")
    return ", ".join(said) or "nothing"


def _words(old: list[str], new: list[str]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        if tag == "equal":
            found.append(Piece(Mark.KEPT, " ".join(old[a:a_end])))
            continue
        if a < a_end:
            found.append(Piece(Mark.REMOVED, " ".join(old[a:a_end])))
        if b < b_end:
            found.append(Piece(Mark.ADDED, " ".join(new[b:b_end])))
    return tuple(found)
