from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from msa_desktop.analysis.features import Features
from msa_desktop.analysis.worker import Task, Work
from msa_desktop.app import App
from msa_desktop.base.events import Event, EventBus, Notice, TracksChanged
from msa_desktop.base.fields import Field
from msa_desktop.base.history import Change
from msa_desktop.base.model import (
    AudioInfo,
    FileStamp,
    Reading,
    Tags,
    Track,
    TrackId,
)
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.settings import Device
from msa_desktop.services.written import WrittenFiles
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.journal import Entry, Journal, Original
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.writer import Writer
from msa_desktop.tagio import safe_write
from tests.support_tags import digest, jazz, make_in

SAID = Tags(title="Title", artist="From ARTISTS", album="Album", year=1987, track_number=3)


class Desk:
    """A library of one track, with whoever keeps it up to date."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "library.db")
        self.writer = Writer(self.database)
        self.reader = TrackReader(self.database)
        self.told: list[Event] = []
        events = EventBus()
        events.subscribe(self.told.append)
        self.files = WrittenFiles(self.reader, self.writer, events)
        self.path = str(folder / "song.flac")
        self.stamp = FileStamp(self.path, 10, 10)
        root = self.writer.run(lambda conn: writes.add_root(conn, str(folder)))
        (self.id,) = self.writer.run(lambda conn: writes.add_tracks(conn, root, [self.stamp]))
        reading = Reading(AudioInfo(1.0, "flac", 44_100, 2), SAID, b"sound")
        self.writer.run(lambda conn: writes.store_reading(conn, self.id, reading))

    def track(self) -> Track:
        track = self.reader.get(self.id)
        assert track is not None
        return track


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.writer.close()
    desk.database.close()


def test_tags_that_only_ffmpeg_finds_stay(desk: Desk) -> None:
    stamp = replace(desk.stamp, size=20)
    desk.files.store([(desk.id, stamp, {Field.TITLE: ("Title",), Field.MOOD: ("calm",)})])
    track = desk.track()
    assert track.tags == replace(SAID, mood=("calm",))
    assert (track.size, track.mtime_ns) == (20, 10)
    assert TracksChanged(frozenset([desk.id])) in desk.told


def test_a_tag_that_was_taken_away_is_gone(desk: Desk) -> None:
    gone = (Field.DATE, Field.ARTIST, Field.TRACK, Field.ALBUM)
    desk.files.store([(desk.id, desk.stamp, {Field.TITLE: ("Title",), **dict.fromkeys(gone, ())})])
    assert desk.track().tags == Tags(title="Title")


def test_a_file_is_known_by_any_link(desk: Desk, tmp_path: Path) -> None:
    Path(desk.path).touch()
    link = tmp_path / "link.flac"
    link.symlink_to(desk.path)
    assert desk.files.track_of(desk.path) == desk.files.track_of(str(link)) == desk.id
    assert desk.files.track_of(str(tmp_path / "other.flac")) is None
    desk.files.store([(desk.id, FileStamp(str(link), 20, 20), {Field.TITLE: ("New",)})])
    assert (desk.track().path, desk.track().size, desk.track().title) == (desk.path, 20, "New")


def test_files_outside_the_library_are_passed_over(desk: Desk, tmp_path: Path) -> None:
    desk.files.store([(None, FileStamp(str(tmp_path / "other.flac"), 1, 1), {})])
    desk.files.store([(TrackId(99), desk.stamp, {Field.TITLE: ("New",)})])
    assert desk.track().tags == SAID
    assert desk.told == []


# -- in the program -------------------------------------------------------------------------------


def test_a_batch_of_another_library_touches_no_other_file(tmp_path: Path) -> None:
    """The history outlives the library, whose tracks are then counted from 1 again."""
    make = make_in(tmp_path)
    paths = DataPaths(tmp_path / "state")
    mine, other = make(tmp_path / "music" / "b.mp3"), tmp_path / "music" / "a.flac"

    def add(app: App) -> dict[str, TrackId]:
        root = app.writer.run(lambda conn: writes.add_root(conn, str(mine.parent)))
        files = sorted(map(str, mine.parent.iterdir()))
        stamps = [FileStamp(path, os.stat(path).st_size, 0) for path in files]
        ids = app.writer.run(lambda conn: writes.add_tracks(conn, root, stamps))
        return dict(zip(files, ids, strict=True))

    with App(paths) as app:
        track_id = add(app)[str(mine)]
        report = app.tagging.write(changes=[replace(jazz(mine), track_id=track_id)])
        assert report.batch_id is not None
    for file in paths.root.glob("library.db*"):
        file.unlink()
    make(other)
    moved = shutil.move(mine, mine.with_name("c.mp3"))
    with App(paths) as app:
        assert add(app)[str(other)] == track_id
        before = digest(other)
        for fields_only in (False, True):
            undo = app.tagging.undo(report.batch_id, fields_only=fields_only)
            assert undo.done == ()
            assert undo.left_alone[0][0] == str(mine)
        assert digest(other) == before
        shutil.move(moved, mine)
        assert len(app.tagging.undo(report.batch_id).done) == 1


def test_a_file_written_by_its_path_is_found_where_it_moved_to(tmp_path: Path) -> None:
    song = make_in(tmp_path)(tmp_path / "music" / "song.mp3")
    before = digest(song)
    with App(DataPaths(tmp_path / "state")) as app:
        root = app.writer.run(lambda conn: writes.add_root(conn, str(song.parent)))
        stamp = FileStamp(str(song), song.stat().st_size, song.stat().st_mtime_ns)
        (track_id,) = app.writer.run(lambda conn: writes.add_tracks(conn, root, [stamp]))
        report = app.tagging.write(changes=[Change(str(song), {Field.GENRE: ("Jazz",)})])
        new = song.rename(song.with_name("new.mp3"))
        there = replace(stamp, path=str(new))
        app.writer.run(lambda conn: writes.move_track(conn, track_id, root, str(new), there))
        assert report.batch_id is not None
        assert len(app.tagging.undo(report.batch_id).done) == 1
    assert digest(new) == before


def test_a_reading_under_way_while_the_file_is_written(tmp_path: Path) -> None:
    """With room in its tags a written file has the size and the time it had."""
    song = make_in(tmp_path)(tmp_path / "song.mp3")
    with App(DataPaths(tmp_path / "state")) as app:
        root = app.writer.run(lambda conn: writes.add_root(conn, str(tmp_path)))
        stamp = FileStamp(str(song), song.stat().st_size, song.stat().st_mtime_ns)
        (track_id,) = app.writer.run(lambda conn: writes.add_tracks(conn, root, [stamp]))

        def read() -> Reading:
            reading = Features(Device.CPU).run(Task(track_id, str(song), Work.READ)).reading
            assert reading is not None
            return reading

        def genre_after(reading: Reading) -> tuple[str, ...]:
            app.writer.run(lambda conn: writes.store_reading(conn, track_id, reading))
            track = app.tracks.get(track_id)
            assert track is not None
            return track.tags.genre

        early = read()
        app.tagging.write(changes=[Change(str(song), {Field.GENRE: ("Jazz",)})])
        assert early.tags.genre == ("Rock",)
        assert genre_after(early) == ("Jazz",)
        assert genre_after(replace(read(), tags=Tags(genre=("Folk",)))) == ("Folk",)


def test_what_a_killed_program_left_is_told_once(tmp_path: Path) -> None:
    song = make_in(tmp_path)(tmp_path / "song.mp3")
    paths = DataPaths(tmp_path / "state")
    with closing(Journal(paths.journal)) as journal:
        plan = safe_write.plan(jazz(song))
        original = Original(plan.sha256, plan.found.st_mtime_ns, plan.delta)
        journal.begin("", [Entry(plan.path, None, {}, plan.after, plan.copy, original)])
    told: list[Event] = []
    with App(paths) as app:
        app.events.subscribe(told.append)
        assert app.tagging.history() == []
    assert sum(isinstance(event, Notice) for event in told) == 1
