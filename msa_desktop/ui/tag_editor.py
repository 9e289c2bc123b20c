"""The tag editor: the tags of one file or many, changed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned
from msa_desktop.base.model import TrackId
from msa_desktop.ui import diff, diff_paint, paint, text, theme
from msa_desktop.ui.diff import Piece
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.theme import Role
from msa_desktop.ui.values_edit import ValuesEdit

_DIFFERENT = "different values"
_Button = QDialogButtonBox.StandardButton


class TagEditor(QDialog):
    """Shows what the files say; writes only what the person changes.

    Args:
        count: How many files are being read.

    Signals:
        write_asked: Write these values (dict by `Field`) into the files of these tracks (list).
    """

    write_asked = Signal(list, dict)

    def __init__(self, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ids: list[TrackId] = []
        self._total = count
        self._heading = QLabel(f"Edit {text.count(count, 'file', 'files')}", self)
        self._words = QLabel(self)
        self._buttons = QDialogButtonBox(_Button.Cancel, self)
        self._write = self._buttons.addButton("Write", QDialogButtonBox.ButtonRole.AcceptRole)
        content = QWidget(self)
        grid = QGridLayout(content)
        self._rows = {field: _Row(field, grid, place, content) for place, field in enumerate(Field)}
        self._lay_out(content, grid)
        for row in self._rows.values():
            row.changed.connect(self._refresh)
        self._buttons.accepted.connect(self._ask)
        self._buttons.rejected.connect(self.reject)
        self.show_reading(0)

    def show_reading(self, done: int) -> None:
        """Says how many files were read so far."""
        for row in self._rows.values():
            row.enable(False)
        self._words.setText(
            f"Reading {text.number(done)} of {text.count(self._total, 'file', 'files')}…"
        )
        self._write.setEnabled(False)

    def show_values(
        self, values: Mapping[TrackId, FieldValues], reasons: Mapping[TrackId, str]
    ) -> None:
        """Shows what the files say, once all were read.

        Args:
            values: Tags by track.
            reasons: Why the others could not be read; they are left out.
        """
        self._ids = list(values)
        for field, row in self._rows.items():
            row.show_values({said.get(field, ()) for said in values.values()})
            row.enable(bool(values))
        words = "Only what you change is written; everything else in the files stays as it is."
        if reasons:
            count = text.count(len(reasons), "file", "files")
            words = f"{count} cannot be read and will not be written. {words}"
            self._words.setToolTip("\n".join(list(reasons.values())[:20]))
        self._words.setText(words)
        self._refresh()
        self._rows[Field.TITLE].take_focus()

    def changes(self) -> dict[Field, tuple[str, ...]]:
        """The values that the person changed, by tag; not all of them may be valid."""
        return {field: row.values() for field, row in self._rows.items() if row.is_changed}

    def _lay_out(self, content: QWidget, grid: QGridLayout) -> None:
        self.setWindowTitle("Edit tags")
        theme.set_role(self._heading, Role.HEADING)
        theme.set_role(self._words, Role.MUTED)
        theme.set_role(self._write, Role.PRIMARY)
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        grid.setContentsMargins(20, 4, 14, 16)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        line = QFrame(self)
        theme.set_role(line, Role.LINE)
        head, foot = QVBoxLayout(), QVBoxLayout()
        head.setContentsMargins(20, 16, 20, 12)
        head.setSpacing(4)
        head.addWidget(self._heading)
        head.addWidget(self._words)
        foot.setContentsMargins(20, 12, 20, 14)
        foot.addWidget(self._buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        column.addWidget(line)
        column.addLayout(foot)
        self.resize(600, 640)

    def _refresh(self) -> None:
        changed = [row for row in self._rows.values() if row.is_changed]
        valid = not any(row.problem for row in changed)
        self._write.setEnabled(bool(changed) and valid)
        tags = text.count(len(changed), "tag", "tags")
        files = text.count(len(self._ids), "file", "files")
        self._write.setText(f"Write {tags} into {files}" if changed else "Write")

    def _ask(self) -> None:
        values = {field: cleaned(field, given) for field, given in self.changes().items()}
        self.write_asked.emit(self._ids, values)
        self.accept()


class _Row(QObject):
    """One tag in the editor's grid: name, field, reset, and below what changes or what is wrong."""

    changed = Signal()

    def __init__(self, field: Field, grid: QGridLayout, place: int, parent: QWidget) -> None:
        super().__init__(parent)
        title = FACTS[field].title
        self._field = field
        self._before: tuple[str, ...] | None = ()  # None: the files differ
        self._touched = False
        self._edit = ValuesEdit(field, parent)
        self._reset = QToolButton(parent)
        self._reset.setIcon(icon("reset", Ink.MUTED))
        self._reset.setToolTip("Back to what the files say")
        self._reset.setAccessibleName(f"Reset {title}")
        keep = self._reset.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(keep)
        self._below = _Below(parent)
        name = QLabel(title)
        name.setBuddy(self._edit)
        theme.set_role(name, Role.MUTED)
        grid.addWidget(name, 2 * place, 0)
        grid.addWidget(self._edit, 2 * place, 1)
        grid.addWidget(self._reset, 2 * place, 2)
        grid.addWidget(self._below, 2 * place + 1, 1)
        self._edit.textEdited.connect(self._touch)
        self._reset.clicked.connect(self._go_back)
        self._refresh()

    def enable(self, enabled: bool) -> None:
        """Lets the person type, or not."""
        self._edit.setEnabled(enabled)

    def take_focus(self) -> None:
        """Puts the keyboard into the field."""
        self._edit.setFocus()

    def show_values(self, said: set[tuple[str, ...]]) -> None:
        """Shows the one value that the files have, or that they differ."""
        self._before = next(iter(said), ()) if len(said) <= 1 else None
        self._go_back()

    def values(self) -> tuple[str, ...]:
        """What stands there."""
        return tuple(self._edit.values())

    @property
    def is_changed(self) -> bool:
        """Whether the person wants something else than the files say."""
        return self._touched and self.values() != self._before

    @property
    def problem(self) -> str:
        """Why it cannot be written so; empty if it can."""
        return self._edit.problem()

    def _touch(self) -> None:
        self._touched = True
        self._refresh()

    def _go_back(self) -> None:
        self._touched = False
        self._edit.set_values(self._before or ())
        self._edit.setCursorPosition(0)
        self._refresh()

    def _refresh(self) -> None:
        differ = self._before is None
        kept = f"The files have {_DIFFERENT}: they are kept" if differ else ""
        self._edit.setPlaceholderText("" if self._touched else kept)
        self._reset.setVisible(self._touched)
        if self.problem:
            self._below.say(self.problem)
        elif self.is_changed:
            old = (_DIFFERENT,) if self._before is None else self._before
            self._below.show_pieces(diff.pieces(old, self.values()))
        else:
            self._below.hide()
        self.changed.emit()


class _Below(QWidget):
    """A line below a field: what changes, or what is wrong."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._pieces: tuple[Piece, ...] = ()
        self._problem = ""
        self.setFixedHeight(self.fontMetrics().height() + 10)

    def say(self, problem: str) -> None:
        """Shows what is wrong."""
        self._problem = problem
        self._show(problem)

    def show_pieces(self, pieces: Sequence[Piece]) -> None:
        """Shows what changes."""
        self._problem = ""
        self._pieces = tuple(pieces)
        self._show(diff.in_words(pieces).capitalize())

    def _show(self, words: str) -> None:
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setFont(self.font())
        rect = self.rect().adjusted(2, 0, -2, -2)
        if self._problem:
            paint.words(painter, rect, self._problem, theme.colour("danger"))
        else:
            ink = paint.colour(QPalette.ColorRole.Text)
            diff_paint.pieces(painter, rect, self._pieces, self.font(), ink)
