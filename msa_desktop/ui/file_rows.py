"""Files and what becomes of them, as rows of one height: a file, and below it its frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QRect, Qt
from PySide6.QtGui import QFont, QHelpEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from msa_desktop.base.history import Preview
from msa_desktop.base.model import display_path
from msa_desktop.ui import diff, diff_paint, paint
from msa_desktop.ui.diff import Piece
from msa_desktop.ui.paint import EDGE, Index
from msa_desktop.ui.row_list import RowList

_NOWHERE = QModelIndex()
_INDENT = 16
_MOST_TALL = 1000  # reasons that are given two lines; setting a height costs some microseconds
_FRAME = 130  # pixels for a frame's name


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file (`path`), one of its frames (`frame`), or why it is left alone (`reason`)."""

    path: str = ""
    frame: str = ""
    pieces: tuple[Piece, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a write would do.

    Attributes:
        changing: Files that would be written.
        same: Files that say all of it already.
        left: Files that would be left alone.
        rows: Those that would be written, with their frames, and then those left alone.
    """

    changing: int
    same: int
    left: int
    rows: Sequence[FileRow]


def outlook(previews: Iterable[Preview]) -> Outlook:
    """The rows for a preview; in the background, since there may be 100,000."""
    changing: list[FileRow] = []
    left: list[tuple[str, str]] = []
    files = same = 0
    for preview in previews:
        if preview.reason:
            left.append((preview.path, preview.reason))
        elif not preview.frames:
            same += 1
        else:
            files += 1
            changing.append(FileRow(preview.path))
            for frame in preview.frames:
                parts = diff.pieces(frame.before, frame.after)
                changing.append(FileRow(frame=frame.frame, pieces=parts))
    return Outlook(files, same, len(left), [*changing, *left_alone(left)])


def left_alone(files: Iterable[tuple[str, str]]) -> list[FileRow]:
    """The rows for files with the reason why each was left alone."""
    rows: list[FileRow] = []
    for path, reason in files:
        rows += [FileRow(path), FileRow(reason=reason)]
    return rows


class FileRowModel(QAbstractTableModel):
    """A fixed sequence of rows."""

    def __init__(self, rows: Sequence[FileRow], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows = rows

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return _in_words(self.rows[index.row()])
        return None


class FileRowList(RowList):
    """Shows rows of files."""

    def __init__(self, rows: Sequence[FileRow], parent: QWidget | None = None) -> None:
        super().__init__("Files", (), 0, parent)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        model = FileRowModel(rows, self)
        self.setModel(model)
        self.setItemDelegate(_Delegate(model, self))
        reasons = [place for place, row in enumerate(rows) if row.reason][:_MOST_TALL]
        self.set_heights(dict.fromkeys(reasons, 2 * self.fontMetrics().lineSpacing() + 12))


class _Delegate(QStyledItemDelegate):
    def __init__(self, model: FileRowModel, view: FileRowList) -> None:
        super().__init__(view)
        self._model = model
        self._view = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._model.rows[index.row()]
        paint.background(painter, option, hovered=False)
        if self._view.has_keyboard(index.row()):
            paint.focus_strip(painter, option)
        rect = option.rect.adjusted(EDGE, 0, -EDGE, 0)
        if row.path:
            if index.row():
                rule = QRect(rect.left(), rect.top(), option.rect.width() - EDGE, 1)
                painter.fillRect(rule, paint.colour(QPalette.ColorRole.Midlight))
            file_name(painter, option, rect, row.path)
            return
        rect = rect.adjusted(_INDENT, 0, 0, 0)
        if row.reason:
            painter.setFont(option.font)
            attention = paint.colour(QPalette.ColorRole.BrightText)
            paint.paragraph(painter, rect.adjusted(0, 2, 0, -2), row.reason, attention)
            return
        muted = paint.words_colour(option, muted=True)
        painter.setFont(paint.sized(option.font, -1))
        name = QRect(rect.left(), rect.top(), _FRAME, rect.height())
        paint.words(painter, name, row.frame, muted, cut=Qt.TextElideMode.ElideMiddle)
        room = rect.adjusted(_FRAME + 8, 0, 0, 0)
        ink = paint.words_colour(option, muted=False)
        diff_paint.pieces(painter, room, row.pieces, option.font, ink)

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
        QToolTip.showText(event.globalPos(), _in_words(self._model.rows[index.row()]), view)
        return True


def file_name(painter: QPainter, option: QStyleOptionViewItem, rect: QRect, path: str) -> None:
    """A file's name, and its folder beside it."""
    name = display_path(os.path.basename(path))
    painter.setFont(paint.sized(option.font, 0, QFont.Weight.Medium))
    paint.words(painter, rect, name, paint.words_colour(option, muted=False))
    used = painter.fontMetrics().horizontalAdvance(name) + 10
    painter.setFont(paint.sized(option.font, -1))
    folder = display_path(os.path.dirname(path))
    paint.words(
        painter,
        rect.adjusted(used, 0, 0, 0),
        folder,
        paint.words_colour(option, muted=True),
        cut=Qt.TextElideMode.ElideMiddle,
    )


def _in_words(row: FileRow) -> str:
    if row.path:
        return display_path(row.path)
    return row.reason or f"{row.frame}: {diff.in_words(row.pieces)}"
