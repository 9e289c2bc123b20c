from __future__ import annotations

import gc

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from msa_desktop.base.settings import Theme
from msa_desktop.ui import icons, theme
from msa_desktop.ui.icons import Ink

_NEEDED = [
    "play",
    "pause",
    "stop",
    "next",
    "previous",
    "volume",
    "volume-mute",
    "search",
    "folder",
    "folder-plus",
    "folder-offline",
    "music",
    "clock",
    "alert",
    "similar",
    "tag",
    "refresh",
    "settings",
    "close",
    "copy",
    "external",
    "chevron-down",
    "chevron-up",
    "chevron-right",
    "check",
    "x",
    "trash",
    "info",
]


def _colours(image: QImage) -> set[str]:
    """Every colour that covers a pixel wholly."""
    points = ((x, y) for x in range(image.width()) for y in range(image.height()))
    pixels = (image.pixelColor(x, y) for x, y in points)
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


def _picture(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal, side: int = 48) -> QImage:
    return icon.pixmap(QSize(side, side), 1.0, mode).toImage()


@pytest.mark.parametrize("name", sorted({*_NEEDED, *icons.names()}))
def test_every_icon_draws_something_at_every_size(qapp: QApplication, name: str) -> None:
    theme.apply(qapp, Theme.LIGHT)
    for side in (16, 24, 48):
        image = _picture(icons.icon(name), side=side)
        painted = sum(
            image.pixelColor(x, y).alpha() > 127 for x in range(side) for y in range(side)
        )
        assert 0.02 < painted / side**2 < 0.6


def test_a_missing_icon_is_a_loud_error(qapp: QApplication) -> None:
    with pytest.raises(LookupError, match=r'no icon "plya".*play'):
        icons.icon("plya")


def test_an_icon_is_drawn_for_the_screens_pixel_ratio(qapp: QApplication) -> None:
    pixmap = icons.icon("folder").pixmap(QSize(18, 18), 2.0)
    assert pixmap.size() == QSize(36, 36)
    assert pixmap.devicePixelRatio() == 2.0
    once = icons.icon("folder").pixmap(QSize(18, 18), 1.0).toImage()
    assert pixmap.toImage().scaled(18, 18) != once  # drawn again, not stretched


def test_colours_follow_the_theme_the_ink_and_the_state(qapp: QApplication) -> None:
    icon = icons.icon("stop")
    accent = icons.icon("stop", Ink.ACCENT)
    for which, colours in (
        (Theme.LIGHT, theme.declared().light),
        (Theme.DARK, theme.declared().dark),
    ):
        theme.apply(qapp, which)
        assert _colours(_picture(icon)) == {colours["text"].lower()}
        assert _colours(_picture(accent)) == {colours["accent"].lower()}
        disabled = _picture(accent, QIcon.Mode.Disabled)
        assert _colours(disabled) == {colours["text_disabled"].lower()}
        selected = _picture(icon, QIcon.Mode.Selected)
        assert _colours(selected) == {colours["on_selection"].lower()}


def test_a_button_repaints_its_icon_when_the_theme_changes(
    qtbot: QtBot, qapp: QApplication
) -> None:
    theme.apply(qapp, Theme.LIGHT)
    button = QToolButton()
    qtbot.addWidget(button)
    button.setIcon(icons.icon("stop"))
    button.show()
    dark_text = QColor(theme.declared().dark["text"]).name()
    assert dark_text not in _colours(button.grab().toImage())
    theme.apply(qapp, Theme.DARK)
    assert dark_text in _colours(button.grab().toImage())


def test_an_icon_outlives_the_python_objects_that_made_it(qapp: QApplication) -> None:
    kept = [QIcon(icons.icon("play")) for _ in range(50)]
    copy = QIcon(kept[0])
    copy.addPixmap(QPixmap(4, 4))  # makes Qt clone what draws it
    kept.clear()
    gc.collect()
    assert not _picture(copy).isNull()


def test_the_programs_own_icon_comes_in_every_size(qapp: QApplication) -> None:
    icon = icons.app_icon()
    assert {16, 32, 48, 256} <= {size.width() for size in icon.availableSizes()}
    assert len(_colours(_picture(icon, side=256))) > 50
