"""The review at 1,000 and at 50,000 tracks with proposals: nothing keeps the event loop waiting."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.events import ProposalsChanged
from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.settings import Theme
from msa_desktop.store.db import Database
from msa_desktop.store.writer import Writer
from msa_desktop.ui import theme
from msa_desktop.ui.actions import Act
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.responsive import Responsive
from tests.ui import big_library
from tests.ui.watchdog import LIMIT, Steps, longest_stall


def _propose(conn: sqlite3.Connection, count: int) -> None:
    """Three proposals, each with evidence, for each of the first tracks."""
    heard = [{"label": f"label {i}", "score": 0.7, "usual": 0.1} for i in range(5)]
    near = [
        {
            "track_id": i + 1,
            "title": f"Neighbour {i}",
            "artist": "Somebody",
            "similarity": 0.9,
            "values": ["Jazz"],
        }
        for i in range(8)
    ]

    def suggestion(value: str) -> str:
        found = {"value": value, "confidence": 0.8, "labels": heard, "neighbours": near}
        return json.dumps([found])

    ids = [row[0] for row in conn.execute("SELECT id FROM tracks ORDER BY id LIMIT ?", (count,))]
    for field, value in ((Field.GENRE, "Jazz"), (Field.MOOD, "calm"), (Field.BPM, "120")):
        found = suggestion(value)
        conn.executemany(
            "INSERT INTO proposals (track_id, field, current, proposed, suggestions, tagger,"
            " accepted, edited, confidence) VALUES (?, ?, '[]', ?, ?, 'test', 0, 0, ?)",
            [
                (i, field, json.dumps([value]), found, 0.5 + i % 500 / 1000)
                for i in ids
                if field is Field.GENRE or i % 3
            ],
        )


@pytest.fixture(scope="module", params=[1_000, 50_000])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DataPaths:
    paths = DataPaths(tmp_path_factory.mktemp("big"))
    big_library.make(paths.database, max(2_000, request.param))
    database = Database(paths.database)
    writer = Writer(database)
    writer.run(lambda conn: _propose(conn, request.param))
    writer.close()
    database.close()
    return paths


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, data: DataPaths) -> Iterator[MainWindow]:
    responsive = Responsive()
    theme.apply(qapp, Theme.LIGHT)
    with App(data) as app:
        made = MainWindow(app, app.library, playback=Playback(needs_output=False))
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.sidebar.choose("all")
        made.show()
        with qtbot.waitSignal(made.model.shown, timeout=20_000):
            made.show_library()
        with qtbot.waitSignal(made.review.model.shown, timeout=20_000):
            made.actions_table[Act.SHOW_REVIEW].trigger()
        made.review.list.setFocus()
        qtbot.wait(500)
        yield made
        made.end_work()
    responsive.close()


def _scroll(window: MainWindow) -> Steps:
    bar = window.review.list.verticalScrollBar()
    yield from (partial(bar.setValue, 90 * i) for i in range(60))
    yield from (partial(bar.setValue, i * 7919 % 100 * bar.maximum() // 100) for i in range(40))


def _walk(window: MainWindow) -> Steps:
    keys = [Qt.Key.Key_Down] * 30 + [Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_PageUp] * 4
    return [partial(QTest.keyClick, window.review.list, key) for key in keys]


def _decide(window: MainWindow) -> Steps:
    keys = [Qt.Key.Key_A] * 20 + [Qt.Key.Key_R] * 10 + [Qt.Key.Key_U] * 30
    return [partial(QTest.keyClick, window.review.list, key) for key in keys]


def _decide_all(window: MainWindow) -> Steps:
    press = partial(QTest.keyClick, window.review.list)
    yield window.review.list.selectAll
    yield partial(press, Qt.Key.Key_A)
    yield from [partial(window.review.least.setValue, 80)] * 10  # while it is stored
    yield partial(press, Qt.Key.Key_U)


def _filter(window: MainWindow) -> Steps:
    words = ("b", "bi", "bir", "birko", "", "zzz", "fjor", "")
    yield from (partial(window.review.filter.set_words, typed) for typed in words)


def _change_order(window: MainWindow) -> Steps:
    boxes = {box.accessibleName(): box for box in window.review.findChildren(QComboBox)}
    for name in ("Order", "Which tag", "Which proposals"):
        for place in (1, 2, 0):
            yield partial(boxes[name].setCurrentIndex, place)


def _hear_of_changes(window: MainWindow) -> Steps:
    ids: list[TrackId] = window.review.model.ids[:1000].tolist()
    parts = (ProposalsChanged(frozenset(ids[i : i + 50])) for i in range(0, len(ids), 50))
    return [partial(window.app.events.publish, part) for part in parts]


@pytest.mark.parametrize(
    ("act", "pause"),
    [
        (_scroll, 16),
        (_walk, 16),
        (_decide, 30),
        (_filter, 200),
        (_change_order, 250),
        (_hear_of_changes, 60),
        (_decide_all, 200),
    ],
)
def test_the_review_never_stalls(
    qtbot: QtBot,
    window: MainWindow,
    act: Callable[[MainWindow], Steps],
    pause: int,
    record_property: Callable[[str, object], None],
) -> None:
    stall = longest_stall(qtbot, window, act(window), pause=pause, rest=600)
    record_property("longest_stall_ms", round(stall * 1000, 1))
    assert stall < LIMIT, f"the event loop waited for {stall * 1000:.0f} ms"
