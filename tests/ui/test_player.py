from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from msa_desktop.base.model import AudioInfo, Tags, Track, TrackId, TrackState
from msa_desktop.base.settings import Theme
from msa_desktop.stems.mixing import Mixer
from msa_desktop.ui import theme
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.player import PlayerBar
from msa_desktop.ui.waveform import WaveformView
from tests.ui.stem_house import stem_set

pytest.importorskip(
    "PySide6.QtMultimedia", reason="QtMultimedia cannot be loaded here", exc_type=ImportError
)


# FFmpeg's threads log too; pytest-qt's handler is Python and goes from under them between tests.
pytestmark = pytest.mark.no_qt_log


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication) -> Iterator[PlayerBar]:
    theme.apply(qapp, Theme.LIGHT)
    made = PlayerBar(playback=Playback(needs_output=False))
    qtbot.addWidget(made)
    made.resize(1000, 72)
    made.show()
    yield made
    made.stop()


@pytest.fixture
def track(tmp_path: Path) -> Track:
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 90))
    tags = Tags(title="Nocturne", artist="Somebody")
    info = AudioInfo(90.0, "pcm_s16le", 8000, 1)
    return Track(TrackId(2**40), str(path), 1, TrackState.ANALYSED, tags, info, 1, 1, 0.0)


def _button(bar: PlayerBar, name: str) -> QToolButton:
    return next(b for b in bar.findChildren(QToolButton) if b.accessibleName() == name)


def _click(qtbot: QtBot, bar: PlayerBar, name: str) -> None:
    QTest.mouseClick(_button(bar, name), Qt.MouseButton.LeftButton)


def _words(bar: PlayerBar) -> list[str]:
    labels = bar.findChildren(QLabel)
    return [label.text() for label in labels if label.isVisible() and label.text()]


def _waveform(bar: PlayerBar) -> WaveformView:
    return bar.findChildren(WaveformView)[0]


def test_an_empty_bar_says_what_to_do_and_its_buttons_rest(bar: PlayerBar) -> None:
    assert "Nothing is playing" in _words(bar)
    for name in ("Previous track", "Play", "Next track"):
        assert not _button(bar, name).isEnabled()
    bar.toggle()
    bar.stop()
    assert (bar.track, bar.playing, bar.position) == (None, False, 0.0)


def test_playing_shows_the_track_and_tells(qtbot: QtBot, bar: PlayerBar, track: Track) -> None:
    with qtbot.waitSignal(bar.peaks_wanted) as wanted:
        bar.play(track)
    assert wanted.args == [track.id]  # ids beyond 32 bits survive
    qtbot.waitUntil(lambda: bar.playing)
    assert {"Nocturne", "Somebody", "1:30"} <= set(_words(bar))
    assert _button(bar, "Pause").isEnabled()


def test_play_and_pause_are_told_once_each(qtbot: QtBot, bar: PlayerBar, track: Track) -> None:
    told: list[tuple[object, bool]] = []
    bar.playing_changed.connect(lambda *now: told.append(now))
    bar.play(track)
    qtbot.waitUntil(lambda: bar.position > 0.1)
    _click(qtbot, bar, "Pause")
    _click(qtbot, bar, "Play")
    bar.stop()
    states = [now for now in told if now[0] == track.id]
    assert states[-4:] == [(track.id, True), (track.id, False), (track.id, True), (track.id, False)]


def test_a_seek_in_the_waveform_moves_the_music(qtbot: QtBot, bar: PlayerBar, track: Track) -> None:
    bar.play(track)
    qtbot.waitUntil(lambda: bar.position > 0.05)
    _waveform(bar).seek_requested.emit(60.0)
    qtbot.waitUntil(lambda: bar.position > 60.0)
    assert "1:00" in _words(bar)
    assert _waveform(bar).value() >= 60_000


def test_the_end_asks_for_the_next_track(qtbot: QtBot, bar: PlayerBar, track: Track) -> None:
    bar.play(track)
    qtbot.waitUntil(lambda: bar.position > 0.05)
    with qtbot.waitSignal(bar.wants_next):
        _waveform(bar).seek_requested.emit(89.8)
    assert not bar.playing


def test_next_and_previous_ask_and_previous_first_goes_to_the_start(
    qtbot: QtBot, bar: PlayerBar, track: Track
) -> None:
    bar.play(track)
    qtbot.waitUntil(lambda: bar.playing)
    with qtbot.waitSignal(bar.wants_next):
        _click(qtbot, bar, "Next track")
    with qtbot.waitSignal(bar.wants_previous):
        _click(qtbot, bar, "Previous track")
    _waveform(bar).seek_requested.emit(30.0)
    qtbot.waitUntil(lambda: bar.position > 30.0)
    with qtbot.assertNotEmitted(bar.wants_previous):
        _click(qtbot, bar, "Previous track")
    assert bar.position < 1.0


