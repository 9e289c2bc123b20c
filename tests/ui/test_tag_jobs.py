"""Proposing in the window with a tagger that takes its time: held, let go on, ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Policy
from msa_desktop.services.tagging import ProposeReport
from msa_desktop.ui import tag_jobs, text
from msa_desktop.ui.actions import Act
from msa_desktop.ui.main_window import MainWindow
from tests.support_llm import Stepwise
from tests.ui.conftest import Fill

Open = Callable[[], MainWindow]


@pytest.fixture
def slow(app: App, fill: Fill) -> Iterator[Stepwise]:
    """The tagger that makes the proposals for three tracks."""
    fill(3)
    app.override(genre_policy=Policy.REPLACE)
    made = Stepwise()
    app.tagging._tagger = lambda: made
    yield made
    made.let.release(100)


@pytest.fixture
def window(qtbot: QtBot, slow: Stepwise, open_window: Open) -> MainWindow:
    """The window, with the first track in work."""
    opened = open_window()
    opened.actions_table[Act.PROPOSE_ALL].trigger()
    qtbot.waitUntil(lambda: "Proposing tags: 0 of 3" in _words(opened), timeout=30_000)
    assert slow.begun.acquire(timeout=30)
    return opened


def _words(window: MainWindow) -> list[str]:
    labels = window.progress.findChildren(QLabel)
    return [label.text() for label in labels if label.isVisible() and label.text()]


def _press(window: MainWindow, name: str) -> None:
    buttons = window.progress.findChildren(QPushButton)
    button = next(b for b in buttons if b.text() == name and b.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _hold_after_the_first(qtbot: QtBot, window: MainWindow, slow: Stepwise) -> None:
    _press(window, "Pause")
    assert "Pausing after this track" in _words(window)
    slow.let.release()
    qtbot.waitUntil(lambda: _words(window) == ["Proposing paused: 1 of 3"], timeout=30_000)


def _tracks(app: App) -> list[TrackId]:
    return [TrackId(track_id) for track_id in app.proposals.ids().tolist()]


def test_proposing_is_held_and_goes_on(
    qtbot: QtBot, app: App, slow: Stepwise, window: MainWindow
) -> None:
    _hold_after_the_first(qtbot, window, slow)
    assert len(_tracks(app)) == 1
    assert not slow.begun.acquire(timeout=0.1)
    assert not app.library.paused, "the listening is another matter"
    with qtbot.waitSignal(window.tags.work.failed) as failed:
        window.actions_table[Act.PROPOSE_ALL].trigger()
    assert failed.args is not None
    assert "Go on with it, or cancel it" in str(failed.args[0])
    slow.let.release(2)
    with qtbot.waitSignal(window.tags.work.proposed, timeout=30_000) as proposed:
        _press(window, "Resume")
    assert proposed.args is not None
    assert (proposed.args[0].tracks, proposed.args[0].cancelled) == (3, False)
    qtbot.waitUntil(lambda: _words(window) == ["Everything is analysed"])


def test_a_pause_is_taken_back_before_it_begins(
    qtbot: QtBot, slow: Stepwise, window: MainWindow
) -> None:
    _press(window, "Pause")
    _press(window, "Resume")
    assert "Pausing after this track" not in _words(window)
    with qtbot.waitSignal(window.tags.work.proposed, timeout=30_000) as proposed:
        slow.let.release(3)
    assert proposed.args is not None
    assert proposed.args[0].tracks == 3


def test_what_is_held_is_ended_at_once(
    qtbot: QtBot, app: App, slow: Stepwise, window: MainWindow
) -> None:
    _hold_after_the_first(qtbot, window, slow)
    with qtbot.waitSignal(window.tags.work.proposed, timeout=5_000) as proposed:
        _press(window, "Cancel")
    assert proposed.args is not None
    assert (proposed.args[0].tracks, proposed.args[0].cancelled) == (1, True)
    assert len(_tracks(app)) == 1
    slow.let.release(3)
    with qtbot.waitSignal(window.tags.work.proposed, timeout=30_000) as again:
        window.actions_table[Act.PROPOSE_ALL].trigger()
    assert again.args is not None
    assert again.args[0].tracks == 3, "the next one is not held"


def test_the_end_says_for_how_many_tracks_the_rules_answered() -> None:
    said = tag_jobs.proposed_in_words(ProposeReport(1200, 2400, fallbacks=1))
    assert said == (
        f"{text.number(2400)} proposals for {text.number(1200)} tracks."
        " The rules answered for 1 track in the language model's place."
    )
    assert "rules" not in tag_jobs.proposed_in_words(ProposeReport(3, 4))


@pytest.mark.timeout(60)
def test_the_window_closes_while_proposing_is_held(
    qtbot: QtBot, app: App, slow: Stepwise, window: MainWindow
) -> None:
    _hold_after_the_first(qtbot, window, slow)
    assert window.close()
    assert len(_tracks(app)) == 1
    assert not slow.begun.acquire(timeout=0.1)
