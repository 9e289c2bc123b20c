"""From suggestions to a proposal: the person's rules, and what the file says already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned
from msa_desktop.base.model import TrackId
from msa_desktop.base.music import bpm_of, key_named
from msa_desktop.base.proposals import MOST_VALUES, Policy, Proposal, Suggestion
from msa_desktop.base.settings import Settings
from msa_desktop.base.text import spelling
from msa_desktop.llm._base import Room
from msa_desktop.llm.words import Words
from msa_desktop.store.proposals import ANY_WORD

_NARROWER = 0.8
"""A narrower genre this nearly as sure takes the place of the broader one."""

_MEASURED_WITHIN = 0.04
"""Of a tempo: the error up to which `Tempo.confidence` calls it right."""

_log = logging.getLogger(__name__)

_WORDS_OF = (Field.GENRE, Field.MOOD)
"""The fields that the person's own vocabulary speaks of."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The person's rules, ready to use.

    Attributes:
        policies: By field; a field without one is never proposed.
        least: The confidence below which nothing is proposed.
        allowed: Words, as `base.text.spelling` has them; empty: all.
        denied: The same.
        renamed: The person's word by the spelling of the program's.
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
            Field.TRACK_GAIN: settings.replaygain_policy,
            Field.TRACK_PEAK: settings.replaygain_policy,
        },
        settings.least_confidence if least is None else least,
        _keys(words, settings.allowed_words),
        _keys(words, settings.denied_words),
        renamed,
    )


