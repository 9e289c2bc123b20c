"""Hearing stems in the place of the track's file: one position, whoever plays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from msa_desktop.base.model import AudioInfo, Tags, Track, TrackId, TrackState
from msa_desktop.stems.ahead import Gone
from msa_desktop.stems.cache import StemSet
from msa_desktop.stems.mixing import Mixer
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.stem_output import Silence
from msa_desktop.ui.stem_playback import StemPlayback
from tests.support import write_wav
from tests.ui.stem_house import RATE, stem_set

pytest.importorskip(
    "PySide6.QtMultimedia", reason="QtMultimedia cannot be loaded here", exc_type=ImportError
)

# FFmpeg's threads log too; pytest-qt's handler is Python and goes from under them between tests.
pytestmark = pytest.mark.no_qt_log

SECONDS = 20.0


@pytest.fixture
def stems(tmp_path: Path) -> StemSet:
    return stem_set(tmp_path / "stems", ("drums", 0.1), ("vocals", 0.2), seconds=SECONDS)


@pytest.fixture
def mixer(stems: StemSet) -> Iterator[Mixer]:
    made = Mixer(stems)
    yield made
    made.close()


@pytest.fixture
def track(tmp_path: Path) -> Track:
    path = write_wav(tmp_path / "tone.wav", SECONDS)
    info = AudioInfo(SECONDS, "pcm_s16le", 16_000, 1)
    state = TrackState.ANALYSED
    return Track(TrackId(7), str(path), 1, state, Tags("Tone"), info, 1, 1, 0.0)


@pytest.fixture
def playback(qapp: QApplication) -> Iterator[Playback]:
    """Plays for real, into silence where there is no sound output."""
    made = Playback(needs_output=False)
    yield made
    made.stop()
    made.leave_mix()


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Mixer]:
    """Of the track's seconds from 4 to 5.5."""
    stems = stem_set(tmp_path / "part", ("drums", 0.1), ("vocals", 0.2), seconds=1.5, begin=4.0)
    made = Mixer(stems, repeats=True)
    yield made
    made.close()


def _expect_closed(mixer: Mixer) -> None:
    mixer.seek(1000)
    with pytest.raises(ValueError, match="closed file"):
        mixer.read(1)


def test_it_plays_at_the_speed_of_time(qtbot: QtBot, mixer: Mixer) -> None:
    sound = StemPlayback(mixer, None)
    told: list[float] = []
    sound.position_changed.connect(told.append)
    with qtbot.waitSignal(sound.changed):
        sound.play()
    assert sound.playing
    qtbot.waitUntil(lambda: sound.position > 0.5)
    ahead = mixer.position / RATE - sound.position
    assert 0 <= ahead <= 0.21  # what is given to the output is not heard yet
    assert told == sorted(told)
    assert len(told) >= 3
    sound.pause()
    at = sound.position
    qtbot.wait(100)
    assert (sound.playing, sound.position) == (False, at)
    assert mixer.position / RATE == pytest.approx(at)  # goes on where it was heard last
    sound.play()
    qtbot.waitUntil(lambda: sound.position > at + 0.1)
    sound.close()
    _expect_closed(mixer)


def test_a_seek_is_where_it_goes_on(qtbot: QtBot, mixer: Mixer) -> None:
    sound = StemPlayback(mixer, None)
    sound.seek(7.25)
    assert (sound.position, sound.playing) == (7.25, False)
    sound.play()
    assert 7.25 <= sound.position < 7.5
    with qtbot.waitSignal(sound.position_changed) as told:
        sound.seek(3.0)
    assert told.args == [3.0]
    assert sound.playing
    assert 3.0 <= sound.position < 3.2
    sound.seek(-4.0)
    assert sound.position < 0.2
    sound.close()


def test_the_end_is_told_when_it_was_heard(qtbot: QtBot, mixer: Mixer) -> None:
    sound = StemPlayback(mixer, None)
    sound.seek(SECONDS - 0.3)
    with qtbot.waitSignal(sound.ended):
        sound.play()
    assert not sound.playing
    assert sound.position == SECONDS
    sound.play()  # again, from the start
    assert sound.position < 0.2
    sound.close()


def test_a_seek_to_the_end_is_the_end(qtbot: QtBot, mixer: Mixer) -> None:
    sound = StemPlayback(mixer, None)
    sound.play()
    with qtbot.waitSignal(sound.ended):
        sound.seek(SECONDS)
    assert (sound.playing, sound.position) == (False, SECONDS)
    sound.close()


def test_what_cannot_be_read_ends_it(qtbot: QtBot, mixer: Mixer, stems: StemSet) -> None:
    sound = StemPlayback(mixer, None)
    sound.play()
    stems.file("vocals").write_bytes(b"")
    with qtbot.waitSignal(sound.failed) as failed:
        pass
    assert isinstance(failed.args[0], Gone)
    assert not sound.playing
    sound.close()


def test_silence_takes_as_much_as_is_heard(qtbot: QtBot) -> None:
    output = Silence(RATE)
    room = output.room()
    output.write(np.zeros((room, 2), np.float32))
    assert output.room() < room / 4
    qtbot.waitUntil(lambda: output.held() == 0)
    assert output.room() == room  # silence does not count what it was not given
    output.write(np.zeros((100, 2), np.float32))
    output.stop()
    assert output.held() == 0


