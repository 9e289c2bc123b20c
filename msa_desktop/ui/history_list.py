"""The list of what was written: batches that open to their files."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QAction, QFont, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from msa_desktop.base.history import Batch, FileState
from msa_desktop.base.model import display_path
from msa_desktop.ui import diff_paint, history_model, paint, text
from msa_desktop.ui.diff import Piece
from msa_desktop.ui.history_model import FileEntry, HistoryModel, Row
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import EDGE, Index
from msa_desktop.ui.row_list import RowList

_MARK = 16
_INDENT = 26
_RIGHT = 130  # pixels for when it was, or how it stands
_STATES = {
    FileState.PENDING: ("clock", Ink.MUTED),
    FileState.WRITTEN: ("check", Ink.MUTED),
    FileState.UNDONE: ("reset", Ink.MUTED),
    FileState.LEFT_ALONE: ("alert", Ink.ATTENTION),
}


class HistoryList(RowList):
    """Shows a `HistoryModel`."""

    def __init__(
        self, model: HistoryModel, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__("What was written", actions, 0, parent)
        self._history = model
        self._kept_row = -1
        self.verticalHeader().setDefaultSectionSize(2 * self.fontMetrics().lineSpacing() + 25)
        self.setModel(model)
        self.setItemDelegate(_Delegate(model, self, self))
        model.modelAboutToBeReset.connect(self._keep_place)
        model.modelReset.connect(self._restore_place)

    def current(self) -> Row | None:
        """The row that the keyboard acts on."""
        index = self.currentIndex()
        return self._history.row(index.row()) if index.isValid() else None

    def current_batch(self) -> Batch | None:
        """The batch of the current row."""
        row = self.current()
        if isinstance(row, FileEntry):
            batch = self._history.row(self._history.row_of_batch(row.file.batch_id))
            return batch if isinstance(batch, Batch) else None
        return row

    def selected_files(self) -> list[FileEntry]:
        """The selected files of the current batch."""
        batch = self.current_batch()
        rows = map(self._history.row, self.selected_rows().tolist())
        return [
            row
            for row in rows
            if isinstance(row, FileEntry) and batch is not None and row.file.batch_id == batch.id
        ]

    def show_batch(self, batch_id: int) -> None:
        """Goes to a batch and opens it."""
        row = self._history.row_of_batch(batch_id)
        if row >= 0:
            self.make_current(row)
            self._history.expand(batch_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Right opens a batch, Left closes it or goes up to it; Return does either."""
        row, key = self.current(), event.key()
        if key == Qt.Key.Key_Right and isinstance(row, Batch):
            self._history.expand(row.id)
        elif key == Qt.Key.Key_Left and isinstance(row, Batch):
            self._history.collapse(row.id)
        elif key == Qt.Key.Key_Left and isinstance(row, FileEntry):
            self.make_current(self._history.row_of_batch(row.file.batch_id))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(row, Batch):
            self._toggle(row)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The arrow before a batch opens and closes it."""
        super().mousePressEvent(event)
        row = self.current()
        left = event.button() is Qt.MouseButton.LeftButton
        arrow = event.position().x() < EDGE + _INDENT and self._is_on_row(event)
        if left and isinstance(row, Batch) and arrow:
            self._toggle(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Opens or closes a batch."""
        row = self.current()
        arrow = event.position().x() < EDGE + _INDENT
        if isinstance(row, Batch) and not arrow and self._is_on_row(event):
            self._toggle(row)

    def _is_on_row(self, event: QMouseEvent) -> bool:
        return self.indexAt(event.position().toPoint()).isValid()

    def _toggle(self, batch: Batch) -> None:
        if self._history.is_open(batch):
            self._history.collapse(batch.id)
        else:
            self._history.expand(batch.id)

    def _keep_place(self) -> None:
        self._kept_row = self.currentIndex().row()

    def _restore_place(self) -> None:
        self.make_current(self._kept_row, scroll=False)


