"""Stems as the window and the command line ask for them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import Event, StemsProgress, StemsStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.services.kind import Kind
from msa_desktop.stems import process
from msa_desktop.stems.cache import Cache
from msa_desktop.stems.export import Format
from msa_desktop.stems.wave import WaveWriter
from tests.support import write_wav
from tests.support_stems import FOUR, SIX, install, music, needs_demucs, small


@pytest.fixture
def ready(app: App) -> App:
    install(small(), app.paths.models)
    return app


@pytest.fixture
def song(tmp_path: Path) -> str:
    path = tmp_path / "song.wav"
    with WaveWriter(path, 2, 44100) as writer:
        writer.write(music(2.5))
    return str(path)


def heard(app: App) -> list[StemsProgress]:
    told: list[StemsProgress] = []

    def hear(event: Event) -> None:
        if isinstance(event, StemsProgress):
            told.append(event)

    app.events.subscribe(hear)
    return told


def test_no_model(app: App, song: str) -> None:
    with pytest.raises(UserError, match="models install htdemucs"):
        app.stems.separate(song)
    app.override(stems_model="musicnn")
    with pytest.raises(UserError, match="takes no music apart"):
        app.stems.separate(song)
    app.override(stems_model="nonsense")
    with pytest.raises(UserError, match="There is no model"):
        app.stems.separate(song)
    assert Cache(app.paths.stems).size() == 0


@needs_demucs
def test_separated_once(ready: App, song: str, tmp_path: Path) -> None:
    told = heard(ready)
    first = ready.stems.separate(song)
    assert not first.was_there
    assert first.stems.record.sources == FOUR
    assert first.name == "song"
    assert first.kind.kind in Kind
    assert Cache(ready.paths.stems).size() > 4 * 8 * 110_250
    assert [told[0].step, told[-1].running] == [StemsStep.LOAD, False]
    assert {event.path for event in told} == {song}
    assert any(event.step is StemsStep.SEPARATE and event.total == 2.5 for event in told)

    moved = shutil.copy(song, tmp_path / "moved.wav")  # the sound counts, not the name
    again = ready.stems.separate(str(moved))
    assert again.was_there
    assert (again.stems, again.name) == (first.stems, "moved")
    Cache(ready.paths.stems).make_room(0)
    assert Cache(ready.paths.stems).size() == 0
    assert not ready.stems.separate(song).was_there


@needs_demucs
def test_found_without_being_made(ready: App, song: str) -> None:
    reading = process.read(song, CancelToken())
    assert ready.stems.find(song, reading) is None
    ready.stems.separate(song, 0, 1)
    assert ready.stems.find(song, reading) is None  # of a part only
    made = ready.stems.separate(song)
    assert ready.stems.find(song, reading) == replace(made, reading=reading, was_there=True)
    assert ready.stems.find(song, replace(reading, sound_id=b"another")) is None
    ready.override(stems_model="nonsense")
    assert ready.stems.find(song, reading) is None


@needs_demucs
def test_another_model_makes_other_stems(ready: App, song: str) -> None:
    ready.stems.separate(song)
    install(small(SIX), ready.paths.models, "htdemucs-6s", "5c90dfd2.safetensors")
    ready.override(stems_model="htdemucs-6s")
    found = ready.stems.separate(song)
    assert not found.was_there
    assert found.stems.record.sources == SIX


@needs_demucs
def test_a_part(ready: App, song: str, tmp_path: Path) -> None:
    found = ready.stems.separate(song, 0.5, 1.75)
    assert found.stems.record.samples == 55_125
    assert not ready.stems.separate(song, 0.5, 2).was_there
    assert ready.stems.separate(song, 0.5, 1.75).was_there
    paths = ready.stems.export(found, tmp_path / "out", ["vocals"], Format.WAV)
    assert [path.name for path in paths] == ["song, 0m00.5s to 0m01.75s (vocals).wav"]
    for begin, end in ((2.0, 1.0), (1.0, 1.0), (-1.0, None)):
        with pytest.raises(UserError, match="must begin before it ends"):
            ready.stems.separate(song, begin, end)


@needs_demucs
def test_export(ready: App, song: str, tmp_path: Path) -> None:
    found = ready.stems.separate(song)
    told = heard(ready)
    paths = ready.stems.export(found, tmp_path / "out")
    assert [path.name for path in paths] == [f"song ({name}).flac" for name in FOUR]
    assert told[-1].step is StemsStep.EXPORT
    assert told[-1].done == told[-1].total == pytest.approx(10)
    with pytest.raises(UserError, match=r"no stem guitar\. htdemucs gives: drums, bass"):
        ready.stems.export(found, tmp_path / "other", ["vocals", "guitar"])
    assert not (tmp_path / "other").exists()


@needs_demucs
@pytest.mark.parametrize("step", [StemsStep.LOAD, StemsStep.MEASURE, StemsStep.SEPARATE])
def test_nothing_is_left_when_cancelled(ready: App, tmp_path: Path, step: StemsStep) -> None:
    path = write_wav(tmp_path / "long.wav", 60, rate=44100, channels=2)
    cancel = CancelToken()

    def hear(event: Event) -> None:
        if isinstance(event, StemsProgress) and event.step is step:
            cancel.cancel()

    ready.events.subscribe(hear)
    with pytest.raises(Cancelled):
        ready.stems.separate(str(path), cancel=cancel)
    assert Cache(ready.paths.stems).size() == 0
    left = ready.paths.stems.rglob("*") if ready.paths.stems.exists() else ()
    assert [path.name for path in left if path.suffix != ".lock"] == []


@needs_demucs
def test_no_room(ready: App, song: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.stems.separate(song)
    usage = shutil.disk_usage(ready.paths.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(UserError, match=r"Make room"):
        ready.stems.separate(song, 0, 1)
    assert ready.stems.separate(song).was_there, "nothing went for what was not made"


@needs_demucs
def test_the_disk_is_given_what_it_lacks(
    ready: App, song: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.stems.separate(song, 0, 0.5)
    ready.stems.separate(song, 0, 0.75)
    one_second = 4 * 8 * 44_100
    usage = shutil.disk_usage(ready.paths.root)
    short = usage._replace(free=one_second + 100_000_000 - 1000)  # by one of the two
    monkeypatch.setattr(shutil, "disk_usage", lambda _: short)
    assert not ready.stems.separate(song, 0, 1).was_there
    assert ready.stems.separate(song, 0, 0.75).was_there
    assert not ready.stems.separate(song, 0, 0.5).was_there, "the longest unused went"


@needs_demucs
def test_more_than_is_kept_is_not_begun(ready: App, song: str) -> None:
    ready.stems.separate(song, 0, 0.1)
    ready.override(stems_cache_gigabytes=0.002)
    told = heard(ready)
    with pytest.raises(UserError, match=r"take 4 MB, and 2 MB .* stems_cache_gigabytes 1$"):
        ready.stems.separate(song)
    assert not any(event.step is StemsStep.SEPARATE and event.done for event in told)
    assert ready.stems.separate(song, 0, 0.1).was_there


@needs_demucs
def test_the_limit(ready: App, song: str) -> None:
    """Former stems go when new ones are there, not for the mere beginning."""
    ready.override(stems_cache_gigabytes=0.004)
    ready.stems.separate(song, 0, 1)
    ready.stems.separate(song, 0, 1.5)
    assert ready.stems.separate(song, 0, 1).was_there
    cancel = CancelToken()

    def stop(event: Event) -> None:
        if isinstance(event, StemsProgress) and event.step is StemsStep.SEPARATE:
            cancel.cancel()

    ready.events.subscribe(stop)
    with pytest.raises(Cancelled):
        ready.stems.separate(song, 0, 2, cancel)
    assert ready.stems.separate(song, 0, 1.5).was_there, "it would have had to go"
    ready.stems.separate(song, 0, 1.1)
    assert Cache(ready.paths.stems).size() <= 4_000_000
    assert ready.stems.separate(song, 0, 1.5).was_there
    assert ready.stems.separate(song, 0, 1.1).was_there
    assert not ready.stems.separate(song, 0, 1).was_there


@needs_demucs
def test_a_lower_limit_frees_its_space(ready: App, song: str) -> None:
    ready.stems.separate(song, 0, 1)
    ready.stems.separate(song, 0, 1.5)
    ready.stems.trim()
    assert ready.stems.separate(song, 0, 1).was_there
    ready.override(stems_cache_gigabytes=0.002)
    ready.stems.trim()
    assert 0 < Cache(ready.paths.stems).size() <= 2_000_000
    assert ready.stems.separate(song, 0, 1).was_there


@needs_demucs
def test_an_unknown_stem_is_told_before_the_work(ready: App, song: str) -> None:
    told = heard(ready)
    with pytest.raises(UserError, match=r"no stem vocal\. htdemucs gives: drums, .*instrumental"):
        ready.stems.separate(song, names=["drums", "vocal"])
    assert {event.step for event in told} == {StemsStep.LOAD}
    assert ready.stems.separate(song, names=["drums", "instrumental"]).stems.record.sources == FOUR
    with pytest.raises(UserError, match="no stem vocal"):
        ready.stems.separate(song, names=["vocal"])


@needs_demucs
def test_tags_name_the_files(ready: App, demo_library: Path, tmp_path: Path) -> None:
    path = next(demo_library.rglob("*.flac"))
    found = ready.stems.separate(str(path), 0, 1)
    tags = found.reading.tags
    assert found.name == f"{tags.artist} - {tags.title}, 0m00s to 0m01s"
    stems = [found.stems.sound(name) for name in FOUR]
    assert np.isfinite(sum(stems)).all()
