from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.services import summaries
from msa_desktop.services.summaries import Summaries
from tests.store.shelf import Shelf

MEANINGS = ("dark", "happy", "fast")  # a text lies where its words point
DIMENSION = 384


def place(text: str) -> FloatArray:
    vector = np.full(DIMENSION, 0.01, np.float32)
    for axis, word in enumerate(MEANINGS):
        vector[axis] += text.lower().count(word)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Reader:
    """Reads as `place` says, and remembers what it read."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.can = True

    def __call__(self, encoder: str, texts: Sequence[str]) -> FloatArray | None:
        assert encoder == summaries.ENCODER
        self.gate.wait(20)
        if not self.can:
            return None
        self.read += texts
        return np.stack([place(text) for text in texts])


Make = Callable[[], Summaries]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path / "data") as made:
        yield made


@pytest.fixture
def make(shelf: Shelf, reader: Reader, tmp_path: Path) -> Iterator[Make]:
    made: list[Summaries] = []

    def one() -> Summaries:
        made.append(Summaries(shelf.db, tmp_path / "indexes", reader))
        return made[-1]

    yield one
    reader.gate.set()
    for each in made:
        each.close()


def put(shelf: Shelf, name: str, summary: str = "", **tags: object) -> int:
    (track_id,) = shelf.add(name)
    shelf.read(track_id, summary=summary, **tags)  # type: ignore[arg-type]
    return int(track_id)


def standing(held: Summaries, word: str) -> dict[int, float]:
    ids, found = held.standing(place(word))
    assert ids.tolist() == sorted(set(ids.tolist()))
    return dict(zip(ids.tolist(), found.tolist(), strict=True))


def test_what_means_the_same_stands_out(shelf: Shelf, make: Make, reader: Reader) -> None:
    dark = put(shelf, "a.mp3", "Dark.", genre=("Drone", "Ambient"), mood=("Calm",))
    happy = put(shelf, "b.mp3", "Happy.", mood=("Mild",))
    put(shelf, "c.mp3", genre=("Dark",))
    others = [put(shelf, f"{n}.mp3", "Fast.") for n in range(10)]
    held = make()
    found = standing(held, "dark")
    assert set(found) == {dark, happy, *others}, "only those with a summary"
    assert found[dark] > 1 > max(found[one] for one in (happy, *others))
    assert sorted(reader.read) == ["Dark. Drone, Ambient, Calm", "Fast.", "Happy. Mild"]


def test_one_summary_is_judged_too(shelf: Shelf, make: Make) -> None:
    only = put(shelf, "a.mp3", "Dark.")
    assert standing(make(), "dark")[only] > 1
    assert standing(make(), "happy")[only] < 0


def test_it_keeps_up_and_reads_nothing_twice(shelf: Shelf, make: Make, reader: Reader) -> None:
    held = make()
    assert standing(held, "dark") == {}
    first = put(shelf, "a.mp3", "Dark.")
    assert set(standing(held, "dark")) == {first}
    second = put(shelf, "b.mp3", "Fast.")
    assert set(standing(held, "dark")) == {first, second}
    shelf.remove(first)
    assert set(standing(held, "dark")) == {second}
    held.close()
    third = put(shelf, "c.mp3", "Happy.")
    assert set(standing(make(), "dark")) == {second, third}
    assert reader.read == ["Dark.", "Fast.", "Happy."]


@pytest.mark.parametrize("damage", ["cut", "other version", "other shape"])
def test_a_damaged_file_is_made_anew(
    shelf: Shelf, make: Make, reader: Reader, tmp_path: Path, damage: str
) -> None:
    track = put(shelf, "a.mp3", "Dark.")
    held = make()
    before = standing(held, "dark")
    held.close()
    (file,) = (tmp_path / "indexes").iterdir()
    kept = dict(np.load(file))
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-300])
    elif damage == "other version":
        np.savez(file, **{**kept, "label": np.array(["1", "0"])})
    else:
        np.savez(file, **{**kept, "vectors": kept["vectors"][:, :7]})
    assert standing(make(), "dark") == before == {track: before[track]}
    assert len(reader.read) == 2


def test_a_search_does_not_wait_for_long(
    shelf: Shelf, make: Make, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "_PATIENCE", 0.1)
    ids = [put(shelf, f"{n}.mp3", f"Fast {n}.") for n in range(100)]
    held = make()
    reader.gate.clear()
    assert standing(held, "fast") == {}
    assert standing(held, "fast") == {}, "while it is read, nobody waits again"
    reader.gate.set()
    held._job.result(20)  # type: ignore[union-attr]
    assert list(standing(held, "fast")) == ids


def test_what_was_read_before_the_end_is_kept(
    shelf: Shelf, make: Make, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "_PATIENCE", 0.1)
    for n in range(100):
        put(shelf, f"{n}.mp3", f"Fast {n}.")
    held = make()
    reader.gate.clear()
    standing(held, "fast")
    threading.Timer(0.2, reader.gate.set).start()
    held.close()
    assert 0 < len(reader.read) < 100
    done = list(reader.read)
    again = make()
    standing(again, "fast")
    again._job.result(20)  # type: ignore[union-attr]
    assert len(set(done) | set(reader.read)) == len(reader.read) == 100


def test_one_that_cannot_read_is_asked_again(shelf: Shelf, make: Make, reader: Reader) -> None:
    track = put(shelf, "a.mp3", "Dark.")
    held = make()
    reader.can = False
    assert standing(held, "dark") == {}
    reader.can = True
    assert set(standing(held, "dark")) == {track}


def test_a_long_summary_is_read_in_part(shelf: Shelf, make: Make, reader: Reader) -> None:
    put(shelf, "a.mp3", "dark " * 20_000, genre=("Rock" * 25_000,))
    assert standing(make(), "dark")
    assert len(reader.read[0]) < 1500
