from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msa_desktop.base.model import Embedding, FloatArray
from msa_desktop.store import writes
from msa_desktop.store.vectors import VectorIndex
from tests.store.shelf import ENCODER, Shelf

DIMENSION = 12


def made_up(count: int, seed: int = 0, dimension: int = DIMENSION) -> FloatArray:
    """Vectors whose dimensions differ wildly in place and spread."""
    chance = np.random.default_rng(seed)
    spread = np.geomspace(0.1, 10, dimension)
    return (chance.standard_normal((count, dimension)) * spread + 10 * spread).astype(np.float32)


def standardised(vectors: FloatArray, over: FloatArray | None = None) -> FloatArray:
    """The definition, in double precision."""
    exact = vectors.astype(np.float64)
    reference = exact if over is None else over.astype(np.float64)
    rows = (exact - reference.mean(axis=0)) / reference.std(axis=0)
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_scores_are_cosines_of_standardised_vectors(shelf: Shelf) -> None:
    vectors = made_up(60)
    ids = np.array(shelf.hear_many(vectors))
    rows = standardised(vectors)
    index = shelf.index()
    for place in (0, 17, 59):
        cosines = rows @ rows[place]
        expected = [i for i in np.argsort(-cosines) if i != place][:10]
        found, scores = index.search(int(ids[place]), 10)
        assert found.tolist() == ids[expected].tolist()
        np.testing.assert_allclose(scores, cosines[expected], atol=1e-5)
        by_vector, same = index.search(vectors[place], 11)
        assert by_vector.tolist() == [ids[place], *found]
        assert same[0] == pytest.approx(1, abs=1e-5)
        assert same[0] <= 1


def test_a_track_is_not_its_own_neighbour(shelf: Shelf) -> None:
    ids = shelf.hear_many(made_up(20))
    index = shelf.index()
    everything, scores = index.search(ids[0], 100)
    assert sorted(everything.tolist()) == ids[1:]
    assert (np.diff(scores) <= 0).all()
    for k in (0, 1, 19, 20):
        assert index.search(ids[0], k)[0].tolist() == everything[:k].tolist()


def test_what_was_not_heard(shelf: Shelf) -> None:
    (silent,) = shelf.add("silent.mp3")
    index = shelf.index()
    with pytest.raises(KeyError):
        index.search(silent, 5)
    assert index.search(np.ones(DIMENSION, np.float32), 5)[0].size == 0
    assert (len(index), index.check()) == (0, [])
    index.save()
    shelf.hear_many(made_up(3))
    with pytest.raises(KeyError):
        index.search(silent, 5)
    assert len(index) == 3


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_tiny_libraries_use_the_plain_cosine(shelf: Shelf, count: int) -> None:
    """Standardised, two tracks would always be opposites."""
    vectors = made_up(count)
    ids = shelf.hear_many(vectors)
    found, scores = shelf.index().search(ids[0], 5)
    assert sorted(found.tolist()) == ids[1:][:5] or count > 5
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(scores, np.sort(unit[1:] @ unit[0])[::-1][:5], atol=1e-5)


def test_equal_silent_and_constant_vectors(shelf: Shelf) -> None:
    vectors = made_up(12)
    vectors[:, 3] = 7  # a dimension that never moves
    vectors[5] = vectors[4]
    ids = shelf.hear_many(vectors)
    found, scores = shelf.index().search(ids[4], 11)
    assert found[0] == ids[5]
    assert scores[0] == pytest.approx(1, abs=1e-5)
    assert np.isfinite(scores).all()


def test_a_library_of_one_sound(shelf: Shelf) -> None:
    ids = shelf.hear_many(np.tile(made_up(1), (10, 1)))
    found, scores = shelf.index().search(ids[0], 20)
    assert sorted(found.tolist()) == ids[1:]
    assert np.isfinite(scores).all()


