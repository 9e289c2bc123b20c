"""Which words a summary may use.

A tag is somebody's opinion, and may be any text at all. So a sentence takes genres and moods from
the table of words alone. What tells who or what plays, or that somebody does not, it takes only
where that was heard. What the person never wants to read is not said, and what they call otherwise
is said so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from msa_desktop.base.fields import Field
from msa_desktop.base.proposals import Suggestion
from msa_desktop.base.text import spelling
from msa_desktop.base.vocabulary import LabelKind, Vocabulary
from msa_desktop.llm.words import Words

Worded = Callable[[Field, str], str | None]
"""The person's word for a word of a field, or None where they do not want it.

Of `Field.SUMMARY` are words that are no tags: instruments, voices, "fast".
"""

SURE = 0.6
"""A word less sure than this is no part of a summary."""

_PLAIN = re.compile(r"[^\W\d_]+(?:[ '&/-]+[^\W\d_]+){0,3}")
_LONGEST = 30  # characters
_SOUNDS = (LabelKind.INSTRUMENT, LabelKind.VOICE)
_FIELDS = {LabelKind.GENRE: Field.GENRE, LabelKind.MOOD: Field.MOOD}


def as_it_is(_field: Field, word: str) -> str:
    """The wording of a person without a vocabulary of their own."""
    return word


class Sayable:
    """Judges words.

    Args:
        words: The table of genres and moods.
        vocabulary: The words for what is heard.
        worded: The person's own words.
    """

    def __init__(self, words: Words, vocabulary: Vocabulary, worded: Worded = as_it_is) -> None:
        self.worded = worded
        self._words = words
        self._labels = {label.name: label for label in vocabulary.labels}
        self._opposites = vocabulary.opposites
        self._sounds = {
            spelling(name): label.name
            for label in vocabulary.labels
            if label.kind in _SOUNDS
            for name in (label.name, *label.variants)
        }

    def together(self, labels: Iterable[str]) -> list[str]:
        """Labels, the surest first, without those that a surer one contradicts."""
        kept: list[str] = []
        for name in labels:
            against = {
                other
                for pair in self._opposites
                for one, others in (pair, pair[::-1])
                if name in one
                for other in others
            }
            if against.isdisjoint(kept):
                kept.append(name)
        return kept

    def implied(self, labels: Iterable[str]) -> frozenset[str]:
        """Labels, and what they imply: a violin is strings."""
        return frozenset(one for name in labels for one in (name, *self._labels[name].broader))

    def tag(self, field: Field, word: str, heard: frozenset[str]) -> str | None:
        """How a sentence names a genre or mood; None where it may not.

        Args:
            field: Genre or mood.
            word: The program's name or another.
            heard: The labels that are sure, and what they imply.
        """
        name = self._words.canonical(field, word)
        table = self._words.genres if field is Field.GENRE else self._words.moods
        return self._said(field, name, heard) if name in table else None

    def label(self, name: str, heard: frozenset[str], said: str = "") -> str | None:
        """How a sentence names a label that was heard; None where it may not.

        Args:
            name: The label's name.
            heard: As for `tag`.
            said: One of its variants, if that is to be said.
        """
        field = _FIELDS.get(self._labels[name].kind, Field.SUMMARY)
        return self._said(field, said or name, heard)

    def phrases(
        self,
        tags: Iterable[tuple[Field, Suggestion]],
        stated: Iterable[Suggestion],
        heard: frozenset[str],
    ) -> dict[str, Suggestion]:
        """What a sentence may state, by its words, and what speaks for it.

        A genre states the broader ones above it, too. A tag that is not sure enough states nothing.

        Args:
            tags: In the program's words.
            stated: What `RulesTagger.stated` gives.
            heard: The labels that are sure, and what they imply.
        """
        found: dict[str, Suggestion] = {}
        for field, made in tags:
            if made.confidence >= SURE:
                above = self._words.broader(made.value) if field is Field.GENRE else ()
                for word in (made.value, *above):
                    if name := self.tag(field, word, heard):
                        found.setdefault(name, made)
        for made in stated:
            label = self._labels[made.labels[0].label]
            for variant in (label.name, *label.variants):
                if name := self.label(label.name, heard, variant):
                    found.setdefault(name, made)
        return found

    def _said(self, field: Field, word: str, heard: frozenset[str]) -> str | None:
        said = self.worded(field, word)
        if said is None or len(said) > _LONGEST or not _PLAIN.fullmatch(said):
            return None
        told = (self._tells(one) for one in (word, said))
        met = all(not heard.isdisjoint(needed) for needed in told if needed is not None)
        return said if met else None

    def _tells(self, word: str) -> Collection[str] | None:
        """The labels of which one must be heard where the word is said; None: it tells no sound.

        What is a genre by its own name only sounds like an instrument: there need be no drum in
        drum and bass. The table says of which names of genres that is not so.
        """
        genre = self._words.genres.get(self._words.canonical(Field.GENRE, word))
        if genre is not None and genre.heard is not None and spelling(genre.name) == spelling(word):
            return genre.heard
        sound = self._sounds.get(spelling(word))
        return None if sound is None else (sound,)
