"""What was heard in a track: its kind, what was measured of it, and its labels with their bars.

Labels are grouped by what they speak of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from msa_desktop.base.model import LabelScore
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.ui import paint, text
from msa_desktop.ui.measure_words import Fact
from msa_desktop.ui.paint import EDGE, Index

_NOWHERE = QModelIndex()
_LEAST = 0.03  # a label weaker than this was not heard
_MOST_OF_A_KIND = 6
_PERCENT = 40
_GAP = 14  # pixels between what a fact is called and what it is
_TITLES = {
    LabelKind.GENRE: "Genre",
    LabelKind.MOOD: "Mood",
    LabelKind.INSTRUMENT: "Instruments",
    LabelKind.VOICE: "Voice",
    LabelKind.TEMPO: "Tempo",
    LabelKind.ERA: "Era",
    LabelKind.QUALITY: "Sound",
    LabelKind.OTHER: "Other",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A group's title, one label (with a score), or a fact (with a value)."""

    words: str
    score: LabelScore | None = None
    value: str = ""
    note: str = ""

    @property
    def is_title(self) -> bool:
        """Whether it only says what follows."""
        return self.score is None and not self.value


def kind(found: KindOfTrack | None) -> list[Line]:
    """The kind of track, how surely, and by what; nothing where it is not known."""
    if found is None or found.kind is Kind.UNKNOWN:
        return []
    by = "its stems" if found.by_stems else "its labels"
    name = str(found.kind).capitalize()
    return [Line("Kind", value=name, note=f"{text.match(found.confidence)} sure, by {by}")]


def measured(facts: Iterable[Fact]) -> list[Line]:
    """What was measured, under its title; or that nothing was so far."""
    lines = [Line(name, None, value, note) for name, value, note in facts]
    return [Line("Measured"), *(lines or [Line("", value="Not measured yet")])]


def group(labels: Sequence[LabelScore], kinds: Mapping[str, LabelKind]) -> list[Line]:
    """The labels that count, by kind; within a kind the strongest first."""
    lines: list[Line] = []
    for kind, title in _TITLES.items():
        of_kind = [
            label
            for label in labels
            if label.score >= _LEAST and kinds.get(label.label, LabelKind.OTHER) is kind
        ]
        if of_kind:
            lines.append(Line(title))
            lines += [Line(label.label, label) for label in of_kind[:_MOST_OF_A_KIND]]
    return lines


class LabelModel(QAbstractListModel):
    """Lines of labels."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Line] = []

    @property
    def lines(self) -> Sequence[Line]:
        """What is listed."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Lists other labels; the same ones again leave the list as the person has it."""
        if list(lines) == self._lines:
            return
        self.beginResetModel()
        self._lines = list(lines)
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._lines[index.row()].is_title:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line = self._lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return line.words
        if line.score and role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{line.words}, {text.match(line.score.score)}"
        if line.score and role == Qt.ItemDataRole.ToolTipRole:
            return f"{line.words}: probability {line.score.score:.3f} ({line.score.source})"
        if line.value and role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return ", ".join(filter(None, (line.words, line.value, line.note)))
        return None


class LabelList(QListView):
    """Shows a `LabelModel`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels = LabelModel(self)
        self.setModel(self.labels)
        self.setItemDelegate(_Delegate(self.labels, self))
        self.setAccessibleName("Labels heard in this track")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)


class _Delegate(QStyledItemDelegate):
    """A group's title, a label with its bar, or a fact and, below it, its note."""

    def __init__(self, model: LabelModel, view: LabelList) -> None:
        super().__init__(view)
        self._model = model
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        line = self._model.lines[index.row()]
        height = option.fontMetrics.height()
        return QSize(0, height + (24 if line.is_title else 10) + (height if line.note else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = self._model.lines[index.row()]
        rect = option.rect.adjusted(EDGE, 0, -EDGE, 0)
        muted = paint.words_colour(option, muted=True)
        if line.is_title:
            painter.setFont(paint.sized(option.font, -1, QFont.Weight.DemiBold))
            paint.words(painter, rect.adjusted(0, 10, 0, 0), line.words, muted)
            return
        paint.background(painter, option, hovered=False)
        if self._view.hasFocus() and index == self._view.currentIndex():
            paint.focus_strip(painter, option)
        painter.setFont(option.font)
        if line.score is None:
            self._paint_fact(painter, option, rect, line)
            return
        name = QRect(rect.left(), rect.top(), int(rect.width() * 0.42), rect.height())
        paint.words(painter, name, line.words, paint.words_colour(option, muted=False))
        percent = QRect(rect.right() - _PERCENT, rect.top(), _PERCENT, rect.height())
        painter.setFont(paint.sized(option.font, -1))
        paint.words(painter, percent, text.match(line.score.score), muted, right=True)
        left = name.right() + 8
        groove = QRect(left, rect.center().y() - 2, percent.left() - 8 - left, 5)
        role = QPalette.ColorRole.Base if paint.is_selected(option) else QPalette.ColorRole.Midlight
        fill = paint.colour(QPalette.ColorRole.Accent)
        paint.bar(painter, groove, line.score.score, paint.colour(role), fill)

    def _paint_fact(
        self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, line: Line
    ) -> None:
        muted = paint.words_colour(option, muted=True)
        height = option.fontMetrics.height()
        first = QRect(rect.left(), rect.top() + 5, rect.width(), height)
        if not line.words:
            paint.words(painter, first, line.value, muted)
            return
        names = (one.words for one in self._model.lines if one.value)
        left = max(map(option.fontMetrics.horizontalAdvance, names)) + _GAP
        paint.words(painter, first, line.words, muted)
        value = first.adjusted(left, 0, 0, 0)
        paint.words(painter, value, line.value, paint.words_colour(option, muted=False))
        painter.setFont(paint.sized(option.font, -1))
        paint.words(painter, value.translated(0, height), line.note, muted)
