"""The history in the window: real files, written and taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.history import FileState
from msa_desktop.base.model import TrackId
from msa_desktop.tagio import _files
from msa_desktop.ui.actions import Act
from msa_desktop.ui.files_dialog import FilesDialog
from msa_desktop.ui.history_model import FileEntry
from msa_desktop.ui.main_window import MainWindow
from tests.ui.conftest import Songs

Open = Callable[[], MainWindow]


@pytest.fixture
def ids(songs: Songs) -> list[TrackId]:
    return songs(4)


@pytest.fixture
def paths(app: App, ids: list[TrackId]) -> list[Path]:
    return [Path(track.path) for track in app.tracks.get_many(ids)]


def _write(app: App, ids: list[TrackId], genre: str, name: str) -> int:
    changes = app.tagging.changes_for(ids, {Field.GENRE: (genre,)})
    report = app.tagging.write(name, changes=changes)
    assert report.batch_id is not None
    return report.batch_id


@pytest.fixture
def history(qtbot: QtBot, open_window: Open) -> Open:
    def open_it() -> MainWindow:
        window = open_window()
        window.activateWindow()
        with qtbot.waitSignal(window.history.model.read):
            window.actions_table[Act.SHOW_HISTORY].trigger()
        return window

    return open_it


def _words(window: MainWindow) -> list[str]:
    model = window.history.model
    return [str(model.data(model.index(row, 0))) for row in range(model.rowCount())]


def test_batches_are_listed_the_newest_first_and_open_to_their_files(
    qtbot: QtBot, app: App, ids: list[TrackId], paths: list[Path], history: Open
) -> None:
    paths[3].write_bytes(b"no music")
    _write(app, ids, "Rock", "First")
    _write(app, ids[:2], "Jazz", "Second")
    window = history()
    assert not window.evidence.isVisible()
    assert not window.panel.isVisible()
    first, second = _words(window)[1], _words(window)[0]
    assert second.startswith("Second")
    assert "3 written \N{MIDDLE DOT} 1 left alone" in first
    assert "kept for undo" in window.history._room.text()

    view = window.history.list
    assert window.focusWidget() is view
    with qtbot.waitSignal(window.history.model.rowsInserted):
        QTest.keyClick(view, Qt.Key.Key_Right)
    rows = _words(window)
    assert len(rows) == 4
    assert f"{paths[0]}: written\nGenre: add Jazz, remove Rock" in rows
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.currentIndex().row() == 0, "up to its batch"
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert len(_words(window)) == 2
    QTest.keyClick(view, Qt.Key.Key_Down)
    with qtbot.waitSignal(window.history.model.rowsInserted):
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert any("left alone" in row and str(paths[3]) in row for row in _words(window)[2:])


def test_a_write_is_undone_to_the_byte(
    qtbot: QtBot, app: App, ids: list[TrackId], paths: list[Path], history: Open
) -> None:
    before = [path.read_bytes() for path in paths]
    _write(app, ids, "Rock", "First")
    window = history()
    undo = window.actions_table[Act.UNDO_BATCH]
    assert undo.isEnabled()
    with qtbot.waitSignal(window.tags.work.undone, timeout=20_000):
        undo.trigger()
    assert [path.read_bytes() for path in paths] == before
    qtbot.waitUntil(lambda: "4 undone" in _words(window)[0])
    assert not undo.isEnabled()


def test_chosen_files_are_undone_alone(
    qtbot: QtBot, app: App, ids: list[TrackId], paths: list[Path], history: Open
) -> None:
    before = [path.read_bytes() for path in paths]
    batch_id = _write(app, ids, "Rock", "First")
    window = history()
    with qtbot.waitSignal(window.history.model.rowsInserted):
        window.history.list.show_batch(batch_id)
    undo = window.actions_table[Act.UNDO_FILES]
    assert not undo.isEnabled()
    window.history.list.make_current(2)
    entry = window.history.list.current()
    assert isinstance(entry, FileEntry)
    chosen = paths.index(Path(entry.file.path))
    with qtbot.waitSignal(window.tags.work.undone, timeout=20_000):
        undo.trigger()
    now = [path.read_bytes() == old for path, old in zip(paths, before, strict=True)]
    assert now == [place == chosen for place in range(4)]

    def stands() -> list[FileState]:
        model = window.history.model
        rows = [model.row(row) for row in range(model.rowCount())]
        return [row.file.state for row in rows if isinstance(row, FileEntry)]

    qtbot.waitUntil(lambda: stands().count(FileState.UNDONE) == 1)
    assert not undo.isEnabled()


def test_a_file_that_changed_since_is_asked_about(
    qtbot: QtBot, app: App, ids: list[TrackId], paths: list[Path], history: Open
) -> None:
    _write(app, ids, "Rock", "First")
    app.tagging.write("Other", changes=app.tagging.changes_for(ids[:1], {Field.MOOD: ("calm",)}))
    window = history()
    window.history.list.make_current(1)
    with qtbot.waitSignal(window.tags.work.undone, timeout=20_000):
        window.actions_table[Act.UNDO_BATCH].trigger()
    dialog = window.findChild(FilesDialog)
    assert isinstance(dialog, FilesDialog)
    assert [row.path for row in dialog.list.model().rows if row.path] == [str(paths[0])]  # type: ignore[attr-defined]
    assert Field.GENRE in _files.read(str(paths[0]))
    with qtbot.waitSignal(window.tags.work.undone, timeout=20_000):
        dialog.accept()
    assert _files.read(str(paths[0])) == {Field.MOOD: ("calm",)}, "the newer tag is kept"


def test_nothing_written_yet_is_said(history: Open) -> None:
    window = history()
    assert window.history._note.accessibleName() == "Nothing was written yet"
    assert not window.actions_table[Act.UNDO_BATCH].isEnabled()


def test_the_similar_tracks_come_back_as_wide_as_they_were(
    qtbot: QtBot, ids: list[TrackId], history: Open
) -> None:
    window = history()
    side = window.workspace.sizes()[0]
    window.actions_table[Act.SHOW_ALL].trigger()
    qtbot.waitUntil(window.panel.isVisible)
    assert window.workspace.sizes()[0] == side
    assert window.panel.width() >= 250
    window.actions_table[Act.SIMILAR_PANEL].setChecked(False)
    window.actions_table[Act.SHOW_REVIEW].trigger()
    assert not window.evidence.isVisible(), "F9 hides the right side everywhere"
