"""What a local model's answer may be, in llama.cpp's GBNF.

The JSON of `prompt.schema`, bound tighter: no blanks between its parts, no word twice, and a
summary that is an English sentence whatever the model's size. The model chooses what it says, in
which order and with which turn of phrase; a small one that is left to itself says "a soft, quiet,
and".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as data

from msa_desktop.base.fields import Field
from msa_desktop.base.proposals import MOST_VALUES, Suggestion
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.rules import in_a_sentence

_NO_VOICE = "no vocals"
_ADJECTIVES = (LabelKind.MOOD, LabelKind.TEMPO)
_MOST_SAID = 2  # of each kind; a sentence is no list


def answer(known: Candidates, kinds: Mapping[str, LabelKind]) -> str:
    """The grammar of the answer on one track.

    Args:
        known: What may be said of it.
        kinds: What each label speaks of.
    """
    made = _Rules()
    members = []
    for name, tags in known.offered.items():
        if tags:
            words = [json.dumps(word, ensure_ascii=False) for word in tags]
            chosen = made.distinct(name.value, words, MOST_VALUES[name], ",")
            optional = "" if name is Field.GENRE else "?"
            members.append(rf'"\"{name.value}\":[" ({chosen}){optional} "]"')
    if sentence := _sentence(made, known, kinds):
        members.append(rf'"\"summary\":\"" {sentence} ".\""')
    body = ' "," '.join(members)
    return "\n".join([f'root ::= " "? "{{" {body} "}}"', *made.lines])


def _sentence(made: _Rules, known: Candidates, kinds: Mapping[str, LabelKind]) -> str:
    """A sentence of two facts or more, without its full stop; "" where fewer are known."""
    genres, moods = (
        list(dict.fromkeys(_music(word) for word in known.tags[field] if word in known.said))
        for field in (Field.GENRE, Field.MOOD)
    )
    heard = [(kinds[label.labels[0].label], label) for label in known.stated]
    qualities = [*moods, *(in_a_sentence(one.value) for kind, one in heard if kind in _ADJECTIVES)]
    qualities = list(dict.fromkeys(qualities))
    sounds = [in_a_sentence(one.value) for kind, one in heard if kind is LabelKind.INSTRUMENT]
    genre, quality, sound = (
        made.distinct(name, texts, _MOST_SAID, " and ")
        for name, texts in (("said", genres), ("quality", qualities), ("sound", sounds))
    )
    voices = [_voice(one) for kind, one in heard if kind is LabelKind.VOICE][:1]
    voice = made.choice("voice", voices) if voices else ""
    forms = []
    if len(genres) > 1:
        forms.append(made.distinct("both", genres, 2, " and ", least=2) + ' " music"')
    if genre and quality:
        mood = made.choice("mood-of", [f"{_article(q)} {q} mood" for q in qualities])
        forms += [f'{quality} " " {genre} " music"', f'{genre} " music with " {mood}']
    if genre and sound:
        described = f'({quality} " ")? {genre}' if quality else genre
        forms.append(f'{described} " music" (" with " | " featuring ") {sound}')
    said = [f"({' | '.join(forms)})" + (f' (", " {voice})?' if voice else "")] if forms else []
    if genre and voice:
        said.append(f'{genre} " music, " {voice}')
    end = "".join(
        f" ({_literal(joint + name)})?"
        for name, joint in (("{tempo}", " at "), ("{key}", " in "))
        if name in known.numbers
    )
    return f"({' | '.join(said)}){end}" if said else ""


@dataclass
class _Rules:
    """Rules as they are made."""

    lines: list[str] = data(default_factory=list)

    def rule(self, name: str, body: str) -> str:
        """Adds a rule; returns its name."""
        self.lines.append(f"{name} ::= {body}")
        return name

    def choice(self, name: str, texts: Sequence[str]) -> str:
        """One of some texts."""
        return self.rule(name, " | ".join(map(_literal, texts)))

    def distinct(
        self, name: str, texts: Sequence[str], most: int, joint: str, least: int = 1
    ) -> str:
        """Some of some texts in any order, none twice; "" where there are none."""
        if not texts:
            return ""
        most = min(most, len(texts))
        made: set[str] = set()

        def after(gone: frozenset[int]) -> str:
            """The rule for what may follow those that were chosen."""
            rule = "-".join([name, *map(str, sorted(gone))])
            if rule not in made:
                made.add(rule)
                options = []
                for i in (i for i in range(len(texts)) if i not in gone):
                    last = len(gone) + 1 == most
                    more = "" if last else f" ({_literal(joint)} {after(gone | {i})})"
                    more += "" if last or len(gone) + 1 < least else "?"
                    options.append(_literal(texts[i]) + more)
                self.rule(rule, " | ".join(options))
            return rule

        return after(frozenset())


def _music(name: str) -> str:
    """A genre or mood as it stands before "music"."""
    return in_a_sentence(name).removesuffix(" music")


def _voice(made: Suggestion) -> str:
    none = made.labels[0].label == _NO_VOICE
    return "without vocals" if none else f"with {in_a_sentence(made.value)}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
