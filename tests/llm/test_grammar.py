"""The grammar of a local model's answer: whatever it lets through can be used."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from msa_desktop.base.fields import Field
from msa_desktop.base.proposals import MOST_VALUES
from msa_desktop.llm import candidates
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.llama import parsed
from tests.support_llm import CALM, GROUNDING, METAL, RULES, WORDS, evidence

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z][\w-]*|[|()?]')


class Writer:
    """Writes at random what a grammar allows: literals, rules, choices, groups and "?"."""

    def __init__(self, grammar: str) -> None:
        lines = (line.partition(" ::= ") for line in grammar.splitlines())
        self.rules = {name: self._choice(_TOKEN.findall(body)) for name, _, body in lines}

    def write(self, seed: int) -> str:
        self.random = random.Random(seed)
        return self._write(("rule", "root"))

    def _choice(self, tokens: list[str]) -> tuple[str, Any]:
        """Takes a choice off the front of the tokens."""
        sequences = [self._sequence(tokens)]
        while tokens and tokens[0] == "|":
            tokens.pop(0)
            sequences.append(self._sequence(tokens))
        return "choice", sequences

    def _sequence(self, tokens: list[str]) -> tuple[str, Any]:
        parts: list[tuple[str, Any]] = []
        while tokens and tokens[0] not in "|)":
            head = tokens.pop(0)
            if head == "?":
                parts.append(("maybe", parts.pop()))
            elif head == "(":
                parts.append(self._choice(tokens))
                assert tokens.pop(0) == ")"
            else:
                parts.append(("literal", json.loads(head)) if head[0] == '"' else ("rule", head))
        return "sequence", parts

    def _write(self, node: tuple[str, Any]) -> str:
        match node:
            case "literal", text:
                return str(text)
            case "rule", name:
                return self._write(self.rules[name])
            case "choice", sequences:
                return self._write(self.random.choice(sequences))
            case "maybe", inner:
                return self._write(inner) if self.random.random() < 0.6 else ""
            case _, parts:
                return "".join(map(self._write, parts))


ODD = evidence(
    {
        "Ambient Music": 0.9,
        "R&B": 0.8,
        "Drum & Bass": 0.7,
        "Müsli-Rock": 0.6,
        "Oi!": 0.5,
        "9/8": 0.4,
    },
    says={Field.KEY: ("C",)},
    no_vocals=0.9,
    choir=0.9,
)


@pytest.mark.parametrize("case", [METAL, CALM, ODD, evidence({"Rock": 0.5}), evidence(happy=0.9)])
def test_every_answer_is_of_candidates_and_grounded(case: Evidence) -> None:
    known = candidates.gather(case, RULES, WORDS)
    writer = Writer(GROUNDING.grammar(known))
    seen = set()
    for seed in range(300):
        text = writer.write(seed)
        said = json.loads(text)
        told = parsed(text, known)
        for field, tags in known.tags.items():
            chosen = said.get(field.value, [])
            assert list(told.tags[field]) == chosen
            assert len(set(chosen)) == len(chosen) <= MOST_VALUES[field]
            assert not tags or chosen or field is Field.MOOD
        if told.summary:
            seen.add(GROUNDING.check(told.summary, known).text)
    assert bool(seen) == (case in (METAL, CALM, ODD))


def test_what_the_file_keeps_is_said_and_not_chosen() -> None:
    own = {Field.GENRE: ("Rock", "Hard Rock", "Live")}
    case = evidence({"Metal": 0.7, "Punk": 0.6}, says=own, guitar=0.9, loud=0.9)
    known = candidates.gather(
        case, RULES, WORDS, takes=lambda _, word: word not in own[Field.GENRE]
    )
    writer = Writer(GROUNDING.grammar(known))
    answers = [json.loads(writer.write(seed)) for seed in range(200)]
    assert {word for said in answers for word in said["genre"]} == {"Metal", "Punk"}
    assert any("hard rock" in said["summary"] for said in answers)
    for said in answers:
        GROUNDING.check(said["summary"], known)


def test_sentences_read_like_english() -> None:
    writer = Writer(GROUNDING.grammar(candidates.gather(METAL, RULES, WORDS)))
    for seed in range(200):
        sentence = json.loads(writer.write(seed))["summary"]
        assert re.fullmatch(r"[a-z][a-z {},-]+\.", sentence)
        assert not re.search(r"music music|\ba [aeiou]|\ban [^aeiou]|  |,,| \.", sentence), sentence
