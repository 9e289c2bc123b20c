from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace

import numpy as np
import pytest

from msa_desktop.base.model import (
    AudioInfo,
    Embedding,
    FileStamp,
    Reading,
    Tags,
    TrackState,
)
from msa_desktop.store import sounds, writes
from tests.store.shelf import ENCODER, Shelf


def test_adding_a_known_path_keeps_its_row(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a, "Title")
    shelf.hear(a)
    again, new = shelf.add("a.mp3", "b.mp3")
    assert again == a
    assert new != a
    assert shelf.get(a).state is TrackState.ANALYSED
    assert shelf.typed("title") == [a]


def test_adding_a_root_twice(shelf: Shelf) -> None:
    assert shelf.writer.run(lambda conn: writes.add_root(conn, "/music")) == shelf.root
    assert len(shelf.reader.roots()) == 1


def test_an_id_is_never_given_twice(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.remove(a)
    (b,) = shelf.add("a.mp3")
    assert b != a


def test_removing_leaves_nothing_behind(shelf: Shelf) -> None:
    ids = shelf.add("x/a.mp3", "x/b.mp3", "y/c.mp3")
    for track_id in ids:
        shelf.read(track_id, "t")
        shelf.hear(track_id)
    shelf.remove(ids[0])
    assert [folder.path for folder in shelf.reader.folders()] == ["/music/x", "/music/y"]
    shelf.remove(ids[1])
    assert [folder.path for folder in shelf.reader.folders()] == ["/music/y"]
    assert shelf.sql("SELECT count(*) FROM folders") == [(1,)]
    shelf.writer.run(lambda conn: writes.remove_root(conn, shelf.root))
    for table in ("roots", "folders", "tracks", "vectors", "labels", "peaks", "track_words"):
        assert shelf.sql(f"SELECT * FROM {table}") == [], table  # noqa: S608
    assert shelf.db.check() == []


def test_moving_keeps_everything_but_the_place(shelf: Shelf) -> None:
    (a,) = shelf.add("old place/first name.mp3")
    shelf.read(a, "", "Artist")
    shelf.hear(a)
    before = shelf.get(a)
    new = os.fsdecode(b"/music/new place/second\xff.mp3")
    shelf.writer.run(lambda conn: writes.move_track(conn, a, shelf.root, new, FileStamp(new, 5, 6)))
    after = shelf.get(a)
    assert (after.path, after.size, after.mtime_ns) == (new, 5, 6)
    assert (after.state, after.tags, after.added_at) == (
        TrackState.ANALYSED, before.tags, before.added_at,
    )  # fmt: skip
    assert shelf.reader.labels(a)
    assert shelf.typed("second new artist") == [a]
    assert shelf.typed("first") == shelf.typed("old") == []
    assert [folder.path for folder in shelf.reader.folders()] == ["/music/new place"]


def test_moving_onto_another_track_replaces_it(shelf: Shelf) -> None:
    a, b = shelf.add("a.mp3", "only/b.mp3")
    shelf.hear(a)
    path = "/music/only/b.mp3"
    shelf.writer.run(
        lambda conn: writes.move_track(conn, a, shelf.root, path, FileStamp(path, 1, 1))
    )
    assert shelf.reader.get(b) is None
    assert shelf.get(a).path == path
    assert shelf.reader.counts().analysed == 1
    assert [folder.path for folder in shelf.reader.folders()] == ["/music/only"]


def test_two_tracks_that_swap_places(shelf: Shelf) -> None:
    a, b = shelf.add("x/a.mp3", "y/b.mp3")

    def swap(conn: sqlite3.Connection) -> None:
        for track_id, path in ((a, "/music/x/spare"), (b, "/music/x/a.mp3"), (a, "/music/y/b.mp3")):
            writes.move_track(conn, track_id, shelf.root, path, FileStamp(path, 1, 1))

    shelf.writer.run(swap)
    assert (shelf.get(a).path, shelf.get(b).path) == ("/music/y/b.mp3", "/music/x/a.mp3")


def test_moving_a_track_that_is_gone(shelf: Shelf) -> None:
    path = "/music/z.mp3"
    shelf.writer.run(
        lambda conn: writes.move_track(conn, 99, shelf.root, path, FileStamp(path, 1, 1))
    )
    assert shelf.sql("SELECT count(*) FROM folders") == [(0,)]


def test_merging_a_root_into_the_one_around_it(shelf: Shelf) -> None:
    def add_inner(conn: sqlite3.Connection) -> tuple[int, int]:
        inner = writes.add_root(conn, "/big/inner")
        stamp = FileStamp("/big/inner/deep/a.mp3", 1, 1)
        (track_id,) = writes.add_tracks(conn, inner, [stamp])
        return inner, track_id

    inner, track_id = shelf.writer.run(add_inner)
    shelf.hear(track_id)
    assert shelf.typed("big") == []
    outer = shelf.writer.run(lambda conn: writes.add_root(conn, "/big"))
    shelf.writer.run(lambda conn: writes.merge_root(conn, inner, outer))
    assert [root.id for root in shelf.reader.roots()] == [shelf.root, outer]
    track = shelf.get(track_id)
    assert (track.root_id, track.state) == (outer, TrackState.ANALYSED)
    assert shelf.typed("big inner deep") == [track_id]


def test_a_retagged_file_keeps_what_was_heard(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    assert shelf.read(a, "Old") is TrackState.QUEUED
    shelf.hear(a)
    shelf.writer.run(lambda conn: writes.update_stamp(conn, a, FileStamp("/music/a.mp3", 9, 9)))
    changed = shelf.get(a)
    assert (changed.state, changed.size, changed.mtime_ns) == (TrackState.NEW, 9, 9)
    assert shelf.read(a, "New", duration=60.2) is TrackState.ANALYSED
    assert shelf.get(a).title == "New"
    assert shelf.reader.peaks(a) == b"peaks"
    assert (shelf.typed("new"), shelf.typed("old")) == ([a], [])


def test_a_reading_that_began_before_a_write_does_not_bring_the_old_tags_back(
    shelf: Shelf,
) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a, "Old")
    begun_at = time.time()
    info = AudioInfo(60.0, "mp3", 44_100, 2, 128_000)
    old = Reading(info, Tags("Old"), b"sound %d" % a, begun_at)
    stamp = FileStamp("/music/a.mp3", 100, 1_000)
    shelf.writer.run(lambda conn: writes.store_retagged(conn, a, stamp, Tags("New")))
    shelf.writer.run(lambda conn: writes.store_reading(conn, a, old))
    assert (shelf.get(a).title, shelf.get(a).info) == ("New", info)
    later = replace(old, begun_at=time.time() + 1)
    shelf.writer.run(lambda conn: writes.store_reading(conn, a, later))
    assert shelf.get(a).title == "Old", "somebody else wrote that"


def test_a_clock_that_was_set_back_hides_no_reading(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a, "Old")
    shelf.writer.run(
        lambda conn: conn.execute("UPDATE tracks SET retagged_at = ?", (time.time() + 9999,))
    )
    reading = Reading(AudioInfo(60.0, "mp3", 44_100, 2), Tags("New"), b"sound", time.time())
    shelf.writer.run(lambda conn: writes.store_reading(conn, a, reading))
    assert shelf.get(a).title == "New"


@pytest.mark.parametrize(("sound", "duration"), [(b"another", 60.0), (None, 90.0)])
def test_a_file_whose_sound_changed_is_heard_again(
    shelf: Shelf, sound: bytes | None, duration: float
) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    shelf.hear(a)
    assert shelf.read(a, sound=sound, duration=duration) is TrackState.QUEUED
    assert shelf.reader.vector(a, ENCODER, "1") is None
    assert (shelf.reader.labels(a), shelf.reader.peaks(a)) == ({}, None)


def test_failure_tells_its_reason_and_drops_what_was_heard(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(a)
    shelf.hear(a)
    shelf.writer.run(lambda conn: writes.store_failure(conn, a, "It is \0 broken."))
    assert (shelf.get(a).state, shelf.get(a).reason) == (TrackState.FAILED, "It is   broken.")
    assert shelf.reader.vector_count(ENCODER, "1") == 0
    shelf.hear(a)
    assert (shelf.get(a).state, shelf.get(a).reason) == (TrackState.ANALYSED, "")


def test_requeue(shelf: Shelf) -> None:
    unread, read, heard = shelf.add("a.mp3", "b.mp3", "c.mp3")
    shelf.read(read)
    shelf.read(heard)
    shelf.hear(heard)
    for track_id in (unread, read):
        shelf.writer.run(lambda conn, i=track_id: writes.store_failure(conn, i, "no"))  # type: ignore[misc]
    shelf.writer.run(lambda conn: writes.requeue(conn, [unread, read, heard]))
    states = [shelf.get(track_id).state for track_id in (unread, read, heard)]
    assert states == [TrackState.NEW, TrackState.QUEUED, TrackState.QUEUED]
    assert shelf.get(read).reason == ""
    assert shelf.reader.vector_count(ENCODER, "1") == 1, "kept until the next replaces it"


def test_problem_of_a_path_that_cannot_be_looked_at(shelf: Shelf) -> None:
    (heard,) = shelf.add("a.mp3")
    shelf.hear(heard)
    for name in ("a.mp3", "new.mp3"):
        problem = shelf.writer.run(
            lambda conn, name=name: writes.store_problem(  # type: ignore[misc]
                conn, shelf.root, f"/music/{name}", "No permission."
            )
        )
        track = shelf.get(problem)
        assert (track.state, track.reason) == (TrackState.FAILED, "No permission.")
        assert (track.size, track.mtime_ns) == (0, 0), "the next scan that can look sees a change"
    assert shelf.reader.counts().failed == 2


def test_results_for_a_track_that_was_removed_meanwhile(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.remove(a)
    assert shelf.read(a) is None
    embedding = Embedding(ENCODER, "1", np.ones(3, dtype=np.float32))
    stored = shelf.writer.run(lambda conn: writes.store_analysis(conn, a, [embedding]))
    assert stored is False
    shelf.writer.run(lambda conn: writes.store_failure(conn, a, "gone"))
    assert shelf.reader.counts().tracks == 0
    assert shelf.db.check() == []


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [[1.0, 2.0]], 1.0])
def test_a_vector_that_is_none_stores_nothing(shelf: Shelf, bad: object) -> None:
    (a,) = shelf.add("a.mp3")
    embedding = Embedding(ENCODER, "1", np.array(bad, dtype=np.float32))
    for embeddings in ([embedding], []):
        with pytest.raises(ValueError, match=r"vector|embedding"):
            shelf.writer.run(lambda conn, e=embeddings: writes.store_analysis(conn, a, e))  # type: ignore[misc]
    assert shelf.get(a).state is TrackState.NEW


def test_a_second_encoder_adds_to_the_first(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.hear(a, 1, 2)
    other = Embedding("other", "3", np.ones(5, dtype=np.float32))
    shelf.writer.run(lambda conn: writes.store_analysis(conn, a, [other]))
    assert shelf.reader.vector(a, ENCODER, "1") is not None
    assert shelf.reader.vector(a, "other", "3") is not None
    assert shelf.reader.peaks(a) == b"peaks"


def test_hostile_tags(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    shelf.read(
        a, "nul\0 and \ud800 lone", "x" * 100_000, genre=("a\x1fb", "", "c"), year=10**30,
        track_number=-1, album="  spaced  ",
    )  # fmt: skip
    tags = shelf.get(a).tags
    assert tags.title == "nul  and ? lone"
    assert (tags.genre, tags.album, tags.year, tags.track_number) == (
        ("a b", "c"), "spaced", None, None,
    )  # fmt: skip
    assert shelf.typed("nul lone spaced") == [a]


def test_a_length_that_is_no_number(shelf: Shelf) -> None:
    (a,) = shelf.add("a.mp3")
    for _ in range(2):
        shelf.read(a, duration=float("nan"))
        info = shelf.get(a).info
        assert info is not None
        assert info.duration == 0


def test_generations_only_rise(shelf: Shelf) -> None:
    ids = shelf.add("a.mp3", "b.mp3")
    seen = [0]
    for track_id in [*ids, *ids]:
        shelf.hear(track_id)
        ((generation,),) = shelf.sql("SELECT generation FROM vectors WHERE track_id = ?", track_id)
        assert isinstance(generation, int)
        assert generation > seen[-1]
        seen.append(generation)
    shelf.remove(*ids)
    ((counter,),) = shelf.sql("SELECT value FROM counters WHERE name = 'vectors'")
    assert counter == seen[-1] + 2


def test_one_sound_in_several_files(shelf: Shelf) -> None:
    a, b, c = shelf.add("a.mp3", "b.mp3", "c.mp3")
    shelf.read(a, sound=b"same")
    shelf.read(b, sound=b"same", duration=60.3)
    shelf.read(c, sound=b"same", duration=70)
    shelf.hear(a, 1, 2)
    run = shelf.writer.run
    assert run(lambda conn: sounds.twins(conn, b)) == [a]
    assert run(lambda conn: sounds.heard_by(conn, a)) == {(ENCODER, "1")}
    assert run(lambda conn: sounds.heard_by(conn, b)) == set()
    run(lambda conn: sounds.copy_analysis(conn, a, b))
    assert shelf.get(b).state is TrackState.ANALYSED
    vector = shelf.reader.vector(b, ENCODER, "1")
    assert vector is not None
    assert vector.tolist() == [1, 2]
    assert shelf.reader.peaks(b) == b"peaks"
    assert shelf.reader.labels(b).keys() == {"msd"}


def test_a_lost_track_takes_the_place_of_the_file_found(shelf: Shelf) -> None:
    lost, found = shelf.add("was/here.mp3", "is/there.mp3")
    shelf.read(lost, "Title")
    shelf.hear(lost)
    run = shelf.writer.run
    run(lambda conn: sounds.adopt(conn, lost, found))
    assert shelf.get(lost).path == "/music/is/there.mp3"
    assert shelf.get(lost).state is TrackState.ANALYSED
    assert shelf.reader.get(found) is None
    assert run(lambda conn: sounds.state_of(conn, found)) is None
    assert run(lambda conn: sounds.state_of(conn, lost)) is TrackState.ANALYSED
