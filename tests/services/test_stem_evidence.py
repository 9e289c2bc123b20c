"""What stems say against the labels of the whole track."""

from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.base import vocabulary
from msa_desktop.base.fields import Field
from msa_desktop.base.model import FloatArray, LabelScore
from msa_desktop.base.paths import resources
from msa_desktop.llm import rules, words
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.rules import RulesTagger
from msa_desktop.services.stem_evidence import readable, refined
from msa_desktop.store.stem_rows import HeardStem

VOCABULARY = vocabulary.load(resources() / "labels.toml")
USUAL = VOCABULARY.usual()
SONG = {"piano": 0.6, "vocals": 0.3, "male vocals": 0.25, "opera": 0.1}
INSTRUMENTAL = {"piano": 0.6, "no vocals": 0.3}


def labels(**scores: float) -> dict[str, FloatArray]:
    """Scores as a model gives them, by its own names."""
    source = VOCABULARY.sources["mtt"]
    given = np.full(len(source.labels), 0.001, np.float32)
    for name, score in scores.items():
        given[source.labels.index(name)] = score
    return {"mtt": given}


def heard(scores: dict[str, float]) -> list[LabelScore]:
    return [LabelScore(name, score, "mtt") for name, score in scores.items()]


def stems(vocals: float, rest: float, **said: float) -> dict[str, HeardStem]:
    return {
        "vocals": HeardStem(vocals, {"musicnn": "1"}, labels(**said) if said else {}),
        "drums": HeardStem(rest),
        "instrumental": HeardStem(rest),
    }


def told(scores: dict[str, float], parts: dict[str, HeardStem]) -> dict[str, LabelScore]:
    found = refined(heard(scores), parts, VOCABULARY)
    assert list(found) == sorted(found, key=lambda one: -one.score), "the strongest first"
    return {one.label: one for one in found}


def grouping(found: dict[str, LabelScore]) -> dict[str, float]:
    tagger = RulesTagger(words.load(resources() / "words.toml"), VOCABULARY)
    made = tagger.suggest(Evidence(tuple(found.values()), {}, {}, {}))
    return {one.value: one.confidence for one in made.get(Field.GROUPING, ())}


def test_an_instrumental_that_was_taken_for_a_song() -> None:
    found = told(SONG, stems(0.001, 0.2, female=0.9))
    assert found.keys() == {"piano", "no vocals"}
    assert found["no vocals"].source == "stems"
    assert found["piano"] == LabelScore("piano", 0.6, "mtt")
    said = grouping(found)
    assert said["Instrumental"] == pytest.approx(0.94, abs=0.01)  # as sure as the stems are
    assert not said.keys() & {"Vocal", "Male vocals"}


def test_a_song_that_was_taken_for_an_instrumental() -> None:
    found = told(INSTRUMENTAL, stems(0.1, 0.1))
    assert found.keys() == {"piano", "vocals"}
    assert rules.confidence(found["vocals"].score, USUAL["vocals"]) == pytest.approx(0.95, abs=0.01)
    assert "Instrumental" not in grouping(found)


def test_labels_that_are_surer_stay() -> None:
    sure = {"no vocals": 0.9}
    assert told(sure, stems(0, 0.2)) == {"no vocals": LabelScore("no vocals", 0.9, "mtt")}


def test_whose_voice_it_is() -> None:
    found = told(SONG, stems(0.1, 0.1, **{"female": 0.8, "man": 0.01, "choir": 0.9}))
    assert found["female vocals"].score == pytest.approx(0.8)
    assert found["male vocals"].score == pytest.approx(0.25), "the mix is not forgotten"
    assert "choir" not in found, "a voice alone is soon taken for a choir"
    assert found["opera"].score == pytest.approx(0.1)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        stems(0, 0),  # silent
        stems(0.05, 0.2, female=0.9),  # at the border of song and instrumental
        {"drums": HeardStem(0.2), "bass": HeardStem(0.1)},  # of a model that knows no voice
    ],
)
def test_nothing_is_changed_by_what_says_nothing(parts: dict[str, HeardStem]) -> None:
    assert list(refined(heard(SONG), parts, VOCABULARY)) == heard(SONG)


def test_scores_of_former_labels_are_passed_over() -> None:
    given = labels(female=0.5) | {"msd": np.ones(3, np.float32), "gone": np.ones(50, np.float32)}
    assert readable(given, VOCABULARY).keys() == {"mtt"}


def test_the_score_that_makes_one_so_sure() -> None:
    for usual in (0.02, 0.1, 0.4):
        for sure in (0.05, 0.5, 0.95):
            score = rules.score_of(sure, usual)
            assert rules.confidence(score, usual) == pytest.approx(sure)