def test_a_dimension_that_hardly_moves_does_not_drown_the_others(shelf: Shelf) -> None:
    vectors = np.random.default_rng(0).standard_normal((200, DIMENSION)).astype(np.float32)
    vectors[:, 0] = 0
    vectors[:2, 0] = 1e-4  # by its own deviation, a value of 10 that only these two have
    ids = shelf.hear_many(vectors)
    _, scores = shelf.index().search(ids[0], 200)
    nearest = dict(zip(*(a.tolist() for a in shelf.index().search(ids[0], 200)), strict=True))
    expected = standardised(vectors[:, 1:])
    assert nearest[ids[1]] == pytest.approx(float(expected[0] @ expected[1]), abs=0.05)
    assert len(scores) == 199


def test_changes_are_taken_over_without_building_anew(shelf: Shelf) -> None:
    vectors = made_up(40)
    ids = shelf.hear_many(vectors)
    index = shelf.index()
    index.refresh()
    codes = index._codes
    vectors[7] = made_up(1, seed=1)[0]
    shelf.hear(ids[7], *vectors[7])
    added = made_up(5, seed=2)
    new = shelf.hear_many(added)
    shelf.remove(ids[0], ids[20], ids[39])
    kept = [i for i in range(40) if i not in (0, 20, 39)]
    truth = np.concatenate([vectors[kept], added])
    all_ids = [ids[i] for i in kept] + new
    statements: list[str] = []
    shelf.db.connection().set_trace_callback(statements.append)
    found, scores = index.search(ids[7], 100)
    shelf.db.connection().set_trace_callback(None)
    assert index._codes is codes, "nothing was measured anew"
    assert statements
    assert not any("group_concat" in text for text in statements), "rows were compared one by one"
    rows = standardised(truth, over=made_up(40))
    order = np.argsort(-(rows @ rows[all_ids.index(ids[7])]))
    assert found.tolist() == [all_ids[i] for i in order if all_ids[i] != ids[7]]
    assert scores[0] == pytest.approx(np.sort(rows @ rows[all_ids.index(ids[7])])[-2], abs=1e-5)
    assert index.check() == []


def test_removals_that_are_no_longer_remembered(shelf: Shelf) -> None:
    ids = shelf.hear_many(made_up(20))
    index = shelf.index()
    index.refresh()
    shelf.remove(ids[4])
    shelf.writer.run(lambda conn: conn.execute("DELETE FROM vector_removals"))
    (new,) = shelf.hear_many(made_up(1, seed=1))
    assert set(index.search(new, 50)[0].tolist()) == set(ids) - {ids[4]}
    assert index.check() == []


def test_only_the_last_removals_are_remembered(shelf: Shelf) -> None:
    ids = shelf.add(*(f"{n}.mp3" for n in range(10_050)))
    vector = Embedding(ENCODER, "1", np.ones(1, dtype=np.float32))

    def hear(conn: sqlite3.Connection) -> None:
        for track_id in ids:
            writes.store_analysis(conn, track_id, [vector])

    shelf.writer.run(hear)
    shelf.writer.run(lambda conn: writes.remove_root(conn, shelf.root))
    assert shelf.sql("SELECT count(*), count(DISTINCT track_id) FROM vector_removals") == [
        (10_000, 10_000)
    ]


def test_a_failed_track_and_a_removed_root_leave_the_index(shelf: Shelf) -> None:
    ids = shelf.hear_many(made_up(12))
    index = shelf.index()
    index.refresh()
    shelf.writer.run(lambda conn: writes.store_failure(conn, ids[3], "broken"))
    with pytest.raises(KeyError):
        index.search(ids[3], 5)
    assert ids[3] not in index.search(ids[0], 20)[0]
    shelf.writer.run(lambda conn: writes.remove_root(conn, shelf.root))
    index.refresh()
    assert (len(index), index.check()) == (0, [])


