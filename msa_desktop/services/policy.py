"""From suggestions to a proposal: the person's rules, and what the file says already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, Field, cleaned
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Policy, Proposal, Suggestion
from msa_desktop.base.settings import Settings
from msa_desktop.base.text import fold
from msa_desktop.llm.words import Words
from msa_desktop.store.proposals import ANY_WORD

_WORDS_OF = (Field.GENRE, Field.MOOD)
"""The fields that the person's own vocabulary speaks of."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The person's rules, ready to use.

    Attributes:
        policies: By field; a field without one is never proposed.
        least: The confidence below which nothing is proposed.
        allowed: Folded words; empty: all.
        denied: Folded words.
        renamed: The person's word by the folded word of the program.
    """

    policies: Mapping[Field, Policy]
    least: float
    allowed: frozenset[str]
    denied: frozenset[str]
    renamed: Mapping[str, str]


def rules(settings: Settings, words: Words, least: float | None = None) -> Rules:
    """The rules that the settings make.

    Raises:
        UserError: A renamed word is not written as "word = other word".
    """
    renamed: dict[str, str] = {}
    for line in settings.renamed_words:
        old, separator, new = (part.strip() for part in line.partition("="))
        if not (old and separator and new):
            raise UserError(
                f'The setting "renamed_words" has "{line}": write it like Hip-Hop = Rap.'
            )
        renamed |= dict.fromkeys(_keys(words, [old]), new)
    return Rules(
        {
            Field.GENRE: settings.genre_policy,
            Field.MOOD: settings.mood_policy,
            Field.BPM: settings.bpm_policy,
            Field.KEY: settings.key_policy,
            Field.GROUPING: settings.grouping_policy,
            Field.SUMMARY: settings.summary_policy,
        },
        settings.least_confidence if least is None else least,
        _keys(words, settings.allowed_words),
        _keys(words, settings.denied_words),
        renamed,
    )


def propose(
    track_id: TrackId,
    field: Field,
    current: tuple[str, ...],
    suggestions: Sequence[Suggestion],
    by: Rules,
    words: Words,
    *,
    tagger: str,
    rejected: Collection[tuple[Field, str]] = (),
) -> Proposal | None:
    """What to propose for one tag, or None.

    Args:
        track_id: The track.
        field: The tag.
        current: What the file says.
        suggestions: What the tagger says, the surest first.
        by: The person's rules.
        words: The vocabulary, to tell spellings of one word.
        tagger: Who suggests.
        rejected: Folded words that the person rejected for this track.
    """
    policy = by.policies.get(field, Policy.NEVER)
    many = FACTS[field].many
    if policy is Policy.NEVER or (field, ANY_WORD) in rejected:
        return None
    if current and (policy is Policy.FILL or (policy is Policy.ADD and not many)):
        return None
    taken = {fold(words.canonical(field, value)) for value in current}
    seen = set() if policy is Policy.REPLACE else set(taken)
    kept: list[Suggestion] = []
    for made in suggestions:
        suggestion = _allowed(field, made, by)
        if suggestion is None or (field, fold(suggestion.value)) in rejected:
            continue
        key = fold(words.canonical(field, suggestion.value))
        if key not in seen:
            seen.add(key)
            kept.append(suggestion)
    kept = kept if many else kept[:1]
    if not kept or (policy is Policy.REPLACE and seen <= taken):
        return None
    new = tuple(suggestion.value for suggestion in kept)
    values = (*current, *new) if policy is Policy.ADD else new
    return Proposal(track_id, field, current, cleaned(field, values), tuple(kept), tagger)


def _allowed(field: Field, suggestion: Suggestion, by: Rules) -> Suggestion | None:
    """The suggestion in the person's own word, or None where it is not wanted."""
    if suggestion.confidence < by.least:
        return None
    if field not in _WORDS_OF:
        return suggestion
    word = fold(suggestion.value)
    mine = by.renamed.get(word, suggestion.value)
    names = {word, fold(mine)}
    if names & by.denied or (by.allowed and not names & by.allowed):
        return None
    return replace(suggestion, value=mine)


def _keys(words: Words, given: Collection[str]) -> frozenset[str]:
    """The folded words, and what the vocabulary calls them: "hip hop" also means "Hip-Hop"."""
    return frozenset(
        fold(name)
        for word in given
        for name in (word, *(words.canonical(field, word) for field in _WORDS_OF))
    )
