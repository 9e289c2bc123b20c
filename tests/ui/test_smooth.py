"""The window at 100,000 tracks: nothing keeps the event loop waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import TrackId
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.settings import Theme
from msa_desktop.ui import theme
from msa_desktop.ui.actions import Act
from msa_desktop.ui.columns import Col
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.responsive import Responsive
from tests.ui import big_library
from tests.ui.watchdog import LIMIT, Steps, longest_stall

_TRACKS = 100_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    paths = DataPaths(tmp_path_factory.mktemp("big"))
    big_library.make(paths.database, _TRACKS)
    return paths


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, data: DataPaths) -> Iterator[MainWindow]:
    responsive = Responsive()
    theme.apply(qapp, Theme.LIGHT)
    with App(data) as app:
        made = MainWindow(app, None, playback=Playback(needs_output=False))
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.show()
        with qtbot.waitSignal(made.model.shown, timeout=20_000):
            made.show_library()
        qtbot.wait(500)
        assert made.model.rowCount() == _TRACKS
        yield made
        made.end_work()
    responsive.close()


def _scroll(window: MainWindow) -> Steps:
    bar = window.pane.table.verticalScrollBar()
    yield from (partial(bar.setValue, 90 * i) for i in range(60))
    yield from (partial(bar.setValue, i * 7919 % 100 * bar.maximum() // 100) for i in range(40))


def _filter(window: MainWindow) -> Steps:
    field = window.pane.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    typed = ("b", "bi", "bir", "birko", "birko a", "birko am", "", "zzz", "fjor", "")
    conditions = ("bpm:", "bpm:>80", "bpm:>80 key:8A", "bpm:>80 b", "")
    return [partial(field.setText, words) for words in (*typed, *conditions)]


def _search(window: MainWindow) -> Steps:
    yield window.actions_table[Act.SEARCH].trigger
    typed = ("c", "calm", "calm pi", "calm piano", "bpm:", "birko", "", "artist:fjor", "year:>1990")
    for words in typed:
        yield partial(window.search.field.set_words, words)
        yield partial(QTest.keyClick, window.search.list, Qt.Key.Key_Down)
    yield partial(window.sidebar.choose, "all")


def _sort(window: MainWindow) -> Steps:
    header = window.pane.table.horizontalHeader()
    for col in (Col.TITLE, Col.ALBUM, Col.BPM, Col.KEY, Col.YEAR, Col.LENGTH, Col.STATE, Col.ADDED):
        yield partial(header.setSortIndicator, col, Qt.SortOrder.AscendingOrder)
        yield partial(header.setSortIndicator, col, Qt.SortOrder.DescendingOrder)


def _sort_everything_selected(window: MainWindow) -> Steps:
    return [window.pane.table.selectAll, *list(_sort(window))[:4]]


def _change_place(window: MainWindow) -> Steps:
    places = ("attention", "recent", "/music", "all")
    return [partial(window.sidebar.choose, place) for place in places]


def _walk(window: MainWindow) -> Steps:
    table = window.pane.table
    keys = [Qt.Key.Key_Down] * 30 + [Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_Home] * 4
    return [partial(QTest.keyClick, table, key) for key in keys]


def _hear_of_changes(window: MainWindow) -> Steps:
    events = window.app.events
    ids: list[TrackId] = window.model.ids_at(0, 2000).tolist()
    parts = (TracksChanged(frozenset(ids[i : i + 50])) for i in range(0, 2000, 50))
    return [partial(events.publish, part) for part in parts]


@pytest.mark.parametrize(
    ("act", "pause"),
    [
        (_scroll, 16),
        (_filter, 150),
        (_search, 400),
        (_sort, 150),
        (_sort_everything_selected, 250),
        (_change_place, 250),
        (_walk, 16),
        (_hear_of_changes, 60),
    ],
)
def test_the_window_never_stalls(
    qtbot: QtBot,
    window: MainWindow,
    act: Callable[[MainWindow], Steps],
    pause: int,
    record_property: Callable[[str, object], None],
) -> None:
    stall = longest_stall(qtbot, window, act(window), pause=pause, rest=300)
    record_property("longest_stall_ms", round(stall * 1000, 1))
    assert stall < LIMIT, f"the event loop waited for {stall * 1000:.0f} ms"


def test_the_watchdog_sees_a_stall(qtbot: QtBot, window: MainWindow) -> None:
    def block() -> None:
        end = time.thread_time() + 2 * LIMIT
        while time.thread_time() < end:
            pass

    assert longest_stall(qtbot, window, [block], pause=20, rest=300) > LIMIT


def test_rows_are_there_at_once_after_a_filter(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.model.shown):
        window.pane.filter.set_words("birko")
    assert 0 < window.model.rowCount() < _TRACKS
    assert window.model.track(0) is not None
