"""Paints the review queue: a track, and a line for each tag with what it loses and gains."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QHelpEvent, QPainter, QPalette, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from msa_desktop.base.fields import FACTS, Field
from msa_desktop.base.model import TrackId, display_path
from msa_desktop.ui import diff_paint, evidence, paint, text
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.paint import EDGE, Index
from msa_desktop.ui.review_model import Entry, Line, ReviewModel
from msa_desktop.ui.values_edit import ValuesEdit

_ABOVE, _BELOW = 9, 9  # pixels around the lines of a row
_NAME = 74  # pixels for the tag's name
_SHARE = 78  # bar and percentage
_BAR = 34
_BUTTON = 24
_MARK = 16
_GAP = 8


class Button(Enum):
    """What can be clicked in a row."""

    ACCEPT = auto()
    REJECT = auto()


@dataclass(frozen=True, slots=True)
class Hit:
    """What lies at a point of a row.

    Attributes:
        field: The tag of the line; None on the track's own line.
        button: The button there, if any.
    """

    field: Field | None
    button: Button | None


class ReviewView(Protocol):
    """What the delegate asks of the list it paints for."""

    pointer: QPoint
    field: Field | None

    def hovered_row(self) -> int: ...
    def has_keyboard(self, row: int) -> bool: ...
    def fontMetrics(self) -> QFontMetrics: ...


class ReviewDelegate(QStyledItemDelegate):
    """One call a row, straight to the entry.

    Args:
        model: The list's model.
        view: The list.
        parent: Qt's parent.

    Signals:
        edited: The person typed other values: track (id), field, values (list).
    """

    edited = Signal(int, str, list)

    def __init__(self, model: ReviewModel, view: ReviewView, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._view = view
        self._icons = {
            (Button.ACCEPT, False): icon("check", Ink.MUTED),
            (Button.ACCEPT, True): icon("check-bold", Ink.ACCENT),
            (Button.REJECT, False): icon("close", Ink.MUTED),
            (Button.REJECT, True): icon("close", Ink.ATTENTION),
        }
        self._accepted = icon("check-bold", Ink.ACCENT)
        self._playing = icon("volume", Ink.ACCENT)
        self.playing: TrackId | None = None

    # Measures

    def height(self, lines: int) -> int:
        """How tall a row with this many lines is, in pixels."""
        metrics = self._view.fontMetrics()
        return _ABOVE + _head(metrics) + lines * _line(metrics) + _BELOW

    def hit(self, row_rect: QRect, entry: Entry, at: QPoint) -> Hit:
        """What lies at a point."""
        for line in (None, *entry.lines):
            rect = self._line_rect(row_rect, entry, line)
            if rect.top() <= at.y() <= rect.bottom():
                found = [b for b, place in _buttons(rect).items() if place.contains(at)]
                field = line.proposal.field if line else None
                return Hit(field, found[0] if found else None)
        return Hit(None, None)

    def _line_rect(self, row_rect: QRect, entry: Entry, line: Line | None) -> QRect:
        """Where a line of a row is; None for the track's own."""
        metrics = self._view.fontMetrics()
        rect = row_rect.adjusted(EDGE, _ABOVE, -EDGE // 2, 0)
        if line is None:
            rect.setHeight(_head(metrics))
            return rect
        number = entry.lines.index(line)
        top = rect.top() + _head(metrics) + number * _line(metrics)
        return QRect(rect.left(), top, rect.width(), _line(metrics))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry = self._model.known(index.row())
        return QSize(option.rect.width(), self.height(len(entry.lines) if entry else 1))

    # Painting

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = index.row()
        hovered = row == self._view.hovered_row()
        paint.background(painter, option, hovered=hovered)
        current = self._view.has_keyboard(row)
        if current:
            paint.focus_strip(painter, option)
        rule = QRect(EDGE, option.rect.bottom(), option.rect.width() - EDGE, 1)
        painter.fillRect(rule, paint.colour(QPalette.ColorRole.Midlight))
        entry = self._model.entry(row)
        if entry is None:
            rect = option.rect.adjusted(EDGE, _ABOVE, -EDGE, 0)
            rect.setHeight(_head(option.fontMetrics))
            paint.placeholder(painter, rect)
            return
        at = self._view.pointer if hovered else QPoint(-1, -1)
        live = hovered or current
        self._paint_head(painter, option, entry, at, live=live)
        for line in entry.lines:
            rect = self._line_rect(option.rect, entry, line)
            if current and line.proposal.field is self._view.field:
                _outline(painter, rect)
            self._paint_line(painter, option, rect, line, at, live=live)

    def _paint_head(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        entry: Entry,
        at: QPoint,
        *,
        live: bool,
    ) -> None:
        rect = self._line_rect(option.rect, entry, None)
        track = entry.track
        buttons = _buttons(rect)
        if live and len(entry.lines) > 1:
            any_open = any(line.is_open for line in entry.lines)
            shown = buttons if any_open else {Button.REJECT: buttons[Button.REJECT]}
            self._paint_buttons(painter, shown, at)
        room = rect.adjusted(0, 0, buttons[Button.ACCEPT].left() - rect.right() - _GAP, 0)
        if track.id == self.playing:
            mark = QRect(0, 0, _MARK, _MARK)
            mark.moveCenter(QPoint(room.left() + _MARK // 2, room.center().y() + 1))
            self._playing.paint(painter, mark)
            room.setLeft(room.left() + _MARK + 6)
        painter.setFont(paint.sized(option.font, 0, QFont.Weight.DemiBold))
        paint.words(painter, room, track.title, paint.words_colour(option, muted=track.offline))
        room.setLeft(room.left() + painter.fontMetrics().horizontalAdvance(track.title) + _GAP)
        painter.setFont(option.font)
        artist = track.tags.artist or track.tags.album_artist
        paint.words(painter, room, artist, paint.words_colour(option, muted=True))

    def _paint_line(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        rect: QRect,
        line: Line,
        at: QPoint,
        *,
        live: bool,
    ) -> None:
        proposal = line.proposal
        muted = paint.words_colour(option, muted=True)
        buttons = _buttons(rect)
        if live and line.is_open:
            self._paint_buttons(painter, buttons, at)
        elif not line.is_open:
            self._accepted.paint(painter, _middle(buttons[Button.ACCEPT]))
            if live:
                self._paint_buttons(painter, {Button.REJECT: buttons[Button.REJECT]}, at)
        painter.setFont(paint.sized(option.font, -1))
        name = QRect(rect.left(), rect.top(), _NAME, rect.height())
        paint.words(painter, name, FACTS[proposal.field].title, muted)
        share = QRect(
            buttons[Button.ACCEPT].left() - _GAP - _SHARE, rect.top(), _SHARE, rect.height()
        )
        _paint_share(painter, option, share, line)
        room = QRect(name.right(), rect.top(), share.left() - _GAP - name.right(), rect.height())
        kept = paint.words_colour(option, muted=False)
        diff_paint.pieces(painter, room, line.pieces, option.font, kept)

    def _paint_buttons(self, painter: QPainter, buttons: dict[Button, QRect], at: QPoint) -> None:
        for button, place in buttons.items():
            self._icons[button, place.contains(at)].paint(painter, _middle(place))

    # Words on hover

    def helpEvent(
        self,
        event: QHelpEvent,
        view: QAbstractItemView,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """Says why, in words."""
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return False
        entry = self._model.known(index.row())
        words = ""
        if entry is not None:
            words = _tip(entry, self.hit(option.rect, entry, event.pos()))
        QToolTip.showText(event.globalPos(), words, view)
        return True

    # Editing a line

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        line = self._focused(index)
        if line is None:
            return super().createEditor(parent, option, index)
        return ValuesEdit(line.proposal.field, parent)

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        entry, line = self._model.known(index.row()), self._focused(index)
        if entry is not None and line is not None:
            rect = self._line_rect(option.rect, entry, line)
            buttons = _buttons(rect)[Button.ACCEPT].left()
            height = editor.sizeHint().height()
            top = rect.center().y() - height // 2 + 1
            editor.setGeometry(rect.left() + _NAME - 8, top, buttons - rect.left() - _NAME, height)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        line = self._focused(index)
        if isinstance(editor, ValuesEdit) and line is not None and not editor.isModified():
            editor.set_values(line.proposal.values)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        del model
        line = self._focused(index)
        if isinstance(editor, ValuesEdit) and editor.isModified() and line is not None:
            track_id = self._model.id_at(index.row())
            self.edited.emit(track_id, line.proposal.field.value, editor.values())

    def _focused(self, index: Index) -> Line | None:
        entry = self._model.known(index.row())
        lines = entry.lines if entry is not None else ()
        return next((x for x in lines if x.proposal.field is self._view.field), None)


def _tip(entry: Entry, hit: Hit) -> str:
    if hit.button is not None:
        verb, key = ("Accept", "A") if hit.button is Button.ACCEPT else ("Reject", "R")
        what = FACTS[hit.field].title.lower() if hit.field else "all of this track"
        return f"{verb} {what} ({key})"
    line = next((x for x in entry.lines if x.proposal.field is hit.field), None)
    if line is None:
        return f"{text.by(entry.track)}\n{display_path(entry.track.path)}"
    whole = ""
    if any(len(piece.text) > 40 for piece in line.pieces):
        whole = "\n".join(line.proposal.values) + "\n\n"
    return whole + evidence.in_words(line.proposal)


def _paint_share(painter: QPainter, option: QStyleOptionViewItem, place: QRect, line: Line) -> None:
    """The confidence, as a bar and a number; a word where it is the person's own."""
    if line.proposal.edited:
        painter.setFont(paint.sized(option.font, -1))
        paint.words(painter, place, "edited", paint.words_colour(option, muted=True), right=True)
        return
    share = line.proposal.confidence
    painter.setFont(paint.sized(option.font, -1, QFont.Weight.DemiBold))
    colour = paint.words_colour(option, muted=False)
    paint.words(painter, place, text.match(share), colour, right=True)
    groove = paint.colour(
        QPalette.ColorRole.Base if paint.is_selected(option) else QPalette.ColorRole.Midlight
    )
    bar = QRect(place.left(), place.center().y() - 1, _BAR, 4)
    paint.bar(painter, bar, share, groove, paint.colour(QPalette.ColorRole.Accent))


def _head(metrics: QFontMetrics) -> int:
    return metrics.height() + 8


def _line(metrics: QFontMetrics) -> int:
    return max(_BUTTON, metrics.height() + 9)


def _buttons(line: QRect) -> dict[Button, QRect]:
    top = line.center().y() - _BUTTON // 2 + 1
    reject = QRect(line.right() - _BUTTON, top, _BUTTON, _BUTTON)
    return {Button.ACCEPT: reject.translated(-_BUTTON - 2, 0), Button.REJECT: reject}


def _middle(place: QRect) -> QRect:
    mark = QRect(0, 0, _MARK, _MARK)
    mark.moveCenter(place.center())
    return mark


def _outline(painter: QPainter, rect: QRect) -> None:
    """Marks the line that the keyboard acts on."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(paint.colour(QPalette.ColorRole.Accent), 1.5))
    painter.drawRoundedRect(QRectF(rect.adjusted(-7, 1, 2, -1)), 5, 5)
    painter.restore()
