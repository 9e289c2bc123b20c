from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Settings, SettingsFile, Theme
from msa_desktop.ui.settings_dialog import SettingsDialog

_Button = QDialogButtonBox.StandardButton
W = TypeVar("W", bound=QWidget)


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.toml")


@pytest.fixture
def dialog(qtbot: QtBot, file: SettingsFile) -> SettingsDialog:
    return _open(qtbot, file)


def _open(qtbot: QtBot, file: SettingsFile) -> SettingsDialog:
    made = SettingsDialog(file)
    qtbot.addWidget(made)
    made.show()
    return made


def _editor(dialog: SettingsDialog, kind: type[W], key: str) -> W:
    title = Settings.model_fields[key].title
    return next(w for w in dialog.findChildren(kind) if w.accessibleName() == title)


def _button(dialog: SettingsDialog, which: QDialogButtonBox.StandardButton) -> QPushButton:
    return dialog.findChildren(QDialogButtonBox)[0].button(which)


def test_every_setting_is_there_with_its_words_on_its_groups_page(dialog: SettingsDialog) -> None:
    named = {w.accessibleName(): w.accessibleDescription() for w in dialog.findChildren(QWidget)}
    words = {label.text() for label in dialog.findChildren(QLabel)}
    for field in Settings.model_fields.values():
        assert field.title is not None
        assert named[field.title] == field.description
        assert field.description in words
    groups = dialog.findChildren(QListWidget)[0]
    shown = [groups.item(row).text() for row in range(groups.count())]
    assert shown == [
        "Window",
        "Library",
        "Analysis",
        "Tags",
        "Writing",
        "Stems",
        "Language model",
        "Program",
    ]


def test_it_shows_what_the_file_says(qtbot: QtBot, file: SettingsFile) -> None:
    file.replace(
        Settings(theme=Theme.DARK, exclude=("*.part", "Podcasts/*"), watch=False, workers=3)
    )
    dialog = _open(qtbot, file)
    assert _editor(dialog, QComboBox, "theme").currentText() == "Dark"
    assert _editor(dialog, QPlainTextEdit, "exclude").toPlainText() == "*.part\nPodcasts/*"
    assert not _editor(dialog, QCheckBox, "watch").isChecked()
    assert _editor(dialog, QSpinBox, "workers").value() == 3
    assert _editor(dialog, QComboBox, "log_level").currentText() == "INFO"
    assert not _button(dialog, _Button.Apply).isEnabled()


def test_a_share_is_edited_in_percent(dialog: SettingsDialog) -> None:
    box = _editor(dialog, QSpinBox, "least_confidence")
    usual = round(100 * Settings().least_confidence)
    assert (box.minimum(), box.maximum(), box.text()) == (0, 100, f"{usual} %")
    box.setValue(85)
    assert dialog.apply()
    assert dialog._file.values.least_confidence == 0.85


def test_a_share_finer_than_a_percent_is_kept(qtbot: QtBot, file: SettingsFile) -> None:
    file.set("least_confidence", 0.625)
    dialog = _open(qtbot, file)
    assert not _button(dialog, _Button.Apply).isEnabled()
    _editor(dialog, QComboBox, "theme").setCurrentText("Light")
    assert dialog.apply()
    assert file.values.least_confidence == 0.625


def test_numbers_keep_their_declared_bounds(dialog: SettingsDialog) -> None:
    box = _editor(dialog, QSpinBox, "similar_count")
    assert (box.minimum(), box.maximum()) == (5, 200)


def test_ok_saves_everything_and_tells(
    qtbot: QtBot, dialog: SettingsDialog, file: SettingsFile, tmp_path: Path
) -> None:
    _editor(dialog, QComboBox, "theme").setCurrentText("Light")
    _editor(dialog, QPlainTextEdit, "exclude").setPlainText("  *.tmp \n\n a b/*\n")
    _editor(dialog, QCheckBox, "follow_links").setChecked(False)
    _editor(dialog, QSpinBox, "file_time_limit").setValue(60)
    _editor(dialog, QComboBox, "log_level").setCurrentText("DEBUG")
    expected = Settings(
        theme=Theme.LIGHT,
        exclude=("*.tmp", "a b/*"),
        follow_links=False,
        file_time_limit=60,
        log_level="DEBUG",
    )
    with qtbot.waitSignal(dialog.changed) as told:
        QTest.mouseClick(_button(dialog, _Button.Ok), Qt.MouseButton.LeftButton)
    assert told.args == [expected]
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert SettingsFile(tmp_path / "settings.toml").values == expected == file.values


