"""A list of tracks that a search found: who, how well each fits, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QLocale, QModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QAction, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem, QWidget

from msa_desktop.base.model import Hit, TrackId, display_path
from msa_desktop.ui import paint, text
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import EDGE, Index
from msa_desktop.ui.track_rows import TrackRowDelegate, TrackRowList, TrackRows

_NOWHERE = QModelIndex()
_SLOT = 40  # pixels at the left for the rank or the play mark
_PLAY = 18
_SCORE = 46
_GAP = 6
_WIDE = 480  # from this width on, the reasons have a column of their own
_NAMES = 0.52  # the names' share of it


@dataclass(frozen=True, slots=True)
class Wording:
    """What a list calls its parts where it is read out, and in tooltips.

    Attributes:
        list_name: The list.
        score: How well a track fits, in percent.
        precise: The same as a number.
        reasons: What stands before the labels.
        names: Whether the labels are names, whose capitals stay.
    """

    list_name: str
    score: str
    precise: str
    reasons: str
    names: bool = False


SIMILAR = Wording("Similar tracks", "match", "Similarity", "both")
MIXING = Wording("Tracks that mix well", "mixes", "Mixes", "at", names=True)
FOUND = Wording("Tracks found", "fits", "Fits", "sounds")


class HitModel(TrackRows):
    """Hits, best first."""

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._hits: list[Hit] = []
        self._many_ears = False

    @property
    def hits(self) -> Sequence[Hit]:
        """What is listed."""
        return self._hits

    def show(self, hits: Sequence[Hit]) -> None:
        """Lists other hits; the selection stays where these are the same tracks."""
        same = [hit.track.id for hit in hits] == [hit.track.id for hit in self._hits]
        if not same:
            self.beginResetModel()
        self._hits = list(hits)
        self._many_ears = len({ears for hit in hits for ears in hit.encoders}) > 1
        if not same:
            self.endResetModel()
        elif hits:
            self.dataChanged.emit(self.index(0), self.index(len(hits) - 1))

    def track_at(self, row: int) -> TrackId | None:
        return self._hits[row].track.id

    def reasons(self, row: int) -> list[str]:
        """The labels that speak for a track; genres and moods in small letters like the others."""
        labels = self._hits[row].labels
        return list(labels) if self._wording.names else [label.lower() for label in labels]

    def heard_by(self, row: int) -> str:
        """Whose ears found a track, where there are several's."""
        return ", ".join(map(text.encoder, self._hits[row].encoders)) if self._many_ears else ""

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        hit, wording = self._hits[index.row()], self._wording
        labels = ", ".join(self.reasons(index.row()))
        reasons = f"{wording.reasons} {labels}" if labels else ""
        heard_by = self.heard_by(index.row())
        ears = f"heard by {heard_by}" if heard_by else ""
        if role == Qt.ItemDataRole.DisplayRole:
            return text.by(hit.track)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            score = f"{wording.score} {text.match(hit.score)}"
            return ", ".join(filter(None, (text.by(hit.track), score, reasons, ears)))
        if role == Qt.ItemDataRole.ToolTipRole:
            score = f"{wording.precise} {QLocale().toString(hit.score, 'f', 3)}"
            lines = (score, reasons[:1].upper() + reasons[1:], ears.capitalize())
            path = display_path(hit.track.path)
            return "\n".join(filter(None, (text.by(hit.track), *lines, path)))
        return None


