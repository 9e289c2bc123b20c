"""From a track taken apart to its stems' vectors in the library."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import Cancelled
from msa_desktop.base.events import Event, Notice, StemsProgress, StemsStep, TracksChanged
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import TrackId
from msa_desktop.base.paths import DataPaths
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services.kind import Kind
from msa_desktop.stems.wave import WaveWriter
from tests.support_stems import FOUR, SIX, install, music, needs_demucs, small

pytestmark = needs_demucs


@dataclass(frozen=True)
class Made:
    """A library whose tracks were taken apart, and what was told meanwhile."""

    songs: Path
    state: Path
    events: list[Event]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Music, one track of sound and one as good as silent, and a library that separated both."""
    home = tmp_path_factory.mktemp("made")
    folder = home / "songs"
    folder.mkdir()
    for name, gain in (("loud", 1.0), ("quiet", 0.001)):
        with WaveWriter(folder / f"{name}.wav", 2, 44100) as writer:
            writer.write(gain * music(2.5))
    with App(DataPaths(home / "state")) as app:
        install(small(), app.paths.models)
        app.library.scan([str(folder)])
        events = told(app)
        for path in sorted(folder.iterdir()):
            app.stems.separate(str(path))
    return Made(folder, home / "state", events)


@pytest.fixture
def songs(made: Made, tmp_path: Path) -> Iterator[Path]:
    """The music, which a test may change."""
    shutil.copytree(made.songs, tmp_path / "songs")
    yield made.songs
    shutil.rmtree(made.songs)
    shutil.copytree(tmp_path / "songs", made.songs)


@pytest.fixture
def ready(made: Made, tmp_path: Path) -> Iterator[App]:
    """The library, which a test may change."""
    shutil.copytree(made.state, tmp_path / "state")
    with App(DataPaths(tmp_path / "state")) as app:
        yield app


def renew(app: App) -> EncoderFacts:
    """A new version of the encoder, which has heard no stem."""
    newer = replace(app.encoders[0], version="newer")
    app.encoders = (newer,)
    return newer


def told(app: App) -> list[Event]:
    events: list[Event] = []
    app.events.subscribe(events.append)
    return events


def listened(events: list[Event]) -> bool:
    return any(isinstance(e, StemsProgress) and e.step is StemsStep.LISTEN for e in events)


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def number(app: App, path: Path) -> TrackId:
    track = app.tracks.by_path(str(path))
    assert track is not None
    return track.id


def test_separated_then_heard_once(made: Made, ready: App) -> None:
    path = made.songs / "loud.wav"
    track_id = number(ready, path)
    events = told(ready)
    found = ready.stems.separate(str(path))
    assert found.was_there
    assert not listened(events), "heard once is enough"
    levels = {name: level.rms for name, level in found.stems.record.levels.items()}
    stored = ready.stem_rows.of(track_id)
    assert {name: stem.level for name, stem in stored.items()} == levels
    heard = [name for name in FOUR if levels[name] >= 0.01]
    assert heard, "the model of the test lets nothing through"
    assert set(ready.stem_search.parts(track_id)) == set(heard)
    (musicnn,) = ready.encoders
    for name in heard:
        assert stored[name].encoders == {"musicnn": musicnn.version}
        assert {key: len(scores) for key, scores in stored[name].labels.items()} == {
            "msd": 50,
            "mtt": 50,
        }
        ids, vectors = ready.stem_rows.vectors(name, "musicnn", musicnn.version)
        assert ids.tolist() == [track_id]
        whole = ready.tracks.vector(track_id, "musicnn", musicnn.version)
        assert whole is not None
        assert vectors.shape == (1, musicnn.dimension)
        assert not np.allclose(vectors[0], whole), "the stem was to be heard, not the track"
    assert ready.stem_search.kind(track_id, []) == found.kind

    steps = [e for e in made.events if isinstance(e, StemsProgress) and e.path == str(path)]
    assert listened(list(steps))
    assert [e.running for e in steps].index(False) == len(steps) - 1
    assert steps[-1].step is StemsStep.LISTEN
    assert steps[-1].done == steps[-1].total == pytest.approx(2.5 * len(heard))
    assert TracksChanged(frozenset([track_id]), structure=False) in made.events
    assert not notices(made.events)


def test_what_is_as_good_as_nothing_is_not_heard(made: Made, ready: App) -> None:
    path = made.songs / "quiet.wav"
    track_id = number(ready, path)
    assert ready.stem_rows.of(track_id).keys() == {*FOUR, "instrumental"}
    assert ready.stem_search.parts(track_id) == ()
    assert not listened([e for e in made.events if getattr(e, "path", "") == str(path)])
    renew(ready)
    events = told(ready)
    assert set(ready.stems.separate(str(path)).kind.negligible) == set(FOUR)
    assert not listened(events)


