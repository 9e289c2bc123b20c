"""Stems in the window: from the right-click to the mixer and to files, with a real small Demucs."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.audio import decode
from msa_desktop.base.model import FileStamp, TrackId
from msa_desktop.base.paths import DataPaths
from msa_desktop.stems.cache import Cache
from msa_desktop.stems.wave import WaveWriter
from msa_desktop.store import writes
from msa_desktop.ui import stem_commands
from msa_desktop.ui.actions import Act
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.mixer import ChannelStrip
from msa_desktop.ui.part_dialog import PartDialog
from msa_desktop.ui.stem_export import StemExportDialog
from msa_desktop.ui.stem_strip import StemStrip
from msa_desktop.ui.time_field import TimeField
from tests.support_stems import FOUR, install, music, needs_demucs, small

Open = Callable[[], MainWindow]

# FFmpeg's threads log too; pytest-qt's handler is Python and goes from under them between tests.
pytestmark = pytest.mark.no_qt_log

SECONDS = 15.0
LONG = 150_000  # milliseconds: the separation has the lowest priority on a busy machine


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "song.wav"
    with WaveWriter(path, 2, 44100) as writer:
        writer.write(music(SECONDS))
    return path


@pytest.fixture(scope="module")
def apart(song: Path) -> DataPaths:
    """A data folder with the small model, and the song's stems."""
    paths = DataPaths(song.parent / "state")
    with App(paths) as made:
        install(small(), paths.models)
        made.stems.separate(str(song))
    return paths


@pytest.fixture
def ids(app: App, song: Path, tmp_path: Path) -> list[TrackId]:
    """The song in the library, and another one."""
    folder = tmp_path / "My music"
    folder.mkdir()
    first = Path(shutil.copy(song, folder / "song.wav"))
    other = folder / "other.wav"
    with WaveWriter(other, 2, 44100) as writer:
        writer.write(music(SECONDS)[::-1])

    def change(conn: sqlite3.Connection) -> list[TrackId]:
        root = writes.add_root(conn, str(folder))
        stats = [(path, path.stat()) for path in (first, other)]
        stamps = [FileStamp(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
        added = writes.add_tracks(conn, root, stamps)
        for track_id, (path, _) in zip(added, stats, strict=True):
            writes.store_reading(conn, track_id, decode.read(str(path)))
        return added

    return app.writer.run(change)


@pytest.fixture
def with_model(app: App, apart: DataPaths) -> None:
    shutil.copytree(apart.models, app.paths.models, dirs_exist_ok=True)


@pytest.fixture
def with_stems(app: App, apart: DataPaths, with_model: None) -> None:
    shutil.copytree(apart.stems, app.paths.stems)


@pytest.fixture
def window(ids: list[TrackId], open_window: Open) -> MainWindow:
    opened = open_window()
    opened.pane.table.select(ids[0])
    return opened


def _play(qtbot: QtBot, window: MainWindow, track_id: TrackId) -> None:
    window.tracks.play_in_table(track_id)
    qtbot.waitUntil(lambda: window.player.playing and window.player.position > 0.1)


def _open_mixer(qtbot: QtBot, window: MainWindow, track_id: TrackId) -> None:
    _play(qtbot, window, track_id)
    qtbot.waitUntil(window.actions_table[Act.MIXER].isEnabled)
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(window.stems.desk.isVisible)


def _strips(window: MainWindow) -> list[StemStrip]:
    return [strip for strip in window.player.findChildren(StemStrip) if strip.isVisible()]


def _words(window: MainWindow) -> str:
    return " ".join(strip.accessibleName() for strip in _strips(window))


def _click(widget: QWidget, words: str) -> None:
    button = next(
        b
        for b in (*widget.findChildren(QPushButton), *widget.findChildren(QToolButton))
        if b.isVisible() and words in (b.text(), b.accessibleName())
    )
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _names(window: MainWindow) -> tuple[str, ...]:
    return tuple(window.stems.desk.gains())


@needs_demucs
def test_a_track_is_taken_apart_while_it_plays(
    qtbot: QtBot, app: App, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _play(qtbot, window, ids[0])
    assert not window.actions_table[Act.MIXER].isEnabled()
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "Taking apart: song" in _words(window))
    assert window.player.playing
    details: set[str] = set()
    track = window.player.track
    assert track is not None

    def seen() -> bool:
        if window.player.position > SECONDS / 2:
            window.player.play(track)  # so that it is not over too soon
        for strip in _strips(window):
            details.update(label.text() for label in strip.findChildren(QLabel))
        return window.stems.desk.isVisible()

    qtbot.waitUntil(seen, timeout=LONG)
    assert any(words.endswith(" %") for words in details), details
    assert _strips(window) == []
    assert _names(window) == FOUR
    assert window.player.playing
    assert window.actions_table[Act.MIXER].isChecked()
    at = window.player.position
    qtbot.waitUntil(lambda: window.player.position > at + 0.3)


@needs_demucs
def test_the_mixer_opens_for_a_track_that_was_taken_apart_before(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    button = next(
        b for b in window.player.findChildren(QToolButton) if b.accessibleName() == "Mixer"
    )
    _play(qtbot, window, ids[0])
    qtbot.waitUntil(button.isVisible)
    before = window.player.position
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(window.stems.desk.isVisible)
    assert before - 0.001 <= window.player.position < before + 1.0
    channel = window.stems.desk.findChildren(ChannelStrip)[0]
    _click(channel, f"Mute {FOUR[0]}")
    mixer = window.stems._mixer
    assert mixer is not None
    qtbot.wait(100)
    assert mixer._now.tolist() == [0, 1, 1, 1]

    at = window.player.position
    _click(window.stems.desk, "Close the mixer")
    assert not window.stems.desk.isVisible()
    assert not button.isChecked()
    qtbot.waitUntil(lambda: window.player.playing and window.player.position > at)
    assert window.player.position < at + 1.0

    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(window.stems.desk.isVisible)
    assert window.stems.desk.gains()[FOUR[0]] == 0  # as it was left

    window.tracks.play_in_table(ids[1])
    qtbot.waitUntil(lambda: not button.isVisible())
    assert not window.stems.desk.isVisible()
    assert not window.actions_table[Act.MIXER].isEnabled()


def test_without_a_model_it_says_so_and_leads_there(
    qtbot: QtBot, window: MainWindow, ids: list[TrackId]
) -> None:
    window.pane.table.selectAll()
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "models install htdemucs" in _words(window))
    qtbot.wait(200)
    assert not window.messages.isVisible()  # said once, not for each track
    _click(_strips(window)[0], "Models")
    qtbot.waitUntil(window.models_page.isVisible)
    assert _strips(window) == []


def test_many_at_once_are_asked_about_first(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stem_commands, "_MANY", 1)
    window.pane.table.selectAll()
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)))
    (box,) = window.findChildren(QMessageBox)
    assert "Take 2 tracks apart?" in box.text()
    assert not window.stems.separating.busy
    next(button for button in box.buttons() if button.text() == "Separate").click()
    qtbot.waitUntil(lambda: "models install htdemucs" in _words(window))


