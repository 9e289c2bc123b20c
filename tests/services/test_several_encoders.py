"""A second encoder comes to a library: LAION-CLAP, small, with made weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import Event, Notice
from msa_desktop.base.paths import DataPaths
from msa_desktop.store.tracks import TrackQuery
from msa_desktop.weights.installed import Installed, InstalledFile, Shelf, now
from tests.encoders.clap_weights import weights
from tests.services.conftest import until
from tests.support import write_wav

WHY = "not installed (the extra clap brings it)"
pytest.importorskip("torch", reason=f"torch is {WHY}")
save_file = pytest.importorskip("safetensors.torch", reason=f"safetensors is {WHY}").save_file
pytest.importorskip("tokenizers", reason=f"tokenizers is {WHY}")

pytestmark = pytest.mark.xdist_group("clap")


def install(paths: DataPaths, name: str = "clap-music", *, damaged: bool = False) -> None:
    shelf = Shelf(paths.models)
    with shelf.lock(name):
        folder = shelf.incoming(name)
        folder.mkdir(parents=True)
        file = folder / "model.safetensors"
        save_file(weights("tiny", "audio_"), file)
        if damaged:
            with file.open("r+b") as opened:
                opened.truncate(5000)
        held = InstalledFile(name=file.name, size=file.stat().st_size, sha256="")
        shelf.publish(Installed(id=name, source="a test", installed_at=now(), files=(held,)))


def vectors(app: App, encoder: str) -> dict[int, bytes]:
    rows = app.database.connection().execute(
        "SELECT track_id, vector, generation FROM vectors WHERE encoder = ?", (encoder,)
    )
    return {track: vector + str(generation).encode() for track, vector, generation in rows}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(4):
        write_wav(folder / f"{number}.wav", 12, pitch=200 + 90 * number)
    return folder


@pytest.fixture
def paths(tmp_path: Path, music: Path) -> DataPaths:
    """A library that MusiCNN has heard."""
    made = DataPaths(tmp_path / "state")
    with App(made) as app:
        app.library.scan([str(music)])
    return made


def test_it_fills_in_what_is_missing_and_nothing_else(paths: DataPaths, music: Path) -> None:
    with App(paths) as app:
        before = vectors(app, "musicnn")
        assert [encoder.id for encoder in app.encoders] == ["musicnn"]
    install(paths)
    with App(paths) as app:
        assert [encoder.id for encoder in app.encoders] == ["musicnn", "clap"]
        report = app.library.scan([str(music)])
        assert (report.unchanged, report.updated, report.failed) == (4, 0, ())
        first = vectors(app, "clap")
        assert len(first) == 4
        assert vectors(app, "musicnn") == before
        track = app.tracks.get_many(app.tracks.ids(TrackQuery()))[0]
        hits = app.search.similar(track.id, 3)
        assert len(hits) == 3
        assert all(set(hit.encoders) <= {"clap", "musicnn"} for hit in hits)
        (one,) = app.search.similar(track.id, 1, "clap")
        assert one.encoders == ("clap",)

        write_wav(music / "new.wav", 12, pitch=777)
        app.library.scan([str(music)])
        assert len(vectors(app, "clap")) == len(vectors(app, "musicnn")) == 5
        assert first.items() <= vectors(app, "clap").items()


def test_one_that_is_installed_meanwhile_comes_into_use(paths: DataPaths) -> None:
    with App(paths) as app:
        app.library.start()
        track = app.tracks.get_many(app.tracks.ids(TrackQuery()))[0]
        before = vectors(app, "musicnn")
        app.models_changed()
        assert [encoder.id for encoder in app.encoders] == ["musicnn"]
        install(paths)
        app.models_changed()
        assert [encoder.id for encoder in app.encoders] == ["musicnn", "clap"]
        until(lambda: len(vectors(app, "clap")) == 4)
        assert vectors(app, "musicnn") == before
        (hit,) = app.search.similar(track.id, 1, "clap")
        assert hit.encoders == ("clap",)
        checks = {check.name: check for check in app.doctor.examine()}
        assert checks["index clap"].ok
        assert not checks["words clap"].ok
        assert "msa-desktop models install roberta-base" in checks["words clap"].advice
        assert "words musicnn" not in checks

        Shelf(paths.models).remove("clap-music")
        app.models_changed()
        with pytest.raises(UserError, match='no encoder "clap"'):
            app.search.similar(track.id, 1, "clap")
        assert len(app.search.similar(track.id, 3)) == 3


def test_what_waits_when_an_encoder_comes_is_heard_by_it(paths: DataPaths, music: Path) -> None:
    """And what waits for one that goes does not wait any longer."""
    for number in range(10, 13):
        write_wav(music / f"{number}.wav", 12, pitch=100 + 20 * number)
    with App(paths) as app:
        app.library.pause()
        app.library.start()
        until(lambda: app.library.pool.pending >= 3)
        install(paths)
        app.models_changed()
        app.library.resume()
        until(lambda: len(vectors(app, "clap")) == 7)
        assert len(vectors(app, "musicnn")) == 7

        app.writer.run(lambda db: db.execute("DELETE FROM vectors WHERE encoder = 'clap'"))
        app.library.pause()
        app.library._fill_in()
        assert app.library.progress().done < app.library.progress().total
        Shelf(paths.models).remove("clap-music")
        app.models_changed()
        app.library.resume()
        until(lambda: app.library.progress().done == app.library.progress().total)
        assert vectors(app, "clap") == {}
        # The same model again, in the same run.
        install(paths)
        app.models_changed()
        until(lambda: len(vectors(app, "clap")) == 7)


def test_another_model_of_it_is_another_version(paths: DataPaths, music: Path) -> None:
    install(paths)
    with App(paths) as app:
        app.library.scan([str(music)])
        (_, clap) = app.encoders
        assert clap.version.endswith("-clap-music")
    Shelf(paths.models).remove("clap-music")
    install(paths, "clap-music-speech")
    with App(paths) as app:
        (_, clap) = app.encoders
        assert clap.version.endswith("-clap-music-speech")
        assert app.tracks.vector_count("clap", clap.version) == 0
        app.library.scan([str(music)])
        assert app.tracks.vector_count("clap", clap.version) == 4


def test_one_that_cannot_be_loaded_stops_nothing(paths: DataPaths, music: Path) -> None:
    told: list[Event] = []
    install(paths, damaged=True)
    with App(paths) as app:
        app.events.subscribe(told.append)
        before = vectors(app, "musicnn")
        write_wav(music / "new.wav", 12, pitch=777)
        report = app.library.scan([str(music)])
        assert (report.added, report.failed) == (1, ())
        assert app.tracks.counts().analysed == 5
        assert before.items() <= vectors(app, "musicnn").items()
        assert vectors(app, "clap") == {}
        (notice,) = {event.text for event in told if isinstance(event, Notice)}
        assert "model.safetensors" in notice
        with pytest.raises(UserError):
            app.search.similar(app.tracks.ids(TrackQuery())[0], 1, "clap")
