from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.model import TrackId
from msa_desktop.base.music import Key, Measures, Tempo
from msa_desktop.store.measures import store_measures
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.track_pane import TrackPane
from tests.ui.conftest import Fill


@pytest.fixture
def ids(app: App, fill: Fill) -> list[TrackId]:
    """Ten tracks, of 100, 105, ... BPM; every second in A minor; nothing is known of the last."""
    made = fill(10)
    for number, track_id in enumerate(made[:9]):
        measures = Measures(Tempo(100 + 5 * number, 0.8), Key(("Am", "C#m")[number % 2], 0.8))
        app.writer.run(partial(store_measures, track_id=track_id, measures=measures, version=1))
    return made


@pytest.fixture
def window(ids: list[TrackId], open_window: Callable[[], MainWindow]) -> MainWindow:
    return open_window()


@pytest.fixture
def pane(window: MainWindow) -> TrackPane:
    return window.pane


def _words(pane: TrackPane) -> str:
    return " ".join(label.text() for label in pane.findChildren(QLabel) if label.isVisible())


def _filter(qtbot: QtBot, window: MainWindow, words: str) -> list[int]:
    with qtbot.waitSignal(window.model.shown):
        window.pane.filter.set_words(words)
    return sorted(window.model.ids_at(0, window.model.rowCount()).tolist())


def test_a_list_is_filtered_by_tempo_key_and_words(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow
) -> None:
    assert _filter(qtbot, window, "bpm:110-120") == ids[2:5]
    assert _filter(qtbot, window, "bpm:110-120 key:8A") == [ids[2], ids[4]]
    assert _filter(qtbot, window, "bpm:110-120 key:8A 004") == [ids[4]]
    assert _filter(qtbot, window, "") == ids


def test_nobody_is_interrupted_in_the_middle_of_a_condition(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, pane: TrackPane
) -> None:
    typed = "bpm:110-120"
    for letter in typed:
        QTest.keyClicks(pane.filter, letter)
        qtbot.wait(120)
        assert "cannot be read" not in _words(pane)
        assert "says nothing" not in _words(pane)
    qtbot.waitUntil(lambda: window.model.rowCount() == 3)


def test_what_cannot_be_read_is_told_when_the_typing_rests(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, pane: TrackPane
) -> None:
    pane.filter.set_words("bpm:fast 003")
    qtbot.waitUntil(lambda: window.model.rowCount() == 1)
    qtbot.waitUntil(lambda: '"bpm:fast" cannot be read' in _words(pane), timeout=5000)
    assert _filter(qtbot, window, "bpm:115") == [ids[3]]
    assert "cannot be read" not in _words(pane), "gone at once"


def test_nothing_of_a_tempo_is_explained(qtbot: QtBot, window: MainWindow, pane: TrackPane) -> None:
    assert _filter(qtbot, window, "bpm:>500") == []
    assert "Nothing matches “bpm:>500”" in _words(pane)
    assert "no tempo or key is known" in _words(pane)
    assert "Every word" not in _words(pane)
    assert _filter(qtbot, window, "bpm:>500 zebra") == []
    assert "no tempo or key is known" in _words(pane)
    assert "Every word must begin" in _words(pane)
    clear = next(b for b in pane.findChildren(QPushButton) if b.text() == "Clear the filter")
    with qtbot.waitSignal(window.model.shown):
        clear.click()
    assert window.model.rowCount() == 10
