from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from msa_desktop.base import vocabulary
from msa_desktop.base.model import FloatArray
from msa_desktop.base.paths import resources

WORDS = vocabulary.load(resources() / "labels.toml")


def scores(**given: float) -> dict[str, FloatArray]:
    """Scores by source: the given ones, named source_label with _ for a space; the rest usual."""
    filled = {s.id: np.array(s.rates, np.float32) for s in WORDS.sources.values()}
    for name, score in given.items():
        source, _, label = name.partition("_")
        filled[source][WORDS.sources[source].labels.index(label.replace("_", " "))] = score
    return filled


def named(found: dict[str, FloatArray]) -> dict[str, tuple[float, str]]:
    return {entry.label: (entry.score, entry.source) for entry in WORDS.merged(found)}


def test_the_orders_are_the_models() -> None:
    msd, mtt = WORDS.sources["msd"], WORDS.sources["mtt"]
    assert len(msd.labels) == len(mtt.labels) == 50
    assert (msd.labels[0], msd.labels[33], msd.labels[49]) == ("rock", "Hip-Hop", "happy")
    assert (mtt.labels[0], mtt.labels[21], mtt.labels[49]) == ("guitar", "no vocals", "choral")
    for source in (msd, mtt):
        assert len(source.rates) == 50
        assert all(0 < rate < 0.5 for rate in source.rates)


def test_every_model_label_means_exactly_one_word() -> None:
    everything = {(s.id, label) for s in WORDS.sources.values() for label in s.labels}
    used = Counter(origin for label in WORDS.labels for origin in label.origins)
    assert set(used) == everything
    assert set(used.values()) == {1}


def test_names_and_variants_are_unambiguous() -> None:
    names = [label.name for label in WORDS.labels]
    spellings = Counter(
        spelling.casefold()
        for label in WORDS.labels
        for spelling in {label.name.casefold(), *map(str.casefold, label.variants)}
    )
    assert [s for s, count in spellings.items() if count > 1] == []
    for label in WORDS.labels:
        assert label.broader <= set(names) - {label.name}
        # What a model calls it can be searched for.
        for _, original in label.origins:
            assert original.casefold() in spellings
    for sides in WORDS.opposites:
        for side in sides:
            assert side <= set(names)


def test_synonyms_become_one_word_with_the_strongest_score() -> None:
    found = named(scores(mtt_woman=0.3, mtt_female_voice=0.6, msd_female_vocalists=0.4))
    score, source = found["female vocals"]
    assert score == pytest.approx(0.6)
    assert source == "mtt"
    assert found["hip-hop"][1] == "msd"
    assert not {"woman", "female", "female voice", "Hip-Hop", "rnb"} & set(found)


def test_strongest_first() -> None:
    found = WORDS.merged(scores(mtt_piano=0.8, msd_jazz=0.7))
    assert [entry.label for entry in found[:2]] == ["piano", "jazz"]
    assert [entry.score for entry in found] == sorted((e.score for e in found), reverse=True)


@pytest.mark.parametrize(
    ("given", "shown", "hidden"),
    [
        # The models give "no vocals" 0.1 at the most and are sure of a voice only far above that,
        # so what counts is how unusual the score is, not the score.
        ({"mtt_no_vocals": 0.1, "mtt_no_vocal": 0.1}, "no vocals", "vocals"),
        (
            {"mtt_no_vocals": 0.1, "mtt_male": 0.6, "mtt_male_vocal": 0.5},
            "male vocals",
            "no vocals",
        ),
        ({"mtt_choir": 0.4, "mtt_choral": 0.4}, "choir", "no vocals"),
        ({"mtt_slow": 0.5}, "slow", "fast"),
        ({"mtt_loud": 0.5, "mtt_quiet": 0.1}, "loud", "quiet"),
    ],
)
def test_opposites_are_never_shown_together(
    given: dict[str, float], shown: str, hidden: str
) -> None:
    found = named(scores(**given))
    assert shown in found
    assert hidden not in found


def test_opposites_in_any_scores() -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        found = set(named({s: random.random(50, np.float32) for s in WORDS.sources}))
        for one, other in WORDS.opposites:
            assert bool(one & found) != bool(other & found)


def test_one_source_alone() -> None:
    found = named({"msd": scores()["msd"], "unknown": np.ones(3, np.float32)})
    assert "jazz" in found
    assert "piano" not in found
    assert {source for _, source in found.values()} == {"msd"}
    assert WORDS.merged({}) == []


def test_scores_of_another_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="msd"):
        WORDS.merged({"msd": np.zeros(49, np.float32)})


def test_shared_words_are_likely_for_both() -> None:
    one = scores(mtt_piano=0.6, msd_jazz=0.5, mtt_flute=0.5)
    other = scores(mtt_piano=0.5, msd_jazz=0.4, mtt_sitar=0.5)
    assert WORDS.shared(one, other, 5) == ("piano", "jazz")
    assert WORDS.shared(one, other, 1) == ("piano",)
    assert WORDS.shared(one, other, 0) == ()


def test_the_unusual_tells_more_than_the_usual() -> None:
    both = scores(msd_electronic=0.4, mtt_harpsichord=0.3)
    assert WORDS.shared(both, both, 2) == ("harpsichord", "electronic")


def test_tracks_like_all_others_share_nothing_worth_saying() -> None:
    assert WORDS.shared(scores(), scores(), 3) == ()
    assert WORDS.shared(scores(mtt_sitar=0.05), scores(mtt_sitar=0.05), 3) == ()


def test_a_word_is_not_said_beside_one_that_implies_it() -> None:
    both = scores(mtt_violin=0.5, mtt_strings=0.5, mtt_piano=0.2)
    assert WORDS.shared(both, both, 3) == ("violin", "piano")


def test_an_opposite_is_no_shared_word() -> None:
    assert WORDS.shared(scores(mtt_slow=0.5), scores(mtt_fast=0.5), 3) == ()
    assert WORDS.shared({}, scores(mtt_slow=0.5), 3) == ()
