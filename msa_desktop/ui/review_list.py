"""The review queue on the screen: rows, the line in a row, and the keys that move between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.ui.lazy_rows import Ids
from msa_desktop.ui.review_delegate import Button, Hit, ReviewDelegate
from msa_desktop.ui.review_model import Entry, ReviewModel
from msa_desktop.ui.row_list import RowList

_USUAL_LINES = 3  # of a row that was not read yet
_MOST_KEPT = 500  # selected rows that are carried over a refresh


class Targets(NamedTuple):
    """What a decision is about: some tags of some tracks; of all tags where `fields` is None."""

    ids: Ids
    fields: frozenset[Field] | None


class ReviewList(RowList):
    """Shows a `ReviewModel`.

    Signals:
        chosen: The track (`Entry` or None) and the tag (`Field` or None) the person is on.
        decide_asked: A button in a row was clicked: `Targets`, and whether to accept.
        edited: The person typed other values: track (id), field, values (list).
        play_asked: A track was double-clicked.
    """

    chosen = Signal(object, object)
    decide_asked = Signal(object, bool)
    edited = Signal(int, str, list)
    play_asked = Signal(int)

    def __init__(
        self, model: ReviewModel, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__("Proposed tags", actions, 0, parent)
        self.field: Field | None = None
        self._tracks = model
        self._kept: list[TrackId] = []
        self._kept_current: TrackId | None = None
        self._kept_row = 0
        self._awaited: TrackId | None = None
        self._kept_top: TrackId | None = None
        self._told: tuple[Entry | None, Field | None] = (None, None)
        self._delegate = ReviewDelegate(model, self, self)
        self.verticalHeader().setDefaultSectionSize(self._delegate.height(_USUAL_LINES))
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self._delegate.edited.connect(self.edited)
        model.resized.connect(self._resize_rows)
        model.modelAboutToBeReset.connect(self._keep_place)
        model.modelReset.connect(self._restore_place)
        model.shown.connect(self._settle)
        model.dataChanged.connect(self._announce)
        model.rowsRemoved.connect(self._select_next)
        self.selectionModel().currentRowChanged.connect(self._leave_field)
        self.selectionModel().selectionChanged.connect(self._announce)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # What the window asks

    def targets(self) -> Targets:
        """What an action would act on now: the line in focus, or the selected rows."""
        if self.field is not None:
            ids = [self._tracks.id_at(self.currentIndex().row())]
            return Targets(np.array(ids, np.int64), frozenset([self.field]))
        return Targets(self._tracks.ids[self.selected_rows()], self.fields_shown())

    def fields_shown(self) -> frozenset[Field] | None:
        """The tags that whole rows stand for here; None for all."""
        field = self._tracks.query.field
        return None if field is None else frozenset([field])

    def selected_ids(self) -> list[TrackId]:
        """The selected tracks, top to bottom."""
        ids: list[TrackId] = self._tracks.ids[self.selected_rows()].tolist()
        return ids

    def listed_ids(self) -> Ids:
        """Every track of the list, in order."""
        return self._tracks.ids

    def current_id(self) -> TrackId | None:
        """The track that the keyboard acts on."""
        index = self.currentIndex()
        return self._tracks.id_at(index.row()) if index.isValid() else None

    def go_to_soon(self, track_id: TrackId) -> None:
        """Goes to a track with the next list that holds it."""
        self._awaited = track_id

    def edit_values(self) -> None:
        """Opens the line in focus, or the first open one of the current row, for typing."""
        entry = self._current_entry()
        if entry is None or not entry.lines:
            return
        if self.field is None:
            lines = [line for line in entry.lines if line.is_open] or list(entry.lines)
            self._focus_field(lines[0].proposal.field)
        self.edit(self.currentIndex())

    def mark_playing(self, track_id: TrackId | None) -> None:
        """Says which track is in the player, so that its row can show it."""
        self._delegate.playing = track_id
        self.viewport().update()

    # Qt's events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right go from the row to its lines and back; Escape to the row."""
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if step is not None and plain:
            self._step_field(step)
        elif event.key() == Qt.Key.Key_Escape and self.field is not None:
            self._focus_field(None)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A button decides; a line takes the focus."""
        at = event.position().toPoint()
        row, hit = self._hit(at)
        left = event.button() is Qt.MouseButton.LeftButton
        if left and hit is not None and hit.button is not None:
            fields = self.fields_shown() if hit.field is None else frozenset([hit.field])
            ids = np.array([self._tracks.id_at(row)], np.int64)
            self.decide_asked.emit(Targets(ids, fields), hit.button is Button.ACCEPT)
            return
        super().mousePressEvent(event)
        if left and hit is not None and len(self.selected_rows()) == 1:
            self._focus_field(hit.field)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Plays the track, or opens a line for typing."""
        row, hit = self._hit(event.position().toPoint())
        if hit is None or hit.button is not None:
            return
        if hit.field is None:
            self.play_asked.emit(self._tracks.id_at(row))
        else:
            self.edit_values()

    def _hit(self, at: QPoint) -> tuple[int, Hit | None]:
        index = self.indexAt(at)
        entry = self._tracks.known(index.row()) if index.isValid() else None
        if entry is None:
            return -1, None
        return index.row(), self._delegate.hit(self.visualRect(index), entry, at)

    # The line in focus

    def _current_entry(self) -> Entry | None:
        index = self.currentIndex()
        return self._tracks.known(index.row()) if index.isValid() else None

    def _step_field(self, by: int) -> None:
        entry = self._current_entry()
        if entry is None:
            return
        fields = [None, *(line.proposal.field for line in entry.lines)]
        place = fields.index(self.field) if self.field in fields else 0
        self._focus_field(fields[min(max(0, place + by), len(fields) - 1)])

    def _focus_field(self, field: Field | None) -> None:
        self.field = field
        self.viewport().update()
        self._announce()

    def _leave_field(self) -> None:
        self._focus_field(None)

    def _announce(self) -> None:
        """Tells what the person is on, where that changed."""
        entry = self._current_entry()
        if entry is not None and not self.selectionModel().isSelected(self.currentIndex()):
            entry = None
        fields = [line.proposal.field for line in entry.lines] if entry else []
        if self.field is not None and self.field not in fields:
            self.field = None
        if (entry, self.field) != self._told:
            self._told = (entry, self.field)
            self.chosen.emit(entry, self.field)

    # Heights, and keeping the place when the list changes

    def _resize_rows(self, rows: list[int]) -> None:
        heights = {}
        for row in rows:
            entry = self._tracks.known(row)
            if entry is not None:
                heights[row] = self._delegate.height(len(entry.lines))
        self.set_heights(heights)

    def _keep_place(self) -> None:
        rows = self.selected_rows()
        self._kept = self._tracks.ids[rows[:_MOST_KEPT]].tolist()
        self._kept_current = self.current_id()
        self._kept_row = max(0, self.currentIndex().row())
        top = self.rowAt(0)
        self._kept_top = self._tracks.id_at(top) if top > 0 else None

    def _restore_place(self) -> None:
        known = self._tracks.rows_known()
        self._resize_rows(known)
        selection = QItemSelection()
        for row in map(self._tracks.row_of, self._kept):
            if row >= 0:
                index = self._tracks.index(row, 0)
                selection.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(selection, flags.ClearAndSelect)
        row = -1 if self._kept_current is None else self._tracks.row_of(self._kept_current)
        if row >= 0:
            index = self._tracks.index(row, 0)
            self.selectionModel().setCurrentIndex(index, flags.NoUpdate)

    def _settle(self, fresh: bool) -> None:
        """Goes to where the person was; to the first row of another list."""
        count = self._tracks.rowCount()
        if count and (fresh or not self.selectionModel().hasSelection()):
            self.make_current(0 if fresh else self._kept_row)
        if fresh:
            self.scrollToTop()
        elif self._kept_top is not None:
            row = self._tracks.row_of(self._kept_top)
            if row >= 0:
                hint = QAbstractItemView.ScrollHint.PositionAtTop
                self.scrollTo(self._tracks.index(row, 0), hint)
        self._kept_top = None
        awaited = -1 if self._awaited is None else self._tracks.row_of(self._awaited)
        if awaited >= 0:
            self._awaited = None
            self.make_current(awaited)
        self._announce()

    def _select_next(self, parent: QModelIndex, first: int) -> None:
        """Goes on with the row that took the place of one that was decided on."""
        del parent
        if not self.selectionModel().hasSelection():
            self.make_current(first)

    def _scrolled(self) -> None:
        self._tracks.look_from(max(0, self.rowAt(0)))
