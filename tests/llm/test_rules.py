from __future__ import annotations

from typing import Any

import pytest

from msa_desktop.base import vocabulary
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.model import LabelScore, TrackId
from msa_desktop.base.paths import resources
from msa_desktop.base.proposals import Suggestion, TaggedNeighbour
from msa_desktop.llm import words
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.rules import RulesTagger, confidence


@pytest.fixture(scope="module")
def tagger() -> RulesTagger:
    labels = vocabulary.load(resources() / "labels.toml")
    return RulesTagger(words.load(resources() / "words.toml"), labels)


def evidence(
    votes: dict[str, float] | None = None,
    neighbours: tuple[TaggedNeighbour, ...] = (),
    says: FieldValues | None = None,
    **labels: float,
) -> Evidence:
    scores = tuple(LabelScore(name.replace("_", " "), p, "msd") for name, p in labels.items())
    return Evidence(scores, {Field.GENRE: neighbours}, {Field.GENRE: votes or {}}, says or {})


def values(suggestions: tuple[Suggestion, ...]) -> list[str]:
    return [made.value for made in suggestions]


def test_nothing_is_said_without_evidence(tagger: RulesTagger) -> None:
    assert tagger.suggest(evidence()) == {}
    assert tagger.suggest(evidence(rock=0.05, sad=0.01, piano=0.03)) == {}


def test_labels_become_genres_with_their_evidence(tagger: RulesTagger) -> None:
    rock, *_ = tagger.suggest(evidence(rock=0.5, guitar=0.3))[Field.GENRE]
    assert rock.value == "Rock"
    assert rock.confidence == pytest.approx(confidence(0.5, 0.113))
    assert [label.label for label in rock.labels] == ["rock"]


def test_decades_are_no_genres(tagger: RulesTagger) -> None:
    found = tagger.suggest(evidence(votes={"80s": 0.9, "Synthpop": 0.8}, pop=0.3))
    assert "Synthpop" in values(found[Field.GENRE])
    assert "80s" not in values(found[Field.GENRE])


def test_neighbours_vote_and_are_named(tagger: RulesTagger) -> None:
    near = tuple(
        TaggedNeighbour(TrackId(n), f"Track {n}", "Ada", 0.9 - n / 100, tags)
        for n, tags in enumerate([("hip hop",), ("Rock",), ("HipHop", "Jazz")])
    )
    (made,) = tagger.suggest(evidence({"Hip-Hop": 0.7}, near))[Field.GENRE]
    assert (made.value, made.confidence) == ("Hip-Hop", 0.7)
    assert [one.title for one in made.neighbours] == ["Track 0", "Track 2"]


def test_two_witnesses_are_surer_than_one(tagger: RulesTagger) -> None:
    alone = tagger.suggest(evidence(rock=0.4))[Field.GENRE][0].confidence
    both = tagger.suggest(evidence({"Rock": 0.6}, rock=0.4))[Field.GENRE][0].confidence
    assert max(alone, 0.6) < both < 1


def test_moods_weigh_for_and_against(tagger: RulesTagger) -> None:
    calm = tagger.suggest(evidence(quiet=0.3, soft=0.2, slow=0.4))[Field.MOOD]
    assert calm[0].value == "Calm"
    assert {"quiet", "soft"} <= {label.label for label in calm[0].labels}
    loud = tagger.suggest(evidence(quiet=0.3, soft=0.2, slow=0.4, loud=0.6)).get(Field.MOOD, ())
    assert {made.value: made.confidence for made in loud}.get("Calm", 0) < calm[0].confidence / 2


def test_groupings_say_who_is_heard(tagger: RulesTagger) -> None:
    found = tagger.suggest(evidence(no_vocals=0.5, piano=0.6))[Field.GROUPING]
    assert values(found) == ["Piano", "Instrumental"]


def test_the_summary_states_only_what_is_sure(tagger: RulesTagger) -> None:
    found = tagger.suggest(
        evidence(ambient=0.6, quiet=0.4, soft=0.3, piano=0.6, flute=0.05, no_vocals=0.5)
    )
    (summary,) = found[Field.SUMMARY]
    assert summary.value == "Calm ambient music with piano, without vocals."
    assert {"ambient", "piano", "no vocals"} <= {label.label for label in summary.labels}
    assert summary.confidence <= min(found[Field.GENRE][0].confidence, confidence(0.6, 0.041))
    assert Field.SUMMARY not in tagger.suggest(evidence(ambient=0.6)), "a genre alone says little"


def test_the_summary_believes_the_file(tagger: RulesTagger) -> None:
    said = {Field.GENRE: ("80s", "Zeuhl", "polka"), Field.MOOD: ("Restless", "quirky")}
    (summary,) = tagger.suggest(evidence(says=said, rock=0.6))[Field.SUMMARY]
    assert summary.value == "Playful polka music.", "in the words of the table alone"
    assert summary.reason == "the file's own tags"


@pytest.mark.parametrize(
    ("labels", "says", "text"),
    [
        ({"guitar": 0.6, "male_vocals": 0.5}, ("Rock",), "Rock music with guitar and male vocals."),
        ({"piano": 0.6, "cello": 0.5, "choir": 0.4}, ("R&B", "Indian"),
         "R&B and Indian music with piano, cello and choir."),
        ({"drums": 0.6}, ("World Music",), "World music with drums."),
        ({"drums": 0.7, "electronic": 0.6, "techno": 0.6}, (), "Techno music with drums."),
    ],
)  # fmt: skip
def test_summaries_read_well(
    tagger: RulesTagger, labels: dict[str, Any], says: tuple[str, ...], text: str
) -> None:
    said = {Field.GENRE: says} if says else {}
    assert tagger.suggest(evidence(says=said, **labels))[Field.SUMMARY][0].value == text


def test_every_suggestion_has_a_reason(tagger: RulesTagger) -> None:
    found = tagger.suggest(
        evidence(
            {"Metal": 0.5, "Folk": 0.3},
            (TaggedNeighbour(TrackId(1), "T", "A", 0.8, ("folk", "metal")),),
            rock=0.5, metal=0.3, loud=0.5, fast=0.4, drums=0.5, female_vocals=0.6, jazz=0.2,
        )
    )  # fmt: skip
    for suggestions in found.values():
        assert list(suggestions) == sorted(suggestions, key=lambda made: -made.confidence)
        for made in suggestions:
            assert 0 < made.confidence <= 1
            assert made.labels or made.neighbours or made.reason


def test_confidence_follows_the_score_and_what_is_usual() -> None:
    assert confidence(0.45, 0.15) == pytest.approx(0.9, abs=0.05)
    assert confidence(0.06, 0.02) < 0.5 < confidence(0.12, 0.02)
    assert 0 <= confidence(0.0, 0.02) < 0.001
    assert 0.999 < confidence(1.0, 0.02) <= 1