class _Delegate(QStyledItemDelegate):
    """Two lines each: a batch and what became of it; a file and what changed in it."""

    def __init__(self, model: HistoryModel, view: HistoryList, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._view = view
        self._closed = icon("chevron-right", Ink.MUTED)
        self._opened = icon("chevron-down", Ink.MUTED)
        self._states = {state: icon(*look) for state, look in _STATES.items()}

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._model.row(index.row())
        paint.background(painter, option, hovered=index.row() == self._view.hovered_row())
        if self._view.has_keyboard(index.row()):
            paint.focus_strip(painter, option)
        rule = QRect(EDGE, option.rect.bottom(), option.rect.width() - EDGE, 1)
        painter.fillRect(rule, paint.colour(QPalette.ColorRole.Midlight))
        line = option.fontMetrics.lineSpacing()
        is_batch = isinstance(row, Batch)
        rect = option.rect.adjusted(EDGE + (0 if is_batch else _INDENT), 8, -EDGE, 0)
        mark = QRect(rect.left(), rect.top() + (line - _MARK) // 2 + 1, _MARK, _MARK)
        above = QRect(rect.left() + _INDENT, rect.top(), rect.width() - _INDENT, line)
        below = QRect(above.left(), above.bottom() + 3, above.width(), line + 6)
        if isinstance(row, Batch):
            (self._opened if self._model.is_open(row) else self._closed).paint(painter, mark)
            _paint_batch(painter, option, above, below, row)
        else:
            self._states[row.file.state].paint(painter, mark)
            _paint_file(painter, option, above, below, row)

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Shows a row in full."""
        del option
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return False
        words = history_model.in_words(self._model.row(index.row()))
        QToolTip.showText(event.globalPos(), words, view)
        return True


def _paint_batch(
    painter: QPainter, option: QStyleOptionViewItem, above: QRect, below: QRect, batch: Batch
) -> None:
    muted = paint.words_colour(option, muted=True)
    when = QRect(above.right() - _RIGHT, above.top(), _RIGHT, above.height())
    painter.setFont(paint.sized(option.font, -1))
    paint.words(painter, when, text.moment(batch.created_at), muted, right=True)
    painter.setFont(paint.sized(option.font, 0, QFont.Weight.DemiBold))
    name = above.adjusted(0, 0, -_RIGHT - 8, 0)
    paint.words(painter, name, batch.name, paint.words_colour(option, muted=not batch.kept))
    painter.setFont(option.font)
    size = text.size(batch.size) if batch.kept else "can no longer be undone to the byte"
    size_place = below.adjusted(below.width() // 2, 0, 0, 0)
    paint.words(painter, size_place, size, muted, right=True)
    became = below.adjusted(0, 0, -below.width() // 2, 0)
    paint.words(painter, became, history_model.batch_in_words(batch), muted)


def _paint_file(
    painter: QPainter, option: QStyleOptionViewItem, above: QRect, below: QRect, entry: FileEntry
) -> None:
    file = entry.file
    muted = paint.words_colour(option, muted=True)
    attention = paint.colour(QPalette.ColorRole.BrightText)
    written = file.state is FileState.WRITTEN
    state = QRect(above.right() - _RIGHT, above.top(), _RIGHT, above.height())
    painter.setFont(paint.sized(option.font, -1))
    paint.words(painter, state, "" if written else str(file.state), muted, right=True)
    painter.setFont(option.font)
    name = display_path(os.path.basename(file.path))
    room = above.adjusted(0, 0, -_RIGHT - 8, 0)
    paint.words(painter, room, name, paint.words_colour(option, muted=not written))
    used = painter.fontMetrics().horizontalAdvance(name) + 10
    painter.setFont(paint.sized(option.font, -1))
    folder = display_path(os.path.dirname(file.path))
    cut = Qt.TextElideMode.ElideMiddle
    paint.words(painter, room.adjusted(used, 0, 0, 0), folder, muted, cut=cut)
    if file.reason:
        painter.setFont(option.font)
        paint.words(painter, below, file.reason, attention)
        return
    x = below.left()
    for title, parts in entry.fields:
        x = _paint_field(painter, option, QRect(x, below.top(), 0, below.height()), title, parts)
        if x >= below.right():
            break


def _paint_field(
    painter: QPainter,
    option: QStyleOptionViewItem,
    place: QRect,
    title: str,
    parts: tuple[Piece, ...],
) -> int:
    """Paints a tag's name and what it lost and gained; returns where the next one begins."""
    painter.setFont(paint.sized(option.font, -1))
    muted = paint.words_colour(option, muted=True)
    width = painter.fontMetrics().horizontalAdvance(title) + 8
    right = option.rect.right() - EDGE
    room = max(0, right - place.left())
    paint.words(painter, QRect(place.left(), place.top(), room, place.height()), title, muted)
    left = place.left() + width
    rest = QRect(left, place.top(), max(0, right - left), place.height())
    ink = paint.words_colour(option, muted=False)
    used = diff_paint.pieces(painter, rest, parts, option.font, ink)
    return left + used + 14
