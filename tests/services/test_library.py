from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import AnalysisProgress, Event, PeaksReady
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import TrackId, TrackState
from msa_desktop.base.music import MEASURING, Measures, Tempo
from msa_desktop.store.measures import store_measures
from msa_desktop.store.tracks import TrackQuery
from tests.services.conftest import until
from tests.support import write_wav


def test_the_background_scans_watches_and_listens(app: App, music: Path) -> None:
    app.library.start()
    app.library.add_root(str(music))
    until(lambda: app.tracks.counts().analysed == 3)
    write_wav(music / "new.wav", 5, pitch=600)
    until(lambda: app.tracks.counts().analysed == 4)
    (music / "0.wav").rename(music / "renamed.wav")
    (music / "1.wav").unlink()
    until(lambda: app.tracks.counts().tracks == 3)
    assert app.tracks.by_path(str(music / "renamed.wav")) is not None
    assert app.tracks.counts().analysed == 3


def test_a_renamed_file_keeps_its_track(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    before = app.tracks.by_path(str(music / "0.wav"))
    assert before is not None
    (music / "0.wav").rename(music / "other.wav")
    assert app.library.scan([]).moved == 1
    after = app.tracks.by_path(str(music / "other.wav"))
    assert after is not None
    assert (after.id, after.state, after.added_at) == (
        before.id,
        TrackState.ANALYSED,
        before.added_at,
    )


def test_moved_and_changed_is_the_same_track(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    before = app.tracks.by_path(str(music / "0.wav"))
    assert before is not None
    # The same sound in a file of another size, place and time, as a tagger leaves it.
    content = (music / "0.wav").read_bytes()
    (music / "0.wav").unlink()
    (music / "sub").mkdir()
    (music / "sub" / "tagged.wav").write_bytes(content + b"LIST\x04\x00\x00\x00INFO")
    report = app.library.scan([])
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    after = app.tracks.by_path(str(music / "sub" / "tagged.wav"))
    assert after is not None
    assert (after.id, after.state) == (before.id, TrackState.ANALYSED)


def test_a_copy_shares_the_analysis(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    shutil.copy(music / "0.wav", music / "copy.wav")
    assert app.library.scan([]).added == 1
    copy, first = (app.tracks.by_path(str(music / name)) for name in ("copy.wav", "0.wav"))
    assert copy is not None
    assert first is not None
    assert copy.state is TrackState.ANALYSED
    hits = app.search.similar(copy.id, 1)
    assert hits[0].track.id == first.id
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_replaced_file_is_heard_anew(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    track = app.tracks.by_path(str(music / "0.wav"))
    assert track is not None
    encoder = app.encoders[0]
    before = app.tracks.vector(track.id, encoder.id, encoder.version)
    write_wav(music / "0.wav", 7, pitch=900)
    assert app.library.scan([]).updated == 1
    after = app.tracks.vector(track.id, encoder.id, encoder.version)
    assert before is not None
    assert after is not None
    assert abs(before - after).max() > 0.01


def test_analyse_again_listens_again(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    ids = app.tracks.ids(TrackQuery())
    app.library.analyse_again([TrackId(i) for i in ids.tolist()])
    assert app.tracks.counts().analysed < 3
    until(lambda: app.tracks.counts().analysed == 3)


def measured(app: App) -> int:
    return app.tracks.measured_count(MEASURING)


def test_what_was_heard_is_measured(app: App, music: Path) -> None:
    told: list[AnalysisProgress] = []
    app.events.subscribe(lambda e: told.append(e) if isinstance(e, AnalysisProgress) else None)
    app.library.scan([str(music)])
    assert measured(app) == 3
    tracks = app.tracks.get_many(app.tracks.ids(TrackQuery()))
    assert all(track.measures.loudness is not None for track in tracks)
    kinds = [progress.measuring for progress in told]
    assert kinds == sorted(kinds), "listening first"
    assert kinds[-1], "and then it is told of the measuring"
    assert told[-1].total == 3
    # Retagged, it is the same sound; a copy of it has what it has.
    (music / "copy.wav").write_bytes((music / "0.wav").read_bytes())
    app.library.scan([])
    copy = app.tracks.by_path(str(music / "copy.wav"))
    first = app.tracks.by_path(str(music / "0.wav"))
    assert copy is not None
    assert first is not None
    assert copy.measures == first.measures


def test_an_older_library_is_measured(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    app.writer.run(lambda db: db.execute("DELETE FROM measures"))
    app.library.scan([])
    assert measured(app) == 3
    heard = app.tracks.vector_count(app.encoders[0].id, app.encoders[0].version)
    assert heard == 3


def test_nothing_is_measured_where_it_is_not_wanted(app: App, music: Path) -> None:
    app.override(measure=False)
    app.library.scan([str(music)])
    assert measured(app) == 0
    app.library.start()
    app.override(measure=True)
    app.library.settings_changed()
    until(lambda: measured(app) == 3)


def test_what_waits_to_be_measured_is_dropped_when_it_is_not_wanted_any_more(
    app: App, music: Path
) -> None:
    app.library.scan([str(music)])
    app.writer.run(lambda db: db.execute("DELETE FROM measures"))
    app.library.pause()
    app.library.start()
    until(lambda: app.library.pool.pending == 3)
    assert app.library.progress().measuring
    app.override(measure=False)
    app.library.settings_changed()
    assert app.library.pool.pending == 0
    assert app.library.progress().total == app.library.progress().done


def test_analysing_again_measures_again(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    track = app.tracks.get_many(app.tracks.ids(TrackQuery()))[0]
    wrong = Measures(Tempo(1, 1))
    app.writer.run(lambda db: store_measures(db, track.id, wrong, MEASURING))
    app.library.analyse_again([track.id])
    until(lambda: measured(app) == 3 and app.library.progress().done == 1)
    again = app.tracks.get(track.id)
    assert again is not None
    assert again.measures not in (wrong, Measures())


def test_what_an_older_program_left_unread_costs_nothing_where_it_cannot_be_read(
    app: App, music: Path
) -> None:
    """The file was moved while the program was closed; its tags were to be read once more."""
    app.library.scan([str(music)])
    before = app.tracks.by_path(str(music / "0.wav"))
    assert before is not None
    app.writer.run(lambda db: db.execute("UPDATE tracks SET tags_complete = 0"))
    (music / "0.wav").rename(music / "moved.wav")
    app.library._intake.queue([(before.id, before.path)])
    until(lambda: app.library.progress().done == 1)
    after = app.tracks.get(before.id)
    assert after is not None
    assert (after.state, after.measures) == (TrackState.ANALYSED, before.measures)
    report = app.library.scan([])
    assert (report.moved, report.failed) == (1, ())
    moved = app.tracks.get(before.id)
    assert moved is not None
    assert moved.path == str(music / "moved.wav")


def test_a_file_that_is_gone_for_now_is_measured_later(app: App, music: Path) -> None:
    app.override(measure=False)
    app.library.scan([str(music)])
    app.override(measure=True)
    (music / "0.wav").rename(music / "away.tmp")
    app.library._measure_the_rest()
    until(lambda: app.library.progress().done == app.library.progress().total)
    app.writer.flush()
    assert measured(app) == 2
    (music / "away.tmp").rename(music / "0.wav")
    app.library.scan([])
    assert measured(app) == 3


def test_a_disk_that_is_back_is_measured(app: App, music: Path) -> None:
    app.override(measure=False)
    app.library.scan([str(music)])
    away = music.rename(music.with_name("unplugged"))
    assert app.library.scan([]).offline == 3
    app.override(measure=True)
    assert app.library.scan([]).offline == 3
    assert measured(app) == 0
    away.rename(music)
    app.library.scan([])
    assert measured(app) == 3


def test_copies_are_measured_once(app: App, music: Path) -> None:
    for number in range(4):
        shutil.copy(music / "0.wav", music / f"copy{number}.wav")
    app.override(measure=False)
    app.library.scan([str(music)])
    app.library.pause()
    app.library._measure_the_rest()
    assert app.library.pool.pending == 7
    app.library.resume()
    until(lambda: measured(app) == 7)
    until(lambda: app.library.progress().done == app.library.progress().total)
    assert app.library.pool.pending == 0


def test_a_track_that_cannot_be_measured_stays_analysed(app: App, music: Path) -> None:
    app.override(measure=False)
    app.library.scan([str(music)])
    track = app.tracks.get_many(app.tracks.ids(TrackQuery()))[0]
    Path(track.path).write_bytes(b"not music at all")
    app.library._intake.measure([(track.id, track.path)])
    until(lambda: measured(app) == 1)
    assert app.tracks.counts().analysed == 3
    found = app.tracks.get(track.id)
    assert found is not None
    assert found.measures == Measures()


def test_a_failed_file_is_tried_again_when_asked(app: App, music: Path) -> None:
    (music / "bad.wav").write_bytes(b"not music at all")
    report = app.library.scan([str(music)])
    assert [Path(path).name for path, _ in report.failed] == ["bad.wav"]
    assert app.library.scan([]).failed == ()
    bad = app.tracks.by_path(str(music / "bad.wav"))
    assert bad is not None
    app.library.analyse_again([bad.id])
    until(lambda: app.library.progress().failed == 1)
    assert app.tracks.counts().failed == 1


def test_a_cancelled_scan_is_taken_up_again(app: App, music: Path) -> None:
    for n in range(10, 30):
        write_wav(music / f"{n}.wav", 5, pitch=200 + 20 * n)
    cancel = CancelToken()

    def stop_early(event: Event) -> None:
        if isinstance(event, AnalysisProgress) and event.done >= 2:
            cancel.cancel()

    app.events.subscribe(stop_early)
    assert app.library.scan([str(music)], cancel).cancelled
    counts = app.tracks.counts()
    assert counts.tracks == 23
    assert counts.analysed < 23
    report = app.library.scan([])
    assert not report.cancelled
    assert app.tracks.counts().analysed == 23


def test_pause_and_resume(app: App, music: Path) -> None:
    app.library.pause()
    done = threading.Thread(target=app.library.scan, args=([str(music)],))
    done.start()
    until(lambda: app.tracks.counts().tracks == 3)
    time.sleep(0.5)
    assert app.tracks.counts().analysed == 0
    assert app.library.paused
    app.library.resume()
    done.join(60)
    assert app.tracks.counts().analysed == 3


def test_a_removed_root_takes_its_tracks_along(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    app.library.remove_root(app.library.roots()[0].id)
    assert app.tracks.counts().tracks == 0
    assert sorted(path.name for path in music.iterdir()) == ["0.wav", "1.wav", "2.wav"]


def test_nothing_of_a_removed_root_is_listened_to(app: App, music: Path) -> None:
    app.library.pause()
    app.library.start()
    root = app.library.add_root(str(music))
    until(lambda: app.library.pool.pending == 3)
    app.library.remove_root(root.id)
    assert app.library.pool.pending == 0
    progress = app.library.progress()
    assert (progress.done, progress.total) == (0, 0)


def test_roots_inside_each_other(app: App, music: Path) -> None:
    inner = music / "inner"
    inner.mkdir()
    write_wav(inner / "deep.wav", 5, pitch=700)
    app.library.scan([str(inner)])
    track = app.tracks.by_path(str(inner / "deep.wav"))
    assert track is not None
    report = app.library.scan([str(music)])
    assert (report.added, report.unchanged) == (3, 1)
    assert [root.path for root in app.library.roots()] == [str(music)]
    again = app.tracks.by_path(str(inner / "deep.wav"))
    assert again is not None
    assert again.id == track.id
    with pytest.raises(UserError, match="already in the library"):
        app.library.add_root(str(inner))
    assert app.library.scan([str(inner)]).unchanged == 1


def test_one_writer_at_a_time(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    with App(app.paths) as other:
        assert other.tracks.counts().tracks == 3
        with pytest.raises(UserError, match="already running"):
            _ = other.library


def test_the_waveform_comes_when_asked_for(app: App, music: Path) -> None:
    app.library.scan([str(music)])
    track = app.tracks.by_path(str(music / "0.wav"))
    assert track is not None
    ready = threading.Event()

    def listen(event: Event) -> None:
        if event == PeaksReady(track.id):
            ready.set()

    app.events.subscribe(listen)
    app.library.request_peaks(track.id)
    assert ready.wait(60)
    assert app.tracks.peaks(track.id)


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes are POSIX's")
def test_a_name_that_is_not_text(app: App, music: Path) -> None:
    name = os.fsdecode(os.fsencode(str(music)) + b"/\xff\xfe caf\xe9.wav")
    (music / "0.wav").rename(name)
    assert app.library.scan([str(music)]).failed == ()
    track = app.tracks.by_path(name)
    assert track is not None
    assert track.state is TrackState.ANALYSED
    assert track.title == "\ufffd\ufffd caf\ufffd"


def test_changed_settings_are_taken_at_once(app: App, music: Path) -> None:
    app.library.start()
    app.library.add_root(str(music))
    until(lambda: app.tracks.counts().analysed == 3)
    app.settings_file.set("exclude", "1.*")
    app.library.settings_changed()
    until(lambda: app.tracks.counts().tracks == 2)
    app.settings_file.set("watch", False)
    app.settings_file.set("exclude", "")
    app.library.settings_changed()
    until(lambda: app.tracks.counts().analysed == 3)
