"""The look of the window: Fusion, a palette and one style sheet, light or dark.

`resources/themes/theme.toml` declares every colour once; `window.qss` beside it is the template
they go into. Widgets are told apart by `Role`, set with `set_role`.
"""

from __future__ import annotations

import re
import shutil
import string
import tempfile
import tomllib
import weakref
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QStyleFactory, QWidget

from msa_desktop.base import paths
from msa_desktop.base.settings import Theme
from msa_desktop.ui import icons

BASE_FONT = 13  # pixels; a person who set a larger font in the system gets theirs
ROW_HEIGHT = 32  # pixels of a table's row
ICON_SIZE = 18  # pixels of an icon in a button or row
_SPIN_PADDING = 6

_ICON_CALL = re.compile(r"icon\(([\w-]+), (\w+)\)")
_DISABLED_ROLES = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
    QPalette.ColorRole.HighlightedText,
    QPalette.ColorRole.PlaceholderText,
    *(ink.value for ink in icons.Ink),
)


class Role(StrEnum):
    """What a widget is for, where its class does not say it. See window.qss for each."""

    # For regions; the lists of a side bar take SIDEBAR too
    SIDEBAR = "sidebar"
    BAR = "bar"
    CARD = "card"
    NOTICE = "notice"
    LIST = "list"
    ROW = "row"
    LINE = "line"
    FIELD = "field"
    POPUP = "popup"
    # For words
    HEADING = "heading"
    TITLE = "title"
    STRONG = "strong"
    MUTED = "muted"
    SMALL = "small"
    SECTION = "section"
    CHIP = "chip"
    DANGER = "danger"
    CODE = "code"
    # For words or buttons
    ATTENTION = "attention"
    # For buttons
    PRIMARY = "primary"
    LINK = "link"
    PILL = "pill"
    # For a field inside of what looks like one
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """What theme.toml says.

    Attributes:
        light: Colour name to "#rrggbb".
        dark: The same names.
        palette: QPalette role to colour name.
        contrast: "text" and "shapes" to pairs of colour names, [foreground, background].
    """

    light: dict[str, str]
    dark: dict[str, str]
    palette: dict[str, str]
    contrast: dict[str, list[list[str]]]


@cache
def declared() -> ThemeFile:
    """The colours of resources/themes/theme.toml."""
    text = (paths.resources() / "themes" / "theme.toml").read_text("utf-8")
    return ThemeFile(**tomllib.loads(text))


def colour(name: str) -> QColor:
    """A colour of theme.toml that no palette role stands for, as light or dark as it is now."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    colours = declared().dark if window.lightness() < 128 else declared().light
    return QColor(colours[name])


def apply(app: QApplication, theme: Theme) -> Appearance:
    """Gives the whole program its look; call again when the person picks another theme.

    Returns:
        The one `Appearance` of `app`; its `changed` tells of every switch of light and dark.
    """
    appearance = app.findChild(Appearance)
    if not isinstance(appearance, Appearance):
        appearance = Appearance(app)
    appearance.set_theme(theme)
    return appearance


def set_role(widget: QWidget, role: Role) -> None:
    """Says what `widget` is for, and has it drawn so."""
    set_property(widget, "role", role.value)


def set_property(widget: QWidget, name: str, value: str) -> None:
    """Sets a property that window.qss asks for, and has the widget drawn anew if it changed."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def pad(box: QAbstractSpinBox) -> None:
    """Keeps a spin box's words off its edge: window.qss does not reach the field inside."""
    box.lineEdit().setTextMargins(_SPIN_PADDING, 0, 0, 0)


class Appearance(QObject):
    """Keeps an application's palette and style sheet in step with the theme and the system.

    Args:
        app: The application; it owns this object.
    """

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._theme = Theme.SYSTEM
        self.dark = False
        system = QFontInfo(app.font()).pixelSize()
        self._font_size = max(BASE_FONT, system)
        folder = tempfile.mkdtemp(prefix="msa-desktop-theme-")
        self._folder = Path(folder)
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        app.setStyle(QStyleFactory.create("Fusion"))
        app.styleHints().colorSchemeChanged.connect(self._follow_system)

    def set_theme(self, theme: Theme) -> None:
        """Light, dark, or whatever the system says now and later."""
        self._theme = theme
        hints = self._app.styleHints()
        # Told to the platform too, so that window frames and file dialogs match.
        if theme is Theme.SYSTEM:
            hints.unsetColorScheme()
            self._paint(dark=hints.colorScheme() == Qt.ColorScheme.Dark)
        else:
            dark = theme is Theme.DARK
            hints.setColorScheme(Qt.ColorScheme.Dark if dark else Qt.ColorScheme.Light)
            self._paint(dark=dark)

    def _follow_system(self, scheme: Qt.ColorScheme) -> None:
        if self._theme is Theme.SYSTEM:
            self._paint(dark=scheme == Qt.ColorScheme.Dark)

    def _paint(self, *, dark: bool) -> None:
        self.dark = dark
        colours = declared().dark if dark else declared().light
        font = self._app.font()
        font.setPixelSize(self._font_size)
        self._app.setFont(font)
        self._app.setPalette(_palette(colours))
        self._app.setStyleSheet(self._style_sheet(colours))
        self.changed.emit()

    def _style_sheet(self, colours: dict[str, str]) -> str:
        template = (paths.resources() / "themes" / "window.qss").read_text("utf-8")
        sizes = {
            "font_small": str(self._font_size - 1),
            "font_title": str(self._font_size + 2),
            "font_heading": str(self._font_size + 7),
        }

        def picture(call: re.Match[str]) -> str:
            return f'url("{self._coloured(call[1], colours[call[2]])}")'

        return string.Template(_ICON_CALL.sub(picture, template)).substitute(colours | sizes)

    def _coloured(self, name: str, colour: str) -> str:
        """Path of an icon drawn in one colour: a style sheet can only name files."""
        file = self._folder / f"{name}-{colour[1:]}.svg"
        if not file.exists():
            file.write_text(icons.svg(name, colour), "utf-8")
        return file.as_posix()


def _palette(colours: dict[str, str]) -> QPalette:
    palette = QPalette()
    for role, name in declared().palette.items():
        palette.setColor(QPalette.ColorRole[role], QColor(colours[name]))
    for disabled in _DISABLED_ROLES:
        palette.setColor(QPalette.ColorGroup.Disabled, disabled, QColor(colours["text_disabled"]))
    return palette
