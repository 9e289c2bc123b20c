"""A second encoder comes to a library: LAION-CLAP, small, with made weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import Event, Notice
from msa_desktop.base.model import FloatArray
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


BIAS = "audio_branch.norm.bias"


PUBLISHED = "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd"


def install(
    paths: DataPaths,
    name: str = "clap-music",
    *,
    damaged: bool = False,
    bias: float | None = None,
    sha256: str = "",
    came_as: str = "",
) -> None:
    shelf = Shelf(paths.models)
    with shelf.lock(name):
        folder = shelf.incoming(name)
        folder.mkdir(parents=True)
        file = folder / "model.safetensors"
        tensors = weights("tiny", "audio_")
        if bias is not None:
            tensors[BIAS][0] = bias
        save_file(tensors, file)
        if damaged:
            with file.open("r+b") as opened:
                opened.truncate(5000)
        size = file.stat().st_size
        held = InstalledFile(name=file.name, size=size, sha256=sha256, came_as=came_as)
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


def test_from_one_model_to_another_and_back_nothing_is_heard_again(
    paths: DataPaths, music: Path
) -> None:
    speech = "clap-music-speech"
    install(paths)
    install(paths, speech, bias=0.5)
    with App(paths) as app:
        assert [encoder.id for encoder in app.encoders] == ["musicnn", "clap"]
        app.library.scan([str(music)])
        before = vectors(app, "clap")
        track = app.tracks.ids(TrackQuery())[0]
        (own,) = app.search.similar(track, 1, "clap")
        assert len(before) == 4
        assert vectors(app, speech) == {}

        app.settings_file.set("clap_model", speech)
        app.settings_changed()
        assert [encoder.id for encoder in app.encoders] == ["musicnn", speech]
        app.library.scan([str(music)])
        assert len(vectors(app, speech)) == 4
        (hit,) = app.search.similar(track, 1, speech)
        assert hit.encoders == (speech,)
        with pytest.raises(UserError, match='no encoder "clap"'):
            app.search.similar(track, 1, "clap")
        other = vectors(app, speech)

        app.settings_file.set("clap_model", "clap-music")
        app.settings_changed()
        app.library.scan([str(music)])
        assert app.search.similar(track, 1, "clap") == [own]
        assert (vectors(app, "clap"), vectors(app, speech)) == (before, other)
    Shelf(paths.models).remove("clap-music")
    with App(paths) as app:
        assert [encoder.id for encoder in app.encoders] == ["musicnn", speech], "what there is"
        app.library.scan([str(music)])
        assert (vectors(app, "clap"), vectors(app, speech)) == (before, other)


def test_other_weights_are_another_version(paths: DataPaths, music: Path) -> None:
    """Those the catalogue knows need no mark: what an older program heard by them stays."""

    def heard() -> tuple[str, dict[int, bytes]]:
        with App(paths) as app:
            app.library.scan([str(music)])
            (_, clap) = app.encoders
            assert app.tracks.vector_count("clap", clap.version) == 4
            return clap.version, vectors(app, "clap")

    install(paths, came_as=PUBLISHED, sha256="abcdef0123456789")
    version, published = heard()
    assert version == "1.1.7-1-6x10s-clap-music"
    for mark in ("12345678", "87654321"):
        Shelf(paths.models).remove("clap-music")
        install(paths, sha256=f"{mark}abcdef", bias=float(mark[0]))
        version, own = heard()
        assert version == f"1.1.7-1-6x10s-clap-music-{mark}"
        assert not published.items() & own.items()


def test_another_device_is_gone_to_at_once(paths: DataPaths) -> None:
    """The one that is told to choose the processor need not start the program anew."""
    told: list[Event] = []
    install(paths)
    with App(paths) as app:
        app.events.subscribe(told.append)
        app.settings_file.set("device", "mps")
        app.library.start()
        until(lambda: app.library.progress().done == app.library.progress().total > 0)
        assert vectors(app, "clap") == {}
        (notice,) = {event.text for event in told if isinstance(event, Notice)}
        assert "no MPS device" in notice
        assert not {check.name: check.ok for check in app.doctor.examine()}["model clap"]
        app.settings_file.set("device", "cpu")
        app.settings_changed()
        until(lambda: len(vectors(app, "clap")) == 4)
        assert {check.name: check.ok for check in app.doctor.examine()}["model clap"]


def test_as_many_windows_as_the_person_wants(paths: DataPaths, music: Path) -> None:
    seconds = np.arange(75 * 16_000) / 16_000
    rising = 0.3 * np.sin(2 * np.pi * (100 + 20 * seconds) * seconds)
    write(music / "long.wav", rising[np.newaxis].astype(np.float32), 16_000, FORMS[".wav"])
    install(paths)
    heard: list[FloatArray] = []
    with App(paths) as app:
        for number in (6, 2):
            app.settings_file.set("windows", number)
            app.settings_changed()
            app.library.scan([str(music)])
            (_, clap) = app.encoders
            assert clap.version == f"1.1.7-1-{number}x10s-clap-music"
            assert app.tracks.vector_count("clap", clap.version) == 5
            track = app.tracks.by_path(str(music / "long.wav"))
            assert track is not None
            heard.append(app.tracks.vectors([track.id], "clap", clap.version).values)
    assert np.abs(heard[0] - heard[1]).max() > 1e-4


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


@pytest.mark.parametrize(("bias", "words"), [(float("nan"), BIAS), (3e38, "finite numbers")])
def test_one_that_hears_no_numbers_stops_nothing(
    paths: DataPaths, music: Path, bias: float, words: str
) -> None:
    """Damaged weights are seen when they are loaded; else what comes of them is."""
    told: list[Event] = []
    install(paths, bias=bias)
    with App(paths) as app:
        app.events.subscribe(told.append)
        write_wav(music / "new.wav", 12, pitch=777)
        report = app.library.scan([str(music)])
        assert (report.added, report.failed) == (1, ())
        assert app.tracks.counts().analysed == len(vectors(app, "musicnn")) == 5
        assert vectors(app, "clap") == {}
        (notice,) = {event.text for event in told if isinstance(event, Notice)}
        assert words in notice
        (check,) = [one for one in app.doctor.examine() if one.name == "model clap"]
        assert not check.ok
        assert words in check.detail
        Shelf(paths.models).remove("clap-music")
        app.models_changed()
        install(paths)
        app.models_changed()
        app.library.scan([])
        assert len(vectors(app, "clap")) == 5
