from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Theme
from msa_desktop.ui import theme
from msa_desktop.ui.span_view import SpanView

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> SpanView:
    """Two pixels a second: from x = 6 on, for 200 seconds."""
    theme.apply(qapp, Theme.LIGHT)
    made = SpanView(200.0, least=5.0)
    made.set_peaks(bytes([255]) * 500)
    qtbot.addWidget(made)
    made.resize(412, 80)
    made.set_span(50.0, 100.0)
    made.show()
    return made


def _drag(view: SpanView, *places: int) -> list[tuple[float, float]]:
    told: list[tuple[float, float]] = []
    view.chosen.connect(lambda begin, end: told.append((begin, end)))
    QTest.mousePress(view, LEFT, pos=QPoint(places[0], 40))
    for x in places[1:]:
        QTest.mouseMove(view, QPoint(x, 40))
    QTest.mouseRelease(view, LEFT, pos=QPoint(places[-1], 40))
    return told


def test_a_drag_chooses_a_part(view: SpanView) -> None:
    told = _drag(view, 246, 286, 306)
    assert told == [pytest.approx((120.0, 140.0)), pytest.approx((120.0, 150.0))]
    assert view.span == pytest.approx((120.0, 150.0))
    QTest.mouseMove(view, QPoint(400, 40))
    assert len(told) == 2, "it is over when the button is let go"


def test_it_may_go_backwards(view: SpanView) -> None:
    _drag(view, 306, 246)
    assert view.span == pytest.approx((120.0, 150.0))


def test_an_end_can_be_moved_alone(view: SpanView) -> None:
    _drag(view, 208, 226)
    assert view.span == pytest.approx((50.0, 110.0))
    _drag(view, 104, 86)
    assert view.span == pytest.approx((40.0, 110.0))
    _drag(view, 86, 326)
    assert view.span == pytest.approx((110.0, 160.0)), "an end may pass the other"


def test_a_click_changes_nothing(view: SpanView) -> None:
    assert _drag(view, 300) == []
    assert _drag(view, 300, 302) == [], "nor one that slips"
    assert view.span == pytest.approx((50.0, 100.0))


def test_a_part_is_never_too_short_nor_beyond_the_track(view: SpanView) -> None:
    _drag(view, 246, 266, 250)
    assert view.span == pytest.approx((120.0, 125.0))
    _drag(view, 306, 286, 302)
    assert view.span == pytest.approx((145.0, 150.0))
    _drag(view, 404, 415, 409)
    assert view.span == pytest.approx((195.0, 200.0))
    _drag(view, 8, -10, 2)
    assert view.span == pytest.approx((0.0, 5.0))
    _drag(view, 200, -500)
    assert view.span == pytest.approx((0.0, 97.0))


def test_only_the_part_is_in_the_accent(view: SpanView) -> None:
    image = view.grab().toImage()
    accent = view.palette().color(QPalette.ColorRole.Accent).rgb()
    columns = [x for x in range(412) if any(image.pixel(x, y) == accent for y in range(80))]
    assert min(columns) == pytest.approx(106, abs=6)
    assert max(columns) == pytest.approx(206, abs=6)


def test_the_pointer_says_what_a_drag_would_do(view: SpanView) -> None:
    QTest.mouseMove(view, QPoint(106, 40))
    assert view.cursor().shape() is Qt.CursorShape.SizeHorCursor
    QTest.mouseMove(view, QPoint(300, 40))
    assert view.cursor().shape() is Qt.CursorShape.CrossCursor
