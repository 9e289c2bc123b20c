"""The mixer's own widgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Theme
from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.stems.export import Format
from msa_desktop.ui import theme
from msa_desktop.ui.mixer import MixerDesk, kind_words
from msa_desktop.ui.stem_export import StemExportDialog
from tests.ui.stem_house import separated, stem_set

LEVELS = (("drums", 0.2), ("bass", 0.001), ("vocals", 0.1))
FULL = {"drums": 1.0, "bass": 1.0, "vocals": 1.0}


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> MixerDesk:
    theme.apply(qapp, Theme.LIGHT)
    made = MixerDesk()
    qtbot.addWidget(made)
    made.show_stems(separated(stem_set(tmp_path / "a", *LEVELS, seconds=0.1)))
    made.show()
    return made


def _named(desk: MixerDesk, name: str) -> QToolButton:
    return next(b for b in desk.findChildren(QToolButton) if b.accessibleName() == name)


def _click(desk: MixerDesk, name: str) -> None:
    QTest.mouseClick(_named(desk, name), Qt.MouseButton.LeftButton)


def _volume(desk: MixerDesk, name: str) -> QSlider:
    return next(s for s in desk.findChildren(QSlider) if s.accessibleName() == f"Volume of {name}")


def _words(desk: MixerDesk) -> list[str]:
    return [label.text() for label in desk.findChildren(QLabel) if label.isVisible()]


def test_it_shows_the_stems_and_says_what_kind_of_track_it_is(desk: MixerDesk) -> None:
    assert _words(desk) == ["Stems", "Song · 33 % voice", "Drums", "Bass, faint", "Vocals"]
    assert desk.gains() == FULL
    for kind in (QToolButton, QSlider, QPushButton):
        widgets = desk.findChildren(kind)
        assert widgets
        assert all(widget.accessibleName() or widget.text() for widget in widgets)  # type: ignore[attr-defined]
        assert all(widget.toolTip() for widget in widgets)


def test_it_says_which_part_is_heard(desk: MixerDesk, tmp_path: Path) -> None:
    part = stem_set(tmp_path / "part", *LEVELS, seconds=2.5, begin=60.0)
    desk.show_stems(separated(part, end=62.5))
    assert "1:00 to 1:02.5, repeated · Song · 33 % voice" in _words(desk)


def test_mute_solo_and_volume(qtbot: QtBot, desk: MixerDesk) -> None:
    with qtbot.waitSignal(desk.changed):
        _click(desk, "Mute drums")
    assert desk.gains() == {"drums": 0, "bass": 1, "vocals": 1}
    assert desk.audible() == ("bass", "vocals")
    _click(desk, "Solo: hear vocals without the others")
    assert desk.audible() == ("vocals",)
    with qtbot.waitSignal(desk.changed):
        _volume(desk, "vocals").setValue(0)
    assert desk.audible() == ()
    _click(desk, "Solo: hear vocals without the others")
    assert desk.audible() == ("bass",)


def test_the_keyboard_sets_a_volume(desk: MixerDesk) -> None:
    slider = _volume(desk, "bass")
    QTest.keyClick(slider, Qt.Key.Key_PageDown)
    assert slider.value() == 90
    assert slider.toolTip() == "Volume of bass: 90 %"
    assert 0.8 < desk.gains()["bass"] < 0.9


def test_reset_tells_once(qtbot: QtBot, desk: MixerDesk) -> None:
    reset = next(b for b in desk.findChildren(QPushButton) if b.text() == "Reset")
    assert not reset.isEnabled()
    _click(desk, "Mute drums")
    _volume(desk, "bass").setValue(10)
    told: list[dict[str, float]] = []
    desk.changed.connect(lambda: told.append(desk.gains()))
    QTest.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert told == [FULL]
    assert not reset.isEnabled()
    assert not _named(desk, "Mute drums").isChecked()


def test_the_same_stems_stay_as_they_were_set(desk: MixerDesk, tmp_path: Path) -> None:
    _click(desk, "Mute drums")
    desk.show_stems(separated(stem_set(tmp_path / "a", *LEVELS, seconds=0.1)))
    assert desk.gains() == FULL | {"drums": 0}
    desk.show_stems(separated(stem_set(tmp_path / "b", ("piano", 0.1), ("vocals", 0.1))))
    assert desk.gains() == {"piano": 1, "vocals": 1}
    assert "Drums" not in _words(desk)


def test_the_words_for_a_kind() -> None:
    assert kind_words(KindOfTrack(Kind.UNKNOWN, 0.0)) == ""
    assert kind_words(KindOfTrack(Kind.INSTRUMENTAL, 0.7)) == "Instrumental"
    assert kind_words(KindOfTrack(Kind.A_CAPPELLA, 0.9, 1.0, 0.0)) == "A cappella · 100 % voice"


def test_six_stems_fit_the_smallest_window(qtbot: QtBot, desk: MixerDesk, tmp_path: Path) -> None:
    names = ("drums", "bass", "other", "vocals", "guitar", "piano")
    desk.show_stems(separated(stem_set(tmp_path / "six", *((n, 0.1) for n in names), seconds=0.1)))
    assert desk.minimumSizeHint().width() <= 760


def test_the_export_asks_for_stems_format_and_folder(qtbot: QtBot, tmp_path: Path) -> None:
    found = separated(stem_set(tmp_path / "a", *LEVELS, seconds=0.1))
    dialog = StemExportDialog(found, ("bass", "vocals"), str(tmp_path), Format.FLAC)
    qtbot.addWidget(dialog)
    dialog.show()
    boxes = {box.text().split(":")[0]: box for box in dialog.findChildren(QCheckBox)}
    assert [name for name, box in boxes.items() if box.isChecked()] == ["Bass", "Vocals"]
    export = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Export")
    boxes["Bass"].setChecked(False)
    boxes["Vocals"].setChecked(False)
    assert not export.isEnabled()
    boxes["Instrumental"].setChecked(True)
    dialog.findChildren(QComboBox)[0].setCurrentIndex(2)
    with qtbot.waitSignal(dialog.agreed) as agreed:
        QTest.mouseClick(export, Qt.MouseButton.LeftButton)
    assert agreed.args == [("instrumental",), str(tmp_path), Format.MP3]