def test_previous_goes_to_the_start_of_the_part_that_is_heard(
    qtbot: QtBot, bar: PlayerBar, track: Track, tmp_path: Path
) -> None:
    bar.play(track)
    part = stem_set(tmp_path / "part", ("drums", 0.1), seconds=10.0, begin=40.0)
    bar.enter_mix(Mixer(part, repeats=True))
    _waveform(bar).seek_requested.emit(45.0)
    with qtbot.assertNotEmitted(bar.wants_previous):
        _click(qtbot, bar, "Previous track")
    assert 40.0 <= bar.position < 41.0
    with qtbot.waitSignal(bar.wants_previous):
        _click(qtbot, bar, "Previous track")
    bar.leave_mix()


def test_only_the_peaks_of_the_track_in_the_bar_are_shown(
    qtbot: QtBot, bar: PlayerBar, track: Track
) -> None:
    bar.play(track)
    flat = _waveform(bar).grab().toImage()
    bar.set_peaks(TrackId(1), bytes([255]) * 100)
    assert _waveform(bar).grab().toImage() == flat
    bar.set_peaks(track.id, bytes([255]) * 100)
    assert _waveform(bar).grab().toImage() != flat


def test_a_problem_is_said_in_the_bar_and_goes_with_the_next_track(
    qtbot: QtBot, bar: PlayerBar, track: Track, tmp_path: Path
) -> None:
    bar.play(Track(TrackId(3), str(tmp_path / "gone.mp3"), 1, track.state, Tags(), None, 1, 1, 0.0))
    qtbot.waitUntil(lambda: bool(bar.message))
    assert any("not there any more" in words for words in _words(bar))
    assert not _waveform(bar).isVisible()
    assert _button(bar, "Play").isEnabled()  # tries again
    bar.play(track)
    assert bar.message == ""
    assert _waveform(bar).isVisible()


def test_the_volume_is_told_and_moving_it_ends_muting(qtbot: QtBot, bar: PlayerBar) -> None:
    told: list[tuple[int, bool]] = []
    bar.volume_changed.connect(lambda *now: told.append(now))
    bar.set_volume(40, muted=True)
    assert told[-1] == (40, True)
    bar.findChildren(QSlider)[0].setValue(50)
    assert told[-1] == (50, False)
    _click(qtbot, bar, "Mute")
    assert told[-1] == (50, True)
    assert _button(bar, "Unmute").isChecked()


def test_everything_in_it_has_a_name_for_screen_readers(bar: PlayerBar) -> None:
    for kind in (QToolButton, QSlider, WaveformView):
        assert all(widget.accessibleName() for widget in bar.findChildren(kind))


def test_the_bar_keeps_its_height_and_gives_way_whatever_it_says(
    qtbot: QtBot, bar: PlayerBar, track: Track
) -> None:
    before = (bar.height(), bar.minimumSizeHint().width())
    bar.play(Track(track.id, "/gone/" + "x" * 300, 1, track.state, Tags(), None, 1, 1, 0.0))
    qtbot.waitUntil(lambda: bool(bar.message))
    bar.adjustSize()
    assert (bar.height(), bar.minimumSizeHint().width()) == before


_WITHOUT_MULTIMEDIA = """
    import sys

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name == "PySide6.QtMultimedia":
                raise ImportError("libpulse.so.0: cannot open shared object file")

    sys.meta_path.insert(0, Missing())
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication
    from msa_desktop.base.model import Tags, Track, TrackId, TrackState
    from msa_desktop.ui.player import PlayerBar

    app = QApplication([])
    bar = PlayerBar()
    assert bar.message == ""  # nothing was tried before the window is there
    bar.show()
    QTimer.singleShot(100, app.quit)
    app.exec()
    assert not bar.available
    assert bar.message == bar.unavailable_reason
    bar.play(Track(TrackId(1), "/x.mp3", 1, TrackState.NEW, Tags(title="T"), None, 1, 1, 0.0))
    bar.toggle()
    bar.stop()
    bar.set_volume(30, True)
    bar.set_peaks(TrackId(1), bytes(10))
    assert bar.track.title == "T" and not bar.playing
    bar.grab()
    print(bar.message)
"""


def test_without_qtmultimedia_the_bar_says_why_and_the_rest_works() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_WITHOUT_MULTIMEDIA)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "libpulse.so.0" in ran.stdout
    assert "apt install libpulse0" in ran.stdout


def test_the_bar_is_there_before_qtmultimedia_is_loaded() -> None:
    code = """
        import sys
        from PySide6.QtWidgets import QApplication
        from msa_desktop.ui.player import PlayerBar
        app = QApplication([])
        bar = PlayerBar()
        bar.show()
        assert "PySide6.QtMultimedia" not in sys.modules
        assert isinstance(bar.available, bool)
        assert "PySide6.QtMultimedia" in sys.modules
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
