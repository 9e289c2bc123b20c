from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.events import Notice, RootsChanged
from msa_desktop.base.model import TrackId
from msa_desktop.base.settings import Theme
from msa_desktop.store import writes
from msa_desktop.ui import theme
from msa_desktop.ui.actions import Act
from msa_desktop.ui.drop_area import DropArea
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.settings_dialog import SettingsDialog
from msa_desktop.ui.window_state import WindowState
from tests.support import write_wav
from tests.ui.conftest import Fill

Open = Callable[[], MainWindow]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "My music"
    folder.mkdir()
    for number, pitch in enumerate((220.0, 233.0, 1800.0)):
        write_wav(folder / f"tone {number}.wav", 8.0, pitch=pitch)
    return folder


def _central(window: MainWindow) -> QWidget:
    central = window.centralWidget()
    assert central is not None
    return central


def _enter(window: MainWindow, data: QMimeData) -> QDragEnterEvent:
    copy, left, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, data, left, keys.NoModifier)
    QApplication.sendEvent(_central(window), enter)
    return enter


def _drop(window: MainWindow, *paths: Path) -> None:
    """Drags files over the window's middle and lets them go."""
    central = _central(window)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    enter = _enter(window, data)
    assert enter.isAccepted()
    area = window.findChild(DropArea)
    assert isinstance(area, DropArea)
    assert area.isVisible()
    assert area.size() == central.size()
    copy, left, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier
    drop = QDropEvent(QPointF(50, 50), copy, data, left, keys.NoModifier)
    QApplication.sendEvent(central, drop)
    assert not area.isVisible()


def test_an_empty_library_explains_itself(open_window: Open) -> None:
    window = open_window()
    assert window.welcome.isVisible()
    buttons = {button.text() for button in window.welcome.findChildren(QPushButton)}
    assert buttons == {"Add a folder of music…", "Try the demo"}
    assert not window.player.isVisible()


def test_models_are_there_before_any_music(qtbot: QtBot, open_window: Open) -> None:
    window = open_window()
    qtbot.waitUntil(window.welcome.isVisible)
    window.actions_table[Act.SHOW_MODELS].trigger()
    qtbot.waitUntil(window.models_page.isVisible)
    window.show_library()  # as when something changes meanwhile
    qtbot.wait(200)
    assert window.models_page.isVisible()
    window.actions_table[Act.SHOW_ALL].trigger()
    qtbot.waitUntil(window.welcome.isVisible)


def test_a_dropped_folder_is_listened_to_and_answered(
    qtbot: QtBot, app: App, music: Path, open_window: Open
) -> None:
    window = open_window()
    window.open(None)
    _drop(window, music)
    qtbot.waitUntil(window.pane.isVisible, timeout=10_000)
    qtbot.waitUntil(lambda: app.tracks.counts().analysed == 3, timeout=120_000)
    qtbot.waitUntil(lambda: window.model.rowCount() == 3, timeout=10_000)
    node = window.sidebar.current()
    assert node is not None
    assert node.path == str(music), "the new folder is shown"

    first = app.tracks.by_path(str(music / "tone 0.wav"))
    assert first is not None
    with qtbot.waitSignal(window.panel.shown, timeout=20_000):
        window.pane.table.select(first.id)
    titles = [hit.track.title for hit in window.panel.similar.hits.hits]
    assert titles == ["tone 1", "tone 2"], "the near tone sounds nearer than the far one"


def test_saved_settings_are_worked_by_at_once(
    qtbot: QtBot, app: App, music: Path, open_window: Open
) -> None:
    window = open_window()
    window.open(str(music))
    qtbot.waitUntil(lambda: app.tracks.counts().tracks == 3, timeout=20_000)
    window.actions_table[Act.SETTINGS].trigger()
    dialog = window.findChild(SettingsDialog)
    assert isinstance(dialog, SettingsDialog)
    app.settings_file.set("exclude", "tone 1*")
    dialog.changed.emit(app.settings)
    qtbot.waitUntil(lambda: app.tracks.counts().tracks == 2, timeout=20_000)


def test_less_space_for_stems_is_freed_at_once(qtbot: QtBot, app: App, open_window: Open) -> None:
    former = app.paths.stems / "former"
    former.mkdir(parents=True)
    with (former / "drums.wav").open("wb") as file:
        file.truncate(2 * 10**9)
    window = open_window()
    window.actions_table[Act.SETTINGS].trigger()
    dialog = window.findChild(SettingsDialog)
    assert isinstance(dialog, SettingsDialog)
    app.settings_file.set("stems_cache_gigabytes", "1")
    dialog.changed.emit(app.settings)
    qtbot.waitUntil(lambda: not former.exists())


