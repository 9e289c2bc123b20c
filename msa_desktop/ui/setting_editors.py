"""One editor for each kind of setting, chosen by what `base.settings` declares of it."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any

from pydantic.fields import FieldInfo
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)

from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import parse
from msa_desktop.ui import theme
from msa_desktop.ui.icons import Ink, icon

_CHOICES = re.compile(r"\^\(([\w-]+(?:\|[\w-]+)*)\)\$")
_FIELD_WIDTH = 150
_LIST_LINES = 4
_CHECK_INDENT = 26  # pixels: under the words of a check box, not under its box
_WIDEST = 2**31 - 1


class Place(Enum):
    """Where an editor stands in its row."""

    TITLE = auto()  # it is the title
    RIGHT = auto()  # beside the words
    BELOW = auto()  # under the words, as wide as the page


class Editor(QObject):
    """A widget that shows and changes one value.

    Args:
        widget: Where the person edits.
        place: Where it stands in the row.
    """

    changed = Signal()

    def __init__(self, widget: QWidget, place: Place = Place.RIGHT) -> None:
        super().__init__(widget)
        self.widget = widget
        self.place = place

    def value(self) -> Any:
        """What stands there now, not yet validated."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Shows a valid value."""
        raise NotImplementedError


class _Check(Editor):
    def __init__(self, title: str) -> None:
        self._box = QCheckBox(title)
        super().__init__(self._box, Place.TITLE)
        theme.set_role(self._box, theme.Role.STRONG)
        self._box.toggled.connect(self.changed)

    def value(self) -> bool:
        return self._box.isChecked()

    def set_value(self, value: bool) -> None:
        self._box.setChecked(value)


class _Number(Editor):
    def __init__(self, field: FieldInfo) -> None:
        self._box = QSpinBox()
        super().__init__(self._box)
        self._box.setRange(_bound(field, "ge", -_WIDEST), _bound(field, "le", _WIDEST))
        self._box.setFixedWidth(_FIELD_WIDTH)
        theme.pad(self._box)
        self._box.valueChanged.connect(self.changed)
        _keep_wheel_for_scrolling(self._box)

    def value(self) -> int:
        return self._box.value()

    def set_value(self, value: int) -> None:
        self._box.setValue(value)


class _Share(Editor):
    """A share from 0 to 1, edited in percent."""

    def __init__(self, field: FieldInfo) -> None:
        self._box = QSpinBox()
        super().__init__(self._box)
        self._box.setRange(*(round(100 * _bound(field, name, 0)) for name in ("ge", "le")))
        self._box.setSuffix(" %")
        self._box.setSingleStep(5)
        self._box.setFixedWidth(_FIELD_WIDTH)
        theme.pad(self._box)
        self._value = 0.0
        self._box.valueChanged.connect(self._edited)
        _keep_wheel_for_scrolling(self._box)

    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        self._box.blockSignals(True)
        self._box.setValue(round(100 * value))
        self._box.blockSignals(False)
        # Finer than the box shows: a setting nobody touched must not count as changed.
        self._value = value
        self.changed.emit()

    def _edited(self, percent: int) -> None:
        self._value = percent / 100
        self.changed.emit()


class _Choice(Editor):
    def __init__(self, choices: list[tuple[str, Any]]) -> None:
        self._box = QComboBox()
        super().__init__(self._box)
        for words, value in choices:
            self._box.addItem(words, value)
        self._values = [value for _, value in choices]
        self._box.setFixedWidth(_FIELD_WIDTH)
        self._box.currentIndexChanged.connect(self.changed)
        _keep_wheel_for_scrolling(self._box)

    def value(self) -> Any:
        return self._values[self._box.currentIndex()]

    def set_value(self, value: Any) -> None:
        self._box.setCurrentIndex(self._values.index(value))


class _Line(Editor):
    def __init__(self) -> None:
        self._line = QLineEdit()
        super().__init__(self._line, Place.BELOW)
        self._line.textChanged.connect(self.changed)

    def value(self) -> str:
        return self._line.text()

    def set_value(self, value: str) -> None:
        self._line.setText(value)


class _Lines(Editor):
    def __init__(self) -> None:
        self._lines = QPlainTextEdit()
        super().__init__(self._lines, Place.BELOW)
        self._lines.setPlaceholderText("One a line")
        self._lines.setTabChangesFocus(True)
        height = self._lines.fontMetrics().lineSpacing() * _LIST_LINES
        self._lines.setFixedHeight(height + 24)
        self._lines.textChanged.connect(self.changed)

    def value(self) -> tuple[str, ...]:
        lines = (line.strip() for line in self._lines.toPlainText().splitlines())
        return tuple(line for line in lines if line)

    def set_value(self, value: tuple[str, ...]) -> None:
        self._lines.setPlainText("\n".join(value))