class HitList(TrackRowList):
    """Shows a `HitModel`."""

    def __init__(
        self, wording: Wording, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        hits = HitModel(wording)
        super().__init__(wording.list_name, hits, actions, parent)
        self.hits = hits
        self.setItemDelegate(_Delegate(hits, self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)


class _Delegate(TrackRowDelegate):
    """Rank or play mark; title and artist; the reasons, beside or below them; the score."""

    def __init__(self, model: HitModel, view: HitList) -> None:
        super().__init__(view, _SLOT)
        self._model = model
        self._play = icon("play", Ink.ACCENT)
        self._playing = icon("volume", Ink.ACCENT)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del index
        line = option.fontMetrics.lineSpacing()
        wide = self._list.viewport().width() >= _WIDE
        return QSize(0, 2 * line + (19 if wide else _chip_height(option.font) + 28))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        hit = self._model.hits[index.row()]
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        paint.background(painter, option, hovered=hovered)
        if self.has_keyboard(index):
            paint.focus_strip(painter, option)
        is_playing = self._model.is_playing(index.row())
        self._paint_slot(painter, option, index.row(), hovered=hovered, playing=is_playing)
        rect, line = option.rect, option.fontMetrics.lineSpacing()
        left, top, wide = rect.left() + _SLOT, rect.top() + 9, rect.width() >= _WIDE
        score = QRect(rect.right() - EDGE - _SCORE, top, _SCORE, 2 * line)
        room = score.left() - _GAP - left
        names = QRect(left, top, int(room * _NAMES) if wide else room, 2 * line + 1)
        _paint_names(painter, option, names, hit, playing=is_playing, with_album=wide)
        _paint_score(painter, option, score, hit.score)
        if wide:
            beside = names.right() + 2 * _GAP
            reasons = QRect(beside, top, score.left() - 3 * _GAP - beside, 2 * line)
        else:
            reasons = QRect(left, top + 2 * line + _GAP, rect.right() - EDGE - left, 0)
        self._paint_reasons(painter, option, reasons, index.row())
        painter.fillRect(
            QRect(left, rect.bottom(), rect.right() - left, 1),
            paint.colour(QPalette.ColorRole.Midlight),
        )

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

    def _paint_reasons(
        self, painter: QPainter, option: QStyleOptionViewItem, place: QRect, row: int
    ) -> None:
        """The labels as chips, and whose ears: on two lines, or on one if `place` has no height.

        Where one line has no room for the ears, the tooltip has them.
        """
        chip = _chip_height(option.font)
        ears = self._model.heard_by(row)
        painter.setFont(paint.sized(option.font, -2))
        muted = paint.words_colour(option, muted=True)
        if place.height() and ears:
            line = QRect(place.left(), place.bottom() - chip + 2, place.width(), chip)
            paint.words(painter, line, ears, muted)
        elif place.height():
            place = place.translated(0, (place.height() - chip) // 2)
        plain = (
            not paint.is_selected(option) and not option.state & QStyle.StateFlag.State_MouseOver
        )
        fill = paint.colour(QPalette.ColorRole.Midlight if plain else QPalette.ColorRole.Base)
        x = place.left()
        for label in self._model.reasons(row):
            width = paint.chip_width(label, painter.fontMetrics())
            if x + width > place.right():
                break
            paint.chip(painter, QRect(x, place.top(), width, chip), label, fill, muted)
            x += width + 5
        room = place.right() - x - 3
        if not place.height() and painter.fontMetrics().horizontalAdvance(ears) <= room:
            line = QRect(x + 3, place.top(), room, chip)
            paint.words(painter, line, ears, muted, right=True)


def _paint_names(
    painter: QPainter,
    option: QStyleOptionViewItem,
    place: QRect,
    hit: Hit,
    *,
    playing: bool,
    with_album: bool,
) -> None:
    line = option.fontMetrics.lineSpacing()
    accent = paint.colour(QPalette.ColorRole.Accent)
    title = accent if playing else paint.words_colour(option, muted=False)
    painter.setFont(paint.sized(option.font, 0, QFont.Weight.Medium))
    first = QRect(place.left(), place.top(), place.width(), line)
    paint.words(painter, first, hit.track.title, title)
    tags = hit.track.tags
    named = [tags.artist, tags.album] if with_album else [tags.artist or tags.album]
    under = " \N{MIDDLE DOT} ".join(filter(None, named)) or "Unknown artist"
    painter.setFont(option.font)
    paint.words(
        painter, first.translated(0, line + 1), under, paint.words_colour(option, muted=True)
    )


def _paint_score(
    painter: QPainter, option: QStyleOptionViewItem, place: QRect, score: float
) -> None:
    line = option.fontMetrics.lineSpacing()
    painter.setFont(paint.sized(option.font, 0, QFont.Weight.DemiBold))
    number = QRect(place.left(), place.top(), place.width(), line)
    colour = paint.words_colour(option, muted=False)
    paint.words(painter, number, text.match(score), colour, right=True)
    groove = paint.colour(
        QPalette.ColorRole.Base if paint.is_selected(option) else QPalette.ColorRole.Midlight
    )
    bar = QRect(place.left(), place.top() + line + 7, place.width(), 4)
    paint.bar(painter, bar, score, groove, paint.colour(QPalette.ColorRole.Accent))


def _chip_height(font: QFont) -> int:
    return QFontMetrics(paint.sized(font, -2)).height() + 3
