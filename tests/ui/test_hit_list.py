from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.model import Hit, TrackId
from msa_desktop.ui.hit_list import FOUND, MIXING, HitList
from tests.ui.conftest import Fill


@pytest.fixture
def hits(app: App, fill: Fill) -> list[Hit]:
    tracks = app.tracks.get_many(fill(3, heard=0))
    return [Hit(track, 0.9 - 0.2 * i, ("Calm", "piano")) for i, track in enumerate(tracks)]


@pytest.fixture
def view(qtbot: QtBot, hits: list[Hit]) -> HitList:
    made = HitList(FOUND, ())
    qtbot.addWidget(made)
    made.resize(300, 400)
    made.hits.show(hits)
    made.show()
    qtbot.waitExposed(made)
    return made


def _spoken(view: HitList, row: int) -> str:
    return str(view.hits.index(row).data(Qt.ItemDataRole.AccessibleTextRole))


def test_a_row_says_who_how_well_and_why(view: HitList) -> None:
    assert _spoken(view, 0) == "Title 000 \N{EN DASH} Artist 0, fits 90 %, sounds calm, piano"


def test_whose_ears_is_told_where_there_are_several(view: HitList, hits: list[Hit]) -> None:
    one = [replace(hit, encoders=("musicnn",)) for hit in hits]
    view.hits.show(one)
    assert "heard by" not in _spoken(view, 0)
    view.hits.show([replace(one[0], encoders=("clap", "musicnn")), *one[1:]])
    assert _spoken(view, 0).endswith("heard by CLAP, MusiCNN")
    assert _spoken(view, 1).endswith("heard by MusiCNN")


def test_the_play_mark_plays_and_the_rest_of_the_row_selects(
    view: HitList, hits: list[Hit]
) -> None:
    played: list[int] = []
    seen: list[TrackId | None] = []
    view.play_asked.connect(played.append)
    view.current_changed.connect(seen.append)
    row = view.visualRect(view.hits.index(1))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(150, row.center().y()))
    assert played == []
    assert seen == [hits[1].track.id]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, row.center().y()))
    assert played == [hits[1].track.id]
    assert view.selected_ids() == [hits[1].track.id]
    view.hits.show(hits[2:])
    assert seen == [hits[1].track.id, None], "it is not there any more"


def test_a_wide_list_has_lower_rows(qtbot: QtBot, view: HitList) -> None:
    narrow = view.visualRect(view.hits.index(0)).height()
    view.resize(800, 400)
    qtbot.waitUntil(lambda: view.visualRect(view.hits.index(0)).height() < narrow)
    view.resize(300, 400)
    qtbot.waitUntil(lambda: view.visualRect(view.hits.index(0)).height() == narrow)


def test_names_keep_their_capitals(qtbot: QtBot, hits: list[Hit]) -> None:
    view = HitList(MIXING, ())
    qtbot.addWidget(view)
    view.hits.show([replace(hits[0], labels=("126 BPM", "9A"))])
    assert _spoken(view, 0).endswith("mixes 90 %, at 126 BPM, 9A")
    assert "\nAt 126 BPM, 9A\n" in str(view.hits.index(0).data(Qt.ItemDataRole.ToolTipRole))
