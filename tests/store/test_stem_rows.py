from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from msa_desktop.base.model import Embedding
from msa_desktop.store import sounds
from msa_desktop.store.stem_rows import HeardStem, StemRows, store_stems
from tests.store.shelf import Shelf

LEVELS = {"drums": 0.1, "vocals": 0.001, "instrumental": 0.1}


def ear(*vector: float, encoder: str = "ear", version: str = "1", label: float = 0.5) -> Embedding:
    labels = {encoder: np.array([label, 0.25], np.float32)}
    return Embedding(encoder, version, np.array(vector, np.float32), labels)


def store(
    shelf: Shelf,
    track_id: int,
    heard: Mapping[str, Sequence[Embedding]],
    levels: Mapping[str, float] = LEVELS,
    sound: bytes = b"",
) -> bool:
    sound = sound or b"sound %d" % track_id  # as the shelf has it
    return shelf.writer.run(lambda conn: store_stems(conn, track_id, sound, levels, heard))


def rows(shelf: Shelf) -> StemRows:
    return StemRows(shelf.db)


def test_what_is_stored_is_read(shelf: Shelf) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    for track_id in (a, b, c):
        shelf.read(track_id)
    assert rows(shelf).of(a) == {}
    assert store(shelf, a, {"drums": [ear(1, 2), ear(3, encoder="other", version="x")]})
    assert store(shelf, c, {"drums": [ear(5, 6)]})
    assert store(shelf, b, {"vocals": [ear(7, 8)]})
    found = rows(shelf).of_many([a, b])
    assert found.keys() == {a, b}
    assert {name: stem.level for name, stem in found[a].items()} == LEVELS
    drums = found[a]["drums"]
    assert drums.encoders == {"ear": "1", "other": "x"}
    assert {source: scores.tolist() for source, scores in drums.labels.items()} == {
        "ear": [0.5, 0.25],
        "other": [0.5, 0.25],
    }
    assert found[a]["vocals"] == HeardStem(0.001)
    ids, vectors = rows(shelf).vectors("drums", "ear", "1")
    assert (ids.tolist(), vectors.tolist()) == ([a, c], [[1, 2], [5, 6]])
    for stem, encoder, version in (("bass", "ear", "1"), ("drums", "ear", "2")):
        ids, vectors = rows(shelf).vectors(stem, encoder, version)
        assert (ids.tolist(), len(vectors)) == ([], 0)


def test_one_more_encoder_and_a_new_version(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    store(shelf, a, {"drums": [ear(1)]})
    store(shelf, a, {"drums": [ear(2, encoder="other")]})
    assert rows(shelf).of(a)["drums"].encoders == {"ear": "1", "other": "1"}
    store(shelf, a, {"drums": [ear(3, version="2", label=1)]})
    drums = rows(shelf).of(a)["drums"]
    assert drums.encoders == {"ear": "2", "other": "1"}
    assert drums.labels["ear"].tolist() == [1, 0.25]
    assert rows(shelf).vectors("drums", "ear", "2")[1].tolist() == [[3]]


def test_other_stems_take_the_place_of_the_former(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    store(shelf, a, {"drums": [ear(1)], "vocals": [ear(2)]})
    store(shelf, a, {"piano": [ear(3)]}, {"drums": 0.1, "piano": 0.2})
    found = rows(shelf).of(a)
    assert found.keys() == {"drums", "piano"}
    assert found["drums"] == HeardStem(0.1)
    assert found["piano"].encoders == {"ear": "1"}


def test_a_removed_track_takes_its_stems_along(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    store(shelf, a, {"drums": [ear(1)]})
    shelf.remove(a)
    for table in ("stems", "stem_vectors", "stem_labels"):
        assert shelf.sql(f"SELECT * FROM {table}") == []  # noqa: S608
    assert not store(shelf, a, {"drums": [ear(1)]})


def test_another_sound_has_other_stems(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a, sound=b"one")
    assert store(shelf, a, {"drums": [ear(1)]}, sound=b"one")
    shelf.read(a, sound=b"one", title="retagged")
    assert rows(shelf).of(a)
    shelf.read(a, sound=b"two")
    assert rows(shelf).of(a) == {}
    assert not store(shelf, a, {"drums": [ear(1)]}, sound=b"one")
    assert rows(shelf).of(a) == {}


def test_what_is_no_vector_is_refused(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    for wrong in (ear(1, float("nan")), Embedding("ear", "1", np.zeros((2, 2), np.float32))):
        with pytest.raises(ValueError, match="no vector"):
            store(shelf, a, {"drums": [wrong]})
    assert rows(shelf).of(a) == {}  # nor is anything else of it stored


def test_a_copy_of_the_sound_takes_them_over(shelf: Shelf) -> None:
    a, b = shelf.add("a.mp3", "b.mp3")
    for track_id in (a, b):
        shelf.read(track_id, sound=b"one")
    shelf.hear(a)
    store(shelf, a, {"drums": [ear(1, 2)]}, sound=b"one")
    shelf.writer.run(lambda conn: sounds.copy_analysis(conn, a, b))
    assert rows(shelf).of(b).keys() == LEVELS.keys()
    assert rows(shelf).vectors("drums", "ear", "1")[0].tolist() == [a, b]
