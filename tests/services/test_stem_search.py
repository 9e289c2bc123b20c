"""Tracks with similar drums: made vectors in a real library."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import (
    AudioInfo,
    Embedding,
    FileStamp,
    FloatArray,
    LabelScore,
    Reading,
    Tags,
    TrackId,
)
from msa_desktop.base.paths import DataPaths
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services import stem_search
from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.services.stem_search import StemSearch
from msa_desktop.store import writes
from msa_desktop.store.stem_rows import store_stems

EAR = EncoderFacts("ear", "1", 16)
OTHER = EncoderFacts("other", "2", 8)
LEVELS = {"drums": 0.1, "vocals": 0.001, "bass": 0.1, "instrumental": 0.1}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(DataPaths(tmp_path / "state")) as opened:
        yield opened


def add(app: App, count: int, albums: int = 1000) -> list[TrackId]:
    """Tracks that were read, some in one album."""

    def change(conn: sqlite3.Connection) -> list[TrackId]:
        root = writes.add_root(conn, "/music")
        ids = writes.add_tracks(
            conn, root, [FileStamp(f"/music/{n}.flac", 1000, 1) for n in range(count)]
        )
        for n, track_id in enumerate(ids):
            tags = Tags(title=f"T{n}", album=f"Album {n % albums}")
            info = AudioInfo(100.0, "flac", 44_100, 2)
            writes.store_reading(conn, track_id, Reading(info, tags, b"%d" % track_id))
        return ids

    return app.writer.run(change)


def hear(
    app: App, ids: list[TrackId], vectors: FloatArray, ear: EncoderFacts = EAR, stem: str = "drums"
) -> None:
    def change(conn: sqlite3.Connection) -> None:
        for track_id, vector in zip(ids, vectors, strict=True):
            labels = {"mtt": np.full(50, 0.01, np.float32)}
            labels["mtt"][5] = 0.9  # drums
            heard = [Embedding(ear.id, ear.version, vector, labels)]
            assert store_stems(conn, track_id, b"%d" % track_id, LEVELS, {stem: heard})

    app.writer.run(change)


def kinds(count: int, dimension: int, *, noise: float, seed: int) -> FloatArray:
    """Vectors of four kinds in turn, far from zero as an encoder's are."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, 1, (4, dimension))
    made = 5 + centres[np.arange(count) % 4] + random.normal(0, noise, (count, dimension))
    return made.astype(np.float32)


def by(app: App, *encoders: EncoderFacts) -> StemSearch:
    return StemSearch(app.tracks, app.stem_rows, lambda: encoders, app.vocabulary)


def found(app: App, track_id: TrackId, *encoders: EncoderFacts, count: int = 5) -> list[str]:
    hits = by(app, *encoders).similar(track_id, "drums", count)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(-1 <= hit.score <= 1 for hit in hits)
    return [hit.track.title for hit in hits]


def test_the_nearest(app: App) -> None:
    ids = add(app, 40)
    hear(app, ids, kinds(40, 16, noise=0.3, seed=1))
    hear(app, ids, kinds(40, 16, noise=9, seed=2), stem="bass")  # has no say
    hits = by(app, EAR).similar(ids[1], "drums", 9)
    assert {hit.track.title for hit in hits} == {f"T{n}" for n in range(5, 40, 4)}
    assert all(hit.encoders == ("ear",) for hit in hits)
    assert hits[0].labels[0] == "drums"


@pytest.mark.parametrize("count", [2, 3, 7, 8, 12])
def test_in_a_small_library(app: App, count: int) -> None:
    ids = add(app, count)
    vectors = kinds(count, 16, noise=0.1, seed=3)
    vectors[1] = vectors[0] + 0.01
    hear(app, ids, vectors)
    titles = found(app, ids[0], EAR, count=100)
    assert titles[0] == "T1"
    assert len(titles) == count - 1


def test_two_encoders(app: App) -> None:
    ids = add(app, 80, albums=4)
    good, useless = kinds(80, 16, noise=0.5, seed=4), kinds(80, 8, noise=99, seed=5)
    hear(app, ids, good)
    hear(app, ids, useless, OTHER)
    for ears in ((EAR, OTHER), (OTHER, EAR)):
        right = {f"T{n}" for n in range(4, 80, 4)}
        assert set(found(app, ids[0], *ears, count=10)) <= right, "whom to trust was learned"
    hits = by(app, EAR, OTHER).similar(ids[0], "drums", 3)
    assert all("ear" in hit.encoders for hit in hits)


def test_an_encoder_that_has_only_begun(app: App) -> None:
    ids = add(app, 60)
    hear(app, ids, kinds(60, 16, noise=0.3, seed=6))
    hear(app, ids[:5], kinds(5, 8, noise=99, seed=7), OTHER)
    assert found(app, ids[0], EAR, OTHER) == found(app, ids[0], EAR)
    assert found(app, ids[9], EAR, OTHER) == found(app, ids[9], EAR)
    assert len(found(app, ids[0], OTHER)) == 4


def test_what_cannot_be_compared(app: App) -> None:
    ids = add(app, 3)
    search = by(app, EAR)

    def why(track_id: int, stem: str = "drums") -> str:
        with pytest.raises(UserError) as error:
            search.similar(TrackId(track_id), stem, 5)
        return str(error.value)

    assert "no longer in the library" in why(99)
    assert '"T0" was not taken apart yet' in why(ids[0])
    hear(app, ids[:1], kinds(1, 16, noise=1, seed=8))
    assert search.similar(ids[0], "drums", 5) == []  # nobody to compare it with
    assert why(ids[0], "tuba").endswith("There is: bass, drums, vocals.")
    assert "instrumental is not compared" in why(ids[0], "instrumental")
    assert "as good as nothing in the vocals" in why(ids[0], "vocals")
    assert "bass" in why(ids[0], "bass")
    assert "not listened to" in why(ids[0], "bass")
    newer = EncoderFacts("ear", "2", 16)
    search = by(app, newer)
    assert "Separate its stems again" in why(ids[0])


def test_the_kind_is_known_by_labels_and_better_by_stems(app: App) -> None:
    (track_id,) = add(app, 1)
    search = by(app, EAR)
    voice = [LabelScore("vocals", 0.9, "mtt"), LabelScore("guitar", 0.9, "mtt")]
    assert search.kind(track_id, []) == KindOfTrack(Kind.UNKNOWN, 0.0)
    by_labels = search.kind(track_id, voice)
    assert (by_labels.kind, by_labels.by_stems) == (Kind.SONG, False)
    assert 0.5 <= by_labels.confidence <= 0.75
    none = search.kind(track_id, [LabelScore("no vocals", 0.9, "mtt")])
    assert none.kind is Kind.INSTRUMENTAL
    hear(app, [track_id], kinds(1, 16, noise=1, seed=8))
    by_stems = search.kind(track_id, voice)
    assert (by_stems.kind, by_stems.by_stems) == (Kind.INSTRUMENTAL, True), "there is no voice"
    assert by_stems.confidence > 0.9


def test_thousands_are_searched_at_once(app: App) -> None:
    """The whole of a search costs less than a person notices, in CPU time on any machine."""
    ids = add(app, 3000)
    random = np.random.default_rng(9)
    hear(app, ids, random.normal(3, 1, (3000, 400)).astype(np.float32))
    search = by(app, EAR)
    best = 9.0
    for _ in range(5):
        began = time.thread_time()
        assert len(search.similar(ids[7], "drums", 20)) == 20
        best = min(best, time.thread_time() - began)
    assert best < 0.25
    assert stem_search._SAMPLE < 3000
