"""Whether a sentence says nothing but what is known: every word of it must have a reason.

A list of forbidden words would never be complete (saxophone, Spanish, "by Miles Davis"). So a
sentence may only be made of the words of the evidence, and of a few that state nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from msa_desktop.base.proposals import Suggestion
from msa_desktop.base.text import spelling
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm import _grammar
from msa_desktop.llm.candidates import Candidates

LONGEST = 240
"""Characters that a sentence may have."""

# Words that state nothing of a track. None of them denies ("not", "without", "no"): that would turn
# what was heard into its opposite.
FILLERS = frozenset(
    [
        "a", "an", "the", "this", "it", "its", "is", "are", "of", "and", "with", "in", "at", "on",
        "by", "to", "as", "from", "for", "that", "which", "has", "have", "music", "track", "piece",
        "sound", "sounds", "sounding", "feel", "feeling", "mood", "moods", "atmosphere", "tone",
        "style", "styles", "touch", "touches", "hint", "hints", "element", "elements", "mix",
        "mixes", "mixing", "blend", "blends", "blending", "combines", "combining", "features",
        "featuring", "brings", "together", "set", "carried", "led", "around", "about", "also",
        "both", "very", "rather", "clearly", "mostly", "tempo", "key",
    ]
)  # fmt: skip

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 - both apostrophes are typed
_SENTENCE = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ,'’&/-])*\.")  # noqa: RUF001
_PHRASE = 4  # words that a phrase of the evidence has at most
_LEAST_PARTS = 2  # "Folk music." beside the genre "Folk" tells nobody anything

TOO_LITTLE = "it says too little"


@dataclass(frozen=True, slots=True)
class Grounded:
    """A sentence that says nothing but what is known.

    Attributes:
        text: With the program's numbers in it.
        parts: What it states.
    """

    text: str
    parts: tuple[Suggestion, ...]


class Ungrounded(ValueError):  # noqa: N818 - a verdict, not an error
    """A sentence that says something else. The message says what."""


class Grounding:
    """Checks sentences.

    Args:
        vocabulary: The words for what is heard.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._kinds = {label.name: label.kind for label in vocabulary.labels}

    def grammar(self, known: Candidates) -> str:
        """What a local model's answer on a track may be, in GBNF."""
        return _grammar.answer(known, self._kinds)

    def check(self, sentence: str, known: Candidates) -> Grounded:
        """The sentence, if it says nothing but what is known, with the program's numbers put in.

        Raises:
            Ungrounded: It says something else, or is no sentence.
        """
        text = " ".join(sentence.split())
        if not 0 < len(text) <= LONGEST:
            raise Ungrounded("no sentence, or a long one")
        bare = text
        for name in known.numbers:
            bare = bare.replace(name, "key")  # stands for a word that states nothing
        if not _SENTENCE.fullmatch(bare):
            raise Ungrounded("not one plain sentence")
        parts = self._parts(_WORD.findall(bare), _spelled(known.said))
        for name, made in known.numbers.items():
            if name in text:
                text = text.replace(name, made.value)
                parts.append(made)
        return Grounded(text[0].upper() + text[1:], tuple(dict.fromkeys(parts)))

    def _parts(self, said: list[str], spelled: Mapping[str, Suggestion]) -> list[Suggestion]:
        parts: list[Suggestion] = []
        at = 0
        while at < len(said):
            length, made = self._phrase_at(said[at : at + _PHRASE], spelled)
            if made is not None:
                parts.append(made)
            elif said[at].lower() not in FILLERS:
                raise Ungrounded(f'"{said[at]}"')
            at += length
        if len(set(parts)) < _LEAST_PARTS:
            raise Ungrounded(TOO_LITTLE)
        return parts

    def _phrase_at(
        self, said: list[str], spelled: Mapping[str, Suggestion]
    ) -> tuple[int, Suggestion | None]:
        """How many words the longest phrase that begins here has, and what speaks for it."""
        for length in range(len(said), 0, -1):
            # Spelling passes over a last "music", which is a word of its own here.
            if length == 1 or said[length - 1].lower() not in FILLERS:
                made = spelled.get(spelling(" ".join(said[:length])))
                if made is not None:
                    return length, made
        return 1, None


def _spelled(said: Mapping[str, Suggestion]) -> dict[str, Suggestion]:
    """What may be stated, by its spelling; of two, the first."""
    found: dict[str, Suggestion] = {}
    for name, made in said.items():
        found.setdefault(spelling(name), made)
    return found
