"""The tagger without a model: labels and neighbours to words, by one table and plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import LabelScore
from msa_desktop.base.proposals import HeardLabel, Suggestion, TaggedNeighbour
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm import measured
from msa_desktop.llm._base import NO_TOKENS, Evidence, Room
from msa_desktop.llm.sayable import SURE, Sayable, Worded, as_it_is
from msa_desktop.llm.words import Words, is_decade

_TRUST, _LIFT, _SCORE = 1.0, 1.0, 1.0
"""Of `heard`: fitted by logistic regression on 118 real tracks in 7 folders (1,071 pairs of a track
and a genre label), each folder predicted from the others: of those said to be 0.8 to 0.9 sure,
0.81 were right (scripts/bench/proposals.py)."""

_LEAST = 0.2  # confidence below which a word is not worth a person's time at all
_MOST_LABELS = 4
_MOST_NEIGHBOURS = 5
_RIVAL = 0.5  # of the surest genre's confidence is held against genres of other families
_NO_VOICE = "no vocals"
_VOICES = (_NO_VOICE, "female vocals", "male vocals", "choir", "vocals")
_PROPER = {
    "African", "Arabic", "Asian", "Balkan", "Brazilian", "British", "Celtic", "Christmas",
    "European", "Indian", "Latin",
}  # fmt: skip
_VOICE_WORDS = {"no vocals": "Instrumental", "vocals": "Vocal", "choir": "Choir"}
_INSTRUMENTS = (
    "piano", "guitar", "strings", "violin", "cello", "flute", "harp", "harpsichord", "sitar",
    "synth", "drums",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Heard:
    """A label and how sure it makes one of the word it stands for."""

    label: HeardLabel
    chance: float


class RulesTagger:
    """Suggests genre, mood, tempo, key, grouping, summary and ReplayGain from evidence alone.

    Args:
        words: The table of genres and moods.
        vocabulary: The words for what is heard.
        worded: The person's own words, for the summary.

    Attributes:
        sayable: Which words a summary may use.
    """

    id = "rules-1"
    tokens = NO_TOKENS
    fallbacks = 0

    def __init__(self, words: Words, vocabulary: Vocabulary, worded: Worded = as_it_is) -> None:
        self.sayable = Sayable(words, vocabulary, worded)
        self._words = words
        self._usual = vocabulary.usual()

    def suggest(
        self, evidence: Evidence, _cancel: CancelToken | None = None, _room: Room | None = None
    ) -> dict[Field, tuple[Suggestion, ...]]:
        """See `llm._base.Tagger`."""
        heard = self._all_heard(evidence)
        found = {
            Field.GENRE: self._genres(heard, evidence),
            Field.MOOD: self._moods(heard, evidence),
            Field.GROUPING: _groupings(heard),
            **measured.suggestions(evidence.measures),
            **measured.replaygain(evidence),
        }
        summary = self._summary(found, heard, evidence)
        if summary is not None:
            found[Field.SUMMARY] = (summary,)
        return {field: suggestions for field, suggestions in found.items() if suggestions}

    def candidates(self, evidence: Evidence) -> dict[Field, tuple[Suggestion, ...]]:
        """Every genre and mood that something speaks for, the surest first: to choose from."""
        heard = self._all_heard(evidence)
        return {
            field: self._joined(
                field,
                {word.name: _support(word.labels, heard) for word in table.values()},
                evidence,
            )
            for field, table in (
                (Field.GENRE, self._words.genres),
                (Field.MOOD, self._words.moods),
            )
        }

    def heard(self, evidence: Evidence) -> frozenset[str]:
        """The labels that are sure enough to be stated in a sentence, and what they imply."""
        return self.sayable.implied(self._sure(self._all_heard(evidence)))

    def stated(self, evidence: Evidence) -> tuple[Suggestion, ...]:
        """The labels that a sentence may state, in the person's words, the surest first."""
        return tuple(self._said(self._sure(self._all_heard(evidence))).values())

    def _all_heard(self, evidence: Evidence) -> dict[str, _Heard]:
        return {score.label: self._heard(score) for score in evidence.labels}

    def _heard(self, score: LabelScore) -> _Heard:
        usual = self._usual[score.label]
        return _Heard(HeardLabel(score.label, score.score, usual), confidence(score.score, usual))

    def _genres(self, heard: Mapping[str, _Heard], evidence: Evidence) -> tuple[Suggestion, ...]:
        by_labels = {
            genre.name: _support(genre.labels, heard) for genre in self._words.genres.values()
        }
        found = self._without_rivals(self._joined(Field.GENRE, by_labels, evidence))
        return tuple(made for made in found if not is_decade(made.value))

    def _without_rivals(self, found: Sequence[Suggestion]) -> list[Suggestion]:
        """Makes genres less sure that have nothing in common with the surest one.

        A label that is right for most music (metal is "fast" and so a little "techno") is wrong
        beside a surer one of another family.
        """
        if not found:
            return []
        first = found[0]
        judged = [
            made
            if self._words.akin(made.value, first.value)
            else replace(made, confidence=made.confidence * (1 - _RIVAL * first.confidence))
            for made in found
        ]
        return sorted(judged, key=lambda made: (-made.confidence, made.value))

    def _moods(self, heard: Mapping[str, _Heard], evidence: Evidence) -> tuple[Suggestion, ...]:
        by_labels = {mood.name: _support(mood.labels, heard) for mood in self._words.moods.values()}
        return self._joined(Field.MOOD, by_labels, evidence)

    def _joined(
        self,
        field: Field,
        by_labels: Mapping[str, tuple[float, tuple[HeardLabel, ...]]],
        evidence: Evidence,
    ) -> tuple[Suggestion, ...]:
        """What labels and neighbours say of a field's words, the surest first."""
        votes = evidence.votes.get(field, {})
        neighbours = [
            (near, {self._words.canonical(field, value) for value in near.values})
            for near in evidence.neighbours.get(field, ())
        ]
        found = []
        for word in dict.fromkeys([*by_labels, *votes]):
            chance, labels = by_labels.get(word, (0.0, ()))
            vote = votes.get(word, 0.0)
            sure = _agreed([chance, vote])
            if sure >= _LEAST:
                near = _of(word, neighbours) if vote >= _LEAST else ()
                found.append(Suggestion(word, sure, labels[:_MOST_LABELS], near))
        return tuple(sorted(found, key=lambda made: (-made.confidence, made.value)))

    def _summary(
        self,
        found: Mapping[Field, Sequence[Suggestion]],
        heard: Mapping[str, _Heard],
        evidence: Evidence,
    ) -> Suggestion | None:
        """One sentence of what is sure, or nothing where too little is."""
        sure = self._sure(heard)
        known = self.sayable.implied(sure)
        genre_parts, genres = self._stated(Field.GENRE, 2, found, evidence, known)
        taken = {label for part in genre_parts for label in part.labels[:1]}
        mood_parts, moods = self._stated(Field.MOOD, 1, found, evidence, known, without=taken)
        parts = genre_parts + mood_parts
        said = self._said(sure)
        instruments = [made for name, made in said.items() if name in _INSTRUMENTS][:2]
        voices = {name: made for name, made in said.items() if name in _VOICES}
        voices = dict(islice(voices.items(), 1))
        if not genres or not (moods or instruments or voices):
            return None
        parts += [*instruments, *voices.values()]
        text = " ".join(map(in_a_sentence, [*moods, _listed(genres)]))
        text = text[0].upper() + text[1:] + ("" if text.lower().endswith("music") else " music")
        numbers = measured.stated(evidence)
        for joint, name in ((" at ", measured.TEMPO), (" in ", measured.KEY)):
            if name in numbers:
                text += joint + numbers[name].value
        parts += numbers.values()
        singing = [made for name, made in voices.items() if name != _NO_VOICE]
        if played := [in_a_sentence(made.value) for made in (*instruments, *singing)]:
            text += " with " + _listed(played)
        if _NO_VOICE in voices:
            text += ", without vocals"
        labels = dict.fromkeys(label for part in parts for label in part.labels)
        near = dict.fromkeys(near for part in parts for near in part.neighbours)
        return Suggestion(
            text + ".",
            min((part.confidence for part in parts), default=1.0),
            tuple(labels),
            tuple(near)[:_MOST_NEIGHBOURS],
            "; ".join(dict.fromkeys(part.reason for part in parts if part.reason))
            if parts
            else measured.OWN,
        )

    def _stated(
        self,
        field: Field,
        most: int,
        found: Mapping[Field, Sequence[Suggestion]],
        evidence: Evidence,
        heard: frozenset[str],
        without: Collection[HeardLabel] = (),
    ) -> tuple[list[Suggestion], list[str]]:
        """The words of a field that a summary may use, and the suggestions they come from.

        What the file says goes before what was heard, and what rests on a label that was used
        already (`without`) says nothing new: "atmospheric ambient music". Nor does a genre above
        another.
        """

        def named(word: str) -> str | None:
            return self.sayable.tag(field, word, heard)

        own = dict.fromkeys(filter(None, map(named, evidence.says.get(field, ()))))
        if own:
            return [], list(own)[:most]
        sure = {
            made: name
            for made in found.get(field, ())
            if made.confidence >= SURE
            and not set(made.labels[:1]) & set(without)
            and (name := named(made.value))
        }
        above = {genre for made in sure for genre in self._words.broader(made.value)}
        kept = [made for made in sure if made.value not in above][:most]
        return kept, list(dict.fromkeys(sure[made] for made in kept))

    def _sure(self, heard: Mapping[str, _Heard]) -> dict[str, _Heard]:
        """The labels that are sure, the surest first; none that a surer one contradicts."""
        sure = [name for name, one in heard.items() if one.chance >= SURE]
        sure.sort(key=lambda name: -heard[name].chance)
        return {name: heard[name] for name in self.sayable.together(sure)}

    def _said(self, sure: Mapping[str, _Heard]) -> dict[str, Suggestion]:
        """By label, what a sentence may state, in the person's words."""
        known = self.sayable.implied(sure)
        return {
            name: Suggestion(said, one.chance, (one.label,))
            for name, one in sure.items()
            if (said := self.sayable.label(name, known))
        }


