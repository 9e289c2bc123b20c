"""A list of hand-painted rows, each of its own height, smooth at any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from msa_desktop.ui.actions import menu_place
from msa_desktop.ui.lazy_rows import NO_IDS, Ids


class RowList(QTableView):
    """A table of one column and no headers.

    A table, because it lays out 100,000 rows without asking for the height of each.

    Args:
        name: What it lists, for a screen reader.
        actions: Whose keys work here.
        height: Of a row nobody has said another height of, in pixels.

    Signals:
        focused: The keyboard came here.
        menu_asked: The selected rows' menu is wanted at this place of the screen.
    """

    focused = Signal()
    menu_asked = Signal(QPoint)

    def __init__(
        self,
        name: str,
        actions: Sequence[QAction],
        height: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.pointer = QPoint(-1, -1)  # where the mouse is, in the viewport
        self.addActions(actions)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.horizontalHeader().hide()
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(1)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(height)

    def hovered_row(self) -> int:
        """The row under the pointer, or -1."""
        return self.rowAt(self.pointer.y()) if self.pointer.y() >= 0 else -1

    def has_keyboard(self, row: int) -> bool:
        """Whether the keyboard acts on this row now."""
        return self.hasFocus() and row == self.currentIndex().row()

    def set_heights(self, heights: Mapping[int, int]) -> None:
        """Gives rows their heights; what is on the screen stays where it is."""
        header = self.verticalHeader()
        changed = {
            row: height for row, height in heights.items() if header.sectionSize(row) != height
        }
        if not changed:
            return
        top = self.rowAt(0)
        before = self.rowViewportPosition(top)
        # With updates on, Qt would work out where every row lies after each of them.
        header.setUpdatesEnabled(False)
        for row, height in changed.items():
            header.resizeSection(row, height)
        header.setUpdatesEnabled(True)
        moved = self.rowViewportPosition(top) - before if top >= 0 else 0
        if moved:
            self.updateGeometries()  # the scroll bar's end lies elsewhere now
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + moved)

    def make_current(self, row: int, *, scroll: bool = True) -> None:
        """Selects one row; the nearest there is."""
        model = self.model()
        count = model.rowCount() if model is not None else 0
        if count:
            index = model.index(min(max(0, row), count - 1), 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(index, flags)
            if scroll:
                self.scrollTo(index)

    def selected_rows(self) -> Ids:
        """The selected rows, top to bottom."""
        ranges = self.selectionModel().selection().toList()
        ends = sorted((piece.top(), piece.bottom()) for piece in ranges)
        return np.concatenate([NO_IDS, *(np.arange(top, bottom + 1) for top, bottom in ends)])

    # Qt's events

    def keyboardSearch(self, search: str) -> None:
        """Does nothing: Qt's own search would read every row."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home and End mean the first and last row."""
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        if plain and event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.make_current(0 if event.key() == Qt.Key.Key_Home else self.model().rowCount() - 1)
            return
        super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follows the pointer, to light up what is under it."""
        before, self.pointer = self.hovered_row(), event.position().toPoint()
        for row in {before, self.hovered_row()}:
            if row >= 0:
                top, height = self.rowViewportPosition(row), self.rowHeight(row)
                self.viewport().update(0, top, self.viewport().width(), height)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        self.pointer = QPoint(-1, -1)
        self.viewport().update()
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the item's menu."""
        at = menu_place(self, event)
        if at is not None:
            self.menu_asked.emit(at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard is here."""
        super().focusInEvent(event)
        self.focused.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The one column is as wide as the list."""
        self.setColumnWidth(0, self.viewport().width())
        super().resizeEvent(event)
