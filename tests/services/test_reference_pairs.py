from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.services import reference_pairs as pairs
from msa_desktop.services.reference_pairs import Align
from msa_desktop.store.reference import ReferenceTrack

ROWS, DROPPED = 1500, 600


@pytest.fixture(scope="module")
def pair() -> tuple[FloatArray, list[ReferenceTrack]]:
    """As published ones are: some tracks of an artist follow each other, and all sound alike."""
    chance = np.random.default_rng(5)
    runs = chance.integers(1, 6, ROWS)
    artists = np.repeat(chance.integers(0, ROWS // 9, ROWS), runs)[:ROWS]
    voices = chance.standard_normal((ROWS // 9, 16))
    vectors = 1.5 * voices[artists] + chance.standard_normal((ROWS, 16))
    return vectors.astype(np.float32), [ReferenceTrack(artist=f"A {a}") for a in artists]


@pytest.mark.parametrize("end", Align)
def test_the_right_end_is_found(pair: tuple[FloatArray, list[ReferenceTrack]], end: Align) -> None:
    vectors, tracks = pair
    kept = vectors[DROPPED:] if end is Align.TAIL else vectors[:-DROPPED]
    found = pairs.check(kept, tracks)
    other = Align.HEAD if end is Align.TAIL else Align.TAIL
    assert (found.vectors, found.rows) == (ROWS - DROPPED, ROWS)
    assert found.best is end
    assert not found.is_wrong(end)
    assert found.is_wrong(other)
    assert found.ends[end].share > 2 * found.ends[end].shifted
    assert found.ends[other].share < 1.2 * found.ends[other].shifted
    np.testing.assert_array_equal(
        kept, vectors[pairs.cut(ROWS, len(kept), end)], "the rows that belong to them"
    )


def test_more_vectors_than_rows_is_the_same_question(
    pair: tuple[FloatArray, list[ReferenceTrack]],
) -> None:
    vectors, tracks = pair
    assert pairs.check(vectors, tracks[DROPPED:]).best is Align.TAIL
    assert pairs.check(vectors, tracks[:-DROPPED]).best is Align.HEAD


def test_neither_end_where_the_gap_is_elsewhere(
    pair: tuple[FloatArray, list[ReferenceTrack]],
) -> None:
    vectors, tracks = pair
    found = pairs.check(vectors[DROPPED:], tracks[DROPPED // 2 :] + tracks[: DROPPED // 2])
    assert found.best is None
    assert all(found.is_wrong(end) for end in Align)


def test_equal_counts_are_checked_too(pair: tuple[FloatArray, list[ReferenceTrack]]) -> None:
    vectors, tracks = pair
    assert not pairs.check(vectors, tracks).is_wrong(Align.HEAD)
    assert pairs.check(vectors, tracks[100:] + tracks[:100]).is_wrong(Align.HEAD)


def test_nothing_is_said_where_nothing_can_be(
    pair: tuple[FloatArray, list[ReferenceTrack]],
) -> None:
    vectors, _ = pair
    alone = [ReferenceTrack(artist=f"A {i}") for i in range(ROWS)]
    for tracks in (alone, [ReferenceTrack()] * ROWS, [ReferenceTrack(artist="One")] * ROWS):
        found = pairs.check(vectors, tracks)
        assert not found.ends[Align.HEAD].told
        assert not found.is_wrong(Align.HEAD)
    assert not pairs.check(vectors[:1], alone[:1]).ends[Align.HEAD].told
