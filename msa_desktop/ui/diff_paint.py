"""Paints what a tag loses and gains: struck and red, or with a plus and green."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen

from msa_desktop.ui import paint, theme
from msa_desktop.ui.diff import Mark, Piece

_INSIDE = 6  # pixels between a patch's edge and its words
_BETWEEN = 5
_LEAST = 44  # pixels in which a cut word still says something
_RADIUS = 4.0
_EDGE = 0.35
# Not by colour alone: a sign before each, and a line through what goes.
_LOOKS = {
    Mark.ADDED: ("+ ", "added", "added_soft"),
    Mark.REMOVED: ("\N{MINUS SIGN} ", "removed", "removed_soft"),
}


def pieces(painter: QPainter, rect: QRect, parts: Sequence[Piece], font: QFont, ink: QColor) -> int:
    """One line of pieces from the left of `rect`; what does not fit is cut with an ellipsis.

    Args:
        painter: Where to paint.
        rect: The room there is.
        parts: What to paint.
        font: Of the words.
        ink: Colour of what stays as it is.

    Returns:
        How much of the room was used, in pixels.
    """
    x = rect.left()
    for part in parts:
        room = rect.right() - x
        if room < _LEAST:
            _ellipsis(painter, rect, font)
            return rect.width()
        x += _piece(painter, QRect(x, rect.top(), room, rect.height()), part, font, ink) + _BETWEEN
    return min(x - rect.left(), rect.width())


def _piece(painter: QPainter, room: QRect, part: Piece, font: QFont, ink: QColor) -> int:
    """Paints one piece; returns its width, more than there is room where it was cut."""
    words = " ".join(part.text.split())
    if part.mark is Mark.KEPT:
        painter.setFont(font)
        paint.words(painter, room, words, ink)
        return painter.fontMetrics().horizontalAdvance(words)
    sign, name, soft = _LOOKS[part.mark]
    shown = QFont(font)
    painter.setFont(shown)
    sign_width = painter.fontMetrics().horizontalAdvance(sign)
    shown.setStrikeOut(part.mark is Mark.REMOVED)
    if part.mark is Mark.ADDED:
        shown.setWeight(QFont.Weight.Medium)
    painter.setFont(shown)
    metrics = painter.fontMetrics()
    wanted = metrics.horizontalAdvance(words) + sign_width + 2 * _INSIDE + 1
    width = min(wanted, room.width())
    height = min(room.height(), metrics.height() + 4)
    patch = QRect(room.left(), room.center().y() - height // 2 + 1, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = theme.colour(name)
    edge = QColor(colour)
    edge.setAlphaF(_EDGE)  # keeps the patch apart from the background of a selected row
    painter.setPen(QPen(edge, 1))
    painter.setBrush(theme.colour(soft))
    painter.drawRoundedRect(QRectF(patch).adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS, _RADIUS)
    painter.restore()
    inside = patch.adjusted(_INSIDE + sign_width, 0, -_INSIDE + 1, 0)
    paint.words(painter, inside, words, colour)
    shown.setStrikeOut(False)
    painter.setFont(shown)
    paint.words(painter, patch.adjusted(_INSIDE, 0, 0, 0), sign, colour)
    return wanted


def _ellipsis(painter: QPainter, rect: QRect, font: QFont) -> None:
    painter.setFont(font)
    muted = paint.colour(QPalette.ColorRole.PlaceholderText)
    paint.words(painter, rect, "…", muted, right=True)
