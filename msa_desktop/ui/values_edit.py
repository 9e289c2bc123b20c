"""A field for the values of one tag, which says at once what cannot be written."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolTip, QWidget

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, Field, cleaned
from msa_desktop.ui import theme

SEPARATOR = ";"
"""Between several values where a person types them."""


def split(field: Field, words: str) -> list[str]:
    """Typed words as values: at the separator where there may be several."""
    parts = words.split(SEPARATOR) if FACTS[field].many else [words]
    return [part.strip() for part in parts if part.strip()]


def joined(values: Sequence[str]) -> str:
    """Values as a person types them."""
    return f"{SEPARATOR} ".join(values)


class ValuesEdit(QLineEdit):
    """A tag's values in one line; Return takes them only when they may be written."""

    def __init__(self, field: Field, parent: QWidget) -> None:
        super().__init__(parent)
        self._field = field
        facts = FACTS[field]
        self.setAccessibleName(facts.title)
        if facts.many:
            self.setPlaceholderText(f"Several values with {SEPARATOR} between them")
        self.textChanged.connect(self._check)

    def set_values(self, values: Sequence[str]) -> None:
        """Shows values."""
        self.setText(joined(values))
        self.setModified(False)

    def values(self) -> list[str]:
        """What stands there."""
        return split(self._field, self.text())

    def problem(self) -> str:
        """Why it cannot be written so, in words; empty if it can."""
        try:
            cleaned(self._field, self.values())
        except UserError as error:
            return str(error)
        return ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Stays where Return would take something that is no value."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.problem():
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), self.problem(), self)
            return
        super().keyPressEvent(event)

    def _check(self) -> None:
        theme.set_property(self, "invalid", "true" if self.problem() else "false")
