"""One model on the Models page: what it is, how it stands, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.events import ModelProgress
from msa_desktop.base.model import display_path
from msa_desktop.services.models import ModelState, ModelStatus
from msa_desktop.ui import model_words, theme
from msa_desktop.ui.action_table import SPECS, Act
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.model_words import Entry, Pace
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.theme import Role

_PARTS = 1000  # of a progress bar: its numbers are too small for bytes
_BUTTON_WIDTH = 128
_STATES = {
    ModelState.BUILT_IN: ("check", Ink.ACCENT),
    ModelState.READY: ("check", Ink.ACCENT),
    ModelState.NEEDS_EXTRA: ("alert", Ink.ATTENTION),
    ModelState.MISSING: ("download", Ink.MUTED),
    ModelState.DAMAGED: ("alert", Ink.ATTENTION),
    ModelState.INSTALLING: ("download", Ink.ACCENT),
}


class ModelRow(QFrame):
    """Shows an `Entry`.

    The Tab key goes through the parts of the current row alone; the arrow keys change the row.

    Signals:
        came: The keyboard or the pointer came here.
        asked: A button was pressed (`Act`).
        menu_asked: The menu is wanted at this place of the screen.
        moved: An arrow key goes this many rows on.
    """

    came = Signal()
    asked = Signal(object)
    menu_asked = Signal(QPoint)
    moved = Signal(int)

    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = Entry(entry.status)
        self._pace = Pace()
        self._act = Act.INSTALL_MODEL
        self._mark = Mark(theme.ICON_SIZE, self)
        self._title = _label(Role.STRONG, self)
        self._purpose = _label(None, self)
        self._facts = _label(Role.SMALL, self)
        self._licence = _link("", self._ask, Act.MODEL_TERMS, self)
        self._source = ElidedLabel(parent=self)
        self._button = QPushButton(self)
        self._more = QToolButton(self)
        self._bar = QProgressBar(self)
        self._progress = _label(Role.SMALL, self)
        self._to_run = _label(Role.SMALL, self)
        self._command = _label(Role.CODE, self)
        self._copy = _link("Copy", self._ask, Act.COPY_COMMAND, self)
        self._extra = QWidget(self)
        self._trouble = _label(Role.ATTENTION, self)
        self._below = QWidget(self)
        self._lay_out()
        self._button.clicked.connect(self._press)
        self._more.clicked.connect(self._open_menu)
        self.set_current(False)
        self.show_entry(entry)

    def show_entry(self, entry: Entry) -> None:
        """Shows the model as it is now."""
        if entry.doing is not None and entry.doing is not self.entry.doing:
            self._pace = Pace()
            self._bar.setRange(0, 0)
            self._progress.setText(entry.doing.value)
        self.entry = entry
        status, model = entry.status, entry.status.model
        self._mark.show_icon(*_look(entry))
        self._title.setText(model.title)
        self._purpose.setText(model.purpose)
        self._facts.setText(" \N{MIDDLE DOT} ".join([*entry.facts(), ""]).rstrip())
        self._licence.setText(model.licence)
        self._licence.setAccessibleName(f"Licence and terms of {model.title}: {model.licence}")
        self._source.setText(model_words.DOT + _source(status))
        self._show_button(entry)
        busy = entry.doing is not None
        self._bar.setVisible(busy)
        self._progress.setVisible(busy)
        if entry.stopping:
            self._progress.setText("Stopping…")
        self._extra.setVisible(bool(entry.command))
        self._command.setText(entry.command)
        self._to_run.setText("First run:" if entry.extra_first else "To run it:")
        troubles = [*status.problems, *([entry.trouble.words] if entry.trouble else [])]
        self._trouble.setText("\n".join(troubles))
        self._trouble.setVisible(bool(troubles) and not busy)
        self._below.setVisible(bool(troubles) or busy)
        self.setAccessibleName(model_words.in_words(entry))
        self.setAccessibleDescription(model.purpose)

    def show_progress(self, progress: ModelProgress) -> None:
        """Shows how far what goes on is."""
        if self.entry.doing is None or self.entry.stopping or not progress.running:
            return
        words = model_words.progress_words(progress, self._pace.take(progress))
        self._bar.setRange(0, _PARTS if progress.total else 0)
        if progress.total:
            self._bar.setValue(_PARTS * progress.done // progress.total)
        self._progress.setText(words)
        self._bar.setAccessibleDescription(words)

    def set_current(self, current: bool) -> None:
        """Makes this the row that the Tab key reaches, or not."""
        policy = Qt.FocusPolicy.StrongFocus if current else Qt.FocusPolicy.ClickFocus
        self.setFocusPolicy(policy)
        for button in self._buttons():
            button.setFocusPolicy(policy)

    def menu_place(self) -> QPoint:
        """Where on the screen the menu opens that the keyboard asked for."""
        return self._more.mapToGlobal(self._more.rect().bottomLeft())

    # Qt's events

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.came.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys go to other rows; Return takes the next step."""
        rows = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Home: -999, Qt.Key.Key_End: 999}
        if event.key() in rows:
            self.moved.emit(rows[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._button.isEnabled():
            self._press()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the menu."""
        keyboard = event.reason() is QContextMenuEvent.Reason.Keyboard
        self.came.emit()
        self.menu_asked.emit(self.menu_place() if keyboard else event.globalPos())

    # What the buttons do

    def _ask(self, act: Act) -> None:
        self.came.emit()
        self.asked.emit(act)

    def _press(self) -> None:
        if not self._button.isHidden():
            self._ask(self._act)

    def _open_menu(self) -> None:
        self.came.emit()
        self.menu_asked.emit(self.menu_place())

    # Layout

    def _show_button(self, entry: Entry) -> None:
        step = entry.button()
        can = step is not None and entry.allows(step[0])
        if self.window().focusWidget() is self._button and not can:
            self.setFocus()  # else the focus would jump to the next thing that takes it
        self._button.setVisible(step is not None)
        if step is not None:
            self._act, words = step
            self._button.setText(words)
            self._button.setEnabled(can)
            self._button.setToolTip(SPECS[self._act].tip)
            self._button.setAccessibleName(f"{words.rstrip('…')}: {entry.status.model.title}")

    def _buttons(self) -> Iterator[QAbstractButton]:
        yield from (self._licence, self._copy, self._button, self._more)

    def _lay_out(self) -> None:
        theme.set_role(self, Role.ROW)
        theme.set_role(self._source, Role.SMALL)
        for label in (self._purpose, self._trouble, self._progress):
            label.setWordWrap(True)
        self._trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._button.setMinimumWidth(_BUTTON_WIDTH)
        self._more.setIcon(icon("more", Ink.MUTED))
        self._more.setIconSize(QSize(theme.ICON_SIZE, theme.ICON_SIZE))
        self._more.setToolTip("More")
        self._more.setAccessibleName("More actions")

        facts = QHBoxLayout()
        facts.setSpacing(0)
        facts.addWidget(self._facts)
        facts.addWidget(self._licence)
        facts.addWidget(self._source, 1)
        self._extra.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        extra = QHBoxLayout(self._extra)
        extra.setContentsMargins(0, 4, 0, 0)
        extra.setSpacing(8)
        extra.addWidget(self._to_run)
        extra.addWidget(self._command)
        extra.addWidget(self._copy)
        extra.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(self._title)
        words.addWidget(self._purpose)
        words.addLayout(facts)
        words.addWidget(self._extra)
        words.addWidget(self._below)
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 5, 0, 0)
        below.setSpacing(4)
        below.addWidget(self._bar)
        below.addWidget(self._progress)
        below.addWidget(self._trouble)
        grid = QGridLayout(self)
        grid.setContentsMargins(EDGE, 12, 12, 12)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(self._mark, 0, 0, top)
        grid.addLayout(words, 0, 1)
        grid.addWidget(self._button, 0, 2, top)
        grid.addWidget(self._more, 0, 3, top)


def _look(entry: Entry) -> tuple[str, Ink]:
    """The icon for how a model stands."""
    if entry.doing is not None:
        return ("download" if entry.brings else "refresh"), Ink.ACCENT
    return ("alert", Ink.ATTENTION) if entry.urgent else _STATES[entry.status.state]


def _source(status: ModelStatus) -> str:
    if status.installed is not None:
        return display_path(status.installed.source)
    return status.model.source


def _label(role: Role | None, parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role is not None:
        theme.set_role(label, role)
    return label


def _link(words: str, ask: Callable[[Act], None], act: Act, parent: QWidget) -> QPushButton:
    button = QPushButton(words, parent)
    theme.set_role(button, Role.LINK)
    theme.set_property(button, "small", "true")
    button.setToolTip(SPECS[act].tip)
    button.clicked.connect(partial(ask, act))
    return button
