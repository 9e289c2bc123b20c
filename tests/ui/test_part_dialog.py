from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.base.model import AudioInfo, Tags, Track, TrackId, TrackState
from msa_desktop.ui.part_dialog import PartDialog
from msa_desktop.ui.time_field import TimeField


def _open(
    qtbot: QtBot, duration: float = 200.0, begin: float = 0.0, end: float | None = None
) -> PartDialog:
    info = AudioInfo(duration, "flac", 44100, 2)
    track = Track(TrackId(7), "/a", 1, TrackState.ANALYSED, Tags("Title"), info, 1, 1, 0.0)
    dialog = PartDialog(track, duration, (begin, end))
    qtbot.addWidget(dialog)
    with qtbot.waitActive(dialog):
        dialog.show()
    return dialog


def _field(dialog: PartDialog, name: str) -> TimeField:
    return next(f for f in dialog.findChildren(TimeField) if f.accessibleName() == name)


def _write(field: TimeField, words: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, words)


def _type(field: TimeField, words: str) -> None:
    _write(field, words)
    QTest.keyClick(field, Qt.Key.Key_Tab)


def _told(dialog: PartDialog) -> list[tuple[float, float | None]]:
    told: list[tuple[float, float | None]] = []
    dialog.agreed.connect(lambda begin, end: told.append((begin, end)))
    return told


def _separate(dialog: PartDialog) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == "Separate")


def _agree(dialog: PartDialog) -> tuple[float, float | None]:
    told = _told(dialog)
    QTest.mouseClick(_separate(dialog), Qt.MouseButton.LeftButton)
    (part,) = told
    return part


@pytest.mark.parametrize(
    ("duration", "begin", "part"),
    [
        (200.0, 0.0, (0.0, 30.0)),
        (200.0, 61.234, (61.23, 91.23)),
        (200.0, 180.0, (180.0, None)),
        (200.0, 250.0, (199.0, None)),
        (20.0, 0.0, (0.0, None)),
    ],
)
def test_half_a_minute_from_where_the_music_is_is_offered(
    qtbot: QtBot, duration: float, begin: float, part: tuple[float, float | None]
) -> None:
    got = _agree(_open(qtbot, duration, begin))
    assert got[0] == pytest.approx(part[0])
    assert got[1] == (part[1] if part[1] is None else pytest.approx(part[1]))


def test_a_former_part_is_offered_again(qtbot: QtBot) -> None:
    assert _agree(_open(qtbot, 200.0, 40.0, 42.5)) == (40.0, 42.5)


def test_a_time_counts_where_the_button_takes_no_focus(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    told = _told(dialog)
    _write(_field(dialog, "To"), "1:30")
    _separate(dialog).click()
    assert told == [(0.0, 90.0)]


def test_times_can_be_written(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    _type(_field(dialog, "From"), "1:00.5")
    _type(_field(dialog, "To"), "1:30")
    assert "0:29.5 of 3:20" in [label.text() for label in dialog.findChildren(QLabel)]
    assert _agree(dialog) == (60.5, 90.0)


def test_one_end_pushes_the_other(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    _type(_field(dialog, "From"), "2:00")
    assert _field(dialog, "To").value() == 121.0
    _type(_field(dialog, "To"), "0:10")
    assert _field(dialog, "From").value() == 9.0


def test_a_drag_in_the_waveform_fills_the_fields(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    dialog._view.chosen.emit(40.0, 55.5)
    assert (_field(dialog, "From").text(), _field(dialog, "To").text()) == ("0:40", "0:55.5")
    assert _agree(dialog) == (40.0, 55.5)


def test_return_in_a_field_takes_the_time_and_agrees(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    told = _told(dialog)
    field = _field(dialog, "To")
    _write(field, "0:12")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert told == [(0.0, 12.0)]


def test_the_waveform_comes_when_it_is_there(qtbot: QtBot) -> None:
    dialog = _open(qtbot)
    flat = dialog.grab().toImage()
    dialog.show_peaks(TrackId(8), bytes([255]) * 100)  # another track's
    assert dialog.grab().toImage() == flat
    dialog.show_peaks(TrackId(7), bytes([255]) * 100)
    assert dialog.grab().toImage() != flat
