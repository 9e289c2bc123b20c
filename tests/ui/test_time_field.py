from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from msa_desktop.ui.time_field import TimeField


@pytest.fixture
def field(qtbot: QtBot) -> TimeField:
    made = TimeField()
    qtbot.addWidget(made)
    made.setRange(0.0, 200.0)
    made.setValue(83.5)
    made.show()
    return made


def _type(field: TimeField, words: str) -> None:
    field.selectAll()
    QTest.keyClicks(field, words)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_it_shows_a_time_as_a_clock_does(field: TimeField) -> None:
    assert field.text() == "1:23.5"


@pytest.mark.parametrize(
    ("words", "seconds"), [("2:05", 125.0), ("90.25", 90.25), ("0:00.5", 0.5), ("1:", 83.5)]
)
def test_it_takes_a_time_as_people_write_it(field: TimeField, words: str, seconds: float) -> None:
    _type(field, words)
    assert field.value() == seconds


@pytest.mark.parametrize("words", ["9:59", "600"])
def test_a_time_beyond_the_end_becomes_the_end(field: TimeField, words: str) -> None:
    _type(field, words)
    assert field.value() == 200.0
    assert field.text() == "3:20"


def test_letters_are_not_taken(field: TimeField) -> None:
    _type(field, "x2y:z05")
    assert field.value() == 125.0


def test_a_time_is_told_when_it_was_written_not_on_the_way(qtbot: QtBot, field: TimeField) -> None:
    told: list[float] = []
    field.valueChanged.connect(told.append)
    _type(field, "2:05")
    assert told == [125.0]


def test_arrows_go_by_seconds(field: TimeField) -> None:
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.text() == "1:24.5"
