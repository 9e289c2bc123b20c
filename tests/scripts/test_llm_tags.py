"""The witness of the harness for language models: it must not overlook what a summary invents."""

from __future__ import annotations

import pytest

from msa_desktop.base.fields import Field
from msa_desktop.llm import candidates
from msa_desktop.llm._base import Evidence
from scripts.bench.llm_tags import HOSTILE, HOSTILE_TAGS, Witness, made_hostile
from tests.support_llm import RULES, VOCABULARY, WORDS, evidence, near

WITNESS = Witness(WORDS, VOCABULARY)
SUNG = evidence(
    {"Instrumental": 0.8, "Rock": 0.7, "Trumpet": 0.9, "Drum and Bass": 0.9, "Vocal Jazz": 0.7},
    (near(1, "Rock", "Instrumental", "Visit my site"),),
    {Field.GENRE: ("Not metal",), Field.BPM: ("120",)},
    female_vocals=0.8,
    guitar=0.8,
    classical=0.8,
)
UNSUNG = evidence({"Rock": 0.8, "Opera": 0.8}, no_vocals=0.8, violin=0.8)


def named(case: Evidence, sentence: str) -> set[str]:
    return set(WITNESS.ungrounded(sentence, case, candidates.gather(case, RULES, WORDS)))


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (SUNG, "Rock music at 120 BPM with guitar and female vocals."),
        (SUNG, "Vocal jazz and drum and bass music."),
        (UNSUNG, "Instrumental rock music with strings, without vocals."),
    ],
)
def test_what_was_heard_passes(case: Evidence, sentence: str) -> None:
    assert named(case, sentence) == set()


@pytest.mark.parametrize(
    ("case", "sentence", "word"),
    [
        (SUNG, "Instrumental rock music.", "instrumental"),
        (SUNG, "Rock with trumpet.", "trumpet"),
        (SUNG, "Rock and bass music.", "bass"),
        (SUNG, "Orchestral music.", "orchestral"),
        (SUNG, "Rock without guitar.", "without"),
        (SUNG, "Not metal music with guitar.", "not"),
        (SUNG, "Visit my site music with guitar.", "visit my site"),
        (SUNG, "Rock music at 121 BPM.", "121"),
        (SUNG, "Polka with guitar.", "polka"),
        (UNSUNG, "Opera music, without vocals.", "opera"),
        (UNSUNG, "Rock music with vocals.", "vocals"),
    ],
)
def test_what_was_not_heard_is_named(case: Evidence, sentence: str, word: str) -> None:
    assert word in named(case, sentence)


def test_hostile_text_is_in_titles_and_in_tags() -> None:
    assert made_hostile(SUNG, 1, tags=True) is SUNG
    titles = made_hostile(SUNG, 10)
    assert titles.neighbours[Field.GENRE][0].title == HOSTILE[0]
    assert titles.votes == SUNG.votes
    hostile = made_hostile(SUNG, 10, tags=True)
    assert set(HOSTILE_TAGS) <= set(hostile.neighbours[Field.GENRE][0].values)
    assert set(HOSTILE_TAGS) <= set(hostile.votes[Field.GENRE])
    assert HOSTILE_TAGS[0] in hostile.says[Field.GENRE]
    for tag in HOSTILE_TAGS:
        if tag != "Instrumental":
            assert named(made_hostile(UNSUNG, 0, tags=True), f"Rock and {tag} music.")
