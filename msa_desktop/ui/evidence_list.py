"""The list of what speaks for a value: labels with bars, tagged neighbours to be played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QRect, QSize, Qt
from PySide6.QtGui import QAction, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem, QWidget

from msa_desktop.base.model import TrackId
from msa_desktop.ui import paint, text
from msa_desktop.ui.evidence import Item, Kind
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import EDGE, Index
from msa_desktop.ui.track_rows import TrackRowDelegate, TrackRowList, TrackRows

_NOWHERE = QModelIndex()
_SLOT = 24  # pixels at the left of a neighbour for the play mark
_PLAY = 16
_PERCENT = 48
_NAME_SHARE = 0.42
_WRAP = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop


class EvidenceModel(TrackRows):
    """Lines of evidence; the neighbours in the library are tracks."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: list[Item] = []

    def track_at(self, row: int) -> TrackId | None:
        return self.items[row].track_id

    def show(self, items: Sequence[Item]) -> None:
        """Lists other evidence."""
        if list(items) == self.items:
            return
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.items)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self.items[index.row()].kind is Kind.TITLE:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.words
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return _in_words(item)
        if role == Qt.ItemDataRole.ToolTipRole and item.kind is not Kind.TITLE:
            return _in_words(item)
        return None


class EvidenceList(TrackRowList):
    """Shows an `EvidenceModel`."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        lines = EvidenceModel()
        super().__init__("Evidence for the proposed tags", lines, actions, parent)
        self.lines = lines
        self.setItemDelegate(_Delegate(self.lines, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)


class _Delegate(TrackRowDelegate):
    """One way to paint for each kind of line."""

    def __init__(self, model: EvidenceModel, view: EvidenceList) -> None:
        super().__init__(view, EDGE + _SLOT)
        self._model = model
        self._play = icon("play", Ink.MUTED)
        self._play_hot = icon("play", Ink.ACCENT)
        self._playing = icon("volume", Ink.ACCENT)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        item = self._model.items[index.row()]
        metrics = option.fontMetrics
        line = metrics.lineSpacing()
        if item.kind is Kind.VALUE:
            first = index.row() == 0
            words = self._wrapped(_value_font(option.font), item.words, _PERCENT + 8)
            return QSize(0, words + line + (28 if first else 40))
        if item.kind is Kind.REASON:
            return QSize(0, self._wrapped(option.font, item.words, 0) + 8)
        extra = {Kind.TITLE: 18, Kind.LABEL: 9, Kind.NEIGHBOUR: line + 12}[item.kind]
        return QSize(0, line + extra)

    def _wrapped(self, font: QFont, words: str, less: int) -> int:
        """How tall a paragraph is in the list's width, in pixels."""
        width = max(60, self._list.viewport().width() - 2 * EDGE - less)
        room = QRect(0, 0, width, 10_000)
        return QFontMetrics(font).boundingRect(room, _WRAP, words).height()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        item = self._model.items[index.row()]
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if item.kind in (Kind.LABEL, Kind.NEIGHBOUR, Kind.REASON):
            lit = hovered and item.track_id is not None
            paint.background(painter, option, hovered=lit)
        if self.has_keyboard(index):
            paint.focus_strip(painter, option)
        rect = option.rect.adjusted(EDGE, 0, -EDGE, 0)
        if item.kind is Kind.VALUE:
            self._paint_value(painter, option, rect, item, first=index.row() == 0)
        elif item.kind is Kind.TITLE:
            rect = rect.adjusted(0, 10, 0, 0)
            muted = paint.words_colour(option, muted=True)
            painter.setFont(paint.sized(option.font, -1, QFont.Weight.DemiBold))
            paint.words(painter, rect, item.words, muted)
            painter.setFont(paint.sized(option.font, -1))
            paint.words(painter, rect, item.detail, muted, right=True)
        elif item.kind is Kind.LABEL:
            _paint_label(painter, option, rect, item)
        elif item.kind is Kind.NEIGHBOUR:
            self._paint_neighbour(painter, option, index.row(), hovered=hovered)
        else:
            painter.setFont(option.font)
            painter.setPen(paint.words_colour(option, muted=False))
            painter.drawText(rect.adjusted(0, 4, 0, 0), _WRAP, item.words)

    def _paint_value(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        rect: QRect,
        item: Item,
        *,
        first: bool,
    ) -> None:
        line = option.fontMetrics.lineSpacing()
        top = rect.top() + (10 if first else 22)
        if not first:
            rule = QRect(rect.left(), rect.top() + 9, rect.width(), 1)
            painter.fillRect(rule, paint.colour(QPalette.ColorRole.Midlight))
        muted = paint.words_colour(option, muted=True)
        painter.setFont(paint.sized(option.font, -1))
        paint.words(painter, QRect(rect.left(), top, rect.width(), line), item.detail, muted)
        painter.setFont(_value_font(option.font))
        painter.setPen(paint.words_colour(option, muted=False))
        words = QRect(rect.left(), top + line, rect.width() - _PERCENT - 8, rect.height())
        painter.drawText(words, _WRAP, item.words)
        percent = QRect(rect.right() - _PERCENT, top + line, _PERCENT, line + 2)
        accent = paint.colour(QPalette.ColorRole.Accent)
        paint.words(painter, percent, text.match(item.share or 0.0), accent, right=True)
        bar = QRect(rect.left(), rect.bottom() - 7, rect.width(), 4)
        groove = paint.colour(QPalette.ColorRole.Midlight)
        paint.bar(painter, bar, item.share or 0.0, groove, accent)

    def _paint_neighbour(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        row: int,
        *,
        hovered: bool,
    ) -> None:
        item, is_playing = self._model.items[row], self._model.is_playing(row)
        rect = option.rect.adjusted(EDGE, 0, -EDGE, 0)
        line = option.fontMetrics.lineSpacing()
        if item.track_id is not None:  # a reference's track is not here to be played
            mark = QRect(rect.left(), rect.top() + 5 + (line - _PLAY) // 2, _PLAY, _PLAY)
            picture = self._playing if is_playing else self._play_hot if hovered else self._play
            picture.paint(painter, mark)
        left = rect.left() + _SLOT
        room = rect.right() - _PERCENT - left
        ink = paint.words_colour(option, muted=False)
        if is_playing:
            ink = paint.colour(QPalette.ColorRole.Accent)
        painter.setFont(option.font)
        paint.words(painter, QRect(left, rect.top() + 5, room, line), item.words, ink)
        muted = paint.words_colour(option, muted=True)
        painter.setFont(paint.sized(option.font, -1))
        tags = QRect(left, rect.top() + 6 + line, rect.right() - left, line)
        paint.words(painter, tags, item.detail, muted)
        percent = QRect(rect.right() - _PERCENT, rect.top() + 5, _PERCENT, line)
        paint.words(painter, percent, text.match(item.share or 0.0), muted, right=True)


def _paint_label(painter: QPainter, option: QStyleOptionViewItem, rect: QRect, item: Item) -> None:
    """A label's score as a bar, with a mark where it usually is."""
    painter.setFont(option.font)
    name = QRect(rect.left(), rect.top(), int(rect.width() * _NAME_SHARE), rect.height())
    paint.words(painter, name, item.words, paint.words_colour(option, muted=False))
    percent = QRect(rect.right() - _PERCENT, rect.top(), _PERCENT, rect.height())
    painter.setFont(paint.sized(option.font, -1))
    muted = paint.words_colour(option, muted=True)
    share, usual = item.share or 0.0, item.usual or 0.0
    paint.words(painter, percent, text.match(share), muted, right=True)
    left = name.right() + 8
    bar = QRect(left, rect.center().y() - 2, percent.left() - 8 - left, 5)
    role = QPalette.ColorRole.Base if paint.is_selected(option) else QPalette.ColorRole.Midlight
    paint.bar(painter, bar, share, paint.colour(role), paint.colour(QPalette.ColorRole.Accent))
    tick = QRect(bar.left() + round(bar.width() * min(1.0, usual)) - 1, bar.top() - 3, 2, 11)
    painter.fillRect(tick, paint.colour(QPalette.ColorRole.Text))


def _value_font(font: QFont) -> QFont:
    return paint.sized(font, 1, QFont.Weight.DemiBold)


def _in_words(item: Item) -> str:
    share = text.match(item.share or 0.0)
    if item.kind is Kind.VALUE:
        return f"{item.detail}: {item.words}, {share} sure"
    if item.kind is Kind.LABEL:
        return f"{item.words}: heard at {share}, usually {text.match(item.usual or 0.0)}"
    if item.kind is Kind.NEIGHBOUR:
        return f"{item.words}, {share} alike, tagged {item.detail}"
    return item.words
