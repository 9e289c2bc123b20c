"""The list of similar tracks: who, how close, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QMouseEvent,
    QPainter,
    QPalette,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from msa_desktop.base.model import Hit, TrackId, display_path
from msa_desktop.ui import paint, text
from msa_desktop.ui.actions import menu_place
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.lazy_rows import Ids
from msa_desktop.ui.paint import EDGE, Index

_NOWHERE = QModelIndex()
_SLOT = 40  # pixels at the left for the rank or the play mark
_PLAY = 18
_SCORE = 46
_GAP = 6


class SimilarModel(QAbstractListModel):
    """Hits, best first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hits: list[Hit] = []
        self.playing: TrackId | None = None

    @property
    def hits(self) -> Sequence[Hit]:
        """What is listed."""
        return self._hits

    def show(self, hits: Sequence[Hit]) -> None:
        """Lists other hits."""
        if list(hits) == self._hits:
            return
        self.beginResetModel()
        self._hits = list(hits)
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        hit = self._hits[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text.by(hit.track)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            shared = f", both {', '.join(hit.labels)}" if hit.labels else ""
            return f"{text.by(hit.track)}, match {text.match(hit.score)}{shared}"
        if role == Qt.ItemDataRole.ToolTipRole:
            cosine = QLocale().toString(hit.score, "f", 3)
            shared = f"\nBoth: {', '.join(hit.labels)}" if hit.labels else ""
            return (
                f"{text.by(hit.track)}\nCosine similarity {cosine}{shared}"
                f"\n{display_path(hit.track.path)}"
            )
        return None


class SimilarList(QListView):
    """Shows a `SimilarModel`.

    Signals:
        play_asked: A track (its id) was double-clicked, or its play mark clicked.
        focused: The keyboard came here.
        menu_asked: The selected tracks' menu is wanted at this place of the screen.
    """

    play_asked = Signal(int)
    focused = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hits = SimilarModel(self)
        self.setModel(self.hits)
        delegate = _Delegate(self.hits, self)
        self.setItemDelegate(delegate)
        self.addActions(actions)
        self.setAccessibleName("Similar tracks")
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(self._play)
        delegate.play_clicked.connect(self._play_row)

    def selected_ids(self) -> list[TrackId]:
        """The selected tracks, best first."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.hits.hits[row].track.id for row in rows]

    def current_id(self) -> TrackId | None:
        """The track that the keyboard acts on."""
        index = self.currentIndex()
        return self.hits.hits[index.row()].track.id if index.isValid() else None

    def listed_ids(self) -> Ids:
        """Every track of the list, best first."""
        return np.array([hit.track.id for hit in self.hits.hits], np.int64)

    def mark_playing(self, track_id: TrackId | None) -> None:
        """Says which track is in the player, so that its row can show it."""
        self.hits.playing = track_id
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the item's menu."""
        at = menu_place(self, event)
        if at is not None:
            self.menu_asked.emit(at)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells that the keyboard is here."""
        super().focusInEvent(event)
        self.focused.emit()

    def _play(self, index: QModelIndex) -> None:
        self._play_row(index.row())

    def _play_row(self, row: int) -> None:
        self.play_asked.emit(self.hits.hits[row].track.id)


class _Delegate(QStyledItemDelegate):
    """Rank or play mark; title and artist; the match; the shared labels."""

    play_clicked = Signal(int)

    def __init__(self, model: SimilarModel, view: SimilarList) -> None:
        super().__init__(view)
        self._model = model
        self._view = view
        self._play = icon("play", Ink.ACCENT)
        self._playing = icon("volume", Ink.ACCENT)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del index
        line = option.fontMetrics.lineSpacing()
        return QSize(0, 2 * line + _chip_height(option.font) + 28)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        hit = self._model.hits[index.row()]
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        paint.background(painter, option, hovered=hovered)
        rect = option.rect
        if self._view.hasFocus() and index == self._view.currentIndex():
            paint.focus_strip(painter, option)
        is_playing = hit.track.id == self._model.playing
        self._paint_slot(painter, option, index.row(), hovered=hovered, playing=is_playing)
        line = option.fontMetrics.lineSpacing()
        left, top = rect.left() + _SLOT, rect.top() + 9
        room = rect.right() - EDGE - _SCORE - _GAP - left
        accent = paint.colour(QPalette.ColorRole.Accent)
        title = accent if is_playing else paint.words_colour(option, muted=False)
        muted = paint.words_colour(option, muted=True)
        painter.setFont(paint.sized(option.font, 0, QFont.Weight.Medium))
        paint.words(painter, QRect(left, top, room, line), hit.track.title, title)
        painter.setFont(option.font)
        artist = hit.track.tags.artist or hit.track.tags.album or "Unknown artist"
        paint.words(painter, QRect(left, top + line + 1, room, line), artist, muted)
        self._paint_score(painter, option, top, hit.score)
        chips = QRect(left, top + 2 * line + _GAP, rect.right() - EDGE - left, 0)
        self._paint_chips(painter, option, chips, hit.labels)
        painter.fillRect(
            QRect(left, rect.bottom(), rect.right() - left, 1),
            paint.colour(QPalette.ColorRole.Midlight),
        )

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Plays when the play mark is clicked."""
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and event.position().x() < option.rect.left() + _SLOT
        ):
            self.play_clicked.emit(index.row())
            return True
        return super().editorEvent(event, model, option, index)

    def _paint_slot(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        row: int,
        *,
        hovered: bool,
        playing: bool,
    ) -> None:
        slot = QRect(option.rect.left() + 4, option.rect.top(), _SLOT - 8, option.rect.height())
        if playing or hovered:
            mark = QRect(0, 0, _PLAY, _PLAY)
            mark.moveCenter(slot.center())
            (self._playing if playing else self._play).paint(painter, mark)
            return
        painter.setFont(paint.sized(option.font, -1))
        painter.setPen(paint.words_colour(option, muted=True))
        painter.drawText(slot, Qt.AlignmentFlag.AlignCenter, str(row + 1))

    def _paint_score(
        self, painter: QPainter, option: QStyleOptionViewItem, top: int, score: float
    ) -> None:
        line = option.fontMetrics.lineSpacing()
        place = QRect(option.rect.right() - EDGE - _SCORE, top, _SCORE, line)
        painter.setFont(paint.sized(option.font, 0, QFont.Weight.DemiBold))
        colour = paint.words_colour(option, muted=False)
        paint.words(painter, place, text.match(score), colour, right=True)
        groove = paint.colour(
            QPalette.ColorRole.Base if paint.is_selected(option) else QPalette.ColorRole.Midlight
        )
        fill = paint.colour(QPalette.ColorRole.Accent)
        paint.bar(painter, QRect(place.left(), top + line + 7, _SCORE, 4), score, groove, fill)

    def _paint_chips(
        self, painter: QPainter, option: QStyleOptionViewItem, place: QRect, labels: Sequence[str]
    ) -> None:
        painter.setFont(paint.sized(option.font, -2))
        metrics = painter.fontMetrics()
        plain = (
            not paint.is_selected(option) and not option.state & QStyle.StateFlag.State_MouseOver
        )
        fill = paint.colour(QPalette.ColorRole.Midlight if plain else QPalette.ColorRole.Base)
        colour = paint.words_colour(option, muted=True)
        x = place.left()
        for label in labels:
            width = paint.chip_width(label, metrics)
            if x + width > place.right():
                break
            chip = QRect(x, place.top(), width, _chip_height(option.font))
            paint.chip(painter, chip, label, fill, colour)
            x += width + 5


def _chip_height(font: QFont) -> int:
    return QFontMetrics(paint.sized(font, -2)).height() + 3
