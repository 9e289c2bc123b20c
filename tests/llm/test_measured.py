"""Tempo and key, from what was measured to tags and sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from msa_desktop.base.fields import Field, FieldValues, cleaned
from msa_desktop.base.music import KEYS, Key, Measures, Tempo
from msa_desktop.base.proposals import Suggestion
from msa_desktop.llm import candidates, measured
from msa_desktop.llm.grounding import Ungrounded
from tests.support_llm import GROUNDING, RULES, WORDS, evidence

SURE = Measures(Tempo(127.6, 0.9, ((63.8, 0.06),)), Key("F#m", 0.85))
PIANO = evidence(classical=0.8, piano=0.7)


def stated(says: FieldValues, measures: Measures = SURE) -> dict[str, str]:
    found = measured.stated(replace(evidence(says=says), measures=measures))
    return {name: made.value for name, made in found.items()}


def test_what_is_sure_is_suggested_with_its_reason() -> None:
    assert measured.suggestions(SURE) == {
        Field.BPM: (Suggestion("128", 0.9, reason="measured: 127.6 BPM; less likely 64"),),
        Field.KEY: (Suggestion("F#m", 0.85, reason="measured: F# minor, Camelot 11A"),),
    }
    assert measured.suggestions(Measures(Tempo(60, 0.7), Key("C", 0.6))).keys() == {
        Field.BPM,
        Field.KEY,
    }


@pytest.mark.parametrize("measures", [Measures(), Measures(Tempo(60, 0.69), Key("C", 0.59))])
def test_nothing_is_made_of_what_is_not(measures: Measures) -> None:
    assert measured.suggestions(measures) == {}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("bpm", [38.2, 99.96, 250])
def test_every_tempo_and_key_can_be_written(key: str, bpm: float) -> None:
    for field, made in measured.suggestions(Measures(Tempo(bpm, 1), Key(key, 1))).items():
        assert cleaned(field, [made[0].value]) == (made[0].value,)


def test_a_sentence_says_what_the_file_says_before_what_was_measured() -> None:
    assert stated({}) == {"{tempo}": "128 BPM", "{key}": "F# minor"}
    assert stated({Field.BPM: ("90.4",), Field.KEY: ("8A",)}) == {
        "{tempo}": "90 BPM",
        "{key}": "A minor",
    }
    own = measured.stated(evidence(says={Field.KEY: ("Bb",)}))
    assert own == {"{key}": Suggestion("Bb major", 1.0, reason=measured.OWN)}


@pytest.mark.parametrize("bpm", ["fast", "0", "-3", "nan", "9" * 300, ""])
def test_no_nonsense_of_a_file_gets_into_a_sentence(bpm: str) -> None:
    assert stated({Field.BPM: (bpm,), Field.KEY: ("o",)}, Measures()) == {}
    assert stated({Field.BPM: (bpm,)})["{tempo}"] == "128 BPM"


def test_what_would_make_a_sentence_unsure_is_no_part_of_it() -> None:
    assert stated({}, Measures(Tempo(60, 0.79), Key("C", 0.79))) == {}


def test_the_rules_suggest_them_and_say_them() -> None:
    found = RULES.suggest(replace(PIANO, measures=SURE))
    assert found.keys() >= {Field.BPM, Field.KEY}
    (summary,) = found[Field.SUMMARY]
    assert summary.value == "Classical music at 128 BPM in F# minor with piano."
    assert "127.6" in summary.reason
    assert "F# minor" in summary.reason
    assert summary.confidence <= 0.85
    without = RULES.suggest(PIANO)
    assert without[Field.SUMMARY][0].value == "Classical music with piano."
    assert not without.keys() & {Field.BPM, Field.KEY}


def test_a_files_tempo_alone_is_a_reason() -> None:
    says = {Field.GENRE: ("Polka",), Field.MOOD: ("Happy",), Field.BPM: ("120",)}
    (summary,) = RULES.suggest(evidence(says=says))[Field.SUMMARY]
    assert (summary.value, summary.reason) == ("Happy polka music at 120 BPM.", measured.OWN)


def test_a_model_can_only_name_what_was_measured() -> None:
    known = candidates.gather(replace(PIANO, measures=SURE), RULES, WORDS)
    said = GROUNDING.check("Classical music with piano at {tempo} in {key}.", known)
    assert said.text == "Classical music with piano at 128 BPM in F# minor."
    assert {part.reason for part in said.parts if part.reason} == {
        "measured: 127.6 BPM; less likely 64",
        "measured: F# minor, Camelot 11A",
    }
    unmeasured = candidates.gather(PIANO, RULES, WORDS)
    for sentence, facts in (
        ("Classical music with piano at {tempo}.", unmeasured),
        ("Classical music with piano at 128 BPM.", known),
        ("Classical music with piano in G minor.", known),
        ("Classical music at {tempo}.", known),  # too little besides
    ):
        with pytest.raises(Ungrounded):
            GROUNDING.check(sentence, facts)
