from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.base.events import AnalysisProgress, ScanProgress, TagProgress, TagWork
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.progress_bar import AnalysisBar, rate_words, time_words

_BUSY = AnalysisProgress(
    done=11,
    total=125,
    failed=0,
    rate=3.14,
    seconds_left=70.0,
    paused=False,
    current=("/music/Nils Frahm/Says.flac", "/music/other.mp3"),
)
_DONE = dataclasses.replace(_BUSY, done=125, rate=0.0, seconds_left=None, current=())


@pytest.fixture
def bar(qtbot: QtBot) -> AnalysisBar:
    made = AnalysisBar()
    qtbot.addWidget(made)
    made.resize(900, 40)
    made.show()
    return made


def _words(bar: AnalysisBar) -> list[str]:
    labels = bar.findChildren(QLabel)
    return [label.text() for label in labels if label.isVisible() and label.text()]


def _buttons(bar: AnalysisBar) -> dict[str, QPushButton]:
    return {b.text(): b for b in bar.findChildren(QPushButton) if b.isVisible()}


def _line(bar: AnalysisBar) -> QProgressBar:
    return bar.findChildren(QProgressBar)[0]


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.0, ""),
        (0.005, "1 file/min"),
        (0.34, "20 files/min"),
        (3.14, "3.1 files/s"),
        (31.4, "31 files/s"),
    ],
)
def test_rate_in_words(rate: float, words: str) -> None:
    assert rate_words(rate) == words


def test_the_rate_of_other_things_in_words() -> None:
    assert rate_words(0.92, "track") == "55 tracks/min"
    assert rate_words(31.4, "token") == "31 tokens/s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (3.0, "less than a minute left"),
        (59.0, "about 1 min left"),
        (300.0, "about 5 min left"),
        (3599.0, "about 1 h left"),
        (8000.0, "about 2 h 10 min left"),
    ],
)
def test_time_left_in_words(seconds: float | None, words: str) -> None:
    assert time_words(seconds) == words


def test_it_is_calm_when_there_is_nothing_to_do(bar: AnalysisBar) -> None:
    assert _words(bar) == ["Everything is analysed"]
    assert _buttons(bar) == {}
    assert _line(bar).value() == 0


def test_it_says_how_far_how_fast_and_what(bar: AnalysisBar) -> None:
    bar.show_progress(_BUSY)
    assert _words(bar) == [
        "Listening to 12 of 125",
        "3.1 files/s · about 1 min left",
        "/music/Nils Frahm/Says.flac",
    ]
    assert (_line(bar).value(), _line(bar).maximum()) == (11, 125)
    assert list(_buttons(bar)) == ["Pause"]
    assert "12 of 125" in _line(bar).accessibleDescription()


def test_the_end_is_calm_again_and_keeps_what_failed(bar: AnalysisBar) -> None:
    bar.show_progress(_BUSY)
    bar.show_progress(dataclasses.replace(_DONE, failed=3))
    assert _words(bar) == ["Everything is analysed"]
    assert list(_buttons(bar)) == ["3 files need attention"]


def test_pause_asks_and_shows_only_what_the_events_say(bar: AnalysisBar, qtbot: QtBot) -> None:
    bar.show_progress(_BUSY)
    with qtbot.waitSignal(bar.pause_toggled) as pause:
        QTest.mouseClick(_buttons(bar)["Pause"], Qt.MouseButton.LeftButton)
    assert pause.args == [True]
    assert "Pause" in _buttons(bar)
    bar.show_progress(dataclasses.replace(_BUSY, paused=True))
    assert _words(bar) == ["Paused at 12 of 125"]
    with qtbot.waitSignal(bar.pause_toggled) as resume:
        QTest.mouseClick(_buttons(bar)["Resume"], Qt.MouseButton.LeftButton)
    assert resume.args == [False]


def test_failed_files_are_a_click_away(bar: AnalysisBar, qtbot: QtBot) -> None:
    bar.show_progress(dataclasses.replace(_BUSY, failed=1))
    with qtbot.waitSignal(bar.attention_clicked):
        QTest.mouseClick(_buttons(bar)["1 file needs attention"], Qt.MouseButton.LeftButton)


def test_a_walk_over_the_folders_is_busy_without_an_end(bar: AnalysisBar) -> None:
    bar.show_scan(ScanProgress(running=True, seen=7, path="/music/Jazz"))
    assert _words(bar) == ["Looking through folders", "7 files seen", "/music/Jazz"]
    assert _line(bar).maximum() == 0
    bar.show_scan(ScanProgress(running=False, seen=7))
    assert _words(bar) == ["Everything is analysed"]
    assert _line(bar).maximum() > 0


def test_listening_goes_before_a_walk(bar: AnalysisBar) -> None:
    bar.show_scan(ScanProgress(running=True, seen=7, path="/music/Jazz"))
    bar.show_progress(_BUSY)
    assert _words(bar)[0] == "Listening to 12 of 125"