def test_a_dropped_file_is_refused_in_words(qtbot: QtBot, music: Path, open_window: Open) -> None:
    window = open_window()
    _drop(window, music / "tone 0.wav")
    qtbot.waitUntil(window.messages.isVisible)
    assert "not a folder" in window.messages.accessibleName()


def test_dragging_away_uncovers_the_window(open_window: Open, music: Path) -> None:
    window = open_window()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(music))])
    _enter(window, data)
    area = window.findChild(DropArea)
    assert isinstance(area, DropArea)
    assert area.isVisible()
    QApplication.sendEvent(_central(window), QDragLeaveEvent())
    assert not area.isVisible()

    words = QMimeData()
    words.setText("not a file")
    _enter(window, words)
    assert not area.isVisible()


def test_removing_a_folder_asks_first(
    qtbot: QtBot, app: App, fill: Fill, open_window: Open
) -> None:
    fill(3, heard=0)
    window = open_window()
    assert not window.actions_table[Act.REMOVE_FOLDER].isEnabled()
    window.sidebar.choose("/music")
    window.actions_table[Act.REMOVE_FOLDER].trigger()
    box = window.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    assert "3 tracks" in box.informativeText()
    assert box.defaultButton().text().replace("&", "") == "Cancel"
    next(button for button in box.buttons() if button.text() == "Remove").click()
    qtbot.waitUntil(lambda: app.tracks.counts().tracks == 0)
    qtbot.waitUntil(window.welcome.isVisible)


def test_an_offline_folder_is_told_and_kept(
    qtbot: QtBot, app: App, fill: Fill, open_window: Open
) -> None:
    fill(3, heard=0)
    window = open_window()
    app.writer.run(lambda conn: writes.set_root_online(conn, 1, False))
    app.events.publish(RootsChanged())
    app.events.publish(Notice("The disk is gone.", is_error=True))
    qtbot.waitUntil(window.messages.isVisible)
    window.sidebar.choose("/music")

    def offline() -> bool:
        node = window.sidebar.current()
        return node is not None and not node.online

    qtbot.waitUntil(offline)
    assert window.model.rowCount() == 3


def test_playing_goes_through_the_list_and_marks_the_row(
    qtbot: QtBot, app: App, music: Path, open_window: Open
) -> None:
    app.library.scan([str(music)])
    window = open_window()
    ids = [window.model.id_at(row) for row in range(3)]
    window.tracks.play_in_table(ids[0])
    qtbot.waitUntil(lambda: window.model.playing == ids[0])
    window.pane.filter.set_words("nothing has this name")
    window.actions_table[Act.NEXT].trigger()
    qtbot.waitUntil(lambda: window.model.playing == ids[1])
    window.actions_table[Act.NEXT].trigger()
    qtbot.waitUntil(lambda: window.model.playing == ids[2])
    window.actions_table[Act.PREVIOUS].trigger()
    qtbot.waitUntil(lambda: window.model.playing == ids[1])
    qtbot.waitUntil(lambda: "tone 1" in window.windowTitle())


def test_space_and_return_play_from_the_list(
    qtbot: QtBot, app: App, music: Path, open_window: Open
) -> None:
    app.library.scan([str(music)])
    window = open_window()
    window.activateWindow()
    table = window.pane.table
    table.setFocus()
    table.selectRow(1)
    QTest.keyClick(table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.model.playing == window.model.id_at(1))
    table.selectRow(2)
    QTest.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.model.playing == window.model.id_at(2))
    QTest.keyClick(table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not window.player.playing)


def test_the_menu_key_opens_the_menu_of_the_current_track(
    qtbot: QtBot, fill: Fill, open_window: Open
) -> None:
    ids = fill(3, heard=0)
    window = open_window()
    window.activateWindow()
    table = window.pane.table
    table.setFocus()
    table.select(ids[1])
    row = table.visualRect(table.currentIndex())
    far = QPoint(700, 500)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, far, far)
    QApplication.sendEvent(table.viewport(), event)
    menu = window.findChild(QMenu, "context")
    assert isinstance(menu, QMenu)
    top = table.viewport().mapFromGlobal(menu.pos()).y()
    assert row.top() <= top <= row.bottom() + 1
    menu.close()


