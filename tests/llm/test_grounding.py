from __future__ import annotations

import pytest

from msa_desktop.llm import candidates
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.grounding import FILLERS, TOO_LITTLE, Ungrounded
from tests.support_llm import CALM, GROUNDING, METAL, RULES, VOCABULARY, WORDS, evidence, near


def known_of(case: object) -> Candidates:
    assert case in (METAL, CALM)
    return candidates.gather(METAL if case is METAL else CALM, RULES, WORDS)


@pytest.mark.parametrize(
    ("case", "sentence", "expected"),
    [
        (METAL, "aggressive thrash metal with guitar.", "Aggressive thrash metal with guitar."),
        (METAL, "Fast metal at {tempo}, in {key}.", "Fast metal at 162 BPM, in E minor."),
        (METAL, "Loud punk  and\nmetal music.", "Loud punk and metal music."),
        (METAL, "A rock track with guitars and a loud feel.", None),  # metal is rock
        (CALM, "Calm, slow classical music with piano, without vocals.", None),
        (CALM, "Quiet ambient and classical piano music.", None),
    ],
)
def test_what_is_known_may_be_said(case: object, sentence: str, expected: str | None) -> None:
    assert GROUNDING.check(sentence, known_of(case)).text == (expected or sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "Metal.",
        "Metal music.",
        "Calm metal with guitar.",
        "Metal with guitar and saxophone.",
        "Metal with guitar and trumpet.",
        "Metal with guitar and a banjo.",
        "Metal with guitar and piano.",
        "Metal with guitar and female vocals.",
        "Metal with guitar and a singer.",
        "Metal and jazz with guitar.",
        "Metal and grunge with guitar.",  # not sure enough
        "Metal and hip hop with guitar.",
        "Spanish metal with guitar.",
        "Metal with guitar by Metallica.",
        "Metal with guitar by Ada.",
        "Metal with guitar at 162 BPM.",
        "Metal with guitar at {tempo} 9.",
        "Metal with guitar at {speed}.",
        "Metal with guitar from the eighties.",
        "Metal without guitar.",
        "Metal, not punk, with guitar.",
        "No metal, with guitar.",
        "Metal with guitar. It is fast.",
        "Metal with guitar!",
        "Metal with guitar",
        "Metal with <b>guitar</b>.",
        "Metal with guitar at http://example.com.",
        "Metal with guitar\x1b[2J.",
        "Metal with guitar\u202e.",
        "Metal with guitar and " + "metal and " * 40 + "metal.",
        "Метал with guitar.",
    ],
)
def test_anything_else_is_refused(sentence: str) -> None:
    with pytest.raises(Ungrounded):
        GROUNDING.check(sentence, known_of(METAL))


def test_no_word_of_the_tables_is_said_without_a_reason() -> None:
    known = known_of(METAL)
    allowed = {name.lower() for name in known.said}
    names = {*WORDS.genres, *WORDS.moods}
    names |= {name for label in VOCABULARY.labels for name in (label.name, *label.variants)}
    unknown = [name for name in names if name.lower() not in allowed]
    assert len(unknown) > 300
    said = []
    for name in unknown:
        try:
            said.append(GROUNDING.check(f"Metal with guitar and {name}.", known).text)
        except Ungrounded:
            continue
    # Spellings of what is known: "metal music", "guitars".
    assert said == [] or all("metal" in text.lower() for text in said)
    assert len(said) < 10, said


def test_fillers_are_no_words_of_the_tables() -> None:
    names = {name.lower() for name in (*WORDS.genres, *WORDS.moods)}
    names |= {n.lower() for label in VOCABULARY.labels for n in (label.name, *label.variants)}
    assert not FILLERS & names
    assert not FILLERS & {"no", "not", "without", "never", "hardly", "lacks", "lacking"}


def test_a_sentence_is_as_sure_as_its_parts() -> None:
    parts = GROUNDING.check("Punk with guitar.", known_of(METAL)).parts
    assert {part.value for part in parts} == {"Punk", "guitar"}


def test_too_little_is_told_apart() -> None:
    with pytest.raises(Ungrounded, match=TOO_LITTLE):
        GROUNDING.check("Metal music.", known_of(METAL))


def test_a_tag_that_may_be_anything_is_no_part_of_a_sentence() -> None:
    votes = {"Buy at www.example.com": 0.9, "Rock": 0.8, "4/4": 0.7, "a b c d e f": 0.65}
    known = candidates.gather(evidence(votes, (near(1, *votes),)), RULES, WORDS)
    assert set(known.said) == {"Rock"}
