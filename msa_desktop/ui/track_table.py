"""The table of tracks: selection by track, smooth at any length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from msa_desktop.base.model import TrackId
from msa_desktop.store.tracks import Scope
from msa_desktop.ui import column_layout, theme
from msa_desktop.ui.actions import menu_place
from msa_desktop.ui.column_layout import ColumnLayout
from msa_desktop.ui.columns import (
    ATTENTION_COLUMNS,
    COLUMNS,
    LIBRARY_COLUMNS,
    RECENT_COLUMNS,
    Col,
)
from msa_desktop.ui.lazy_rows import NO_IDS, Ids
from msa_desktop.ui.track_delegate import TrackDelegate
from msa_desktop.ui.track_model import TrackModel

_TALL_ROW = 48  # two lines of reason
_MOST_RANGES = 2000  # a selection in more pieces than this is not worth carrying over a refresh
_COL_OF_SORT = {spec.sort: col for col, spec in COLUMNS.items() if spec.sort is not None}


class TrackTable(QTableView):
    """Shows a `TrackModel`.

    Signals:
        current_changed: The track the keyboard or the mouse is on, or None.
        play_asked: A track was double-clicked.
        typed: A letter was typed: the person looks for something.
        focused: The keyboard came here.
        menu_asked: The selected tracks' menu is wanted at this place of the screen.
    """

    current_changed = Signal(object)
    play_asked = Signal(int)
    typed = Signal(str)
    focused = Signal()
    menu_asked = Signal(QPoint)

    def __init__(
        self, model: TrackModel, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tracks = model
        self._hovered = -1
        self._kept_selection: Ids = NO_IDS
        self._kept_current: TrackId | None = None
        self._kept_top: TrackId | None = None
        self._announced: TrackId | None = None
        self._restoring = False
        self.setModel(model)
        self.setItemDelegate(TrackDelegate(model, self, self))
        self.addActions(actions)
        self._configure()
        library = ColumnLayout(self, LIBRARY_COLUMNS)
        self._layouts = {
            Scope.ALL: library,
            Scope.FOLDER: library,
            Scope.RECENT: ColumnLayout(self, RECENT_COLUMNS),
            Scope.ATTENTION: ColumnLayout(self, ATTENTION_COLUMNS),
        }
        library.activate(True)
        model.modelAboutToBeReset.connect(self._keep_place)
        model.modelReset.connect(self._restore_selection)
        model.shown.connect(self._settle)
        self.selectionModel().currentRowChanged.connect(self._announce)
        self.selectionModel().selectionChanged.connect(self._announce)
        self.doubleClicked.connect(self._play)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # What the window asks

    def selected_ids(self) -> list[TrackId]:
        """The selected tracks, top to bottom."""
        return [TrackId(i) for piece in self._selected() for i in piece.tolist()]

    def selected_count(self) -> int:
        """How many tracks are selected."""
        return sum(len(piece) for piece in self._selected())

    def current_id(self) -> TrackId | None:
        """The track that the keyboard acts on."""
        index = self.currentIndex()
        return self._tracks.id_at(index.row()) if index.isValid() else None

    def listed_ids(self) -> Ids:
        """Every track of the list, in order."""
        return self._tracks.ids_at(0, self._tracks.rowCount())

    def select(self, track_id: TrackId) -> bool:
        """Selects one track and scrolls to it; False where this list does not hold it."""
        row = self._tracks.row_of(track_id)
        if row < 0:
            return False
        self.selectRow(row)
        self.scrollTo(self._tracks.index(row, Col.TITLE))
        return True

    def columns_state(self) -> dict[str, Any]:
        """The columns for the saved window."""
        return {scope.value: layout.state() for scope, layout in self._layouts.items()}

    def restore_columns(self, state: dict[str, Any]) -> None:
        """Takes saved columns over."""
        for scope, layout in self._layouts.items():
            layout.restore(state.get(scope.value, {}))
        self._use_layout(self._tracks.query.scope)

    # What the delegate asks

    def hovered_row(self) -> int:
        """The row under the pointer, or -1."""
        return self._hovered

    def first_column(self) -> int:
        """The leftmost visible column."""
        header = self.horizontalHeader()
        for place in range(header.count()):
            section = header.logicalIndex(place)
            if not header.isSectionHidden(section):
                return section
        return Col.TITLE

    def current_row(self) -> int:
        """The row that the keyboard acts on, or -1 while it acts elsewhere."""
        return self.currentIndex().row() if self.hasFocus() else -1

    # Qt's events

    def keyboardSearch(self, search: str) -> None:
        """Hands letters to the filter: Qt's own search would read every row of the library."""
        if search.strip():
            self.typed.emit(search)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home and End mean the first and last row; a row is one thing here, not many cells."""
        rows = self._tracks.rowCount()
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        if rows and plain and event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            row = 0 if event.key() == Qt.Key.Key_Home else rows - 1
            self.setCurrentIndex(self._tracks.index(row, self.first_column()))
            return
        super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follows the pointer, to light up the whole row."""
        self._hover(self.rowAt(int(event.position().y())))
        super().mouseMoveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the item's menu."""
        at = menu_place(self, event)
        if at is not None:
            self.menu_asked.emit(at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard is here."""
        super().focusInEvent(event)
        self.focused.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """No row is under the pointer any more."""
        self._hover(-1)
        super().leaveEvent(event)

    # Keeping the place when the list changes

    def _keep_place(self) -> None:
        self._restoring = True
        pieces = self._selected()
        self._kept_selection = np.concatenate(pieces) if pieces else NO_IDS
        self._kept_current = self.current_id()
        top = self.rowAt(0)
        self._kept_top = self._tracks.id_at(top) if top > 0 else None

    def _restore_selection(self) -> None:
        self._hovered = -1
        rows = self._tracks.rows_of(self._kept_selection)
        ends = np.flatnonzero(np.diff(rows) != 1)
        if len(rows) and len(ends) < _MOST_RANGES:
            last_column = self._tracks.columnCount() - 1
            selection = QItemSelection()
            firsts = [int(rows[0]), *rows[ends + 1].tolist()]
            lasts = [*rows[ends].tolist(), int(rows[-1])]
            for first, last in zip(firsts, lasts, strict=True):
                selection.select(
                    self._tracks.index(first, 0), self._tracks.index(last, last_column)
                )
            self.selectionModel().select(
                selection, QItemSelectionModel.SelectionFlag.ClearAndSelect
            )
        if self._kept_current is not None:
            row = self._tracks.row_of(self._kept_current)
            if row >= 0:
                self.selectionModel().setCurrentIndex(
                    self._tracks.index(row, Col.TITLE), QItemSelectionModel.SelectionFlag.NoUpdate
                )

    def _settle(self, fresh: bool) -> None:
        """Scrolls to where the person was, once the list is in place."""
        query = self._tracks.query
        if fresh:
            self._use_layout(query.scope)
            self._show_order()
        if self._restoring:
            self._restoring = False
            if fresh:
                self.scrollToTop()
                if self.currentIndex().isValid():
                    self.scrollTo(self.currentIndex())
            elif self._kept_top is not None:
                row = self._tracks.row_of(self._kept_top)
                if row >= 0:
                    top = self._tracks.index(row, Col.TITLE)
                    self.scrollTo(top, QAbstractItemView.ScrollHint.PositionAtTop)
        self._announce()

    def _use_layout(self, scope: Scope) -> None:
        for layout in self._layouts.values():
            layout.activate(False)
        self._layouts[scope].activate(True)
        height = _TALL_ROW if scope is Scope.ATTENTION else self._row_height()
        if self.verticalHeader().defaultSectionSize() != height:
            self.verticalHeader().setDefaultSectionSize(height)

    # The rest

    def _selected(self) -> list[Ids]:
        """The selected tracks in runs of neighbours, top to bottom."""
        ranges = self.selectionModel().selection().toList()
        ends = sorted((piece.top(), piece.bottom()) for piece in ranges)
        return [self._tracks.ids_at(top, bottom) for top, bottom in ends]

    def _announce(self) -> None:
        """Tells of the current track; not while a refresh takes it away and brings it back.

        Only a selected one counts: Qt makes the first row the current one when the keyboard comes
        here, and nobody has asked for that.
        """
        if self._restoring:
            return
        index = self.currentIndex()
        track_id = self.current_id() if self.selectionModel().isSelected(index) else None
        if track_id != self._announced:
            self._announced = track_id
            self.current_changed.emit(track_id)

    def _show_order(self) -> None:
        """Puts the sort arrow where the query's order is."""
        query = self._tracks.query
        newest = query.scope is Scope.RECENT  # that list knows no other order
        column = Col.ADDED if newest else _COL_OF_SORT[query.sort]
        down = newest or query.descending
        order = Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(column, order)

    def _sorted(self) -> None:
        """Puts the arrow back where a click on a header could not change the order."""
        query = self._tracks.query
        column = self.horizontalHeader().sortIndicatorSection()
        if query.scope is Scope.RECENT or COLUMNS[Col(column)].sort is not query.sort:
            self._show_order()

    def _play(self, index: QModelIndex) -> None:
        self.play_asked.emit(self._tracks.id_at(index.row()))

    def _scrolled(self) -> None:
        self._tracks.look_from(max(0, self.rowAt(0)))
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row == self._hovered:
            return
        before, self._hovered = self._hovered, row
        for changed in (before, row):
            if changed >= 0:
                top = self.rowViewportPosition(changed)
                height = self.rowHeight(changed)
                self.viewport().update(0, top, self.viewport().width(), height)

    def _row_height(self) -> int:
        return max(theme.ROW_HEIGHT, self.fontMetrics().height() + 14)

    def _configure(self) -> None:
        self.setAccessibleName("Tracks")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self._row_height())
        header = self.horizontalHeader()
        column_layout.configure(header)
        # A selection model of its own, always empty: to paint itself, a header would ask the
        # table's whether each of 100,000 rows is selected.
        header.setSelectionModel(QItemSelectionModel(self._tracks, header))
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # nothing is to be sorted yet
        self.setSortingEnabled(True)
        header.sortIndicatorChanged.connect(self._sorted)
