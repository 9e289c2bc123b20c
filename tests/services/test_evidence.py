from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import (
    AudioInfo,
    Embedding,
    FileStamp,
    FloatArray,
    Reading,
    Tags,
    Track,
    TrackId,
)
from msa_desktop.base.paths import DataPaths
from msa_desktop.services import evidence
from msa_desktop.services.evidence import EvidenceReader
from msa_desktop.services.references import References
from msa_desktop.store import reference, writes
from msa_desktop.store.reference import Origin, ReferenceTrack

CHANCE = np.random.default_rng(4)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(DataPaths(tmp_path / "state")) as opened:
        yield opened


@pytest.fixture
def reader(app: App, tmp_path: Path) -> EvidenceReader:
    """Evidence over the app's library and the indexes of `home`."""

    def no_pool(*_: object) -> None:
        raise AssertionError

    references = References(
        tmp_path / "references",
        tmp_path / "shipped",
        lambda: app.encoders,
        no_pool,  # type: ignore[arg-type]
        app.events,
    )
    return EvidenceReader(
        app.tracks, app.proposals, app.encoders[0], app.vocabulary, app.words, references
    )


def voice(seed: int) -> FloatArray:
    dimension = 400
    return np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)


def heard(app: App, tags: list[Tags], seed: int) -> list[Track]:
    """Stores tracks that sound alike, by seed."""
    facts = app.encoders[0]
    sizes = {source.id: len(source.labels) for source in app.vocabulary.sources.values()}

    def change(conn: sqlite3.Connection) -> list[TrackId]:
        root = writes.add_root(conn, f"/music {seed}")
        stamps = [FileStamp(f"/music {seed}/{i}.flac", 1000, 1) for i in range(len(tags))]
        ids = writes.add_tracks(conn, root, stamps)
        for i, track_id in enumerate(ids):
            info = AudioInfo(100.0, "flac", 44_100, 2)
            writes.store_reading(conn, track_id, Reading(info, tags[i], bytes([i, seed])))
            vector = voice(seed) + 0.3 * CHANCE.standard_normal(facts.dimension)
            labels = {source: np.zeros(n, np.float32) for source, n in sizes.items()}
            embedding = Embedding(facts.id, facts.version, vector.astype(np.float32), labels)
            writes.store_analysis(conn, track_id, [embedding])
        return ids

    return app.tracks.get_many(app.writer.run(change))


def strangers(
    app: App, home: Path, tracks: dict[int, list[ReferenceTrack]], version: str = ""
) -> None:
    """Makes a reference index of tracks that sound as the seeds do."""
    facts = app.encoders[0]
    vectors = [
        voice(seed) + 0.3 * CHANCE.standard_normal(facts.dimension)
        for seed, some in tracks.items()
        for _ in some
    ]
    reference.write(
        home,
        "fma",
        Origin("Free music", facts.id, version or facts.version),
        np.array(vectors, np.float32),
        [track for some in tracks.values() for track in some],
    )


REFERENCE = {
    1: [ReferenceTrack(f"J {i}", f"Jo {i}", "", ("jazz", "calm", "xyzzy")) for i in range(12)],
    2: [ReferenceTrack(f"M {i}", f"Mo {i}", "", ("Heavy Metal",)) for i in range(12)],
}


def test_a_library_without_tags_has_the_neighbours_of_others(
    app: App, reader: EvidenceReader, tmp_path: Path
) -> None:
    (track,) = heard(app, [Tags(title="Mine")], 1)
    assert reader.surroundings([Field.GENRE, Field.MOOD]) == {}
    strangers(app, tmp_path / "references", REFERENCE)
    around = reader.surroundings([Field.GENRE, Field.MOOD, Field.BPM])
    assert around.keys() == {Field.GENRE, Field.MOOD}
    found = reader.of([track], around)[track.id]
    near = found.neighbours[Field.GENRE]
    assert {one.track_id for one in near} == {None}
    assert {one.reference for one in near} == {"Free music"}
    assert {one.values for one in near[:12]} == {("Jazz",)}, "in the program's words, known ones"
    assert near[0].artist.startswith("Jo")
    assert found.votes[Field.GENRE]["Jazz"] > 0.4 > found.votes[Field.GENRE].get("Metal", 0)
    assert {one.values for one in found.neighbours[Field.MOOD]} == {("Calm",)}


def test_ones_own_come_first_and_their_words_stay(
    app: App, reader: EvidenceReader, tmp_path: Path
) -> None:
    strangers(app, tmp_path / "references", REFERENCE)
    own = [Tags(title=f"O {i}", artist="Me", album=f"B {i}", genre=("Zeuhl",)) for i in range(6)]
    *_, track = heard(app, [*own, Tags(title="New", album="New")], 1)
    found = reader.of([track], reader.surroundings([Field.GENRE]))[track.id]
    near = found.neighbours[Field.GENRE]
    assert [one.reference for one in near[:6]] == [""] * 6
    assert {one.values for one in near[:6]} == {("Zeuhl",)}
    assert all(one.track_id is None and one.reference for one in near[6:])
    for kind in (near[:6], near[6:]):
        likeness = [one.similarity for one in kind]
        assert min(likeness[:3]) > 0.3
    assert found.votes[Field.GENRE].keys() >= {"Zeuhl", "Jazz"}


def test_with_enough_of_ones_own_no_stranger_is_asked(
    app: App, reader: EvidenceReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers(app, tmp_path / "references", REFERENCE)
    monkeypatch.setattr(evidence, "_ENOUGH", 6)
    own = [Tags(title=f"O {i}", album=f"B {i}", genre=("Zeuhl",)) for i in range(6)]
    *_, track = heard(app, [*own, Tags(title="New", album="New")], 1)
    found = reader.of([track], reader.surroundings([Field.GENRE]))[track.id]
    assert all(one.track_id is not None for one in found.neighbours[Field.GENRE])
    assert found.votes[Field.GENRE].keys() == {"Zeuhl"}


@pytest.mark.parametrize("what", ["another version", "damaged"])
def test_an_index_that_cannot_be_used_is_left_out(
    app: App, reader: EvidenceReader, tmp_path: Path, what: str
) -> None:
    strangers(app, tmp_path / "references", REFERENCE, "0" if what == "another version" else "")
    if what == "damaged":
        path = tmp_path / "references" / "fma" / "tracks.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"title"', b'"ti\\ue"'))
    own = [Tags(title="O", album="B", genre=("Zeuhl",))]
    *_, track = heard(app, [*own, Tags(title="New", album="New")], 1)
    found = reader.of([track], reader.surroundings([Field.GENRE, Field.MOOD]))[track.id]
    assert [one.title for one in found.neighbours[Field.GENRE]] == ["O"]
    assert Field.MOOD not in found.neighbours
