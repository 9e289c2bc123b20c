"""What a model may say of one track: everything that something speaks for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msa_desktop.base.fields import Field
from msa_desktop.base.proposals import Suggestion
from msa_desktop.llm import measured
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.prompt import plain
from msa_desktop.llm.rules import RulesTagger
from msa_desktop.llm.sayable import Worded
from msa_desktop.llm.words import Words, is_decade

_OFFERED = {Field.GENRE: 12, Field.MOOD: 6}
_STATED = 8
_LONGEST_WORD = 40  # characters; what is longer is no genre

Wanted = Callable[[Field, str], bool]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a model may say of one track.

    Attributes:
        tags: By field, each word as a model is shown it, which is the person's own, and what it
            stands for, the surest first.
        offered: Those of them that it may choose.
        stated: Labels that a sentence may state, in the person's words, the surest first.
        said: What a sentence may state, by its words, and what speaks for it.
        numbers: What the program puts in the place of a name in braces: "{tempo}" is "120 BPM",
            as the file says or else as measured.
    """

    tags: Mapping[Field, Mapping[str, Suggestion]]
    offered: Mapping[Field, Mapping[str, Suggestion]]
    stated: tuple[Suggestion, ...]
    said: Mapping[str, Suggestion]
    numbers: Mapping[str, Suggestion]


def gather(
    evidence: Evidence,
    rules: RulesTagger,
    words: Words,
    wanted: Wanted | None = None,
    takes: Wanted | None = None,
) -> Candidates:
    """The candidates of one track.

    Args:
        evidence: What is known of it.
        rules: Says how sure the evidence makes each word.
        words: The table of genres and moods.
        wanted: Whether the person wants a word at all; None: every word.
        takes: Whether a word can be proposed for the track (`Room.takes`); None: every word. The
            file's own that cannot may be said, but have no part in the choice.
    """
    found = rules.candidates(evidence)
    tags, offered = {}, {}
    for field, most in _OFFERED.items():
        own = [
            Suggestion(words.canonical(field, word), 1.0, reason=measured.OWN)
            for word in evidence.says.get(field, ())
        ]
        usable = [
            made
            for made in _once(own, found[field])
            if not is_decade(made.value) and (wanted is None or wanted(field, made.value))
        ]
        free = [made for made in usable if takes is None or takes(field, made.value)]
        held = {made.value for made in own} - {made.value for made in free}
        kept = [made for made in usable if made.value in held]
        offered[field] = _shown(field, free[:most], rules.sayable.worded)
        tags[field] = _shown(field, kept[:most], rules.sayable.worded) | offered[field]
    stated = rules.stated(evidence)[:_STATED]
    made = [(field, tag) for field, shown in tags.items() for tag in shown.values()]
    said = rules.sayable.phrases(made, stated, rules.heard(evidence))
    return Candidates(tags, offered, stated, said, measured.stated(evidence))


def _once(own: Sequence[Suggestion], found: Sequence[Suggestion]) -> list[Suggestion]:
    """The file's own words first; a word that is heard too keeps what speaks for it."""
    heard = {made.value: made for made in found}
    first = {made.value: heard.get(made.value, made) for made in own}
    return [*first.values(), *(made for made in found if made.value not in first)]


def _shown(
    field: Field, suggestions: Sequence[Suggestion], worded: Worded
) -> dict[str, Suggestion]:
    """By the word as it is shown; one that cannot be shown whole is left out."""
    shown: dict[str, Suggestion] = {}
    for made in suggestions:
        word = plain(worded(field, made.value) or "", _LONGEST_WORD + 1)
        if word and len(word) <= _LONGEST_WORD:
            shown.setdefault(word, made)
    return shown