@needs_demucs
def test_it_can_be_cancelled(
    qtbot: QtBot, app: App, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    window.pane.table.selectAll()
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "Taking apart" in _words(window))
    _click(_strips(window)[0], "Cancel")
    qtbot.waitUntil(lambda: not window.stems.separating.busy, timeout=LONG)
    assert _strips(window) == []  # those that waited do not begin
    assert Cache(app.paths.stems).size() == 0
    assert window.player.track is None


@needs_demucs
def test_a_track_that_does_not_play_is_offered(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _play(qtbot, window, ids[1])
    window.player.toggle()
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "song is taken apart" in _words(window), timeout=LONG)
    assert not window.stems.desk.isVisible()
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(window.stems.desk.isVisible)
    track = window.player.track
    assert track is not None
    assert track.id == ids[0]
    qtbot.waitUntil(lambda: window.player.playing)


def _choose_part(qtbot: QtBot, window: MainWindow, begin: str, end: str) -> None:
    """Chooses a part of the selected track, as a person who writes times does."""
    window.actions_table[Act.SEPARATE_PART].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(PartDialog)))
    (dialog,) = window.findChildren(PartDialog)
    for name, words in (("From", begin), ("To", end)):
        field = next(f for f in dialog.findChildren(TimeField) if f.accessibleName() == name)
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, words)
    _click(dialog, "Separate")
    qtbot.waitUntil(lambda: not window.findChildren(PartDialog))


def _begin(window: MainWindow) -> float | None:
    """Where the stems in the mixer begin, in seconds."""
    mixer = window.stems._mixer
    return None if mixer is None else mixer.begin / mixer.rate