def test_measured_anew_when_the_library_doubles_or_halves(shelf: Shelf) -> None:
    first, second = made_up(20), made_up(20, seed=5) * 3
    ids = shelf.hear_many(first)
    index = shelf.index()
    index.refresh()
    old = index._codes
    assert old is not None
    more = shelf.hear_many(second)
    index.refresh()
    assert index._codes is not old
    rows = standardised(np.concatenate([first, second]))
    _, scores = index.search(ids[0], 1)
    assert scores[0] == pytest.approx(np.sort(rows @ rows[0])[-2], abs=1e-5)
    shelf.remove(*more)
    index.refresh()
    assert index._codes is not None
    np.testing.assert_allclose(index._codes.standard.mean, old.standard.mean, rtol=1e-5)


def test_kept_between_runs(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    vectors = made_up(30)
    ids = shelf.hear_many(vectors)
    first = shelf.index()
    expected = first.search(ids[3], 9)
    first.save()
    assert [path.name for path in (shelf.folder / "indexes").iterdir()] == [f"{ENCODER}.npz"]
    shelf.hear_many(made_up(4, seed=3))
    second = shelf.index()
    found, scores = second.search(ids[3], 9)
    assert second.measured == 30, "it was read, not built"
    assert len(second) == 34
    both = set(found.tolist()) & set(expected[0].tolist())
    assert both
    assert (len(second), second.check(), caplog.records) == (34, [], [])
    assert scores.dtype == np.float32


def test_saving_when_nothing_changed_writes_nothing(shelf: Shelf) -> None:
    shelf.hear_many(made_up(10))
    index = shelf.index()
    index.save()
    assert not (shelf.folder / "indexes").exists(), "never used: nothing to keep"
    index.refresh()
    index.save()
    file = shelf.folder / "indexes" / f"{ENCODER}.npz"
    before = file.stat().st_mtime_ns
    index.save()
    again = shelf.index()
    again.refresh()
    again.save()
    assert file.stat().st_mtime_ns == before


def test_left_over_of_a_killed_save_is_cleaned_up(shelf: Shelf) -> None:
    shelf.hear_many(made_up(10))
    folder = shelf.folder / "indexes"
    folder.mkdir()
    stale, fresh = folder / f"{ENCODER}.npz.1.part", folder / f"{ENCODER}.npz.2.part"
    for part in (stale, fresh):
        part.write_bytes(b"half")
    os.utime(stale, (1, 1))
    index = shelf.index()
    index.refresh()
    index.save()
    assert not stale.exists()
    assert fresh.exists(), "another process may be writing it now"


def test_a_folder_that_cannot_be_written_is_no_error(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    ids = shelf.hear_many(made_up(10))
    (shelf.folder / "indexes").write_bytes(b"a file where the folder should be")
    index = shelf.index()
    assert index.search(ids[0], 3)[0].size == 3
    with caplog.at_level(logging.WARNING):
        index.save()
    assert "could not be kept" in caplog.text


def damaged(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    flipped = bytearray(content)
    flipped[middle] ^= 0x40
    zeros = bytearray(content)
    zeros[middle : middle + 600] = bytes(600)
    return {
        "empty": b"",
        "garbage": b"no index at all" * 100,
        "cut": content[:middle],
        "cut at the end": content[:-10],
        "one bit": bytes(flipped),
        "a hole": bytes(zeros),
    }


@pytest.mark.parametrize("kind", list(damaged(b"0" * 2000)))
def test_a_damaged_file_is_made_anew(
    shelf: Shelf, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ids = shelf.hear_many(made_up(200))
    index = shelf.index()
    expected = index.search(ids[0], 5)
    index.save()
    file = shelf.folder / "indexes" / f"{ENCODER}.npz"
    file.write_bytes(damaged(file.read_bytes())[kind])
    again = shelf.index()
    found = again.search(ids[0], 5)
    assert found[0].tolist() == expected[0].tolist()
    assert "made anew" in caplog.text
    again.save()
    caplog.clear()
    assert shelf.index().check() == []
    assert not caplog.records


def test_a_file_with_a_pickle_is_not_run(shelf: Shelf, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    ids = shelf.hear_many(made_up(10))
    folder = shelf.folder / "indexes"
    folder.mkdir()
    np.savez(folder / f"{ENCODER}.npz", label=np.array([Trap()], dtype=object))
    assert shelf.index().search(ids[0], 3)[0].size == 3
    assert not (tmp_path / "sprung").exists()


def test_parts_that_do_not_fit_together_are_not_used(shelf: Shelf) -> None:
    shelf.hear_many(made_up(20))
    index = shelf.index()
    index.refresh()
    index.save()
    file = shelf.folder / "indexes" / f"{ENCODER}.npz"
    with np.load(file) as kept:
        parts = dict(kept)
    for name, wrong in (
        ("ids", parts["ids"][:-1]),
        ("ids", np.zeros_like(parts["ids"])),
        ("generations", parts["generations"][:-1]),
        ("codes", parts["codes"][:, :-1]),
        ("mean", parts["mean"][:-1]),
        ("label", np.array(["2", ENCODER, "another version", "exact"])),
    ):
        np.savez(file, **{**parts, name: wrong})
        again = shelf.index()
        again.refresh()
        assert (len(again), again.check()) == (20, []), name


def test_another_version_of_the_encoder_starts_anew(shelf: Shelf) -> None:
    ids = shelf.hear_many(made_up(10))
    first = shelf.index()
    first.refresh()
    first.save()
    second = shelf.index(version="2")
    with pytest.raises(KeyError):
        second.search(ids[0], 3)
    for track_id in ids[:4]:
        shelf.hear(track_id, 1, 2, 3, version="2")
    assert second.search(ids[0], 9)[0].size == 3
    first.refresh()
    assert len(first) == 6
    assert first.check() == second.check() == []


def test_a_library_put_back_from_a_backup(shelf: Shelf, tmp_path: Path) -> None:
    """The kept index is from another course of events: the same ids stand for other sounds."""
    shelf.hear_many(made_up(20))
    backup = tmp_path / "backup"
    copy = shelf.db.writing_connection()
    copy.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    copy.close()
    shelf.hear_many(made_up(10, seed=1))
    ahead = shelf.index()
    ahead.refresh()
    ahead.save()
    backup.mkdir()
    shutil.copy(tmp_path / "backup.db", backup / "library.db")
    shutil.copytree(shelf.folder / "indexes", backup / "indexes")
    with Shelf(backup) as restored:
        assert restored.index().check() == []
        other = made_up(10, seed=2)
        ids = restored.hear_many(other)
        index = restored.index()
        assert index.check() == []
        assert len(index) == 30
        assert index.search(other[4], 1)[0].tolist() == [ids[4]]


def test_check_finds_rows_of_the_wrong_track(shelf: Shelf) -> None:
    shelf.hear_many(made_up(20))
    index = shelf.index()
    assert index.check() == []
    rows = index._codes.codes  # type: ignore[union-attr]
    rows[[2, 3]] = rows[[3, 2]]
    assert index.check() == ["2 entries of the index are not what was heard in their tracks."]
    index._ids[5] = 999
    assert len(index.check()) == 3


def test_searching_from_many_threads_while_the_library_grows(shelf: Shelf) -> None:
    ids = shelf.hear_many(made_up(50))
    index = shelf.index()
    stop = threading.Event()
    problems: list[object] = []

    def search() -> None:
        while not stop.is_set():
            found, scores = index.search(ids[0], 10)
            if len(set(found.tolist())) != 10 or ids[0] in found or (np.diff(scores) > 0).any():
                problems.append((found, scores))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(15):
        new = shelf.hear_many(made_up(8, seed=n + 1))
        shelf.remove(*new[::2])
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(index) <= 50 + 15 * 4
    assert index.check() == []


_STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "change", "remove", "look", "restart"]), st.integers(0, 50)),
    max_size=15,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
@given(_STEPS)
def test_any_course_of_events_ends_in_agreement(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with Shelf(tmp_path_factory.mktemp("course")) as shelf:
        index = shelf.index()
        ids: list[int] = []
        for seed, (step, number) in enumerate(steps):
            if step == "add":
                ids += shelf.hear_many(made_up(number % 7 + 1, seed=seed))
            elif step == "change" and ids:
                shelf.hear(ids[number % len(ids)], *made_up(1, seed=seed)[0])
            elif step == "remove" and ids:
                shelf.remove(ids.pop(number % len(ids)))
            elif step == "look":
                index.refresh()
            elif step == "restart":
                index.refresh()
                index.save()
                index = shelf.index()
        assert index.check() == []
        assert len(index) == len(ids)
        fresh = VectorIndex(shelf.db, shelf.folder / "nowhere", ENCODER, "1")
        if len(ids) > 8 and index.measured == fresh.measured:
            assert index.search(ids[0], 5)[0].tolist() == fresh.search(ids[0], 5)[0].tolist()


def albums(count: int, dimension: int = 64, seed: int = 0) -> FloatArray:
    """Vectors as music has them: near each other within an album."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((count // 10 + 1, dimension))
    noise = chance.standard_normal((count, dimension))
    return (centres[np.arange(count) // 10] + 0.8 * noise + 3).astype(np.float32)


def large(shelf: Shelf, exact_up_to: int = 50) -> VectorIndex:
    """An index that takes the library for one too large to be searched exactly."""
    return VectorIndex(shelf.db, shelf.folder / "indexes", ENCODER, "1", exact_up_to=exact_up_to)


def holds_codes(index: VectorIndex) -> bool:
    return index._codes is not None and not index._codes.exact


def test_a_large_library_finds_the_same_with_the_same_scores(shelf: Shelf) -> None:
    vectors = albums(3000)
    ids = shelf.hear_many(vectors)
    exact, coarse = shelf.index(), large(shelf)
    recalls = []
    for place in range(0, 3000, 60):
        wanted, scores = exact.search(ids[place], 10)
        found, estimated = coarse.search(ids[place], 10)
        recalls.append(np.isin(wanted, found).mean())
        assert ids[place] not in found
        assert (np.diff(estimated) <= 0).all()
        same = np.isin(found, wanted)
        np.testing.assert_allclose(
            estimated[same], scores[np.isin(wanted, found)], atol=1e-5, err_msg="not exact"
        )
    assert holds_codes(coarse)
    assert not holds_codes(exact)
    assert np.mean(recalls) >= 0.98
    assert coarse._codes is not None
    assert coarse._codes.codes.nbytes < 3000 * 64 * 4 / 8
    by_vector, _ = coarse.search(vectors[7], 1)
    assert by_vector.tolist() == [ids[7]]


def test_a_large_library_changes_without_being_built_anew(shelf: Shelf) -> None:
    vectors = albums(400)
    ids = shelf.hear_many(vectors)
    index = large(shelf)
    index.refresh()
    codes = index._codes
    assert codes is not None
    vectors[7] = albums(1, seed=1)[0]
    shelf.hear(ids[7], *vectors[7])
    shelf.remove(ids[0], ids[20], ids[399])
    new = shelf.hear_many(albums(5, seed=2))
    found, scores = index.search(ids[7], 1000)
    assert sorted(found.tolist()) == sorted({*ids, *new} - {ids[0], ids[20], ids[399], ids[7]})
    assert index._codes is codes
    assert holds_codes(index)
    assert index.check() == []
    rows = standardised(vectors, over=albums(400))
    expected = dict(zip(ids, rows @ rows[7], strict=True))
    told = dict(zip(found.tolist(), scores.tolist(), strict=True))
    for track_id in ids[30:60]:
        assert told[track_id] == pytest.approx(expected[track_id], abs=1e-4)


def test_grown_large_and_small_again(shelf: Shelf) -> None:
    ids = shelf.hear_many(albums(45))
    index = large(shelf)
    index.refresh()
    assert not holds_codes(index)
    more = shelf.hear_many(albums(10, seed=1))
    index.refresh()
    assert holds_codes(index), "as soon as it is too large, not only when it has doubled"
    assert index.check() == []
    shelf.remove(*more, *ids[20:])
    index.refresh()
    assert not holds_codes(index)
    assert index.search(ids[0], 100)[0].size == 19


def test_a_large_library_is_kept_between_runs(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    ids = shelf.hear_many(albums(300))
    first = large(shelf)
    expected = first.search(ids[3], 9)
    first.save()
    file = shelf.folder / "indexes" / f"{ENCODER}.npz"
    assert file.stat().st_size < 300 * 64 * 4
    second = large(shelf)
    found = second.search(ids[3], 9)
    assert found[0].tolist() == expected[0].tolist()
    assert (second.check(), caplog.records) == ([], [])
    with np.load(file) as kept:
        parts = dict(kept)
    parts["label"][-1] = "RaBitQ, FAISS 0.0"
    np.savez(file, **parts)
    third = large(shelf)
    assert third.search(ids[3], 9)[0].tolist() == expected[0].tolist()
    assert "made anew" in caplog.text, "what another FAISS means by its codes is not known"


def test_check_finds_wrong_codes(shelf: Shelf) -> None:
    shelf.hear_many(albums(300))
    index = large(shelf)
    assert index.check() == []
    assert index._codes is not None
    codes = index._codes.codes
    codes[[5, 250]] = codes[[250, 5]]
    assert index.check() == ["2 entries of the index are not what was heard in their tracks."]


@pytest.mark.parametrize("exact_up_to", [10, 1000])
def test_raw_scores_are_plain_cosines(shelf: Shelf, exact_up_to: int) -> None:
    """Against vectors that lie far from the origin, as words do from sounds."""
    vectors = albums(300)
    ids = np.array(shelf.hear_many(vectors))
    index = large(shelf, exact_up_to)
    query = np.random.default_rng(4).standard_normal(64).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ (query / np.linalg.norm(query))
    found, scores = index.search(query, 10, raw=True)
    assert found.tolist() == ids[np.argsort(-cosines)[:10]].tolist()
    np.testing.assert_allclose(scores, np.sort(cosines)[::-1][:10], atol=1e-5)
    assert np.linalg.norm(query) > 2, "it is the caller's, and left as it was"
    (silent,) = shelf.add("silent.mp3")
    asked = np.array([ids[5], silent, ids[2]])
    told = index.scores(query, asked, raw=True)
    np.testing.assert_allclose(told, [cosines[5], np.nan, cosines[2]], atol=1e-5)


@pytest.mark.parametrize("exact_up_to", [10, 1000])
def test_scores_of_chosen_tracks(shelf: Shelf, exact_up_to: int) -> None:
    vectors = albums(200)
    ids = shelf.hear_many(vectors)
    (silent,) = shelf.add("silent.mp3")
    index = large(shelf, exact_up_to)
    rows = standardised(vectors)
    asked = np.array([ids[9], silent, ids[3], ids[150]])
    expected = [rows[9] @ rows[3], np.nan, 1, rows[150] @ rows[3]]
    np.testing.assert_allclose(index.scores(ids[3], asked), expected, atol=1e-5)
    np.testing.assert_allclose(index.scores(vectors[3], asked), expected, atol=1e-5)
    with pytest.raises(KeyError):
        index.scores(silent, asked)
    assert index.scores(ids[3], np.array([], dtype=np.int64)).size == 0