def room(
    says: FieldValues, by: Rules, words: Words, rejected: Collection[tuple[Field, str]] = ()
) -> Room:
    """What can be proposed for a track; arguments as of `propose`, `says` for all its tags."""
    held = {field: _held(field, says.get(field, ()), by, words) for field in _WORDS_OF}

    def takes(field: Field, word: str) -> bool:
        if _is_rejected(field, word, by, rejected):
            return False
        return _key(words, field, _mine(field, word, by)) not in held.get(field, ())

    return Room(
        frozenset(
            field for field in by.policies if _is_open(field, says.get(field, ()), by, rejected)
        ),
        takes,
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
        tagger: Who made the suggestions that do not say it themselves (`Suggestion.by`).
        rejected: Fields and spellings of words that the person rejected for this track.
    """
    if not _is_open(field, current, by, rejected):
        return None
    policy = by.policies[field]
    if field is Field.BPM:
        suggestions = [made for made in suggestions if not _is_tempo(current, made.value)]
    taken = {_key(words, field, _mine(field, value, by)) for value in current}
    seen = _held(field, current, by, words)
    kept: list[Suggestion] = []
    for made in suggestions:
        suggestion = _allowed(field, made, by, rejected)
        if suggestion is None:
            continue
        key = _key(words, field, suggestion.value)
        if key not in seen:
            seen.add(key)
            kept.append(suggestion)
    kept = _narrowed(kept, words)[: MOST_VALUES.get(field, 1)]
    new = tuple(suggestion.value for suggestion in kept)
    if not kept or (policy is Policy.REPLACE and {_key(words, field, v) for v in new} <= taken):
        return None
    try:
        new = cleaned(field, new)
    except UserError as error:
        # Only a file's own words can be so odd, by way of a neighbour or of the summary.
        _log.info("a proposal was dropped: %s", error)
        return None
    if not new:
        return None
    values = (*current, *new) if policy is Policy.ADD else new
    return Proposal(track_id, field, current, values, tuple(kept), kept[0].by or tagger)


def _is_open(
    field: Field, current: Sequence[str], by: Rules, rejected: Collection[tuple[Field, str]]
) -> bool:
    """Whether anything can be proposed for a tag at all."""
    policy = by.policies.get(field, Policy.NEVER)
    if policy is Policy.NEVER or (field, ANY_WORD) in rejected:
        return False
    adds = policy is Policy.ADD and FACTS[field].many
    return not current or adds or policy is Policy.REPLACE


def _held(field: Field, current: Sequence[str], by: Rules, words: Words) -> set[str]:
    """Of a tag to which words are added: the keys of those it holds, and of genres above them."""
    if by.policies.get(field) is not Policy.ADD:
        return set()
    own = {_key(words, field, _mine(field, value, by)) for value in current}
    return own | _above(words, field, current)


def _allowed(
    field: Field, suggestion: Suggestion, by: Rules, rejected: Collection[tuple[Field, str]]
) -> Suggestion | None:
    """The suggestion in the person's own word, or None where it is not wanted."""
    mine = _mine(field, suggestion.value, by)
    if suggestion.confidence < by.least or _is_rejected(field, suggestion.value, by, rejected):
        return None
    if not is_wanted(field, suggestion.value, by):
        return None
    return replace(suggestion, value=mine)


def _is_rejected(
    field: Field, word: str, by: Rules, rejected: Collection[tuple[Field, str]]
) -> bool:
    names = {spelling(word), spelling(_mine(field, word, by))}
    return any((field, name) in rejected for name in names)


def is_wanted(field: Field, word: str, by: Rules) -> bool:
    """Whether the person wants to read this word, or their own in its place, in a field at all."""
    if field not in _WORDS_OF:
        return True
    names = {spelling(word), spelling(_mine(field, word, by))}
    return not names & by.denied and (not by.allowed or bool(names & by.allowed))


class Wording:
    """The person's own words for those of a summary, by the settings in force.

    Args:
        settings: The settings in force.
        words: The vocabulary, to tell spellings of one word.
    """

    def __init__(self, settings: Callable[[], Settings], words: Words) -> None:
        self._settings = settings
        self._words = words
        self._made: tuple[Settings, Rules] | None = None

    def __call__(self, field: Field, word: str) -> str | None:
        """See `llm.sayable.Worded`. What is denied as a tag of any field is not said.

        Raises:
            UserError: As `rules`.
        """
        by = self._by()
        mine = by.renamed.get(spelling(word), word)
        names = _keys(self._words, [word, mine])
        if names & by.denied or (field in _WORDS_OF and by.allowed and not names & by.allowed):
            return None
        return mine

    def _by(self) -> Rules:
        settings = self._settings()
        if self._made is None or self._made[0] is not settings:
            self._made = settings, rules(settings, self._words)
        return self._made[1]


def _narrowed(kept: Sequence[Suggestion], words: Words) -> list[Suggestion]:
    """The suggestions without the genres that lie above another one nearly as sure."""
    sure = {made.value: made.confidence for made in kept}
    return [
        made
        for made in kept
        if not any(
            made.value in words.broader(other) and sure[other] >= _NARROWER * made.confidence
            for other in sure
        )
    ]


def _above(words: Words, field: Field, current: Sequence[str]) -> set[str]:
    """The genres above those a file has: "Death Metal" says that it is metal."""
    if field is not Field.GENRE:
        return set()
    names = (words.canonical(field, value) for value in current)
    return {spelling(broad) for name in names for broad in words.broader(name)}


def _mine(field: Field, value: str, by: Rules) -> str:
    """The person's word for a word."""
    return by.renamed.get(spelling(value), value) if field in _WORDS_OF else value


def _key(words: Words, field: Field, value: str) -> str:
    """What all spellings and names of one word, or of one key, have in common."""
    if field is Field.KEY:
        return key_named(value) or spelling(value)
    return spelling(words.canonical(field, value))


def _is_tempo(current: Sequence[str], measured: str) -> bool:
    """Whether a file says the measured tempo already, as far as measuring can tell."""
    said, bpm = (bpm_of(" ".join(values)) for values in (current, [measured]))
    return said is not None and bpm is not None and abs(said / bpm - 1) <= _MEASURED_WITHIN


def _keys(words: Words, given: Collection[str]) -> frozenset[str]:
    """Spellings of words, and of what the vocabulary calls them: "rap" also means "Hip-Hop"."""
    return frozenset(
        spelling(name)
        for word in given
        for name in (word, *(words.canonical(field, word) for field in _WORDS_OF))
    )
