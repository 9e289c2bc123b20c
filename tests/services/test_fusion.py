from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msa_desktop.base.model import FloatArray
from msa_desktop.services import fusion
from msa_desktop.services.fusion import Fusion, Panel

ALBUMS = np.repeat(np.arange(12), 10)
PAIR = ("one", "two")


def unit(values: np.ndarray) -> FloatArray:
    rows: FloatArray = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return rows


def ear(noise: float, seed: int, albums: np.ndarray = ALBUMS) -> FloatArray:
    """An encoder that hears albums through noise."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((albums.max() + 1, 40))
    return unit(centres[albums] + noise * chance.standard_normal((len(albums), 40)))


def precision(likeness: np.ndarray, albums: np.ndarray = ALBUMS) -> float:
    own = likeness.astype(np.float64)
    np.fill_diagonal(own, -np.inf)
    right = albums[np.argsort(-own, axis=1)[:, :-1]] == albums[:, np.newaxis]
    so_far = np.cumsum(right, axis=1) / np.arange(1, len(albums))
    return float(((so_far * right).sum(axis=1) / right.sum(axis=1)).mean())


def together(ears: list[FloatArray], names: tuple[str, ...] = PAIR) -> np.ndarray:
    learned = fusion.learn(names, ears, ALBUMS.tolist())
    panel = learned.panel(names)
    scores = [(own @ own.T).ravel() for own in ears]
    chosen = [scores[names.index(name)] for name in panel.encoders]
    return panel.fuse(np.stack(chosen, axis=1)).reshape(len(ALBUMS), len(ALBUMS))


def weights(ears: list[FloatArray], names: tuple[str, ...] = PAIR) -> dict[str, float]:
    panel = fusion.learn(names, ears, ALBUMS.tolist()).panel(names)
    return dict(zip(panel.encoders, panel.weights.tolist(), strict=True))


@pytest.mark.parametrize("noise", [0.3, 1, 1.5, 2, 3, 5, 1000])
def test_together_never_worse_than_the_better_alone(noise: float) -> None:
    for seed in range(5):
        ears = [ear(1.5, seed), ear(noise, 100 + seed)]
        alone = max(precision(own @ own.T) for own in ears)
        assert precision(together(ears)) > alone - 0.01


def test_two_that_hear_equally_well_are_better_together() -> None:
    ears = [ear(2, 1), ear(2, 2)]
    assert precision(together(ears)) > max(precision(own @ own.T) for own in ears) + 0.05
    assert weights(ears)["one"] == pytest.approx(0.5, abs=0.1)


def test_weights_follow_what_is_heard_not_the_spread_of_scores() -> None:
    good, useless = ear(1.5, 1), ear(1000, 2)
    found = weights([good, useless])
    assert found["one"] > 0.95
    # Two dimensions: cosines all over the place, as far apart as can be, and none means anything.
    wild = unit(np.random.default_rng(0).standard_normal((len(ALBUMS), 2)))
    assert weights([good, wild])["one"] > 0.95


def test_the_same_heard_twice_is_not_played_off() -> None:
    own = ear(1.5, 1)
    found = weights([own, own])
    assert found["one"] == pytest.approx(found["two"])
    assert together([own, own]) == pytest.approx(own @ own.T, abs=1e-5)


def test_of_three_any_may_be_left_out() -> None:
    names = ("one", "two", "three")
    ears = [ear(1.5, 1), ear(2, 2), ear(1000, 3)]
    learned = fusion.learn(names, ears, ALBUMS.tolist())
    for heard in (names, names[:2], names[1:], names[2:], ("three", "one", "unknown")):
        panel = learned.panel(heard)
        assert set(panel.encoders) <= set(heard)
        assert panel.weights.sum() == pytest.approx(1)
        assert (panel.weights > 0).all()
    assert learned.panel(["three"]).encoders == ("three",)


def test_without_albums_the_table_speaks() -> None:
    ears = [ear(1.5, 1), 0.2 * ear(1000, 2)]
    learned = fusion.learn(("musicnn", "unheard of"), ears, list(range(len(ALBUMS))))
    panel = learned.panel(learned.encoders)
    # As good as each other: what one deviation of each is worth is the same.
    worth = panel.weights * np.sqrt(np.diag(panel.covariance))
    assert worth[0] == pytest.approx(worth[1], rel=0.05)


def test_one_album_teaches_nothing() -> None:
    ears = [ear(1.5, 1), ear(1.5, 2)]
    learned = fusion.learn(PAIR, ears, ["the same"] * len(ALBUMS))
    assert np.isfinite(learned.panel(PAIR).weights).all()


def test_sounds_that_are_all_the_same() -> None:
    still = np.ones((40, 3), dtype=np.float32) / np.float32(np.sqrt(3))
    learned = fusion.learn(PAIR, [still, still], [n // 4 for n in range(40)])
    panel = learned.panel(PAIR)
    assert panel.fuse(np.ones((2, len(panel.encoders)), np.float32)) == pytest.approx([1, 1])


def test_one_alone_keeps_its_scores() -> None:
    scores = np.array([[0.123456], [-1], [1], [np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(Panel.of_one("one").fuse(scores), scores[:, 0])


def test_what_was_not_heard_is_expected_from_what_was() -> None:
    """One of the two scores follows from the other, but for noise."""
    chance = np.random.default_rng(0)
    first = chance.standard_normal(5000) / 6
    second = 0.5 * first + 0.1 + chance.standard_normal(5000) / 20
    scores = np.stack([first, second], axis=1)
    panel = Panel(PAIR, np.array([0.3, 0.7]), scores.mean(axis=0), np.cov(scores.T))
    whole = panel.fuse(scores.astype(np.float32))
    lacking = scores.astype(np.float32)
    lacking[:, 1] = np.nan
    guessed = panel.fuse(lacking)
    line = np.polyfit(first, whole, 1)
    np.testing.assert_allclose(guessed, np.polyval(line, first), atol=2e-3)
    assert guessed.std() < whole.std(), "a guess stands out less than what was heard"


def test_those_with_less_to_show_do_not_crowd_the_top() -> None:
    ears = [ear(2, 1), ear(2, 2)]
    learned = fusion.learn(PAIR, ears, ALBUMS.tolist())
    first, second = (own @ own.T for own in ears)
    lacking = np.random.default_rng(0).random(len(ALBUMS)) < 0.5
    second[:, lacking] = np.nan
    fused = learned.panel(PAIR).fuse(np.stack([first.ravel(), second.ravel()], axis=1))
    likeness = fused.reshape(first.shape)
    assert precision(likeness) > precision(first) + 0.03


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(2, 4),
    size=st.integers(2, 60),
    seed=st.integers(0, 10_000),
    albums=st.integers(1, 60),
    missing=st.floats(0, 1),
)
def test_any_library_gives_scores(
    count: int, size: int, seed: int, albums: int, missing: float
) -> None:
    chance = np.random.default_rng(seed)
    names = tuple(f"ear {n}" for n in range(count))
    ears = [
        unit(chance.standard_normal((size, int(chance.integers(1, 6)))) + chance.standard_normal())
        for _ in names
    ]
    learned = fusion.learn(names, ears, chance.integers(0, albums, size).tolist())
    heard = [name for name in names if chance.random() < 0.7] or [names[0]]
    panel = learned.panel(heard)
    assert panel.weights.sum() == pytest.approx(1)
    assert (panel.weights > 0).all()
    each = [(ears[names.index(name)] @ ears[names.index(name)].T)[0] for name in panel.encoders]
    scores = np.stack(each, axis=1)
    scores[chance.random(scores.shape) < missing] = np.nan
    fused = panel.fuse(scores)
    assert (np.isnan(fused) == np.isnan(scores).all(axis=1)).all()
    known = fused[~np.isnan(fused)]
    assert (np.abs(known) <= 1).all()
    complete = ~np.isnan(scores).any(axis=1)
    np.testing.assert_allclose(
        fused[complete], np.clip(scores[complete] @ panel.weights, -1, 1), atol=1e-4
    )


@given(st.integers(0, 5000), st.integers(8, 1000))
def test_a_sample_is_spread_evenly_in_runs(size: int, count: int) -> None:
    ids = np.arange(size, dtype=np.int64) * 3 + 1
    chosen = fusion.sample(ids, count)
    assert len(chosen) <= max(count, 0)
    assert len(np.unique(chosen)) == len(chosen)
    assert np.isin(chosen, ids).all()
    if size > count:
        assert chosen[0] == ids[0]
        assert chosen[-1] == ids[-1] or count < 16
        assert len(chosen) >= min(count - count % 8, size) * 0.5


def test_fusion_is_the_same_in_any_order_of_tracks() -> None:
    ears = [ear(1.5, 1), ear(2.5, 2)]
    order = np.random.default_rng(0).permutation(len(ALBUMS))
    one: Fusion = fusion.learn(PAIR, ears, ALBUMS.tolist())
    other = fusion.learn(PAIR, [own[order] for own in ears], ALBUMS[order].tolist())
    np.testing.assert_allclose(one.panel(PAIR).weights, other.panel(PAIR).weights, atol=1e-4)