def test_the_paths_of_the_selection_are_copied(qtbot: QtBot, fill: Fill, open_window: Open) -> None:
    fill(3, heard=0)
    window = open_window()
    window.pane.table.selectAll()
    window.actions_table[Act.COPY_PATH].trigger()
    expected = [f"/music/Album/{number:03}.flac" for number in range(3)]
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: sorted(clipboard.text().splitlines()) == expected)


def test_actions_on_tracks_need_a_track(fill: Fill, open_window: Open) -> None:
    ids = fill(3, heard=0)
    window = open_window()
    acts = (Act.PLAY, Act.FIND_SIMILAR, Act.SHOW_LABELS, Act.ANALYSE_AGAIN, Act.COPY_PATH)
    assert not any(window.actions_table[act].isEnabled() for act in acts)
    window.pane.table.select(ids[0])
    assert all(window.actions_table[act].isEnabled() for act in acts)


def test_every_pane_is_reached_with_one_key(fill: Fill, open_window: Open) -> None:
    fill(3, heard=0)
    window = open_window()
    window.activateWindow()
    window.pane.table.setFocus()
    visited: list[QWidget | None] = []
    for _ in range(3):
        window.actions_table[Act.NEXT_PANE].trigger()
        focus = window.focusWidget()
        panes = (window.sidebar, window.pane, window.panel)
        visited.append(next((pane for pane in panes if pane.isAncestorOf(focus)), None))
    assert visited == [window.panel, window.sidebar, window.pane]


def test_what_can_have_the_keyboard_has_a_name(fill: Fill, open_window: Open) -> None:
    fill(3, heard=0)
    window = open_window()
    nameless = [
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not (widget.accessibleName() or getattr(widget, "text", str)())
        and not widget.toolTip()
    ]
    assert nameless == []


def test_the_layout_is_remembered(
    qtbot: QtBot, qapp: QApplication, app: App, fill: Fill, open_window: Open
) -> None:
    fill(3, heard=0)
    window = open_window()
    window.resize(790, 600)  # the screen of these tests is 800 x 800
    with qtbot.waitSignal(window.model.shown):
        window.pane.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.DescendingOrder)
    window.sidebar.choose("/music/Album")
    window.actions_table[Act.SIMILAR_PANEL].setChecked(False)
    window.close()

    again = MainWindow(app, None, playback=Playback(needs_output=False))
    qtbot.addWidget(again)
    again.show()
    with qtbot.waitSignal(again.model.shown):
        again.show_library()
    assert again.size() == window.size()
    node = again.sidebar.current()
    assert node is not None
    assert node.path == "/music/Album"
    assert again.model.id_at(0) == TrackId(3)
    assert not again.panel.isVisible()
    assert again.pane.table.horizontalHeader().sortIndicatorSection() == 0
    again.end_work()


@pytest.mark.parametrize("broken", [{}, {"geometry": 5}, {"sort": ["colour", 1]}])
def test_a_layout_that_makes_no_sense_is_left_alone(
    app: App, fill: Fill, open_window: Open, broken: dict[str, object]
) -> None:
    fill(3, heard=0)
    state = {"version": 1, "geometry": "", "splitter": None, "parts": [True, True], "columns": {}}
    rest = {"sort": ["title", False], "sidebar": {}, "volume": [50, False]}
    saved = {**state, **rest, **broken} if broken else {"version": 1}
    WindowState(app.paths.root / "window.json").save(saved)
    assert open_window().model.rowCount() == 3


def test_without_the_library_the_window_shows_and_says_why_it_cannot_change(
    qtbot: QtBot, qapp: QApplication, app: App, fill: Fill
) -> None:
    fill(3, heard=0)
    theme.apply(qapp, Theme.DARK)
    window = MainWindow(app, None, "Another window has it.", playback=Playback(needs_output=False))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitSignal(window.model.shown):
        window.show_library()
    assert window.model.rowCount() == 3
    window.actions_table[Act.RESCAN].trigger()
    assert window.messages.accessibleName() == "Another window has it."
    window.end_work()


def test_the_demo_is_one_click_away(qtbot: QtBot, app: App, open_window: Open) -> None:
    window = open_window()
    button = next(b for b in window.welcome.findChildren(QPushButton) if b.text() == "Try the demo")
    button.click()
    qtbot.waitUntil(lambda: len(app.library.roots()) == 1, timeout=120_000)
    assert list((app.paths.root / "demo").rglob("*.flac"))
    shutil.rmtree(app.paths.root / "demo")
