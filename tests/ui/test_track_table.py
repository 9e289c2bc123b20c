from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QToolTip
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import AudioInfo, Reading, Tags, TrackId
from msa_desktop.base.music import Key, Measures, Tempo
from msa_desktop.store import writes
from msa_desktop.store.measures import store_measures
from msa_desktop.ui import paint
from msa_desktop.ui.column_layout import ColumnLayout
from msa_desktop.ui.columns import COLUMNS, LIBRARY_COLUMNS, Col
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.track_table import TrackTable
from tests.ui.conftest import Fill


@pytest.fixture
def ids(fill: Fill) -> list[TrackId]:
    return fill(100, heard=0)


@pytest.fixture
def window(ids: list[TrackId], open_window: Callable[[], MainWindow]) -> MainWindow:
    return open_window()


@pytest.fixture
def table(window: MainWindow) -> TrackTable:
    window.activateWindow()
    window.pane.table.setFocus()
    return window.pane.table


def _sort(qtbot: QtBot, window: MainWindow, col: Col, order: Qt.SortOrder) -> None:
    with qtbot.waitSignal(window.model.shown):
        window.pane.table.horizontalHeader().setSortIndicator(col, order)


def _shown(table: TrackTable) -> list[Col]:
    return [col for col in Col if not table.isColumnHidden(col)]


def _tip(window: MainWindow, table: TrackTable, row: int, col: Col) -> str:
    """What the tooltip of a cell says."""
    place = table.visualRect(window.model.index(row, col)).center()
    event = QHelpEvent(QEvent.Type.ToolTip, place, table.viewport().mapToGlobal(QPoint(place)))
    QApplication.sendEvent(table.viewport(), event)
    return QToolTip.text()


def _inks(table: TrackTable, window: MainWindow, row: int, col: Col) -> set[str]:
    """The colours of a cell as it is on the screen."""
    rect = table.visualRect(window.model.index(row, col))
    picture = table.viewport().grab(rect).toImage()
    pixels = itertools.product(range(picture.width()), range(picture.height()))
    return {picture.pixelColor(x, y).name() for x, y in pixels}


def test_the_selection_stays_with_its_tracks_when_the_order_changes(
    qtbot: QtBot, window: MainWindow, table: TrackTable
) -> None:
    _sort(qtbot, window, Col.TITLE, Qt.SortOrder.AscendingOrder)
    for row in (3, 4, 5, 20):
        table.selectionModel().select(
            window.model.index(row, 0),
            table.selectionModel().SelectionFlag.Select | table.selectionModel().SelectionFlag.Rows,
        )
    selected = set(table.selected_ids())
    assert len(selected) == 4
    _sort(qtbot, window, Col.TITLE, Qt.SortOrder.DescendingOrder)
    assert set(table.selected_ids()) == selected
    assert {window.model.row_of(i) for i in selected} == {96, 95, 94, 79}


def test_a_refresh_keeps_selection_place_and_quiet(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, table: TrackTable
) -> None:
    _sort(qtbot, window, Col.TITLE, Qt.SortOrder.AscendingOrder)
    table.select(ids[50])
    table.verticalScrollBar().setValue(40 * table.verticalHeader().defaultSectionSize())
    told: list[object] = []
    table.current_changed.connect(told.append)
    app.writer.run(lambda conn: writes.remove_tracks(conn, ids[:10]))
    with qtbot.waitSignal(window.model.shown):
        window.model.refresh(TracksChanged(frozenset()))
    assert window.model.rowCount() == 90
    assert table.selected_ids() == [ids[50]]
    assert table.current_id() == ids[50]
    assert table.rowAt(0) == 30, "the rows on the screen did not move"
    assert told == [], "the same track is still the current one"


def test_a_removed_selection_is_told(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, table: TrackTable
) -> None:
    table.select(ids[5])
    told: list[object] = []
    table.current_changed.connect(told.append)
    app.writer.run(lambda conn: writes.remove_tracks(conn, [ids[5]]))
    with qtbot.waitSignal(window.model.shown):
        window.model.refresh(TracksChanged(frozenset()))
    assert table.selected_ids() == []
    assert told[-1] != ids[5]


def test_typing_looks_for_tracks_without_reading_every_row(
    qtbot: QtBot, window: MainWindow, table: TrackTable
) -> None:
    with qtbot.waitSignal(window.model.shown):
        QTest.keyClicks(table, "t")
    field = window.pane.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    assert field.text() == "t"
    assert field.hasFocus()
    with qtbot.waitSignal(window.model.shown):
        QTest.keyClicks(field, "itle 042")
    assert window.model.rowCount() == 1
    with qtbot.waitSignal(window.model.shown):
        QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    assert window.model.rowCount() == 100
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert table.hasFocus()


def test_home_and_end_reach_the_first_and_last_track(table: TrackTable) -> None:
    QTest.keyClick(table, Qt.Key.Key_End)
    assert table.currentIndex().row() == 99
    QTest.keyClick(table, Qt.Key.Key_Home)
    assert table.currentIndex().row() == 0


