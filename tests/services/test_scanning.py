"""Scans of a library that changes meanwhile, and of disks that go away."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from msa_desktop.analysis.worker import Outcome, Work
from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import Event, PeaksReady
from msa_desktop.base.model import TrackState
from tests.services.conftest import until
from tests.support import write_wav


def test_a_folder_renamed_to_an_earlier_name_keeps_its_tracks(app: App, music: Path) -> None:
    album = music / "Middle"
    album.mkdir()
    for n in range(3):
        write_wav(album / f"song {n}.wav", 5, pitch=400 + 40 * n)
    app.library.start()
    app.library.add_root(str(music))
    until(lambda: app.tracks.counts().analysed == 6)
    before = {Path(path).name: stamp.id for path, stamp in app.tracks.stamps(1, str(album)).items()}
    album.rename(music / "Alpha")
    until(lambda: len(app.tracks.stamps(1, str(music / "Alpha"))) == 3)
    until(lambda: app.tracks.counts().tracks == 6)
    after = {
        Path(path).name: stamp.id
        for path, stamp in app.tracks.stamps(1, str(music / "Alpha")).items()
    }
    assert after == before


def test_a_track_between_two_roots_is_moved(app: App, music: Path, tmp_path: Path) -> None:
    other = tmp_path / "another root"
    other.mkdir()
    app.library.scan([str(music)])
    before = app.tracks.by_path(str(music / "0.wav"))
    assert before is not None
    shutil.move(music / "0.wav", other / "0.wav")
    app.library.add_root(str(other))
    report = app.library.scan([])
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    after = app.tracks.by_path(str(other / "0.wav"))
    assert after is not None
    assert after.id == before.id


def test_a_file_that_comes_back_is_not_removed(app: App, music: Path, tmp_path: Path) -> None:
    app.library.scan([str(music)])
    app.library.start()
    app.library.pause()
    aside = tmp_path / "aside.wav"
    (music / "0.wav").rename(aside)
    write_wav(music / "new.wav", 5, pitch=700)
    app.library.rescan()
    until(lambda: app.tracks.counts().tracks == 4)
    aside.rename(music / "0.wav")
    app.library.rescan()
    until(lambda: app.tracks.by_path(str(music / "0.wav")) is not None)
    app.library.resume()
    until(lambda: app.tracks.counts().analysed == 4)
    assert app.tracks.by_path(str(music / "0.wav")) is not None


def test_equal_files_are_not_all_listened_to(
    app: App, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = write_wav(music / "song.wav", 60, pitch=900)
    for n in range(7):
        shutil.copy(song, music / f"copy {n}.wav")
    listened: list[str] = []
    take = app.library._intake.take

    def note(outcome: Outcome) -> None:
        if outcome.task.work is Work.LISTEN:
            listened.append(outcome.task.path)
        take(outcome)

    monkeypatch.setattr(app.library._intake, "take", note)
    app.settings_file.set("workers", 1)
    app.library.settings_changed()
    app.library.scan([str(music)])
    assert app.tracks.counts().analysed == 11
    # Some may have been begun before what was heard in the first was stored.
    assert len(listened) < 9


def test_a_disk_that_goes_away_while_it_is_listened_to(
    app: App, music: Path, tmp_path: Path
) -> None:
    for n in range(10, 22):
        write_wav(music / f"{n}.wav", 8, pitch=200 + 20 * n)

    def pull_the_plug() -> None:
        until(lambda: app.tracks.counts().analysed >= 2)
        music.rename(tmp_path / "unplugged")

    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    report = app.library.scan([str(music)])
    plug.join()
    assert report.failed == ()
    assert report.offline == 15
    (tmp_path / "unplugged").rename(music)
    report = app.library.scan([])
    assert (report.failed, report.offline) == ((), 0)
    assert app.tracks.counts().analysed == 15


def test_a_folder_removed_while_it_is_scanned(app: App, music: Path, tmp_path: Path) -> None:
    big = tmp_path / "big"
    for n in range(60):
        (big / f"{n}").mkdir(parents=True)
        for m in range(30):
            (big / f"{n}" / f"{m}.mp3").touch()
    app.library.pause()
    app.library.start()
    app.library.add_root(str(music))
    root = app.library.add_root(str(big))
    until(lambda: app.tracks.counts().tracks > 100)
    app.library.remove_root(root.id)
    until(lambda: app.tracks.counts().tracks == 3)
    app.library.resume()
    until(lambda: app.tracks.counts().analysed == 3)


def test_a_full_disk_ends_the_scan_in_words(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    for n in range(10, 40):
        write_wav(music / f"{n}.wav", 4, pitch=200 + 10 * n)

    def fill_up() -> None:
        until(lambda: app.tracks.counts().tracks == 33)
        app.writer.run(
            lambda db: db.execute(
                f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}"
            )
        )

    filler = threading.Thread(target=fill_up)
    filler.start()
    with pytest.raises(UserError, match="full"):
        app.library.scan([])
    filler.join()
    app.writer.run(lambda db: db.execute("PRAGMA max_page_count = 1000000000"))
    assert app.library.scan([]).failed == ()
    assert app.tracks.counts().analysed == 33


def test_no_waveform_is_promised_where_there_is_none(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    track = app.tracks.by_path(str(music / "0.wav"))
    assert track is not None
    (music / "0.wav").write_bytes(b"no longer music")
    heard: list[Event] = []
    app.events.subscribe(heard.append)
    app.library.request_peaks(track.id)
    until(lambda: app.library.pool.current == () and app.library.pool.pending == 0, 30)
    assert PeaksReady(track.id) not in heard
    again = app.tracks.get(track.id)
    assert again is not None
    assert again.state is TrackState.ANALYSED, "a waveform that failed says nothing of the track"


def test_paths_that_are_no_folders_are_refused_before_anything_is_added(
    app: App, music: Path
) -> None:
    app.library.scan([str(music)])
    for wrong in (music / "0.wav", music / "Betles"):
        with pytest.raises(UserError, match=r"folder|is not there"):
            app.library.scan([str(wrong)])
    fresh = music.parent / "fresh"
    fresh.mkdir()
    with pytest.raises(UserError):
        app.library.scan([str(fresh), str(music.parent / "typo")])
    assert [root.path for root in app.library.roots()] == [str(music)]


def test_failed_files_are_tried_again_when_asked(app: App, music: Path) -> None:
    bad = music / "bad.wav"
    good = (music / "0.wav").read_bytes()
    stamp = (music / "0.wav").stat()
    bad.write_bytes(b"\0" * len(good))
    app.library.scan([str(music)])
    assert app.tracks.counts().failed == 1
    # Mended without a trace, as when its permissions or its disk were at fault.
    before = bad.stat()
    bad.write_bytes(good)
    os.utime(bad, ns=(stamp.st_atime_ns, before.st_mtime_ns))
    assert app.library.scan([]).failed == ()
    assert app.tracks.counts().failed == 1
    app.library.scan([], retry=True)
    assert app.tracks.counts().analysed == 4
