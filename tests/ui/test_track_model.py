from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Track, TrackId
from msa_desktop.store import writes
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.columns import Col
from msa_desktop.ui.lazy_rows import PAGE
from msa_desktop.ui.track_model import TrackModel
from tests.ui.conftest import Fill


class _Witness(TrackReader):
    """Notes what is read, and in which thread."""

    def __init__(self, app: App) -> None:
        super().__init__(app.database)
        self.threads: set[threading.Thread] = set()
        self.fetched: list[int] = []

    def ids(self, query: TrackQuery) -> NDArray[np.int64]:
        self.threads.add(threading.current_thread())
        return super().ids(query)

    def get_many(self, ids: Sequence[int] | NDArray[np.int64]) -> list[Track]:
        self.threads.add(threading.current_thread())
        self.fetched += [int(i) for i in ids]
        return super().get_many(ids)


@pytest.fixture
def reader(app: App) -> _Witness:
    return _Witness(app)


@pytest.fixture
def model(reader: _Witness, background: Background) -> TrackModel:
    return TrackModel(reader, background)


def _title(model: TrackModel, row: int) -> str:
    return str(model.data(model.index(row, Col.TITLE)))


def _ask(qtbot: QtBot, model: TrackModel, query: TrackQuery) -> None:
    with qtbot.waitSignal(model.shown):
        model.ask(query)


_BY_TITLE = TrackQuery(sort=SortKey.TITLE)


def test_pages_come_in_the_background_when_they_are_looked_at(
    qtbot: QtBot, fill: Fill, reader: _Witness, model: TrackModel
) -> None:
    fill(5 * PAGE, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    assert model.rowCount() == 5 * PAGE
    assert _title(model, 0) == "Title 000", "the first page came with the list"
    assert len(reader.fetched) == PAGE

    last = 5 * PAGE - 1
    assert _title(model, last) == "", "not there yet, and the window did not wait for it"
    with qtbot.waitSignal(model.dataChanged):
        pass
    assert _title(model, last) == f"Title {last}"
    assert len(reader.fetched) == 2 * PAGE, "nothing between was read"
    assert threading.main_thread() not in reader.threads


def test_only_the_latest_pages_are_read_after_a_long_scroll(
    qtbot: QtBot, fill: Fill, reader: _Witness, model: TrackModel
) -> None:
    fill(6 * PAGE, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    for row in range(0, 6 * PAGE, 10):
        _title(model, row)
    qtbot.waitUntil(lambda: _title(model, 6 * PAGE - 1) != "")
    assert len(reader.fetched) < 6 * PAGE


def test_the_latest_query_wins(qtbot: QtBot, fill: Fill, model: TrackModel) -> None:
    fill(30, heard=0)
    model.ask(TrackQuery(words="title 01"))
    _ask(qtbot, model, TrackQuery(words="title 002"))
    assert model.rowCount() == 1
    qtbot.wait(50)
    assert _title(model, 0) == "Title 002"


def test_sorting_asks_for_another_order(qtbot: QtBot, fill: Fill, model: TrackModel) -> None:
    fill(30, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    with qtbot.waitSignal(model.shown):
        model.sort(Col.TITLE, Qt.SortOrder.DescendingOrder)
    assert _title(model, 0) == "Title 029"
    query = model.query
    model.sort(Col.REASON)
    assert model.query == query, "there is no order of reasons"


def test_a_changed_row_is_read_again(qtbot: QtBot, app: App, fill: Fill, model: TrackModel) -> None:
    ids = fill(30, heard=0)
    _ask(qtbot, model, _BY_TITLE)

    def fail(conn: sqlite3.Connection) -> None:
        writes.store_failure(conn, ids[3], "Broken.")

    app.writer.run(fail)
    model.refresh(TracksChanged(frozenset([ids[3]]), structure=False))
    state = model.index(3, Col.STATE)
    qtbot.waitUntil(lambda: model.data(state) == "Failed")
    assert model.data(model.index(3, Col.REASON)) == "Broken."


def test_removed_rows_go_and_thousands_of_changes_cost_one_reading(
    qtbot: QtBot, app: App, fill: Fill, reader: _Witness, model: TrackModel
) -> None:
    ids = fill(30, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    shown: list[bool] = []
    model.shown.connect(shown.append)
    app.writer.run(lambda conn: writes.remove_tracks(conn, ids[:10]))
    for _ in range(100):
        model.refresh(TracksChanged(frozenset(ids)))
    qtbot.waitUntil(lambda: model.rowCount() == 20)
    qtbot.wait(100)
    assert shown == [False]


def test_a_row_that_is_gone_before_its_list_is_not_asked_for_again_and_again(
    qtbot: QtBot, app: App, fill: Fill, reader: _Witness, model: TrackModel
) -> None:
    ids = fill(2 * PAGE, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    app.writer.run(lambda conn: writes.remove_tracks(conn, ids[-5:]))
    for _ in range(5):
        assert _title(model, 2 * PAGE - 1) == ""
        qtbot.wait(30)
    assert len(reader.fetched) == 2 * PAGE


def test_rows_and_ids(qtbot: QtBot, fill: Fill, model: TrackModel) -> None:
    ids = fill(30, heard=0)
    _ask(qtbot, model, replace(_BY_TITLE, scope=Scope.FOLDER, folder="/music/Album"))
    assert [model.id_at(row) for row in range(30)] == ids
    assert model.row_of(ids[7]) == 7
    assert model.row_of(TrackId(10**9)) == -1
    assert model.rows_of(np.array([ids[9], ids[2], 10**9])).tolist() == [2, 9]


def test_the_model_keeps_qts_rules(
    qtbot: QtBot, fill: Fill, model: TrackModel, qtmodeltester: object
) -> None:
    fill(3, heard=0)
    _ask(qtbot, model, _BY_TITLE)
    qtmodeltester.check(model)  # type: ignore[attr-defined]
