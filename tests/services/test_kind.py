"""Song, instrumental or a cappella, by stems and by labels."""

from __future__ import annotations

import pytest

from msa_desktop.base import vocabulary
from msa_desktop.base.paths import resources
from msa_desktop.services.kind import Kind, from_labels, from_stems


@pytest.mark.parametrize(
    ("vocals", "rest", "kind"),
    [
        (0.1, 0.1, Kind.SONG),
        (0.1, 0.39, Kind.SONG),
        (0.1, 0.41, Kind.INSTRUMENTAL),
        (0.41, 0.1, Kind.A_CAPPELLA),
        (0.1, 0.0, Kind.A_CAPPELLA),
        (0.0, 0.1, Kind.INSTRUMENTAL),
        (0.00009, 0.00011, Kind.INSTRUMENTAL),  # what is nothing has no share
        (0.00009, 0.00009, Kind.UNKNOWN),
        (0.0, 0.0, Kind.UNKNOWN),
    ],
)
def test_by_stems(vocals: float, rest: float, kind: Kind) -> None:
    found = from_stems({"vocals": vocals, "drums": rest, "instrumental": rest})
    assert found.kind is kind
    if kind is Kind.UNKNOWN:
        assert found.confidence == 0
    else:
        assert found.vocal_share is not None
        assert found.instrumental_share is not None
        assert found.vocal_share + found.instrumental_share == pytest.approx(1)
        assert 0.5 <= found.confidence <= 0.95


def test_surer_the_farther_from_a_border() -> None:
    sure = [
        from_stems({"vocals": v, "instrumental": 1 - v}).confidence for v in (0.5, 0.3, 0.21, 0.2)
    ]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] == pytest.approx(0.5)


def test_negligible_stems() -> None:
    levels = {"vocals": 0.0099, "drums": 0.01, "bass": 0.001, "other": 0.2, "instrumental": 0.005}
    found = from_stems(levels)
    assert found.negligible == ("vocals", "bass")


def test_a_model_without_vocals() -> None:
    assert from_stems({"drums": 0.1, "bass": 0.1}).kind is Kind.UNKNOWN


USUAL = {"vocals": 0.1, "female vocals": 0.1, "no vocals": 0.1, "piano": 0.05, "guitar": 0.2}
INSTRUMENTS = ("piano", "guitar", "harp")


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        ({"no vocals": 0.4, "piano": 0.3}, Kind.INSTRUMENTAL),
        ({"vocals": 0.4, "guitar": 0.3}, Kind.SONG),
        ({"vocals": 0.05, "female vocals": 0.4, "guitar": 0.3}, Kind.SONG),
        ({"vocals": 0.6, "guitar": 0.02, "piano": 0.01}, Kind.A_CAPPELLA),
        ({"vocals": 0.1, "no vocals": 0.1}, Kind.UNKNOWN),
        ({"guitar": 0.9}, Kind.UNKNOWN),
        ({}, Kind.UNKNOWN),
    ],
)
def test_by_labels(heard: dict[str, float], kind: Kind) -> None:
    found = from_labels(heard, USUAL, INSTRUMENTS)
    assert found.kind is kind
    assert (found.vocal_share, found.negligible) == (None, ())
    assert found.confidence == 0 if kind is Kind.UNKNOWN else 0.5 <= found.confidence <= 0.75


def test_the_words_are_the_vocabularys() -> None:
    known = vocabulary.load(resources() / "labels.toml").usual()
    for word in ("vocals", "female vocals", "male vocals", "choir", "opera", "no vocals"):
        assert from_labels({word: 0.99}, known, ()).kind is not Kind.UNKNOWN