def test_work_on_tags_goes_first_and_can_be_ended(bar: AnalysisBar, qtbot: QtBot) -> None:
    bar.show_progress(_BUSY)
    bar.show_tags(TagProgress(TagWork.WRITE, 3, 60, "/music/a.flac"))
    assert _words(bar) == ["Writing tags: 3 of 60", "/music/a.flac"]
    assert (_line(bar).value(), _line(bar).maximum()) == (3, 60)
    assert list(_buttons(bar)) == ["Cancel"]
    with qtbot.waitSignal(bar.cancel_clicked):
        QTest.mouseClick(_buttons(bar)["Cancel"], Qt.MouseButton.LeftButton)
    bar.show_tags(TagProgress(TagWork.WRITE, 9, 60, running=False))
    assert _words(bar)[0] == "Listening to 12 of 125"
    assert list(_buttons(bar)) == ["Pause"]


def test_proposing_says_how_fast_it_goes_and_how_long_it_takes(bar: AnalysisBar) -> None:
    bar.show_tags(TagProgress(TagWork.PROPOSE, 0, 125))
    assert _words(bar) == ["Proposing tags: 0 of 125"]
    bar.show_tags(TagProgress(TagWork.PROPOSE, 12, 125, rate=0.92, seconds_left=122.8))
    assert _words(bar) == ["Proposing tags: 12 of 125", "55 tracks/min · about 2 min left"]
    assert list(_buttons(bar)) == ["Pause", "Cancel"]
    assert "55 tracks/min" in _line(bar).accessibleDescription()
    bar.show_tags(TagProgress(TagWork.PROPOSE, 12, 125, rate=0.92, tokens_rate=31.4))
    assert _words(bar)[-1] == "Model: 31 tokens/s"


def test_the_pause_of_proposing_is_not_that_of_the_listening(
    bar: AnalysisBar, qtbot: QtBot
) -> None:
    proposing = TagProgress(TagWork.PROPOSE, 12, 125, rate=0.92, tokens_rate=31.4)
    bar.show_progress(dataclasses.replace(_BUSY, paused=True))
    bar.show_tags(proposing)
    assert _buttons(bar)["Pause"].accessibleName() == "Pause proposing tags"
    with (
        qtbot.assertNotEmitted(bar.pause_toggled),
        qtbot.waitSignal(bar.tags_pause_toggled) as pause,
    ):
        QTest.mouseClick(_buttons(bar)["Pause"], Qt.MouseButton.LeftButton)
    assert pause.args == [True]
    assert _words(bar)[:2] == ["Proposing tags: 12 of 125", "Pausing after this track"]
    assert _line(bar).property("paused") == "false"
    bar.show_tags(dataclasses.replace(proposing, done=13, paused=True))
    assert _words(bar) == ["Proposing paused: 13 of 125"]
    assert _line(bar).property("paused") == "true"
    with qtbot.waitSignal(bar.tags_pause_toggled) as resume:
        QTest.mouseClick(_buttons(bar)["Resume"], Qt.MouseButton.LeftButton)
    assert resume.args == [False]

    bar.show_tags(dataclasses.replace(proposing, running=False))
    assert _words(bar) == ["Paused at 12 of 125"]
    with qtbot.assertNotEmitted(bar.tags_pause_toggled), qtbot.waitSignal(bar.pause_toggled) as on:
        QTest.mouseClick(_buttons(bar)["Resume"], Qt.MouseButton.LeftButton)
    assert on.args == [False]


def test_a_pause_is_over_with_the_work(bar: AnalysisBar) -> None:
    proposing = TagProgress(TagWork.PROPOSE, 12, 125, rate=0.92)
    bar.show_tags(proposing)
    _buttons(bar)["Pause"].click()
    bar.show_tags(dataclasses.replace(proposing, running=False))
    bar.show_tags(proposing)
    assert list(_buttons(bar)) == ["Pause", "Cancel"]


def test_names_of_other_bytes_and_endless_ones_do_no_harm(bar: AnalysisBar) -> None:
    bar.show_progress(dataclasses.replace(_BUSY, current=("/music/\udcff\udcfe" + "x" * 4000,)))
    assert "\N{REPLACEMENT CHARACTER}" in _words(bar)[-1]
    assert bar.minimumSizeHint().width() < 900
    shown = bar.findChildren(ElidedLabel)[0].shown_text()
    assert "…" in shown
    bar.grab()


def test_the_height_never_jumps(bar: AnalysisBar) -> None:
    heights = {bar.height()}
    for progress in (_BUSY, dataclasses.replace(_BUSY, paused=True, failed=2), _DONE):
        bar.show_progress(progress)
        heights.add(bar.sizeHint().height() if bar.minimumHeight() == 0 else bar.height())
    assert len(heights) == 1


def test_measuring_is_not_listening(bar: AnalysisBar) -> None:
    bar.show_progress(dataclasses.replace(_BUSY, done=2, measuring=True))
    assert "Measuring tempo, key and loudness: 3 of 125" in _words(bar)
    bar.show_progress(dataclasses.replace(_BUSY, done=2, measuring=True, paused=True))
    assert "Paused at 3 of 125" in _words(bar)
