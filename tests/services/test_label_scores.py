from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray, TrackId
from msa_desktop.services.label_scores import Heard, LabelScores
from msa_desktop.store.label_rows import LabelRows
from tests.services.text_house import VOCABULARY, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path / "data") as made:
        yield made


@pytest.fixture
def scores(house: House) -> LabelScores:
    sources = {source.id: len(source.labels) for source in VOCABULARY.sources.values()}
    return LabelScores(LabelRows(house.db, sources), VOCABULARY)


def at(heard: Heard, values: FloatArray, track_id: int) -> float:
    return float(values[heard.ids.tolist().index(track_id)])


def test_labels_are_comparable(house: House, scores: LabelScores) -> None:
    house.crowd(60)
    # The models say "electronic" six times as readily as "happy".
    one = house.put("one.mp3", sounds={"electronic": 2.5, "happy": 2.5})
    heard = scores.refreshed()
    for label in ("electronic", "happy"):
        assert 2 < at(heard, heard.standing({label: 1}), one) < 4
    rest = np.delete(heard.standing({"electronic": 1}), -1)
    assert abs(rest.mean()) < 0.5
    assert heard.unusual("happy")[-1]


def test_a_mixture_is_measured_in_deviations_too(house: House, scores: LabelScores) -> None:
    house.noise = 0.8
    house.crowd(200)
    heard = scores.refreshed()
    for weights in ({"piano": 1.0}, {"piano": 1.0, "loud": -1.0, "fast": -0.5}):
        assert heard.standing(weights).std() == pytest.approx(1, abs=0.15)


def test_a_small_library_is_measured_by_music_at_large(house: House, scores: LabelScores) -> None:
    pianos = [house.put(f"{n}.mp3", sounds={"piano": 15}) for n in range(3)]
    heard = scores.refreshed()
    assert all(at(heard, heard.standing({"piano": 1}), one) > 1 for one in pianos)


def test_it_follows_the_library(house: House, scores: LabelScores) -> None:
    def loud() -> list[TrackId]:
        heard = scores.refreshed()
        assert np.all(np.diff(heard.ids) > 0)
        return [TrackId(i) for i in heard.ids[heard.standing({"loud": 1}) > 2].tolist()]

    crowd = house.crowd(40)
    assert loud() == []
    first = scores.refreshed()
    assert scores.refreshed() is first, "nothing is read while nothing changes"
    one = house.put("one.mp3", sounds={"loud": 10})
    assert loud() == [one]
    house.remove(one, crowd[0])
    assert loud() == []
    heard = scores.refreshed()
    assert heard.ids.tolist() == crowd[1:]
    assert len(first.ids) == 40, "who holds the old scores keeps them as they were"
    # What follows step by step is what a fresh start finds.
    sources = {source.id: len(source.labels) for source in VOCABULARY.sources.values()}
    fresh = LabelScores(LabelRows(house.db, sources), VOCABULARY).refreshed()
    np.testing.assert_array_equal(fresh.odds, heard.odds)
    np.testing.assert_allclose(fresh.mean, heard.mean, atol=0.1)


def test_a_source_that_was_not_heard_counts_for_nothing(house: House, scores: LabelScores) -> None:
    house.crowd(20)
    (track,) = house.add("half.mp3")
    house.hear(track)  # two scores of "msd" only: not as many as there are labels
    heard = scores.refreshed()
    assert track not in heard.ids
    assert np.isfinite(heard.standing({"piano": 1, "rock": 1})).all()


def test_an_empty_library(scores: LabelScores) -> None:
    heard = scores.refreshed()
    assert heard.standing({"piano": 1}).shape == (0,)
    assert heard.unusual("piano").shape == (0,)
