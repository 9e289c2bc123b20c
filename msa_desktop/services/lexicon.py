"""What words mean in sound: each phrase a person may type, as labels and how they speak for it.

Joined from resources/search_words.toml, the label vocabulary, and the table of moods and genres: of
two that know a phrase, the one named first here counts. Spellings are joined as everywhere in the
program (`base.text.spelling`): "hip hop", "hip-hop" and "HipHop" are one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.text import spelling
from msa_desktop.base.vocabulary import LabelKind, Vocabulary
from msa_desktop.llm.words import Genre, Words
from msa_desktop.store.text import words
from msa_desktop.store.word_rows import Phrase

_DECADE = re.compile(r"(19|20)?([0-9])0s")
_OLD = (1, 1969)  # the years of what is called old
_MOST_WORDS = 4  # of a phrase
_IN_NAME = 0.5


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a person may ask for, and how it is found.

    Attributes:
        name: For people.
        weights: How much each label speaks for it, down to -1 against it; empty where the models
            know nothing like it.
        phrases: How files say it in their tags: its names, and those of the genres below it.
        years: The first and the last year of an era.
        voice: Whether it is about singing.
        lack: Whether most music is so: it is asked not to be unusual, instead of to stand out.
    """

    name: str
    weights: Mapping[str, float]
    phrases: frozenset[Phrase]
    years: tuple[int, int] | None = None
    voice: bool = False
    lack: bool = False


class Lexicon:
    """The phrases and their meanings.

    Args:
        meanings: Concepts, each with the names it goes by. The first that has a name keeps it.
    """

    def __init__(self, meanings: Iterable[tuple[Concept, Iterable[str]]]) -> None:
        self._concepts: dict[str, Concept] = {}
        for concept, names in meanings:
            for name in names:
                self._concepts.setdefault(spelling(name), concept)

    def find(self, text: str) -> Concept | None:
        """What a phrase means, or None."""
        known = self._concepts.get(spelling(text))
        span = decade(text) if known is None else None
        return Concept(text, {}, _phrases([text]), span) if span else known

    def longest(self, parts: Sequence[str]) -> tuple[int, Concept | None]:
        """How many of the first words make one phrase, and what it means; (1, None) for none."""
        for count in range(min(_MOST_WORDS, len(parts)), 0, -1):
            if not (spelling(parts[0]) and spelling(parts[count - 1])):
                continue  # "and" belongs to no phrase that it begins or ends
            found = self.find(" ".join(parts[:count]))
            if found:
                return count, found
        return 1, None


def decade(text: str) -> tuple[int, int] | None:
    """The years of "80s", "1980s" or "2010s"; None for other words."""
    found = _DECADE.fullmatch(text)
    if not found:
        return None
    century = found[1] or ("20" if found[2] in "012" else "19")
    first = int(f"{century}{found[2]}0")
    return first, first + 9


def load(path: Path, vocabulary: Vocabulary, table: Words) -> Lexicon:
    """Reads a file in the form of resources/search_words.toml, and joins the other tables.

    Raises:
        ValueError: It speaks of a label that is not there.
    """
    labels = {label.name for label in vocabulary.labels}
    voices = {label.name for label in vocabulary.labels if label.kind is LabelKind.VOICE}
    below = _below(table)

    def meaning(
        names: tuple[str, ...],
        weights: Mapping[str, float],
        years: tuple[int, int] | None = None,
        *,
        lack: bool = False,
    ) -> tuple[Concept, tuple[str, ...]]:
        if unknown := weights.keys() - labels:
            raise ValueError(f"{names[0]}: there is no label {', '.join(sorted(unknown))}")
        said = [*names, *(lower for each in names for lower in below.get(spelling(each), ()))]
        voice = bool(weights) and max(weights, key=lambda label: weights[label]) in voices
        return Concept(names[0], weights, _phrases(said), years, voice, lack), names

    meanings = [
        meaning((name, *entry.get("as", ())), entry["labels"], lack=entry.get("lack", False))
        for name, entry in tomllib.loads(path.read_text("utf-8"))["words"].items()
    ]
    for label in vocabulary.labels:
        years = (decade(label.name) or _OLD) if label.kind is LabelKind.ERA else None
        meanings.append(meaning((label.name, *label.variants), {label.name: 1.0}, years))
    for mood in table.moods.values():
        meanings.append(meaning((mood.name, *mood.variants), mood.labels))
    simple = Lexicon(meanings)
    for genre in table.genres.values():
        weights = genre.labels or _borrowed(genre, table, simple)
        meanings.append(meaning((genre.name, *genre.variants), weights))
    return Lexicon(meanings)


def _borrowed(genre: Genre, table: Words, simple: Lexicon) -> Mapping[str, float]:
    """How a genre may sound that no model knows.

    As the nearest one above it that some model does, and half as much as what the words of its
    name mean: "Dark Ambient" is ambient, and dark.
    """
    above = (table.genres[name].labels for name in genre.broader)
    weights = dict(next(filter(None, above), {}))
    for word in words(genre.name):
        concept = simple.find(word)
        for label, weight in concept.weights.items() if concept else ():
            weights.setdefault(label, _IN_NAME * weight)
    return weights


def _below(table: Words) -> dict[str, list[str]]:
    """The genres below each in the tree, by its spelling."""
    found: dict[str, list[str]] = {}
    for genre in table.genres.values():
        for upper in genre.broader:
            found.setdefault(spelling(upper), []).append(genre.name)
    return found


def _phrases(names: Iterable[str]) -> frozenset[Phrase]:
    """The names as folded words, apart and joined; one that holds another's words adds nothing."""
    parts = {tuple(words(name)) for name in names}
    fewest = [phrase for phrase in parts if not any(set(other) < set(phrase) for other in parts)]
    return frozenset(spelt for phrase in fewest for spelt in (phrase, ("".join(phrase),)))
