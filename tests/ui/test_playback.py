from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from msa_desktop.base.model import AudioInfo, Tags, Track, TrackId, TrackState
from msa_desktop.ui.playback import Playback

multimedia = pytest.importorskip(
    "PySide6.QtMultimedia", reason="QtMultimedia cannot be loaded here", exc_type=ImportError
)

# FFmpeg's threads log too; pytest-qt's handler is Python and goes from under them between tests.
pytestmark = pytest.mark.no_qt_log


def _wav(path: str, seconds: float) -> str:
    tone = (8000 * np.sin(np.arange(int(8000 * seconds)) / 5)).astype("<i2")
    with open(path, "wb") as file, wave.open(file) as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(tone.tobytes())
    return path


def _track(path: str, *, offline: bool = False) -> Track:
    info = AudioInfo(1.0, "pcm_s16le", 8000, 1)
    tags = Tags(title="Tone", artist="Somebody")
    state = TrackState.ANALYSED
    return Track(TrackId(7), path, 1, state, tags, info, 1, 1, 0.0, offline=offline)


@pytest.fixture
def playback(qapp: QApplication) -> Iterator[Playback]:
    """Plays for real, into silence where there is no sound output."""
    made = Playback(needs_output=False)
    yield made
    made.stop()


def test_a_file_is_played_paused_and_goes_on(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    track = _track(_wav(str(tmp_path / "tone.wav"), 5.0))
    with qtbot.waitSignal(playback.duration_changed) as length:
        playback.play(track)
    assert length.args == [pytest.approx(5.0, abs=0.05)]
    qtbot.waitUntil(lambda: playback.playing and playback.position > 0.1)
    assert (playback.track, playback.problem) == (track, "")
    playback.toggle()
    assert not playback.playing
    paused_at = playback.position
    qtbot.wait(150)
    assert playback.position == pytest.approx(paused_at, abs=0.02)
    playback.toggle()
    qtbot.waitUntil(lambda: playback.position > paused_at + 0.1)


def test_stop_goes_back_to_the_start_and_play_starts_there(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    playback.play(_track(_wav(str(tmp_path / "tone.wav"), 5.0)))
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.stop()
    assert not playback.playing
    assert playback.position == 0
    playback.toggle()
    qtbot.waitUntil(lambda: playback.playing)


def test_the_end_is_told_and_a_seek_gets_there_sooner(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    playback.play(_track(_wav(str(tmp_path / "tone.wav"), 30.0)))
    qtbot.waitUntil(lambda: playback.position > 0.05)
    with qtbot.waitSignal(playback.ended, timeout=5000):
        playback.seek(29.7)
    assert not playback.playing


def test_playing_another_track_ends_the_first_without_a_word(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    ends: list[None] = []
    playback.ended.connect(lambda: ends.append(None))
    playback.play(_track(_wav(str(tmp_path / "one.wav"), 5.0)))
    qtbot.waitUntil(lambda: playback.position > 0.1)
    second = _track(_wav(str(tmp_path / "two.wav"), 5.0))
    playback.play(second)
    assert playback.position < 0.1
    qtbot.waitUntil(lambda: playback.playing and playback.position > 0.05)
    assert playback.track is second
    assert ends == []


def test_the_end_of_one_may_start_the_next(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    waiting = [_track(_wav(str(tmp_path / f"{number}.wav"), 0.3)) for number in range(4)]
    played: list[Track] = []

    def go_on() -> None:
        if waiting:
            played.append(waiting.pop(0))
            playback.play(played[-1])

    ends: list[Track | None] = []
    playback.ended.connect(lambda: ends.append(playback.track))
    playback.ended.connect(go_on)
    go_on()
    qtbot.waitUntil(lambda: len(ends) == 4, timeout=10_000)
    assert ends == played  # each once
    assert playback.problem == ""


def test_a_name_that_is_not_utf8_plays(qtbot: QtBot, playback: Playback, tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 100% #1.wav")
    try:
        _wav(name, 3.0)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only UTF-8 names")
    playback.play(_track(name))
    qtbot.waitUntil(lambda: playback.position > 0.1)
    playback.seek(2.8)
    with qtbot.waitSignal(playback.ended, timeout=5000):
        pass
    os.unlink(name)
    playback.play(_track(name))
    assert playback.problem.startswith("The file is not there any more")
    playback.problem.encode()  # words any screen can show


_OFTEN = """
    import random
    import sys
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication
    from msa_desktop.base.model import Tags, Track, TrackId, TrackState
    from msa_desktop.ui.playback import Playback

    def wait(milliseconds):
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    app = QApplication([])
    track = Track(TrackId(1), sys.argv[1], 1, TrackState.NEW, Tags(), None, 1, 1, 0.0)
    for _ in range(40):
        playback = Playback(needs_output=False)
        playback.play(track)
        wait(random.choice((1, 5, 30)))
        playback.stop()
        playback.toggle()
        wait(2)
        playback.toggle()
        playback.stop()
    print("all played")
"""


def test_playing_and_stopping_in_any_haste_never_freezes(tmp_path: Path) -> None:
    """FFmpeg's threads and this one must not wait for each other over Python's lock."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_OFTEN), _wav(str(tmp_path / "tone.wav"), 2.0)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "all played" in ran.stdout, ran.stderr


@pytest.mark.parametrize("name", ["a%20b#c?.wav", "東京, ночь.wav"])
def test_names_with_signs_urls_use_play_too(
    qtbot: QtBot, playback: Playback, tmp_path: Path, name: str
) -> None:
    playback.play(_track(_wav(str(tmp_path / name), 2.0)))
    qtbot.waitUntil(lambda: playback.position > 0.05)


def test_a_missing_file_is_told_and_can_be_tried_again(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    path = str(tmp_path / "gone.wav")
    playback.play(_track(path))
    qtbot.waitUntil(lambda: bool(playback.problem))
    assert playback.problem.startswith("The file is not there any more: ")
    assert playback.problem.endswith("gone.wav.")
    assert not playback.playing
    _wav(path, 2.0)
    playback.toggle()
    assert playback.problem == ""
    qtbot.waitUntil(lambda: playback.position > 0.05)


def test_what_is_no_sound_is_told(qtbot: QtBot, playback: Playback, tmp_path: Path) -> None:
    path = tmp_path / "text.mp3"
    path.write_text("not music " * 500)
    playback.play(_track(str(path)))
    qtbot.waitUntil(lambda: bool(playback.problem))
    assert playback.problem.startswith("This file's sound cannot be decoded: ")
    assert playback.problem.endswith("text.mp3.")


def test_a_long_path_is_told_by_its_disk_and_its_file(playback: Playback) -> None:
    path = f"/media/me/USB DISK/{'folder/' * 40}song.flac"
    playback.play(_track(path, offline=True))
    assert "/media/me/USB DISK/" in playback.problem
    assert "folder/song.flac" in playback.problem
    assert len(playback.problem) < 150


def test_an_offline_track_says_that_its_disk_is_not_there(
    qtbot: QtBot, playback: Playback, tmp_path: Path
) -> None:
    path = _wav(str(tmp_path / "tone.wav"), 1.0)
    playback.play(_track(path, offline=True))
    assert playback.problem.startswith("The disk with this track is not there")
    qtbot.wait(100)
    assert not playback.playing


def test_without_a_sound_output_it_says_so_and_does_not_pretend(
    qtbot: QtBot, tmp_path: Path
) -> None:
    if multimedia.QMediaDevices.audioOutputs():
        pytest.skip("this machine has a sound output")
    playback = Playback()
    playback.play(_track(_wav(str(tmp_path / "tone.wav"), 1.0)))
    assert playback.unavailable_reason.startswith("There is no sound output")
    qtbot.wait(100)
    assert not playback.playing


def test_a_real_sound_output_plays(qtbot: QtBot, tmp_path: Path) -> None:
    if not multimedia.QMediaDevices.audioOutputs():
        pytest.skip("this machine has no sound output")
    playback = Playback()
    playback.set_volume(0.0, muted=True)
    playback.play(_track(_wav(str(tmp_path / "tone.wav"), 3.0)))
    qtbot.waitUntil(lambda: playback.position > 0.2)
    playback.stop()


def test_the_volume_is_kept_until_the_player_is_loaded(playback: Playback) -> None:
    playback.set_volume(0.5, muted=True)
    playback.load()
    output = playback.findChildren(multimedia.QAudioOutput)[0]
    assert output.isMuted()
    # Half as loud to the ear is far less than half the amplitude.
    assert 0.02 < output.volume() < 0.4
