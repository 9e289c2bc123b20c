"""What the hand-painted lists share: measures, words and small shapes in the palette's colours."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QPainter,
    QPalette,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

Index = QModelIndex | QPersistentModelIndex

PAD = 8  # pixels between a cell's edge and its words, as the headers have it
EDGE = 16  # pixels between a region's edge and its first words

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def colour(role: QPalette.ColorRole) -> QColor:
    """A colour of the theme. A style sheet changes the palettes that items are handed."""
    return QGuiApplication.palette().color(role)


def is_selected(option: QStyleOptionViewItem) -> bool:
    """Whether the item being painted is selected."""
    return bool(option.state & QStyle.StateFlag.State_Selected)


def words_colour(option: QStyleOptionViewItem, *, muted: bool) -> QColor:
    """The colour of an item's words, on whatever background the item has."""
    if muted:
        return colour(QPalette.ColorRole.PlaceholderText)
    role = QPalette.ColorRole.HighlightedText if is_selected(option) else QPalette.ColorRole.Text
    return colour(role)


def background(painter: QPainter, option: QStyleOptionViewItem, *, hovered: bool) -> None:
    """Fills an item that is selected or under the pointer."""
    if is_selected(option):
        painter.fillRect(option.rect, colour(QPalette.ColorRole.Highlight))
    elif hovered:
        painter.fillRect(option.rect, colour(QPalette.ColorRole.Midlight))


def focus_strip(painter: QPainter, option: QStyleOptionViewItem) -> None:
    """Marks the left edge of an item that the keyboard acts on."""
    strip = QRect(option.rect.left(), option.rect.top(), 3, option.rect.height())
    painter.fillRect(strip, colour(QPalette.ColorRole.Accent))


def words(
    painter: QPainter,
    rect: QRect,
    text: str,
    ink: QColor,
    *,
    right: bool = False,
    cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
) -> None:
    """One line of words, cut with an ellipsis where it does not fit."""
    if not text or rect.width() <= 0:
        return
    shown = painter.fontMetrics().elidedText(text, cut, rect.width())
    painter.setPen(ink)
    painter.drawText(rect, _RIGHT if right else _LEFT, shown)


def paragraph(painter: QPainter, rect: QRect, text: str, ink: QColor) -> None:
    """As many lines of words as fit, in the middle of `rect`; the last is cut with an ellipsis."""
    metrics = painter.fontMetrics()
    most = max(1, rect.height() // metrics.lineSpacing())
    layout = QTextLayout(text, painter.font())
    layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
    lines: list[str] = []
    layout.beginLayout()
    while len(lines) < most and (line := layout.createLine()).isValid():
        line.setLineWidth(rect.width())
        end = len(text) if len(lines) == most - 1 else line.textStart() + line.textLength()
        lines.append(text[line.textStart() : end].strip())
    layout.endLayout()
    top = rect.top() + (rect.height() - len(lines) * metrics.lineSpacing()) // 2
    for number, line_text in enumerate(lines):
        y = top + number * metrics.lineSpacing()
        words(
            painter,
            QRect(rect.left(), y, rect.width(), metrics.lineSpacing()),
            line_text,
            ink,
        )


def bar(painter: QPainter, rect: QRect, share: float, groove: QColor, fill: QColor) -> None:
    """A rounded horizontal bar, filled from the left by `share` (0 to 1)."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    radius = rect.height() / 2
    painter.setBrush(groove)
    painter.drawRoundedRect(QRectF(rect), radius, radius)
    if share > 0:
        filled = QRectF(rect)
        filled.setWidth(max(float(rect.height()), rect.width() * min(1.0, share)))
        painter.setBrush(fill)
        painter.drawRoundedRect(filled, radius, radius)
    painter.restore()


def chip_width(text: str, metrics: QFontMetrics) -> int:
    """How wide `chip` draws a word."""
    return metrics.horizontalAdvance(text) + 2 * PAD


def chip(painter: QPainter, rect: QRect, text: str, fill: QColor, ink: QColor) -> None:
    """A word on a rounded patch."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(QRectF(rect), rect.height() / 2, rect.height() / 2)
    painter.restore()
    painter.setPen(ink)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def placeholder(painter: QPainter, rect: QRect) -> None:
    """A faint bar where words are still being read."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(QPalette.ColorRole.Midlight))
    patch = QRectF(0, 0, rect.width() * 0.6, 8)
    patch.moveTopLeft(QPointF(rect.left(), rect.center().y() - 4))
    painter.drawRoundedRect(patch, 4, 4)
    painter.restore()


def sized(font: QFont, change: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """A font some pixels larger or smaller."""
    result = QFont(font)
    result.setPixelSize(max(9, font.pixelSize() + change))
    result.setWeight(weight)
    return result
