"""The models: what each brings, how it stands, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.events import ModelProgress
from msa_desktop.services.models import ModelState, ModelStatus
from msa_desktop.ui import model_words, text, theme
from msa_desktop.ui.actions import Act, Actions, button_for
from msa_desktop.ui.model_row import ModelRow
from msa_desktop.ui.model_words import Entry
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.theme import Role

_ROUND = 12  # pixels that stay visible round the current row
_AT_ONCE = 3  # rows; all of them together would hold the window up
_MENU_ACTS = (
    Act.INSTALL_MODEL,
    Act.CANCEL_MODEL,
    Act.VERIFY_MODEL,
    Act.ADD_MODEL_FILES,
    Act.REMOVE_MODEL,
    Act.MODEL_TERMS,
    Act.COPY_COMMAND,
)


class ModelsPage(QWidget):
    """A row for each model, grouped by what it is for. The actions work on the current one.

    Args:
        actions: The window's actions.

    Signals:
        opened: The page comes to the front, and wants to know the models.
        menu_asked: The current model's menu is wanted at this place of the screen.
    """

    opened = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._ids: list[str] = []
        self._rows: dict[str, ModelRow] = {}
        self._to_make: list[ModelStatus] = []
        self._kept: dict[str, Entry] = {}  # of rows that are made anew
        self._focus_wanted = False
        self._make_more = QTimer(self, singleShot=True)
        self._make_more.timeout.connect(self._make_rows)
        self._current = ""
        self._count = QLabel(self)
        self._list = QWidget(self)
        self._column = QVBoxLayout(self._list)
        self._scroll = QScrollArea(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._lay_out()
        self._update_actions()

    def open(self) -> None:
        """Asks for the models anew; called when the page comes to the front."""
        self.opened.emit()

    def show_models(self, models: Sequence[ModelStatus]) -> None:
        """Shows how all models stand; what goes on with them, and what failed, stays."""
        grouped = sorted(models, key=_group)
        ids = [status.model.id for status in grouped]
        if ids != self._ids:
            self._ids = ids
            self._clear_rows()
        for status in grouped:
            row = self._rows.get(status.model.id)
            if row is not None:
                row.show_entry(replace(row.entry, status=status))
        self._to_make = [status for status in grouped if status.model.id not in self._rows]
        self._make_rows()
        ready = sum(status.usable for status in models)
        self._count.setText(f"{text.number(ready)} of {text.number(len(models))} ready")
        self._pages.setCurrentWidget(self._scroll)
        self._update_actions()

    def explain(self, words: str) -> None:
        """Says why there is no list."""
        self._note.say("alert", "The models cannot be listed", words)
        self._pages.setCurrentWidget(self._note)

    def change(self, model_id: str, **facts: Any) -> None:
        """Changes what is shown of a model: see `Entry`'s attributes."""
        row = self._rows.get(model_id)
        if row is not None:
            row.show_entry(replace(row.entry, **facts))
            self._update_actions()

    def show_progress(self, progress: ModelProgress) -> None:
        """Shows how far what goes on with a model is."""
        row = self._rows.get(progress.model)
        if row is not None:
            row.show_progress(progress)

    def current(self) -> Entry | None:
        """The model that the actions work on."""
        row = self._rows.get(self._current)
        return row.entry if row is not None else None

    def row(self, model_id: str) -> ModelRow:
        """The row of a model."""
        return self._rows[model_id]

    def ids(self) -> list[str]:
        """The models, top to bottom."""
        return self._ids

    def focus_list(self) -> None:
        """Gives the keyboard to the current model."""
        if self._current in self._rows:
            self._go_to(self._rows[self._current])
        else:
            self._scroll.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def make_current(self, model_id: str) -> None:
        """Has the actions work on this model."""
        if model_id != self._current:
            if self._current in self._rows:
                self._rows[self._current].set_current(False)
            self._current = model_id
            self._rows[model_id].set_current(True)
        self._update_actions()

    def _clear_rows(self) -> None:
        shown = {model_id: row.entry for model_id, row in self._rows.items()}
        self._kept = {i: entry for i, entry in (self._kept | shown).items() if i in self._ids}
        self._focus_wanted |= self._pages.isAncestorOf(self.window().focusWidget() or self)
        while item := self._column.takeAt(0):
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        self._rows.clear()

    def _make_rows(self) -> None:
        """Makes some of the rows that are not there yet; the rest follows."""
        making, self._to_make = self._to_make[:_AT_ONCE], self._to_make[_AT_ONCE:]
        for status in making:
            model = status.model
            above = list(self._rows.values())[-1:]
            if not above or above[0].entry.status.model.kind is not model.kind:
                self._column.addWidget(_section(model_words.GROUPS[model.kind], self._list))
            entry = replace(self._kept.pop(model.id, Entry(status)), status=status)
            row = self._rows[model.id] = ModelRow(entry, self._list)
            row.came.connect(partial(self.make_current, model.id))
            row.asked.connect(self._trigger)
            row.menu_asked.connect(self.menu_asked)
            row.moved.connect(partial(self._move, model.id))
            self._column.addWidget(row)
        if self._to_make:
            self._make_more.start()
        elif making:
            self._choose_current()

    def _choose_current(self) -> None:
        missing = (i for i, r in self._rows.items() if r.entry.status.state is ModelState.MISSING)
        first = next(missing, self._ids[0])
        current = self._current if self._current in self._rows else first
        self._current = ""
        self.make_current(current)
        if self._focus_wanted:
            self._focus_wanted = False
            self.focus_list()

    def _move(self, model_id: str, by: int) -> None:
        ids = list(self._rows)
        self._go_to(self._rows[ids[min(max(0, ids.index(model_id) + by), len(ids) - 1)]])

    def _go_to(self, row: ModelRow) -> None:
        row.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._scroll.ensureWidgetVisible(row, 0, _ROUND)

    def _trigger(self, act: Act) -> None:
        self._actions[act].trigger()

    def _update_actions(self) -> None:
        entry = self.current()
        for act in _MENU_ACTS:
            self._actions.enable([act], entry is not None and entry.allows(act))

    def _lay_out(self) -> None:
        heading = QLabel("Models", self)
        theme.set_role(heading, Role.HEADING)
        theme.set_role(self._count, Role.MUTED)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(heading)
        words.addWidget(self._count)
        head = QHBoxLayout()
        head.setContentsMargins(EDGE, 12, 12, 10)
        head.addLayout(words, 1)
        add = button_for(self._actions[Act.ADD_OWN_MODEL], "Add a language model…", self)
        head.addWidget(add, 0, Qt.AlignmentFlag.AlignVCenter)
        self._column.setContentsMargins(0, 0, 0, 16)
        self._column.setSpacing(0)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        for part in (self._list, self._scroll):
            theme.set_role(part, Role.LIST)
        self._scroll.setAccessibleName("Models")
        self._scroll.setWidget(self._list)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pages.addWidget(self._scroll)
        self._pages.addWidget(self._note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)


def _group(status: ModelStatus) -> int:
    return list(model_words.GROUPS).index(status.model.kind)


def _section(title: str, parent: QWidget) -> QLabel:
    label = QLabel(title, parent)
    theme.set_role(label, Role.SECTION)
    label.setContentsMargins(EDGE, 18, EDGE, 6)
    return label
