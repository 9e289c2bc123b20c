"""Paints the cells of the track table."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from msa_desktop.base.model import Track, TrackState
from msa_desktop.base.music import camelot
from msa_desktop.ui import paint
from msa_desktop.ui.columns import COLUMNS, Col
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import EDGE, PAD, Index
from msa_desktop.ui.track_model import TrackModel

_MARK = 14  # pixels of an icon in a cell
_KEY_NAME = 42  # pixels of the widest name of a key, and a gap
_STATE_ICONS = {
    TrackState.NEW: ("clock", Ink.MUTED),
    TrackState.QUEUED: ("clock", Ink.MUTED),
    TrackState.ANALYSED: ("check", Ink.MUTED),
    TrackState.FAILED: ("alert", Ink.ATTENTION),
}


class RowView(Protocol):
    """What the delegate asks of the view it paints for."""

    def hovered_row(self) -> int: ...
    def first_column(self) -> int: ...
    def current_row(self) -> int: ...


class TrackDelegate(QStyledItemDelegate):
    """One call a cell, straight to the track: no roles travel between Python and C++.

    Args:
        model: The table's model.
        view: The table.
    """

    def __init__(self, model: TrackModel, view: RowView, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._view = view
        self._icons = {state: icon(*look) for state, look in _STATE_ICONS.items()}
        self._offline = icon("folder-offline", Ink.MUTED)
        self._playing = icon("volume", Ink.ACCENT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row, column = index.row(), Col(index.column())
        paint.background(painter, option, hovered=row == self._view.hovered_row())
        is_first = column == self._view.first_column()
        if is_first and row == self._view.current_row():
            paint.focus_strip(painter, option)
        track = self._model.track(row)
        painter.setFont(option.font)
        rect = self._inside(option.rect, is_first)
        if track is None:
            if column is Col.TITLE:
                paint.placeholder(painter, rect)
        elif column is Col.TITLE:
            self._paint_title(painter, option, rect, track)
        elif column is Col.STATE:
            self._paint_state(painter, rect, track)
        elif column is Col.REASON:
            colour = paint.colour(QPalette.ColorRole.BrightText)
            paint.paragraph(painter, rect.adjusted(0, 5, 0, -5), track.reason, colour)
        else:
            spec = COLUMNS[column]
            # What was only measured is muted where the file might say it.
            tagged = spec.tagged is not None and spec.tagged(track)
            colour = paint.words_colour(option, muted=not tagged)
            if column is Col.KEY and track.key:
                self._paint_key(painter, option, rect, track.key, colour)
                return
            # A path says most at its ends.
            cut = (
                Qt.TextElideMode.ElideMiddle
                if column is Col.FOLDER
                else Qt.TextElideMode.ElideRight
            )
            paint.words(painter, rect, spec.text(track), colour, right=spec.right, cut=cut)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Room for the words; asked only when a header is double-clicked."""
        column = Col(index.column())
        track = self._model.track(index.row())
        shown = COLUMNS[column].text(track) if track else ""
        first = EDGE - PAD if column == self._view.first_column() else 0
        words = _MARK if column is Col.STATE else option.fontMetrics.horizontalAdvance(shown) + 2
        width = words + 2 * PAD + first
        return QSize(width, option.rect.height())

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Shows a cell's words in full where they were cut, or what more there is to say."""
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return False
        column = Col(index.column())
        track = self._model.track(index.row())
        spec, shown = COLUMNS[column], ""
        if track and spec.tip:
            shown = spec.tip(track)
        elif track and self.sizeHint(option, index).width() > option.rect.width():
            shown = spec.text(track)
        QToolTip.showText(event.globalPos(), shown, view)
        return True

    def _inside(self, rect: QRect, is_first: bool) -> QRect:
        return rect.adjusted(EDGE if is_first else PAD, 0, -PAD, 0)

    def _paint_title(
        self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, track: Track
    ) -> None:
        colour = paint.words_colour(option, muted=track.offline)
        if track.id == self._model.playing:
            colour = paint.colour(QPalette.ColorRole.Accent)
            self._playing.paint(painter, _mark_at(rect))
            rect = rect.adjusted(_MARK + 6, 0, 0, 0)
        paint.words(painter, rect, track.title, colour)

    def _paint_key(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        rect: QRect,
        name: str,
        colour: QColor,
    ) -> None:
        """The name, and the Camelot codes of all rows below each other."""
        paint.words(painter, rect, name, colour)
        code = rect.adjusted(_KEY_NAME, 0, 0, 0)
        paint.words(painter, code, camelot(name), paint.words_colour(option, muted=True))

    def _paint_state(self, painter: QPainter, rect: QRect, track: Track) -> None:
        mark = self._offline if track.offline else self._icons[track.state]
        mark.paint(painter, _mark_at(rect))


def _mark_at(rect: QRect) -> QRect:
    return QRect(rect.left(), rect.center().y() - _MARK // 2 + 1, _MARK, _MARK)
