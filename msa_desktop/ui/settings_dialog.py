"""The settings, in pages, generated from how `base.settings` declares them."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Settings, SettingsFile
from msa_desktop.ui import theme
from msa_desktop.ui.setting_editors import SettingRow

_OTHER_GROUP = "Other"
_Button = QDialogButtonBox.StandardButton


class SettingsDialog(QDialog):
    """Edits every setting of a file. OK and Apply save, Cancel leaves the file as it is.

    Args:
        settings_file: Where the settings are read and saved.
        parent: Qt's parent.
    """

    changed = Signal(object)
    """The new `Settings`, after they were saved."""

    def __init__(self, settings_file: SettingsFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = settings_file
        self._rows: list[SettingRow] = []
        self._groups = QListWidget()
        self._pages = QStackedWidget()
        self._error = QLabel()
        self._buttons = QDialogButtonBox(_Button.Ok | _Button.Cancel | _Button.Apply)
        self._fill()
        self._lay_out()
        self._groups.currentRowChanged.connect(self._pages.setCurrentIndex)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._buttons.button(_Button.Apply).clicked.connect(self.apply)
        self._groups.setCurrentRow(0)
        self._refresh()

    def apply(self) -> bool:
        """Saves what was changed; says in the dialog what keeps it from that.

        Returns:
            Whether the file now holds what the dialog shows.
        """
        try:
            edited = self._edited()
            if edited != self._file.values:
                self.changed.emit(self._file.replace(edited))
        except UserError:
            return False  # the row says why
        except OSError as error:
            self._show_error(f"The settings could not be saved: {error.strerror}.")
            return False
        self._show_error("")
        self._refresh()
        return True

    def accept(self) -> None:
        """Saves and closes; stays open if the settings cannot be saved."""
        if self.apply():
            super().accept()

    def _edited(self) -> Settings:
        return Settings(**{row.key: row.value() for row in self._rows})

    def _fill(self) -> None:
        values = self._file.values
        pages: dict[str, QVBoxLayout] = {}
        for key, field in Settings.model_fields.items():
            group = _group(field)
            if group not in pages:
                pages[group] = self._add_page(group)
            row = SettingRow(key, field, getattr(values, key))
            row.changed.connect(self._refresh)
            self._rows.append(row)
            pages[group].addWidget(row)
        for column in pages.values():
            column.addStretch()

    def _add_page(self, group: str) -> QVBoxLayout:
        heading = QLabel(group)
        theme.set_role(heading, theme.Role.HEADING)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(24, 20, 20, 20)
        column.setSpacing(22)
        column.addWidget(heading)
        page = QScrollArea()
        page.setWidgetResizable(True)
        page.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page.setFrameShape(QFrame.Shape.NoFrame)
        page.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page.setWidget(content)
        self._groups.addItem(group)
        self._pages.addWidget(page)
        return column

    def _lay_out(self) -> None:
        self.setWindowTitle("Settings")
        self.setSizeGripEnabled(False)
        self._groups.setFixedWidth(168)
        self._groups.setAccessibleName("Groups of settings")
        theme.set_role(self._groups, theme.Role.SIDEBAR)
        theme.set_role(self._error, theme.Role.DANGER)
        theme.set_role(self._buttons.button(_Button.Ok), theme.Role.PRIMARY)
        self._error.setWordWrap(True)
        line = QFrame()
        theme.set_role(line, theme.Role.LINE)

        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self._groups)
        body.addWidget(self._pages, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 12, 20, 14)
        foot.addWidget(self._error, 1)
        foot.addWidget(self._buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(body, 1)
        column.addWidget(line)
        column.addLayout(foot)
        self.resize(720, 480)

    def _refresh(self) -> None:
        valid = not any(row.error for row in self._rows)
        self._buttons.button(_Button.Ok).setEnabled(valid)
        changed = valid and self._edited() != self._file.values
        self._buttons.button(_Button.Apply).setEnabled(changed)

    def _show_error(self, words: str) -> None:
        self._error.setText(words)


def _group(field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    return str(extra.get("group", _OTHER_GROUP)) if isinstance(extra, dict) else _OTHER_GROUP
