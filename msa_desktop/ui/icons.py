"""The window's icons: the program's own SVG files, drawn in the colours of the palette.

An icon looks its colour up when it is painted, so it follows a change between light and dark
without anybody setting it again, and is drawn from the vectors at every size and pixel ratio.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import ClassVar

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QIcon,
    QIconEngine,
    QPainter,
    QPalette,
    QPixmap,
    QPixmapCache,
)
from PySide6.QtSvg import QSvgRenderer

from msa_desktop.base import paths

_APP_ICON = "msa-desktop"
_APP_SIZES = (16, 24, 32, 48, 64, 128, 256)


class Ink(Enum):
    """What an icon is drawn with: a palette role as `resources/themes/theme.toml` fills it."""

    TEXT = QPalette.ColorRole.ButtonText
    MUTED = QPalette.ColorRole.PlaceholderText
    ACCENT = QPalette.ColorRole.Accent
    ON_ACCENT = QPalette.ColorRole.Light
    ATTENTION = QPalette.ColorRole.BrightText


def names() -> list[str]:
    """Every icon that `icon` knows, sorted."""
    found = (file.stem for file in (paths.resources() / "icons").glob("*.svg"))
    return sorted(name for name in found if name != _APP_ICON)


def icon(name: str, ink: Ink = Ink.TEXT) -> QIcon:
    """An icon in the palette's colours for normal, disabled and selected.

    Args:
        name: One of `names()`.
        ink: The colour for the normal state.

    Raises:
        LookupError: There is no such icon.
    """
    _source(name)
    return QIcon(_Engine(name, ink))


def app_icon() -> QIcon:
    """The program's own icon, in its own colours."""
    result = QIcon()
    for size in _APP_SIZES:
        result.addPixmap(_draw(_source(_APP_ICON), QSize(size, size)))
    return result


def svg(name: str, colour: str) -> str:
    """An icon's SVG text drawn in one colour ("#rrggbb").

    Raises:
        LookupError: There is no such icon.
    """
    return _source(name).replace("currentColor", colour)


@cache
def _source(name: str) -> str:
    file = paths.resources() / "icons" / f"{name}.svg"
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(names())
        raise LookupError(f'There is no icon "{name}" ({file}). The icons are: {known}.') from None


def _draw(source: str, size: QSize) -> QPixmap:
    """The SVG on a transparent pixmap of `size` device pixels, centred, as a square."""
    pixmap = QPixmap(size)
    pixmap.fill(Qt.GlobalColor.transparent)
    side = min(size.width(), size.height())
    square = QRectF((size.width() - side) / 2, (size.height() - side) / 2, side, side)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(source.encode())).render(painter, square)
    painter.end()
    return pixmap


class _Engine(QIconEngine):
    """Draws one icon in the application palette's colour of the moment."""

    # Qt takes a clone as its own, but the binding still lets Python delete it. Qt clones an icon
    # only when somebody adds a picture to a copy of it, so this list stays as good as empty.
    _clones: ClassVar[list[_Engine]] = []

    def __init__(self, name: str, ink: Ink) -> None:
        super().__init__()
        self._name = name
        self._ink = ink

    def clone(self) -> QIconEngine:
        copy = _Engine(self._name, self._ink)
        self._clones.append(copy)
        return copy

    def key(self) -> str:
        return "msa-desktop"

    def iconName(self) -> str:
        return self._name

    def isNull(self) -> bool:
        return False

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        del mode, state
        return size

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        size = rect.size() * painter.device().devicePixelRatio()
        painter.drawPixmap(rect, self.pixmap(size, mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """`size` is in device pixels: QIconEngine.scaledPixmap has multiplied it."""
        del state
        colour = self._colour(mode)
        key = f"msa-icon/{self._name}/{colour}/{size.width()}x{size.height()}"
        pixmap = QPixmap()
        if not QPixmapCache.find(key, pixmap):
            pixmap = _draw(svg(self._name, colour), size)
            QPixmapCache.insert(key, pixmap)
        return pixmap

    def _colour(self, mode: QIcon.Mode) -> str:
        palette = QGuiApplication.palette()
        group, role = QPalette.ColorGroup.Active, self._ink.value
        if mode == QIcon.Mode.Disabled:
            group = QPalette.ColorGroup.Disabled
        elif mode == QIcon.Mode.Selected:
            role = QPalette.ColorRole.HighlightedText
        return palette.color(group, role).name()