def test_cancel_leaves_the_file_as_it_is(
    qtbot: QtBot, dialog: SettingsDialog, file: SettingsFile, tmp_path: Path
) -> None:
    _editor(dialog, QCheckBox, "watch").setChecked(False)
    with qtbot.assertNotEmitted(dialog.changed):
        QTest.mouseClick(_button(dialog, _Button.Cancel), Qt.MouseButton.LeftButton)
    assert file.values == Settings()
    assert not (tmp_path / "settings.toml").exists()


def test_apply_saves_and_stays(qtbot: QtBot, dialog: SettingsDialog, file: SettingsFile) -> None:
    apply = _button(dialog, _Button.Apply)
    assert not apply.isEnabled()
    _editor(dialog, QSpinBox, "workers").setValue(4)
    assert apply.isEnabled()
    with qtbot.waitSignal(dialog.changed):
        QTest.mouseClick(apply, Qt.MouseButton.LeftButton)
    assert file.values.workers == 4
    assert dialog.isVisible()
    assert not apply.isEnabled()


def test_ok_without_a_change_tells_nothing(qtbot: QtBot, dialog: SettingsDialog) -> None:
    with qtbot.assertNotEmitted(dialog.changed):
        QTest.mouseClick(_button(dialog, _Button.Ok), Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()


def test_reset_is_offered_for_what_differs_from_the_default(
    qtbot: QtBot, file: SettingsFile
) -> None:
    file.set("similar_count", 50)
    dialog = _open(qtbot, file)
    buttons = {b.accessibleName(): b for b in dialog.findChildren(QToolButton)}
    assert buttons["Reset Colours"].isHidden()
    reset = buttons["Reset Similar tracks shown"]
    assert not reset.isHidden()
    QTest.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert _editor(dialog, QSpinBox, "similar_count").value() == 25
    assert reset.isHidden()
    assert file.values.similar_count == 50  # until OK or Apply
    assert dialog.apply()
    assert file.values == Settings()


def test_a_file_that_cannot_be_written_is_told_in_the_dialog(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "not a folder"
    folder.write_text("")
    dialog = _open(qtbot, SettingsFile(tmp_path / "settings.toml"))
    dialog._file._path = folder / "settings.toml"
    _editor(dialog, QSpinBox, "workers").setValue(4)
    with qtbot.assertNotEmitted(dialog.changed):
        for _ in range(2):  # a second try must not believe that the first one saved
            QTest.mouseClick(_button(dialog, _Button.Ok), Qt.MouseButton.LeftButton)
    assert dialog.isVisible()
    shown = [label.text() for label in dialog.findChildren(QLabel)]
    assert any(words.startswith("The settings could not be saved") for words in shown)


def test_scrolling_over_a_field_does_not_change_it(dialog: SettingsDialog) -> None:
    box = _editor(dialog, QSpinBox, "similar_count")
    _button(dialog, _Button.Cancel).setFocus()
    middle = QPointF(box.rect().center())
    wheel = QWheelEvent(
        middle,
        QPointF(box.mapToGlobal(box.rect().center())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert box.value() == 25


def test_the_keyboard_reaches_everything_on_a_page(dialog: SettingsDialog) -> None:
    dialog.findChildren(QListWidget)[0].setCurrentRow(1)
    dialog.findChildren(QListWidget)[0].setFocus()
    reached = set()
    for _ in range(12):
        QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        reached.add(dialog.focusWidget().accessibleName())
    assert {"Watch folders", "Leave out", "Follow folder links"} <= reached
