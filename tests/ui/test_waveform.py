from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Theme
from msa_desktop.ui import theme
from msa_desktop.ui.waveform import WaveformView

_LOUD = bytes([255]) * 500


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> WaveformView:
    theme.apply(qapp, Theme.LIGHT)
    made = WaveformView()
    qtbot.addWidget(made)
    made.resize(410, 50)
    made.set_duration(200.0)
    made.show()
    return made


def _asked(view: WaveformView) -> list[float]:
    seconds: list[float] = []
    view.seek_requested.connect(seconds.append)
    return seconds


def _columns(image: QImage, colour: QColor) -> list[int]:
    """The x of every column that holds a pixel of a colour."""
    wanted = colour.rgb()
    return [
        x
        for x in range(image.width())
        if any(image.pixel(x, y) == wanted for y in range(image.height()))
    ]


def test_a_click_asks_to_go_there(view: WaveformView) -> None:
    asked = _asked(view)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(205, 25))
    assert asked == [pytest.approx(100.0, abs=0.6)]


def test_a_drag_is_shown_and_asks_once_at_its_end(view: WaveformView) -> None:
    asked = _asked(view)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 25))
    QTest.mouseMove(view, QPoint(300, 25))
    view.set_position(1.0)  # the music plays on meanwhile
    assert asked == []
    assert view.sliderPosition() == pytest.approx(147_500, abs=600)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(300, 25))
    assert asked == [pytest.approx(147.5, abs=0.6)]


def test_a_drag_beyond_the_edge_stops_there(view: WaveformView) -> None:
    asked = _asked(view)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 25))
    QTest.mouseMove(view, QPoint(2000, 25))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(2000, 25))
    assert asked == [200.0]


def test_escape_gives_a_drag_up(view: WaveformView) -> None:
    view.set_position(20.0)
    asked = _asked(view)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(300, 25))
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(300, 25))
    assert asked == []
    assert view.value() == 20_000


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        (Qt.Key.Key_Right, 105.0),
        (Qt.Key.Key_Left, 95.0),
        (Qt.Key.Key_PageUp, 130.0),
        (Qt.Key.Key_PageDown, 70.0),
        (Qt.Key.Key_Home, 0.0),
    ],
)
def test_keys_ask_too(view: WaveformView, key: Qt.Key, seconds: float) -> None:
    view.set_position(100.0)
    asked = _asked(view)
    QTest.keyClick(view, key)
    assert asked == [seconds]


def test_music_that_plays_on_asks_for_nothing(view: WaveformView) -> None:
    asked = _asked(view)
    view.set_position(12.0)
    assert asked == []
    assert view.value() == 12_000


def test_without_a_length_there_is_nothing_to_seek_in(view: WaveformView) -> None:
    view.set_duration(0.0)
    asked = _asked(view)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(205, 25))
    assert asked == []


def test_a_stray_wheel_does_not_seek(view: WaveformView) -> None:
    asked = _asked(view)
    QTest.wheelEvent(view.windowHandle(), QPoint(100, 20), QPoint(0, 120))
    assert asked == []


@pytest.mark.parametrize("peaks", [_LOUD, None])
def test_what_was_played_is_painted_in_the_accent(view: WaveformView, peaks: bytes | None) -> None:
    view.set_peaks(peaks)
    view.set_position(50.0)
    image = view.grab().toImage()
    played = _columns(image, view.palette().color(QPalette.ColorRole.Accent))
    still = _columns(image, view.palette().color(QPalette.ColorRole.Mid))
    assert max(played) == pytest.approx(105, abs=3)
    assert min(still) == pytest.approx(105, abs=3)
    assert min(played) < 10
    assert max(still) > 395


def test_what_is_not_heard_is_pale(view: WaveformView) -> None:
    view.set_peaks(_LOUD)
    view.set_position(60.0)
    view.set_part((50.0, 100.0))
    image = view.grab().toImage()
    palette = view.palette()
    pale = _columns(image, palette.color(QPalette.ColorRole.Shadow))
    played = _columns(image, palette.color(QPalette.ColorRole.Accent))
    still = _columns(image, palette.color(QPalette.ColorRole.Mid))
    assert (min(played), max(played)) == pytest.approx((105, 125), abs=3)
    assert (min(still), max(still)) == pytest.approx((125, 205), abs=3)
    assert min(pale) < 10
    assert max(pale) > 395
    assert not [x for x in pale if 108 < x < 202]
    view.set_part(None)
    assert not _columns(view.grab().toImage(), palette.color(QPalette.ColorRole.Shadow))


def test_loud_is_tall_and_silence_a_line(view: WaveformView) -> None:
    view.set_peaks(bytes([255] * 250 + [0] * 250))
    image = view.grab().toImage()
    wave = view.palette().color(QPalette.ColorRole.Mid).rgb()
    heights = [sum(image.pixel(x, y) == wave for y in range(50)) for x in range(410)]
    assert max(heights[10:200]) >= 38
    assert 0 < max(heights[210:400]) <= 3


def test_the_time_under_the_pointer_is_shown(view: WaveformView) -> None:
    view.set_peaks(_LOUD)
    bubble = view.palette().color(QPalette.ColorRole.ToolTipBase)
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert not _columns(view.grab().toImage(), bubble)
    QTest.mouseMove(view, QPoint(300, 20))  # a pointer that is there already would not move
    QTest.mouseMove(view, QPoint(390, 25))
    columns = _columns(view.grab().toImage(), bubble)
    assert columns
    assert max(columns) < 390  # on the side where there is room


def test_a_screen_reader_finds_a_named_slider(view: WaveformView) -> None:
    assert view.accessibleName()
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.accessibleDescription() == "0:05 of 3:20"