def test_parts_and_strangers_are_not_heard(ready: App, songs: Path, tmp_path: Path) -> None:
    renew(ready)
    events = told(ready)
    ready.stems.separate(str(songs / "loud.wav"), 0.5, 2)
    assert ready.stems.separate(
        str(shutil.copy(songs / "loud.wav", tmp_path / "copy.wav"))
    ).was_there
    assert not listened(events)
    assert ready.stem_search.parts(number(ready, songs / "loud.wav")) == ()


def test_an_encoder_that_came_later(ready: App, songs: Path) -> None:
    path = songs / "loud.wav"
    track_id = number(ready, path)
    before = ready.stem_rows.of(track_id)
    renew(ready)
    assert ready.stem_search.parts(track_id) == (), "heard by another version"
    assert ready.stems.separate(str(path)).was_there
    after = ready.stem_rows.of(track_id)
    parts = ready.stem_search.parts(track_id)
    assert {name for name, stem in before.items() if stem.encoders} == set(parts)
    assert all(after[name].encoders == {"musicnn": "newer"} for name in parts)


def test_another_model_gives_other_stems(ready: App, songs: Path) -> None:
    path = songs / "loud.wav"
    install(small(SIX), ready.paths.models, "htdemucs-6s", "5c90dfd2.safetensors")
    ready.override(stems_model="htdemucs-6s")
    found = ready.stems.separate(str(path))
    stored = ready.stem_rows.of(number(ready, path))
    assert stored.keys() == {*SIX, "instrumental"}
    assert stored["guitar"].level == found.stems.record.levels["guitar"].rms


def test_it_goes_with_its_track(ready: App, songs: Path) -> None:
    track_id = number(ready, songs / "loud.wav")
    assert ready.stem_rows.of(track_id)
    with WaveWriter(songs / "loud.wav", 2, 44100) as writer:
        writer.write(music(4.0)[::-1])
    ready.library.scan([str(songs)])
    assert number(ready, songs / "loud.wav") == track_id
    assert ready.stem_rows.of(track_id) == {}, "these were of another sound"
    (songs / "quiet.wav").unlink()
    ready.library.scan([str(songs)])
    connection = ready.database.connection()
    for table in ("stems", "stem_vectors", "stem_labels"):
        assert not connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608


def test_cancelled_while_it_listens(ready: App, songs: Path) -> None:
    path = songs / "loud.wav"
    cancel = CancelToken()

    def hear(event: Event) -> None:
        if isinstance(event, StemsProgress) and event.step is StemsStep.LISTEN:
            cancel.cancel()

    renew(ready)
    ready.events.subscribe(hear)
    with pytest.raises(Cancelled):
        ready.stems.separate(str(path), cancel=cancel)
    assert ready.stem_search.parts(number(ready, path)) == ()
    before = ready.stem_rows.of(number(ready, path))
    assert before["vocals"].encoders != {"musicnn": "newer"}, "what was heard before stays"
    assert list(ready.paths.stems.rglob("vocals.wav")), "what took minutes is kept"


def test_another_process_writes(ready: App, songs: Path) -> None:
    ready.writer.flush()  # it is the one that writes
    with App(DataPaths(ready.paths.root)) as second:
        renew(second)
        events = told(second)
        found = second.stems.separate(str(songs / "loud.wav"))
        assert found.stems.record.sources == FOUR
        assert not listened(events)
        (notice,) = notices(events)
        assert '"loud"' in notice
        assert "already running" in notice


def no_model(app: App) -> None:
    app.encoders = (replace(renew(app), folder="/nowhere"),)


def a_stem_of_noise(app: App) -> None:
    """One stem is no sound any more when it is to be heard."""

    def spoil(event: Event) -> None:
        if isinstance(event, StemsProgress) and event.step is StemsStep.LISTEN:
            for drums in app.paths.stems.rglob("drums.wav"):  # both tracks', in any order
                drums.write_bytes(bytes(drums.stat().st_size))

    renew(app)
    app.events.subscribe(spoil)


@pytest.mark.parametrize("breaks", [no_model, a_stem_of_noise])
def test_what_cannot_be_heard_is_told(
    ready: App, songs: Path, breaks: Callable[[App], None]
) -> None:
    breaks(ready)
    events = told(ready)
    found = ready.stems.separate(str(songs / "loud.wav"))
    assert found.kind.kind in Kind
    assert found.stems.file("vocals").exists()
    (notice,) = notices(events)
    assert notice.startswith('Not all stems of "loud" were listened to.')
    parts = ready.stem_search.parts(number(ready, songs / "loud.wav"))
    assert "drums" not in parts
    assert bool(parts) == (breaks is a_stem_of_noise)