def confidence(score: float, usual: float) -> float:
    """How sure a label's probability makes one that the label is right, 0 to 1.

    By what the model says, and by how far that is above what it says of any music.
    """
    log_odds = _log_odds(score)
    lift = log_odds - _log_odds(usual)
    return 1 / (1 + math.exp(-(_TRUST + _LIFT * lift + _SCORE * log_odds)))


def score_of(sure: float, usual: float) -> float:
    """The probability of a label that makes one so sure of it: the inverse of `confidence`."""
    log_odds = (_log_odds(sure) - _TRUST + _LIFT * _log_odds(usual)) / (_LIFT + _SCORE)
    return 1 / (1 + math.exp(-log_odds))


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(kept / (1 - kept))


def _of(
    word: str, neighbours: Iterable[tuple[TaggedNeighbour, Collection[str]]]
) -> tuple[TaggedNeighbour, ...]:
    """The nearest neighbours that are tagged with a word, each given with its tags' words."""
    return tuple(islice((near for near, said in neighbours if word in said), _MOST_NEIGHBOURS))


def _support(
    weights: Mapping[str, float], heard: Mapping[str, _Heard]
) -> tuple[float, tuple[HeardLabel, ...]]:
    """How sure labels make one of a word, and the labels that speak for it, the strongest first.

    Each label that speaks against it takes its part away.
    """
    against = 1.0
    reasons: list[tuple[float, HeardLabel]] = []
    for name, weight in weights.items():
        if name not in heard:
            continue
        chance = abs(weight) * heard[name].chance
        if weight > 0:
            reasons.append((chance, heard[name].label))
        else:
            against *= 1 - chance
    reasons.sort(key=lambda reason: -reason[0])
    kept = tuple(label for chance, label in reasons if chance >= reasons[0][0] / 2)
    return _agreed([chance for chance, _ in reasons]) * against, kept


def _agreed(chances: Sequence[float]) -> float:
    """How sure several witnesses make one of what they all say.

    They share an ear, so they are not independent: the second adds half of what it would, and
    the others nothing.
    """
    first, second = [*sorted(chances, reverse=True), 0.0, 0.0][:2]
    return first + (1 - first) * second / 2


def _listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def in_a_sentence(name: str) -> str:
    """A genre or mood without its capitals, but for abbreviations and proper names."""
    return " ".join(
        word if word.isupper() or word in _PROPER else word.lower() for word in name.split()
    )


def _groupings(heard: Mapping[str, _Heard]) -> tuple[Suggestion, ...]:
    """Who is heard: voices and instruments."""
    found = [
        Suggestion(
            _VOICE_WORDS.get(name, name.capitalize()), heard[name].chance, (heard[name].label,)
        )
        for name in (*_VOICES, *_INSTRUMENTS)
        if name in heard and heard[name].chance >= _LEAST
    ]
    return tuple(sorted(found, key=lambda made: -made.confidence))