def test_the_columns_fill_the_table_at_every_width(window: MainWindow, table: TrackTable) -> None:
    for width in (1900, 1280, 1000):
        window.resize(width, 700)
        used = sum(table.columnWidth(col) for col in _shown(table))
        assert abs(used - table.viewport().width()) <= 1, width
        assert all(table.columnWidth(col) >= COLUMNS[col].least for col in _shown(table))


def test_a_narrow_table_leaves_columns_out(window: MainWindow, table: TrackTable) -> None:
    window.resize(1900, 700)
    everything = _shown(table)
    window.resize(760, 500)
    assert set(_shown(table)) < set(everything)
    assert {Col.TITLE, Col.ARTIST, Col.LENGTH} <= set(_shown(table))
    window.resize(1900, 700)
    assert _shown(table) == everything


def test_widening_a_column_takes_from_those_right_of_it(
    window: MainWindow, table: TrackTable
) -> None:
    window.resize(1900, 700)
    before = {col: table.columnWidth(col) for col in _shown(table)}
    table.horizontalHeader().resizeSection(Col.ARTIST, before[Col.ARTIST] + 60)
    assert table.columnWidth(Col.TITLE) == pytest.approx(before[Col.TITLE], abs=2)
    assert table.columnWidth(Col.ARTIST) == pytest.approx(before[Col.ARTIST] + 60, abs=2)
    assert table.columnWidth(Col.ALBUM) < before[Col.ALBUM]
    used = sum(table.columnWidth(col) for col in _shown(table))
    assert abs(used - table.viewport().width()) <= 1


def test_needs_attention_shows_reasons_and_tries_again(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, table: TrackTable
) -> None:
    def fail(conn: sqlite3.Connection) -> None:
        for track_id in ids[:3]:
            writes.store_failure(conn, track_id, "The file is empty.")

    app.writer.run(fail)
    with qtbot.waitSignal(window.model.shown):
        window.sidebar.choose("attention")
    assert window.model.rowCount() == 3
    assert Col.REASON in _shown(table)
    with qtbot.waitSignal(window.pane.retry_asked) as asked:
        window.pane.retry()
    assert asked.args is not None
    assert set(asked.args[0]) == set(ids[:3])
    qtbot.waitUntil(lambda: app.tracks.counts().failed == 0)


def test_a_cut_cell_has_its_words_in_the_tooltip(
    qtbot: QtBot, window: MainWindow, table: TrackTable
) -> None:
    window.resize(1900, 700)
    assert _tip(window, table, 0, Col.STATE) == "Waiting"


def test_what_the_file_says_stands_out_from_what_was_measured(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, table: TrackTable
) -> None:
    def store(conn: sqlite3.Connection) -> None:
        tags = Tags("A", bpm="127.5", key="F#m")
        info = AudioInfo(100.0, "flac", 44_100, 2)
        writes.store_reading(conn, ids[0], Reading(info, tags, b"sound"))
        measures = Measures(Tempo(128.2, 0.9, ((64.1, 0.1),)), Key("Am", 0.7))
        for track_id in ids[:2]:
            store_measures(conn, track_id, measures, 1)

    app.writer.run(store)
    window.resize(1900, 700)
    _sort(qtbot, window, Col.BPM, Qt.SortOrder.AscendingOrder)
    assert [window.model.index(row, Col.BPM).data() for row in range(3)] == ["127.5", "128", ""]
    assert [window.model.index(row, Col.KEY).data() for row in range(3)] == [
        "F#m · 11A",
        "Am · 8A",
        "",
    ]
    role = Qt.ItemDataRole.AccessibleTextRole
    spoken = [window.model.index(row, Col.BPM).data(role) for row in range(3)]
    assert spoken == ["127.5", "128, measured", ""]
    strong, muted = (
        paint.colour(role).name()
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.PlaceholderText)
    )
    for col in (Col.BPM, Col.KEY):
        assert strong in _inks(table, window, 0, col)
        assert strong not in _inks(table, window, 1, col)
        assert muted in _inks(table, window, 1, col)
    assert _tip(window, table, 1, Col.BPM) == "Measured: 128 BPM, 90 % sure, or 64 (10 %)"
    assert _tip(window, table, 0, Col.KEY).startswith("In the file: F#m")


def test_columns_of_a_newer_version_stand_where_they_do_at_first(table: TrackTable) -> None:
    layout = ColumnLayout(table, LIBRARY_COLUMNS)
    old = ["artist", "title", "album", "genre", "year", "length", "state", "added", "reason"]
    layout.restore({"shown": ["artist", "title", "genre"], "order": [*old, "folder"]})
    state = layout.state()
    assert state["order"][:8] == [
        *("artist", "title", "album", "genre", "bpm", "key", "loudness", "year")
    ]
    assert state["shown"] == ["title", "artist", "genre", "bpm", "key"]
    again = ColumnLayout(table, LIBRARY_COLUMNS)
    again.restore({**state, "shown": ["title", "artist"]})
    assert again.state()["shown"] == ["title", "artist"], "taken away by the person"
