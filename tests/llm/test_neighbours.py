from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msa_desktop.base.model import FloatArray
from msa_desktop.llm import neighbours
from msa_desktop.llm.neighbours import NEIGHBOURS, TaggedLibrary, predict


def clusters(
    sizes: list[int], dimension: int = 24, spread: float = 0.3, seed: int = 0
) -> tuple[FloatArray, list[tuple[str, ...]]]:
    """Tracks around one point a tag: cluster 0 is tagged t0, and so on."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(sizes), dimension))
    which = np.repeat(np.arange(len(sizes)), sizes)
    vectors = centres[which] + spread * generator.normal(size=(len(which), dimension))
    return vectors.astype(np.float32), [(f"t{index}",) for index in which]


def test_tags_come_from_the_tracks_that_sound_alike() -> None:
    references, tags = clusters([30, 30, 30])
    queries, truth = clusters([4, 4, 4], seed=1)
    found = predict(queries, references, tags)
    assert found.tags == ("t0", "t1", "t2")
    assert found.scores.shape == (12, 3)
    assert found.neighbours.shape == found.weights.shape == found.similarities.shape
    assert [next(iter(one)) for one in found.sets()] == [bag[0] for bag in truth]
    for row, bag in enumerate(truth):
        assert all(tags[neighbour] == bag for neighbour in found.neighbours[row])
        assert len(set(found.neighbours[row])) == NEIGHBOURS
    assert found.weights.sum(axis=1) == pytest.approx(1)
    assert (np.diff(found.weights, axis=1) <= 0).all()
    assert (np.abs(found.similarities) <= 1.0001).all()


def test_similarities_are_cosines_of_the_standardised_vectors() -> None:
    references, tags = clusters([40, 40])
    queries, _ = clusters([3, 3], seed=1)
    found = predict(queries, references, tags)
    mean, deviation = references.mean(axis=0), references.std(axis=0)
    query, reference = (queries - mean) / deviation, (references - mean) / deviation
    for row in range(len(queries)):
        near = reference[found.neighbours[row]]
        cosine = near @ query[row] / np.linalg.norm(near, axis=1) / np.linalg.norm(query[row])
        assert found.similarities[row] == pytest.approx(cosine, abs=1e-4)


def test_what_the_tags_are_about_counts_more_than_what_is_loud() -> None:
    """The tag hangs on 3 of 60 dimensions: plain cosine drowns in the other 57."""
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(900, 60)).astype(np.float32)
    truth = [f"t{index}" for index in vectors[:, :3].argmax(axis=1)]
    found = predict(vectors[600:], vectors[:600], [(tag,) for tag in truth[:600]])
    best = [found.tags[index] for index in found.scores.argmax(axis=1)]
    ours = np.mean([one == other for one, other in zip(best, truth[600:], strict=True)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-unit[600:] @ unit[:600].T, axis=1)[:, :20]
    votes = np.array(truth)[nearest]
    plain = np.mean(
        [
            max(found.tags, key=list(vote).count) == tag
            for vote, tag in zip(votes, truth[600:], strict=True)
        ]
    )
    assert ours > plain + 0.15


def test_scores_are_probabilities() -> None:
    """Tags are thrown by chances that depend on the cluster: about as many come true as told."""
    generator = np.random.default_rng(5)
    vectors, names = clusters([150] * 8, spread=0.6)
    chances = generator.choice([0.05, 0.2, 0.5, 0.8, 0.95], size=(8, 12))
    thrown = generator.random((len(vectors), 12)) < chances[[int(bag[0][1:]) for bag in names]]
    order = generator.permutation(len(vectors))
    queries, references = order[:400], order[400:]
    tags = [[f"g{tag:02}" for tag in np.flatnonzero(thrown[row])] for row in references]
    found = predict(vectors[queries], vectors[references], tags)
    truth = thrown[queries]
    for low in (0.3, 0.5, 0.7, 0.9):
        inside = (found.scores >= low) & (found.scores < low + 0.2)
        assert inside.sum() > 100
        assert found.scores[inside].mean() == pytest.approx(truth[inside].mean(), abs=0.1)


def test_fewer_references_make_less_sure() -> None:
    queries, _ = clusters([1, 1], seed=1)
    sure = []
    for size in (3, 30, 300):
        references, tags = clusters([size, size])
        sure.append(float(predict(queries, references, tags).scores[0, 0]))
    assert sure[0] < 0.5 < sure[1] < sure[2]
    assert sure[2] > 0.9


def test_own_group_is_neither_neighbour_nor_heard() -> None:
    references, tags = clusters([40, 40])
    album = np.arange(16)
    marked = [("only here",) if row in album else bag for row, bag in enumerate(tags)]
    groups = np.where(np.isin(np.arange(len(tags)), album), 7, -1)
    heard = predict(references[:2], references, marked)
    assert heard.scores[0, heard.tags.index("only here")] > 0.2
    found = predict(
        references[:2], references, marked, query_groups=[7, 7], reference_groups=groups.tolist()
    )
    assert not np.isin(found.neighbours, album).any()
    assert (found.neighbours >= 0).all()
    assert not found.scores[:, found.tags.index("only here")].any()
    assert [next(iter(one)) for one in found.sets()] == ["t0", "t0"]


def test_leaving_a_group_out_is_nearly_as_if_it_had_never_been() -> None:
    references, tags = clusters([60, 60, 60], spread=0.9)
    groups = np.arange(len(references)) // 6
    found = predict(
        references, references, tags, query_groups=groups.tolist(), reference_groups=groups.tolist()
    )
    for group in (0, 10, 29):
        own = groups == group
        others = [bag for bag, mine in zip(tags, own, strict=True) if not mine]
        without = predict(references[own], references[~own], others)
        assert found.scores[own] == pytest.approx(without.scores, abs=0.1)


@pytest.mark.parametrize("size", [1, 2, 24, 25, 90])
def test_leaving_a_group_out_of_the_regression_is_exact(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a fit without it: for groups of one, of few, of as many as dimensions, and more."""
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 1 << 14)
    references, tags = clusters([60, 60, 60], spread=0.9)
    groups = np.random.default_rng(1).permutation(np.arange(len(references)) // size)
    library = TaggedLibrary(references, tags, groups.tolist())
    sound, bears = library._sound(references), library._bears(np.arange(len(references)))
    shared = library._shared(groups)
    assert sum(queries.size for queries, _ in shared) == len(references)
    for queries, rows in shared:
        due, counts = library._due_to(rows, sound[queries])
        for asked, left_out, ours, theirs in zip(queries, rows, due, counts, strict=True):
            kept = groups != groups[asked[0]]
            assert sorted(left_out) == np.flatnonzero(~kept).tolist()
            gram = sound[kept].T @ sound[kept] + neighbours._PENALTY * np.eye(sound.shape[1])
            fit = np.linalg.solve(gram, sound[kept].T @ (bears[kept] - library._base))
            heard = sound[asked] @ (library._weights - fit)
            assert ours == pytest.approx(heard, abs=1e-6)
            assert theirs == pytest.approx(bears[~kept].sum(axis=0))


def test_queries_that_share_no_group_lose_nothing() -> None:
    references, tags = clusters([30, 30])
    queries, _ = clusters([2, 2], seed=1)
    usual = predict(queries, references, tags)
    groups = np.arange(len(references)) // 2
    for own in ([-1] * 4, [-7, 1000, -1, 31]):
        found = predict(
            queries, references, tags, query_groups=own, reference_groups=(groups - 1).tolist()
        )
        assert found.scores.tobytes() == usual.scores.tobytes()
        assert (found.neighbours == usual.neighbours).all()


def test_tracks_without_an_album_cost_no_fit_each(monkeypatch: pytest.MonkeyPatch) -> None:
    references, tags = clusters([100, 100])
    own = list(range(len(references)))
    library = TaggedLibrary(references, tags, own)
    solve, solved = np.linalg.solve, []

    def watched(left: FloatArray, right: FloatArray) -> FloatArray:
        solved.append(left.shape)
        return solve(left, right)

    monkeypatch.setattr(np.linalg, "solve", watched)
    found = library.predict(references, own)
    assert solved == [(len(references), 1, 1)]
    assert not (found.neighbours == np.arange(len(references))[:, np.newaxis]).any()


def test_the_library_keeps_little_more_than_the_vectors() -> None:
    generator = np.random.default_rng(0)
    references = generator.normal(size=(400, 200)).astype(np.float32)
    tags = [[f"t{tag}" for tag in generator.integers(0, 150, 3)] for _ in references]
    library = TaggedLibrary(references, tags)
    assert len(library.tags) > 100
    assert library._space.nbytes <= 4 * len(references) * (references.shape[1] + 64)


def test_whoever_has_no_neighbours_gets_no_tags() -> None:
    references, tags = clusters([3, 3])
    found = predict(
        references[:1], references, tags, query_groups=[1], reference_groups=[1] * len(tags)
    )
    assert not found.scores.any()
    assert not found.weights.any()
    assert (found.neighbours == -1).all()
    assert found.sets() == [{}]


def test_references_without_tags_are_left_out() -> None:
    references, tags = clusters([10, 10])
    gapped = [() if row % 2 else bag for row, bag in enumerate(tags)]
    found = predict(references[:3], references, gapped)
    assert set(found.neighbours.ravel()) == set(range(0, 20, 2))
    kept = predict(references[:3], references[::2], gapped[::2])
    assert found.scores == pytest.approx(kept.scores, abs=1e-6)


def test_neither_scale_nor_order_nor_offset_matter() -> None:
    references, tags = clusters([50, 50, 50], spread=0.8)
    queries, _ = clusters([5, 5, 5], seed=1)
    plain = predict(queries, references, tags)
    moved = predict(queries * 64 + 3, references * 64 + 3, tags)
    assert moved.scores == pytest.approx(plain.scores, abs=1e-3)
    order = np.random.default_rng(0).permutation(len(tags))
    mixed = predict(queries, references[order], [tags[row] for row in order])
    assert mixed.scores == pytest.approx(plain.scores, abs=1e-3)
    assert (order[mixed.neighbours[:, 0]] == plain.neighbours[:, 0]).all()


def test_equal_calls_give_equal_answers() -> None:
    references, tags = clusters([50, 50], spread=0.8)
    queries, _ = clusters([5, 5], seed=1)
    one, other = (predict(queries, references, tags) for _ in range(2))
    assert one.scores.tobytes() == other.scores.tobytes()
    assert one.neighbours.tobytes() == other.neighbours.tobytes()


def test_of_equals_the_first_is_the_nearer() -> None:
    same = np.ones((51, 4), np.float32)
    found = predict(same[:1], same[1:], [("a", "b")] * 50)
    assert found.neighbours[0].tolist() == sorted(found.neighbours[0])
    assert found.weights[0] == pytest.approx(1 / NEIGHBOURS)
    assert (found.scores > 0.5).all()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_smallest_libraries(count: int) -> None:
    references, tags = clusters([count, count]) if count else (np.empty((0, 24), np.float32), [])
    found = predict(np.zeros((2, 24), np.float32), references, tags)
    assert found.scores.shape == (2, 2 if count else 0)
    assert found.neighbours.shape == (2, 2 * count)
    assert (found.scores < 0.5).all()
    assert len(found.sets()) == 2


def test_dimension_that_never_varied_tells_nothing() -> None:
    references, tags = clusters([30, 30])
    queries, _ = clusters([2, 2], seed=1)
    usual = predict(queries, references, tags)
    flat = np.full((len(references), 1), 1000.1, np.float32)
    odd = np.full((len(queries), 1), -5, np.float32)
    found = predict(np.hstack([queries, odd]), np.hstack([references, flat]), tags)
    assert found.scores == pytest.approx(usual.scores, abs=1e-5)


@given(
    st.integers(1, 60), st.integers(1, 9), st.integers(0, 5), st.integers(1, 4), st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_any_shape_gives_probabilities(
    count: int, dimension: int, queries: int, tags: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    references = generator.choice([0, 1, 1e6, -3e38], size=(count, dimension)).astype(np.float32)
    asked = generator.choice([0, 1e-6, 2, 3e38], size=(queries, dimension)).astype(np.float32)
    bags = [[f"{tag}" for tag in range(tags) if generator.random() < 0.6] for _ in range(count)]
    groups = generator.integers(-1, 3, count).tolist()
    own = generator.integers(-1, 3, queries).tolist()
    found = predict(asked, references, bags, query_groups=own, reference_groups=groups)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    there = (found.neighbours >= 0).any(axis=1)
    assert found.weights.sum(axis=1) == pytest.approx(there.astype(float), abs=1e-5)
    assert not found.weights[found.neighbours < 0].any()


def test_small_blocks_change_nothing_and_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    references, tags = clusters([2500] * 4, spread=0.9)
    queries, _ = clusters([250] * 4, seed=1)
    whole = predict(queries, references, tags)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 1 << 20)
    tracemalloc.start()
    parts = predict(queries, references, tags)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parts.scores == pytest.approx(whole.scores, abs=1e-4)
    everything = 4 * len(queries) * len(references)
    assert peak < everything / 3


def test_one_library_answers_many_calls() -> None:
    references, tags = clusters([40, 40])
    queries, _ = clusters([3, 3], seed=1)
    library = TaggedLibrary(references, tags)
    whole = library.predict(queries)
    for row in range(len(queries)):
        one = library.predict(queries[row : row + 1])
        assert one.scores[0] == pytest.approx(whole.scores[row], abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    references, tags = clusters([5, 5])
    spoilt = references.copy()
    spoilt[3, 2] = bad
    with pytest.raises(ValueError, match="reference vector"):
        predict(references, spoilt, tags)
    with pytest.raises(ValueError, match="query vector"):
        predict(spoilt, references, tags)


def test_what_does_not_fit_together_is_refused() -> None:
    references, tags = clusters([5, 5])
    with pytest.raises(ValueError, match="24"):
        predict(np.zeros((1, 23), np.float32), references, tags)
    with pytest.raises(ValueError, match="table"):
        predict(references[0], references, tags)
    with pytest.raises(ValueError, match="tags"):
        predict(references, references, tags[1:])
    with pytest.raises(ValueError, match="tags"):
        predict(references, references, ["rock"] * len(references))
    with pytest.raises(ValueError, match="group"):
        predict(references, references, tags, query_groups=[1])
    with pytest.raises(ValueError, match="group"):
        predict(references, references, tags, reference_groups=[1])