@needs_demucs
def test_a_part_of_what_plays_is_taken_apart_and_heard_again_and_again(
    qtbot: QtBot, app: App, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _play(qtbot, window, ids[0])
    window.player.toggle()  # however long it takes, the song is not over before
    _choose_part(qtbot, window, "0:03", "0:04.5")
    qtbot.waitUntil(window.stems.desk.isVisible, timeout=LONG)
    assert window.player.position == 3.0
    mixer = window.stems._mixer
    assert mixer is not None
    assert (mixer.begin, mixer.samples) == (3 * 44100, 1.5 * 44100)
    words = [label.text() for label in window.stems.desk.findChildren(QLabel)]
    assert any(each.startswith("0:03 to 0:04.5, repeated") for each in words)
    places: list[float] = []
    window.player.position_changed.connect(places.append)
    window.player.toggle()
    qtbot.waitUntil(lambda: any(b < a for a, b in itertools.pairwise(places)))
    assert min(places) >= 3.0
    assert max(places) <= 4.5

    _click(window.stems.desk, "Close the mixer")
    qtbot.waitUntil(lambda: window.player.playing and window.player.position > 4.6)
    qtbot.waitUntil(window.actions_table[Act.MIXER].isEnabled)
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(lambda: _begin(window) == 3.0)
    assert window.player.position < 4.5, "the part is still at hand"
    window.tracks.play_in_table(ids[0])  # the track, not its part
    qtbot.waitUntil(lambda: _begin(window) is None and window.player.position < 1.0)


@needs_demucs
def test_a_part_does_not_take_the_music_away(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _choose_part(qtbot, window, "0:02", "0:03")
    qtbot.waitUntil(lambda: "song, 0:02 to 0:03 is taken apart" in _words(window), timeout=LONG)
    _open_mixer(qtbot, window, ids[0])
    _choose_part(qtbot, window, "0:02", "0:03")
    qtbot.waitUntil(lambda: not window.stems.separating.busy, timeout=LONG)
    assert _begin(window) == 0.0, "the whole track's stems are heard on"
    window.actions_table[Act.MIXER].trigger()
    window.player._waveform.seek_requested.emit(5.0)
    _choose_part(qtbot, window, "0:02", "0:03")
    qtbot.waitUntil(lambda: not window.stems.separating.busy, timeout=LONG)
    assert window.player.position > 4.9
    assert not window.stems.desk.isVisible()
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(lambda: _begin(window) == 2.0)
    assert window.player.playing
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(lambda: window.stems._separated is not None)
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(lambda: _begin(window) == 0.0)  # the whole track's go first


@needs_demucs
def test_a_part_of_another_track_is_offered(
    qtbot: QtBot, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _choose_part(qtbot, window, "0:02", "0:03")
    qtbot.waitUntil(lambda: "song, 0:02 to 0:03 is taken apart" in _words(window), timeout=LONG)
    assert window.player.track is None
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(window.stems.desk.isVisible)
    qtbot.waitUntil(lambda: window.player.playing and 2.0 <= window.player.position <= 3.0)
    window.tracks.play_in_table(ids[1])
    qtbot.waitUntil(lambda: not window.actions_table[Act.MIXER].isEnabled())
    window.tracks.play_in_table(ids[0])  # its part is remembered
    qtbot.waitUntil(window.actions_table[Act.MIXER].isEnabled)
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(lambda: _begin(window) == 2.0)


@needs_demucs
def test_a_part_that_is_gone_is_made_again(
    qtbot: QtBot, app: App, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _choose_part(qtbot, window, "0:02", "0:03")
    qtbot.waitUntil(lambda: "is taken apart" in _words(window), timeout=LONG)
    Cache(app.paths.stems).make_room(0)
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(lambda: "not there any more" in _words(window))
    window.player.toggle()  # however long it takes, the song is not over before
    _click(_strips(window)[0], "Separate again")
    qtbot.waitUntil(window.stems.desk.isVisible, timeout=LONG)
    assert _begin(window) == 2.0


def test_a_track_of_unknown_length_has_no_part(
    qtbot: QtBot, app: App, window: MainWindow, ids: list[TrackId]
) -> None:
    app.writer.run(lambda conn: conn.execute("UPDATE tracks SET duration = NULL"))
    window.actions_table[Act.SEPARATE_PART].trigger()
    qtbot.waitUntil(window.messages.isVisible)
    assert not window.findChildren(PartDialog)


@needs_demucs
def test_music_does_not_begin_by_itself(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "song is taken apart" in _words(window), timeout=LONG)
    assert window.player.track is None
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(window.stems.desk.isVisible)
    qtbot.waitUntil(lambda: window.player.playing and window.player.position > 0.2)


@needs_demucs
def test_listen_opens_the_mixer_of_what_plays_already(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "song is taken apart" in _words(window), timeout=LONG)
    _play(qtbot, window, ids[0])
    qtbot.waitUntil(window.actions_table[Act.MIXER].isEnabled)
    before = window.player.position
    _click(_strips(window)[0], "Listen")
    qtbot.waitUntil(window.stems.desk.isVisible)
    assert window.player.position >= before - 0.001, "it goes on where it was"
    assert window.stems._wanted is None


@needs_demucs
def test_the_mixer_button_keeps_the_keyboard_from_track_to_track(
    qtbot: QtBot, app: App, with_stems: None, window: MainWindow, ids: list[TrackId], song: Path
) -> None:
    again = decode.read(str(song))  # the second track is the same song
    app.writer.run(lambda conn: writes.store_reading(conn, ids[1], again))
    mixing = window.actions_table[Act.MIXER]
    _play(qtbot, window, ids[0])
    qtbot.waitUntil(mixing.isEnabled)
    with qtbot.assertNotEmitted(mixing.enabledChanged):
        window.tracks.play_in_table(ids[1])
        qtbot.waitUntil(lambda: window.stems._track == ids[1])
        mixing.trigger()  # whether there are stems is not known yet
        qtbot.waitUntil(window.stems.desk.isVisible)
    assert mixing.isChecked()


@needs_demucs
def test_a_change_of_mind_while_it_opens(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _play(qtbot, window, ids[0])
    mixing = window.actions_table[Act.MIXER]
    qtbot.waitUntil(mixing.isEnabled)
    for _ in range(5):
        mixing.trigger()
    qtbot.waitUntil(window.stems.desk.isVisible)
    qtbot.wait(100)
    assert mixing.isChecked()
    assert window.stems.desk.isVisible()
    for _ in range(3):
        mixing.trigger()
    qtbot.wait(200)
    assert not mixing.isChecked()
    assert not window.stems.desk.isVisible()
    qtbot.waitUntil(lambda: window.player.playing)


@needs_demucs
def test_stems_that_are_gone_are_said_to_be(
    qtbot: QtBot, app: App, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _play(qtbot, window, ids[0])
    qtbot.waitUntil(window.actions_table[Act.MIXER].isEnabled)
    Cache(app.paths.stems).make_room(0)
    window.actions_table[Act.MIXER].trigger()
    qtbot.waitUntil(lambda: "not there any more" in _words(window))
    assert not window.actions_table[Act.MIXER].isEnabled()
    assert not window.stems.desk.isVisible()
    assert window.player.playing
    _click(_strips(window)[0], "Separate again")
    qtbot.waitUntil(lambda: "Taking apart" in _words(window))


@needs_demucs
def test_stems_that_break_while_they_play_give_way_to_the_file(
    qtbot: QtBot, app: App, with_stems: None, window: MainWindow, ids: list[TrackId]
) -> None:
    _open_mixer(qtbot, window, ids[0])
    for file in app.paths.stems.rglob("*.wav"):
        file.write_bytes(b"")
    qtbot.waitUntil(lambda: "not there any more" in _words(window))
    assert not window.stems.desk.isVisible()
    qtbot.waitUntil(lambda: window.player.playing)


@needs_demucs
def test_the_stems_that_are_heard_are_exported(
    qtbot: QtBot, with_stems: None, window: MainWindow, ids: list[TrackId], tmp_path: Path
) -> None:
    _open_mixer(qtbot, window, ids[0])
    window.player.toggle()
    _click(window.stems.desk, f"Mute {FOUR[1]}")
    _click(window.stems.desk, "Export…")
    dialog = window.findChildren(StemExportDialog)[0]
    assert dialog.chosen() == (FOUR[0], *FOUR[2:])
    dialog._show_folder(str(tmp_path / "out"))
    _click(dialog, "Export")
    qtbot.waitUntil(lambda: "3 stems written to out." in _words(window), timeout=LONG)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"song ({name}).flac" for name in (FOUR[0], *FOUR[2:])}
    assert window.stems.desk.isVisible()

    _click(window.stems.desk, "Export…")
    dialog = next(d for d in window.findChildren(StemExportDialog) if d.isVisible())
    assert dialog._folder == str(tmp_path / "out")  # where it was the last time
    dialog._show_folder(str(tmp_path / "My music" / "song.wav"))
    _click(dialog, "Export")
    qtbot.waitUntil(lambda: "cannot be written to" in _words(window), timeout=LONG)
    assert not any(isinstance(w, QDialog) and w.isVisible() for w in QApplication.topLevelWidgets())


@needs_demucs
def test_the_window_closes_in_the_middle_of_it(
    qtbot: QtBot, app: App, with_model: None, window: MainWindow, ids: list[TrackId]
) -> None:
    window.actions_table[Act.SEPARATE].trigger()
    qtbot.waitUntil(lambda: "Taking apart" in _words(window))
    window.close()
    assert Cache(app.paths.stems).size() == 0
