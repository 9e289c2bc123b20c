from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from msa_desktop.base import vocabulary
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, TrackId
from msa_desktop.base.paths import resources
from msa_desktop.services import fusion
from msa_desktop.services.ears import Ears
from msa_desktop.services.search import Search
from msa_desktop.store import writes
from msa_desktop.store.vectors import VectorIndex
from tests.store.shelf import Shelf

NAMES = ("first", "second", "third")


class House:
    """A library of albums, heard by several encoders, each through noise of its own."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        self.chance = np.random.default_rng(0)
        self.ids: list[TrackId] = []
        self.album: list[int] = []
        self.centres = {name: self.chance.standard_normal((20, 24)) for name in NAMES}

    def add(self, count: int, per_album: int = 6) -> list[TrackId]:
        begin = len(self.ids)
        numbers = range(begin, begin + count)
        self.ids += self.shelf.add(*(f"album {n // per_album}/{n}.mp3" for n in numbers))
        self.album += [n // per_album for n in numbers]
        return self.ids[begin:]

    def hear(self, encoder: str, ids: Sequence[int], noise: float = 1.0) -> None:
        def store(conn: sqlite3.Connection) -> None:
            for track_id in ids:
                centre = self.centres[encoder][self.album[self.ids.index(TrackId(track_id))]]
                vector = centre + noise * self.chance.standard_normal(24)
                embedding = Embedding(encoder, "1", vector.astype(np.float32))
                writes.store_analysis(conn, track_id, [embedding])

        self.shelf.writer.run(store)

    def index(self, encoder: str, **options: int) -> VectorIndex:
        return VectorIndex(self.shelf.db, self.shelf.folder / "indexes", encoder, "1", **options)

    def ears(self, *encoders: str) -> Ears:
        return Ears(self.shelf.reader, {name: self.index(name) for name in encoders})

    def search(self, *encoders: str) -> Search:
        words = vocabulary.load(resources() / "labels.toml")
        indexes = {name: self.index(name) for name in encoders}
        return Search(self.shelf.reader, indexes, words, lambda: True)

    def same_album(self, ears: Ears, ids: Sequence[int], encoder: str | None = None) -> float:
        """How many of the five nearest are of the track's album."""
        album: dict[int, int] = dict(zip(self.ids, self.album, strict=True))
        found = [ears.nearest(track_id, 5, encoder).ids.tolist() for track_id in ids]
        return float(
            np.mean([[album[f] == album[i] for f in fs] for i, fs in zip(ids, found, strict=True)])
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.shelf:
        yield house


def test_one_encoder_answers_as_its_index_does(house: House) -> None:
    ids = house.add(60)
    house.hear("first", ids)
    expected_ids, expected = house.index("first").search(ids[3], 10)
    for ears in (house.ears("first"), house.ears("first", "second"), house.ears("second", "first")):
        found = ears.nearest(ids[3], 10)
        assert found.ids.tolist() == expected_ids.tolist()
        np.testing.assert_array_equal(found.scores, expected)
        assert set(found.encoders) == {("first",)}
        again = ears.alike(ids[3], found.ids)
        np.testing.assert_allclose(again.scores, expected, atol=1e-6)


def test_two_hear_better_than_one(house: House) -> None:
    ids = house.add(120)
    house.hear("first", ids, 2)
    house.hear("second", ids, 2)
    ears = house.ears("first", "second")
    both = house.same_album(ears, ids)
    for name in ("first", "second"):
        assert both > house.same_album(ears, ids, name) + 0.05
    found = ears.nearest(ids[0], 10)
    assert set(found.encoders) == {("first", "second")}
    assert (np.diff(found.scores) <= 0).all()
    assert ids[0] not in found.ids
    assert np.abs(found.scores).max() <= 1
    np.testing.assert_allclose(ears.alike(ids[0], found.ids).scores, found.scores, atol=1e-6)


def test_an_encoder_that_goes_meanwhile(house: House) -> None:
    """What was begun with the indexes of a moment is ended with them."""
    ids = house.add(120)
    house.hear("first", ids)
    house.hear("second", ids)
    ears = house.ears("first", "second")
    expected = ears.nearest(ids[0], 10)
    left = {"first": house.index("first")}

    class Leaving(VectorIndex):
        def search(
            self, query: int | FloatArray, k: int, *, raw: bool = False
        ) -> tuple[NDArray[np.int64], FloatArray]:
            ears.use(left)
            return super().search(query, k, raw=raw)

    leaving = Leaving(house.shelf.db, house.shelf.folder / "indexes", "first", "1")
    ears.use({"first": leaving, "second": house.index("second")})
    found = ears.nearest(ids[0], 10)
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.encoders == expected.encoders
    assert set(ears.nearest(ids[0], 10).encoders) == {("first",)}


def test_a_useless_second_encoder_does_no_harm(house: House) -> None:
    ids = house.add(120)
    house.hear("first", ids, 1.5)
    house.hear("second", ids, 1000)
    ears = house.ears("second", "first")
    assert house.same_album(ears, ids) > house.same_album(ears, ids, "first") - 0.01


def test_an_encoder_still_filling_in(house: House) -> None:
    ids = house.add(120)
    house.hear("first", ids)
    ears = house.ears("first", "second")
    few = ids[: fusion.FEWEST - 1]
    house.hear("second", few)
    assert set(ears.nearest(ids[0], 50).encoders) == {("first",)}, "too few to be judged"
    house.hear("second", ids[fusion.FEWEST - 1 : 70])
    found = ears.nearest(ids[0], 119)
    assert sorted(found.ids.tolist()) == ids[1:], "those one has not heard are found, too"
    heard = dict(zip(found.ids.tolist(), found.encoders, strict=True))
    assert all(heard[i] == (("first", "second") if i in ids[:70] else ("first",)) for i in ids[1:])
    assert set(ears.nearest(ids[-1], 10).encoders) == {("first",)}, "only one heard the query"


def test_a_track_that_only_the_second_heard(house: House) -> None:
    ids = house.add(80)
    house.hear("first", ids[:60])
    house.hear("second", ids[20:])
    ears = house.ears("first", "second")
    found = ears.nearest(ids[-1], 79)
    assert sorted(found.ids.tolist()) == ids[20:-1]
    assert set(found.encoders) == {("second",)}
    both = ears.nearest(ids[30], 79)
    assert sorted(both.ids.tolist()) == [i for i in ids if i != ids[30]]
    assert {("first",), ("second",), ("first", "second")} == set(both.encoders)


def test_a_third_that_has_only_begun_does_not_part_the_others(house: House) -> None:
    ids = house.add(90)
    house.hear("first", ids)
    house.hear("second", ids)
    house.hear("third", ids[:3])
    found = house.ears("third", "first", "second").nearest(ids[0], 10)
    assert set(found.encoders) == {("first", "second")}


def test_nobody_has_heard_it(house: House) -> None:
    ids = house.add(60)
    house.hear("first", ids[1:])
    house.hear("second", ids[1:])
    for ears in (house.ears("first"), house.ears("first", "second")):
        with pytest.raises(KeyError):
            ears.nearest(ids[0], 5)
        with pytest.raises(KeyError):
            ears.alike(ids[0], np.array(ids))
    search = house.search("first", "second")
    with pytest.raises(UserError, match="not listened to yet"):
        search.similar(ids[0], 5)
    with pytest.raises(UserError, match="no encoder"):
        search.similar(ids[1], 5, "fourth")


def test_hits_say_who_heard_them(house: House) -> None:
    ids = house.add(60)
    house.hear("first", ids)
    house.hear("second", ids)
    search = house.search("first", "second")
    assert {hit.encoders for hit in search.similar(ids[0], 10)} == {("first", "second")}
    assert {hit.encoders for hit in search.similar(ids[0], 10, "second")} == {("second",)}


def test_learned_anew_as_the_library_grows(house: House) -> None:
    ids = house.add(60)
    house.hear("first", ids, 1.0)
    house.hear("second", ids, 1000)
    ears = house.ears("first", "second")
    ears.nearest(ids[0], 5)
    before = ears._fusion
    ears.nearest(ids[1], 5)
    assert ears._fusion is before
    house.hear("second", house.add(60), 1.0)
    ears.nearest(ids[1], 5)
    assert ears._fusion is not before


def test_texts_stand_out_by_deviations(house: House) -> None:
    ids = house.add(90)
    house.hear("first", ids)
    ears = house.ears("first")
    values = house.shelf.reader.vectors(ids, "first", "1")
    rows = values.values / np.linalg.norm(values.values, axis=1, keepdims=True)
    text: FloatArray = (house.centres["first"][4] + 3).astype(np.float32)
    cosines = dict(zip(values.ids.tolist(), rows @ (text / np.linalg.norm(text)), strict=True))
    plain = np.array([cosines[i] for i in ids])
    expected = (plain - plain.mean()) / plain.std()
    np.testing.assert_allclose(ears.nearness("first", text, np.array(ids)), expected, atol=1e-4)
    found, scores = ears.near("first", text, 7)
    assert found.tolist() == np.array(ids)[np.argsort(-plain)[:7]].tolist()
    np.testing.assert_allclose(scores, np.sort(expected)[::-1][:7], atol=1e-4)
    unheard = house.add(1)
    assert np.isnan(ears.nearness("first", text, np.array(unheard))).all()
    assert house.ears("second").near("second", text, 5)[0].size == 0


def test_large_indexes_fuse_alike(house: House) -> None:
    ids = house.add(90)
    house.hear("first", ids)
    house.hear("second", ids)
    small = house.ears("first", "second")
    large = Ears(
        house.shelf.reader, {name: house.index(name, exact_up_to=10) for name in NAMES[:2]}
    )
    for track_id in ids[::10]:
        one, other = small.nearest(track_id, 10), large.nearest(track_id, 10)
        assert one.ids.tolist() == other.ids.tolist()
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
