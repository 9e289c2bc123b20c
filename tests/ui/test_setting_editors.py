from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Settings
from msa_desktop.ui.setting_editors import SettingRow, editor_for


class _Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


def _field(kind: Any, **facts: Any) -> FieldInfo:
    return FieldInfo.from_annotated_attribute(kind, Field(**facts))


@pytest.mark.parametrize(
    ("field", "widget", "value"),
    [
        (_field(bool, default=False), QCheckBox, True),
        (_field(int, default=1, ge=0, le=9), QSpinBox, 7),
        (_field(float, default=0.5, ge=0, le=1), QSpinBox, 0.875),
        (_field(_Size, default=_Size.SMALL), QComboBox, _Size.LARGE),
        (_field(str, default="A", pattern="^(A|B-2|C)$"), QComboBox, "B-2"),
        (_field(str, default="", pattern="^[a-z]*$"), QLineEdit, "free words"),
        (_field(str, default=""), QLineEdit, "free words"),
        (_field(tuple[str, ...], default=()), QPlainTextEdit, ("one", "two words")),
    ],
)
def test_each_kind_of_setting_has_its_editor_and_keeps_its_value(
    qtbot: QtBot, field: FieldInfo, widget: type[QWidget], value: object
) -> None:
    editor = editor_for(field, "Title")
    qtbot.addWidget(editor.widget)
    assert type(editor.widget) is widget
    with qtbot.waitSignal(editor.changed):
        editor.set_value(value)
    assert editor.value() == value
    assert type(editor.value()) is type(value)


def test_a_kind_without_an_editor_is_a_loud_error(qtbot: QtBot) -> None:
    with pytest.raises(TypeError, match=r"no editor.*dict"):
        editor_for(_field(dict[str, int], default={}), "Title")


def test_a_value_out_of_bounds_is_told_beside_it(qtbot: QtBot) -> None:
    field = _field(str, default="INFO", title="Log detail")  # edited as free words
    row = SettingRow("log_level", field, "INFO")
    qtbot.addWidget(row)
    row.show()
    line = row.findChildren(QLineEdit)[0]
    assert row.error == ""
    line.setText("LOUD")
    assert "\"log_level\" cannot be 'LOUD'" in row.error
    assert line.property("invalid") == "true"
    reset = row.findChildren(QToolButton)[0]
    reset.click()
    assert row.error == ""
    assert row.value() == "INFO"
    assert line.property("invalid") == "false"


def test_every_declared_setting_has_an_editor(qtbot: QtBot) -> None:
    for key, field in Settings.model_fields.items():
        row = SettingRow(key, field, field.default)
        qtbot.addWidget(row)
        assert row.value() == field.default