def editor_for(field: FieldInfo, title: str) -> Editor:
    """The editor that suits a declared setting.

    Raises:
        TypeError: There is none for its type yet.
    """
    kind = field.annotation
    if kind is bool:
        return _Check(title)
    if kind is int:
        return _Number(field)
    if kind is float:
        return _Share(field)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Choice([(str(member.value).capitalize(), member) for member in kind])
    if kind is str:
        pattern = _constraint(field, "pattern")
        match = _CHOICES.fullmatch(pattern) if isinstance(pattern, str) else None
        return _Choice([(word, word) for word in match[1].split("|")]) if match else _Line()
    if kind == tuple[str, ...]:
        return _Lines()
    raise TypeError(f"there is no editor for a setting of type {kind}")


class SettingRow(QWidget):
    """One setting: its title, what it means, its editor, a reset, and what is wrong with it.

    Args:
        key: The setting's name.
        field: How it is declared.
        value: Its value now.
    """

    changed = Signal()

    def __init__(self, key: str, field: FieldInfo, value: Any) -> None:
        super().__init__()
        self.key = key
        self._default = field.default
        title = field.title or key
        self._editor = editor_for(field, title)
        self._error = QLabel()
        self._reset = QToolButton()
        self._lay_out(title, field.description or "")
        self._editor.set_value(value)
        self._editor.changed.connect(self._check)
        self._reset.clicked.connect(self._reset_to_default)
        self._check()

    def value(self) -> Any:
        """The validated value.

        Raises:
            UserError: It is out of its bounds.
        """
        return parse(self.key, self._editor.value())

    @property
    def error(self) -> str:
        """What is wrong with the value, in words; empty if nothing is."""
        return self._error.text()

    def _lay_out(self, title: str, description: str) -> None:
        widget, place = self._editor.widget, self._editor.place
        meaning = QLabel(description)
        meaning.setWordWrap(True)
        theme.set_role(meaning, theme.Role.MUTED)
        self._error.setWordWrap(True)
        self._error.setTextFormat(Qt.TextFormat.PlainText)
        theme.set_role(self._error, theme.Role.DANGER)
        widget.setAccessibleName(title)
        widget.setAccessibleDescription(description)
        self._reset.setIcon(icon("reset", Ink.MUTED))
        self._reset.setToolTip("Back to the default")
        self._reset.setAccessibleName(f"Reset {title}")
        keep = self._reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(keep)

        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(0 if place is Place.TITLE else 5)
        grid.setColumnStretch(0, 1)
        grid.addWidget(widget if place is Place.TITLE else _title(title, widget), 0, 0)
        grid.addWidget(meaning, 1, 0)
        grid.addWidget(self._reset, 0, 2, 2, 1, Qt.AlignmentFlag.AlignTop)
        if place is Place.RIGHT:
            grid.addWidget(widget, 0, 1, 2, 1, Qt.AlignmentFlag.AlignTop)
        elif place is Place.BELOW:
            grid.addWidget(widget, 2, 0, 1, 2)
        grid.addWidget(self._error, 3, 0, 1, 2)
        if place is Place.TITLE:
            meaning.setIndent(_CHECK_INDENT)

    def _check(self) -> None:
        try:
            value = self.value()
        except UserError as error:
            self._show_error(str(error))
            self._reset.setVisible(True)
        else:
            self._show_error("")
            self._reset.setVisible(value != self._default)
        self.changed.emit()

    def _show_error(self, words: str) -> None:
        self._error.setText(words)
        self._error.setVisible(bool(words))
        theme.set_property(self._editor.widget, "invalid", "true" if words else "false")

    def _reset_to_default(self) -> None:
        self._editor.set_value(self._default)
        self._editor.widget.setFocus()


def _title(words: str, buddy: QWidget) -> QLabel:
    label = QLabel(words)
    label.setBuddy(buddy)
    theme.set_role(label, theme.Role.STRONG)
    return label


class _WheelGuard(QObject):
    """Passes the wheel on to the page: a scroll that strays over a field must not change it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        focused = isinstance(watched, QWidget) and watched.hasFocus()
        if event.type() == QEvent.Type.Wheel and not focused:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def _keep_wheel_for_scrolling(widget: QWidget) -> None:
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelGuard(widget))


def _constraint(field: FieldInfo, name: str) -> Any:
    """A bound or pattern among what pydantic collected for a field, or None."""
    found = (getattr(rule, name, None) for rule in field.metadata)
    return next((value for value in found if value is not None), None)


def _bound(field: FieldInfo, name: str, otherwise: int) -> int:
    value = _constraint(field, name)
    return otherwise if value is None else int(value)