def test_the_mix_goes_on_where_the_file_was_and_back(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer
) -> None:
    playback.play(track)
    qtbot.waitUntil(lambda: playback.position > 0.3)
    before = playback.position
    with qtbot.waitSignal(playback.duration_changed) as length:
        playback.enter_mix(mixer)
    assert length.args == [SECONDS]
    assert playback.playing
    assert before <= playback.position < before + 0.3
    playback.seek(9.0)
    qtbot.waitUntil(lambda: playback.position > 9.2)
    at = playback.position
    playback.leave_mix()
    _expect_closed(mixer)
    qtbot.waitUntil(lambda: playback.playing and playback.position > at)
    assert playback.position < at + 1.0


def test_a_pause_stays_a_pause(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer
) -> None:
    playback.play(track)
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.toggle()
    playback.enter_mix(mixer)
    playback.seek(5.0)
    assert (playback.playing, playback.position) == (False, 5.0)
    playback.toggle()
    assert playback.playing
    playback.toggle()
    playback.leave_mix()
    qtbot.waitUntil(lambda: playback.position == pytest.approx(5.0, abs=0.3))
    assert not playback.playing


def test_another_track_ends_the_mix_and_the_same_begins_it_again(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer, tmp_path: Path
) -> None:
    playback.play(track)
    playback.enter_mix(mixer)
    playback.seek(5.0)
    with qtbot.assertNotEmitted(playback.mix_ended):
        playback.play(track)
    assert playback.playing
    assert playback.position < 0.2
    other = Track(
        TrackId(8), str(write_wav(tmp_path / "b.wav", 9)), 1, track.state, Tags(), None, 1, 1, 0.0
    )
    with qtbot.waitSignal(playback.mix_ended) as ended:
        playback.play(other)
    assert ended.args == [None]
    _expect_closed(mixer)
    qtbot.waitUntil(lambda: playback.playing and playback.position > 0.1)


def test_the_end_of_the_mix_is_the_end_of_the_track(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer
) -> None:
    playback.play(track)
    playback.enter_mix(mixer)
    with qtbot.waitSignal(playback.ended):
        playback.seek(SECONDS - 0.2)
    assert not playback.playing


def test_stems_that_go_give_way_to_the_file(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer, stems: StemSet
) -> None:
    playback.play(track)
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.enter_mix(mixer)
    playback.seek(8.0)
    stems.file("drums").write_bytes(b"")
    with qtbot.waitSignal(playback.mix_ended) as ended:
        pass
    assert "Separate them again" in str(ended.args[0])
    qtbot.waitUntil(lambda: playback.playing and playback.position > 8.0)


def test_a_file_that_cannot_be_played_says_so_again(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer
) -> None:
    with open(track.path, "wb") as file:
        file.write(b"no sound")
    playback.play(track)
    qtbot.waitUntil(lambda: bool(playback.problem))
    playback.enter_mix(mixer)
    assert not playback.problem
    playback.leave_mix()
    qtbot.waitUntil(lambda: "cannot be" in playback.problem)


def test_the_file_begins_again_where_the_mix_was_heard_to_its_end(
    qtbot: QtBot, playback: Playback, track: Track, mixer: Mixer
) -> None:
    playback.play(track)
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.enter_mix(mixer)
    with qtbot.waitSignal(playback.ended):
        playback.seek(SECONDS)
    playback.leave_mix()
    qtbot.waitUntil(lambda: playback.position == 0)
    assert not playback.playing


def test_stop_goes_to_the_start_of_the_mix(playback: Playback, track: Track, mixer: Mixer) -> None:
    playback.play(track)
    playback.enter_mix(mixer)
    playback.seek(8.0)
    playback.stop()
    assert (playback.playing, playback.position) == (False, 0.0)


def test_a_part_is_heard_again_and_again(qtbot: QtBot, part: Mixer) -> None:
    sound = StemPlayback(part, None)
    assert (sound.begin, sound.end, sound.position) == (4.0, 5.5, 4.0)
    told: list[float] = []
    sound.position_changed.connect(told.append)
    with qtbot.assertNotEmitted(sound.ended):
        sound.play()
        qtbot.waitUntil(lambda: any(b < a for a, b in itertools.pairwise(told)))
        qtbot.waitUntil(lambda: sound.position > 4.5)
    assert sound.playing
    assert 4.0 <= min(told) < 4.1
    assert 5.4 < max(told) <= 5.5
    sound.pause()
    at = sound.position
    assert part.position == pytest.approx((at - 4.0) * RATE, abs=1)
    sound.close()


def test_a_seek_beyond_a_part_goes_to_its_nearest_end(qtbot: QtBot, part: Mixer) -> None:
    sound = StemPlayback(part, None)
    sound.seek(0.0)
    assert sound.position == 4.0
    sound.seek(20.0)
    assert sound.position == 5.5
    sound.play()
    assert sound.playing
    qtbot.waitUntil(lambda: 4.1 < sound.position < 4.5)
    sound.close()


@pytest.mark.parametrize(("before", "after"), [(4.5, 4.5), (1.0, 4.0), (9.0, 4.0)])
def test_a_part_is_entered_where_the_file_was_or_at_its_start(
    qtbot: QtBot, playback: Playback, track: Track, part: Mixer, before: float, after: float
) -> None:
    playback.play(track)
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.toggle()
    playback.seek(before)
    qtbot.waitUntil(lambda: playback.position == pytest.approx(before, abs=0.05))
    with qtbot.assertNotEmitted(playback.duration_changed):
        playback.enter_mix(part)
    assert playback.position == pytest.approx(after, abs=0.05)
    parts = [playback.part]
    playback.seek(5.5)
    playback.leave_mix()
    parts.append(playback.part)
    assert parts == [(4.0, 5.5), None]
    qtbot.waitUntil(lambda: playback.position == pytest.approx(5.5, abs=0.3))
