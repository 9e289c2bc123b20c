"""What mixes well: the rule alone, and what a library answers by it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from msa_desktop.base import vocabulary
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Track, TrackId
from msa_desktop.base.music import KEYS, Key, Measures, Tempo, camelot, camelot_place
from msa_desktop.base.paths import resources
from msa_desktop.services import mixing, search
from msa_desktop.services.mixing import Beat, octave
from msa_desktop.services.search import Search
from msa_desktop.store import writes
from msa_desktop.store.measures import store_measures
from msa_desktop.store.tracks import TrackQuery
from tests.store.shelf import ENCODER, Shelf

TEMPI = st.floats(38, 250)
BEATS = st.builds(
    lambda bpm, factors: Beat(bpm, tuple(bpm * factor for factor in factors)),
    TEMPI,
    st.lists(st.sampled_from([0.49, 0.5, 2.0, 2.05, 1.5, 1.0]), max_size=3),
)


# -- the rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "times"),
    [
        (Beat(120), Beat(120), 1),
        (Beat(120), Beat(127), 1),
        (Beat(120), Beat(127.3), None),
        (Beat(120), Beat(113.3), 1),
        (Beat(120), Beat(112), None),
        (Beat(87), Beat(174), None),  # nobody says that either may be counted so
        (Beat(87, (174.5,)), Beat(174), 2),
        (Beat(87), Beat(174, (174.0, 86.8)), 2),
        (Beat(174), Beat(85, (170.0,)), 0.5),
        (Beat(120, (180.0,)), Beat(180), None),  # a dotted beat is another rhythm
        (Beat(140, (70.0,)), Beat(35, (70.0,)), None),
    ],
)
def test_beats_that_fall_together(one: Beat, other: Beat, times: float | None) -> None:
    assert octave(one, other) == times


@given(BEATS, BEATS)
def test_who_can_follow_can_be_followed(one: Beat, other: Beat) -> None:
    times, back = octave(one, other), octave(other, one)
    assert back == (None if times is None else 1 / times)


@given(BEATS)
def test_a_track_is_in_time_with_itself(one: Beat) -> None:
    assert octave(one, one) == 1


@given(BEATS, BEATS, st.floats(0.5, 2))
def test_only_the_ratio_counts(one: Beat, other: Beat, factor: float) -> None:
    ratio = max(one.bpm, other.bpm) / min(one.bpm, other.bpm)
    assume(all(abs(ratio / (edge * n) - 1) > 1e-9 for edge in (1, 1 / 1.06, 1.06) for n in (1, 2)))
    faster = [Beat(b.bpm * factor, tuple(o * factor for o in b.others)) for b in (one, other)]
    assert octave(*faster) == octave(one, other)


@given(BEATS, BEATS)
def test_nothing_is_bent_by_more_than_six_per_cent(one: Beat, other: Beat) -> None:
    if (times := octave(one, other)) is not None:
        assert 1 / 1.06 - 1e-9 <= other.bpm / (times * one.bpm) <= 1.06 + 1e-9


def test_keys_that_go_together() -> None:
    after = {
        name: {camelot(k) for k in KEYS if camelot_place(k) in places(name)}
        for name in ("Am", "C", "G#m", "E")
    }
    assert after == {
        "Am": {"8A", "8B", "7A", "9A"},
        "C": {"8B", "8A", "7B", "9B"},
        "G#m": {"1A", "1B", "2A", "12A"},
        "E": {"12B", "12A", "11B", "1B"},
    }


@pytest.mark.parametrize("one", KEYS)
def test_keys_go_together_both_ways(one: str) -> None:
    assert places(one)[0] == camelot_place(one)
    assert len(set(places(one))) == 4
    for other in KEYS:
        assert (camelot_place(other) in places(one)) == (camelot_place(one) in places(other))
    notes = {(KEYS.index(name) % 12, name[-1:] == "m") for name in KEYS}
    assert len(notes) == 24


def places(name: str) -> tuple[int, ...]:
    return mixing.places_after(camelot_place(name))


def test_of_two_that_sound_alike_the_one_that_needs_less_help_comes_first() -> None:
    found = mixing.scores(
        np.full(4, 0.6, np.float32),
        np.array([1.0, 1.06, 1.0, 2.0]),
        np.array([1.0, 1.0, 1.0, 2.0]),
        np.array([True, True, False, True]),
    )
    assert found == pytest.approx([0.6, 0.5, 0.55, 0.55])
    everything = mixing.scores(
        np.array([-1.0], np.float32), np.array([2.1]), np.array([2.0]), np.array([False])
    )
    assert everything == [-1]


# -- a library -------------------------------------------------------------------------------------


class House:
    """A library of which tempo, key and sound are known."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        words = vocabulary.load(resources() / "labels.toml")
        self.measuring = True
        self.search = Search(shelf.reader, {ENCODER: shelf.index()}, words, lambda: self.measuring)

    def add(self, name: str, *sound: float, **tags: Any) -> TrackId:
        (track_id,) = self.shelf.add(f"{name}.mp3")
        self.shelf.read(track_id, name, **tags)
        self.shelf.hear(track_id, *sound)
        return track_id

    def measure(self, track_id: TrackId, measures: Measures) -> None:
        self.shelf.writer.run(lambda conn: store_measures(conn, track_id, measures, 1))

    def titles(self, track_id: TrackId, count: int = 10) -> list[str]:
        return [hit.track.title for hit in self.search.mixes_after(track_id, count)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Shelf(tmp_path) as shelf:
        house = House(shelf)
        for n in range(8):  # alike is who is more so than others
            house.add(f"far {n}", -1.0, 0.1 * n, 0.2)
        yield house


NEAR, FAR = (1.0, 0.1, 0.0), (-1.0, -0.1, 0.2)


def test_in_time_in_key_and_alike(house: House) -> None:
    seed = house.add("seed", *NEAR, bpm="128", key="8A")
    house.add("same", 1.0, 0.2, 0.1, bpm="126", key="Am")
    house.add("next", 1.0, 0.2, 0.1, bpm="126", key="9A")
    house.add("half", 1.0, 0.2, 0.1, bpm="64", key="C")
    house.add("too fast", *NEAR, bpm="137", key="8A")
    house.add("another key", *NEAR, bpm="128", key="10A")
    house.add("no key", *NEAR, bpm="128")
    house.add("no tempo", *NEAR, key="8A")
    house.add("another sound", *FAR, bpm="128", key="8A")
    hits = house.search.mixes_after(seed, 10)
    assert [(hit.track.title, hit.labels) for hit in hits] == [
        ("same", ("126 BPM", "8A")),
        ("next", ("126 BPM", "9A")),
    ]
    assert hits[0].score > hits[1].score
    assert {hit.encoders for hit in hits} == {(ENCODER,)}
    assert house.titles(seed, 1) == ["same"]
    house.measure(seed, Measures(Tempo(127.5, 0.7, ((63.75, 0.2),))))
    assert house.search.mixes_after(seed, 10)[-1].labels == ("64 BPM", "8B", "half time")


def test_what_is_measured_counts_where_the_file_says_nothing(house: House) -> None:
    seed = house.add("seed", *NEAR)
    house.measure(seed, Measures(Tempo(174, 0.6), Key("Em", 0.5)))
    other = house.add("other", *NEAR, bpm="86", key="9B")
    assert house.titles(seed) == []
    house.measure(other, Measures(Tempo(172, 0.6, ((86, 0.3),)), Key("F", 0.9)))
    (hit,) = house.search.mixes_after(seed, 10)
    assert hit.labels == ("86 BPM", "9B", "half time")


def test_after_a_track_without_a_key_any_key_will_do(house: House) -> None:
    seed = house.add("seed", *NEAR, bpm="100")
    house.add("some", 1.0, 0.2, 0.1, bpm="100", key="Fm")
    house.add("none", *NEAR, bpm="100")
    assert [hit.labels for hit in house.search.mixes_after(seed, 9)] == [
        ("100 BPM",),
        ("100 BPM", "4A"),
    ]


def test_a_library_answers_by_the_rule(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    for n in range(150):
        key = chance.choice(["", *KEYS])
        track_id = house.add(str(n), *(chance.gauss(0, 1) for _ in range(3)), key=key)
        bpm = chance.uniform(60, 180)
        others = tuple((bpm * f, 0.1) for f in (0.5, 2.0, 1.5) if chance.random() < 0.3)
        house.measure(track_id, Measures(Tempo(bpm, 0.5, others)))
    tracks = house.shelf.reader.get_many(house.shelf.reader.ids(TrackQuery()))
    with_beat = [track for track in tracks if track.bpm is not None]
    index = house.shelf.index()
    index.refresh()
    found = 0
    for seed in with_beat[::10]:
        alike = dict(
            zip(index.ids().tolist(), index.scores(seed.id, index.ids()).tolist(), strict=True)
        )
        expected = {t.id for t in tracks if t != seed and fits(seed, t) and alike[t.id] > 0}
        hits = house.search.mixes_after(seed.id, 1000)
        assert {hit.track.id for hit in hits} == expected
        found += len(hits)
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert all(hit.score <= alike[hit.track.id] + 1e-6 for hit in hits)
    assert found > 20

    # Of more than can be compared, those of the nearest tempo.
    seed = max(with_beat, key=lambda t: len(house.search.mixes_after(t.id, 1000)))
    all_hits = house.search.mixes_after(seed.id, 1000)
    monkeypatch.setattr(search, "_MOST_IN_TIME", 3)
    monkeypatch.setattr(search, "_MOST_TO_COUNT", 3)
    few = house.search.mixes_after(seed.id, 1000)
    assert 0 < len(few) < len(all_hits)
    assert {hit.track.id for hit in few} < {hit.track.id for hit in all_hits}


def fits(seed: Track, track: Track) -> bool:
    """The rule, for every pair."""
    one, other = mixing.beat_of(seed), mixing.beat_of(track)
    if one is None or other is None or octave(one, other) is None:
        return False
    if seed.key is None:
        return True
    return track.key is not None and camelot_place(track.key) in places(seed.key)


def test_why_nothing_can_be_mixed(house: House) -> None:
    house.add("other", *NEAR, bpm="100", key="C")
    track_id = house.add("Silence", *FAR)
    with pytest.raises(UserError, match="not measured yet"):
        house.search.mixes_after(track_id, 5)
    house.measuring = False
    with pytest.raises(UserError, match=r"switched off.*msa-desktop config measure true"):
        house.search.mixes_after(track_id, 5)
    house.measure(track_id, Measures())
    with pytest.raises(UserError, match="could not be measured"):
        house.search.mixes_after(track_id, 5)
    house.measure(track_id, Measures(key=Key("Am", 0.5)))
    with pytest.raises(UserError, match="No steady beat"):
        house.search.mixes_after(track_id, 5)
    (new,) = house.shelf.add("new.mp3")
    with pytest.raises(UserError, match="not listened to yet"):
        house.search.mixes_after(new, 5)
    house.shelf.read(new, bpm="100")
    with pytest.raises(UserError, match="not listened to yet"):
        house.search.mixes_after(new, 5)
    house.shelf.writer.run(lambda conn: writes.store_failure(conn, new, "No sound."))
    with pytest.raises(UserError, match="No sound"):
        house.search.mixes_after(new, 5)
    with pytest.raises(UserError, match="no longer in the library"):
        house.search.mixes_after(TrackId(999), 5)


def test_tempi_are_found_in_the_library(house: House) -> None:
    a, b, c = (house.add(name, *NEAR) for name in "abc")
    house.measure(a, Measures(Tempo(128.25, 0.75, ((64.125, 0.125), (85.5, 0.1))), Key("Am", 0.5)))
    house.measure(b, Measures())
    reader = house.shelf.reader
    assert reader.tempi([a, b, c]) == {a: (128.25, 64.125, 85.5), b: ()}
    (ids, bpm, keys) = reader.paced(128, 129, [14])
    assert (ids.tolist(), bpm.tolist(), keys.tolist()) == ([a], [128.25], [14])
    assert reader.paced(128, 129, [13]).ids.size == 0
    assert reader.paced(128, 129).places.tolist() == [-1]
    assert reader.paced(1, 2).ids.size == 0
