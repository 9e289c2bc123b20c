from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollBar,
    QSlider,
    QSpinBox,
    QTableWidget,
    QTabWidget,
    QToolButton,
    QTreeWidget,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from msa_desktop.base import paths
from msa_desktop.base.settings import Theme
from msa_desktop.ui import theme

_SCHEMES = {"light": theme.declared().light, "dark": theme.declared().dark}


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_right() -> None:
    assert _contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert _contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize(("kind", "least"), [("text", 4.5), ("shapes", 3.0)])
def test_what_must_be_legible_is(scheme: str, kind: str, least: float) -> None:
    colours = _SCHEMES[scheme]
    pairs = theme.declared().contrast[kind]
    measured = {
        f"{front} on {back}": round(_contrast(colours[front], colours[back]), 2)
        for front, back in pairs
    }
    assert {pair: ratio for pair, ratio in measured.items() if ratio < least} == {}


def test_every_colour_words_are_written_in_is_among_the_measured_pairs() -> None:
    pairs = theme.declared().contrast["text"]
    written = {front for front, _ in pairs}
    assert {"text", "text_muted", "on_accent", "on_selection", "attention", "danger"} <= written


def test_light_and_dark_declare_the_same_colours() -> None:
    assert _SCHEMES["light"].keys() == _SCHEMES["dark"].keys()


def test_every_role_is_styled_somewhere() -> None:
    sheet = (paths.resources() / "themes" / "window.qss").read_text("utf-8")
    assert [role for role in theme.Role if f'"{role.value}"' not in sheet] == []


@pytest.mark.parametrize("scheme", [Theme.LIGHT, Theme.DARK])
def test_qt_understands_the_whole_style_sheet(
    qtbot: QtBot, qapp: QApplication, scheme: Theme
) -> None:
    complaints: list[str] = []

    def listen(kind: QtMsgType, context: object, words: str) -> None:
        if "plugin does not support" not in words:
            complaints.append(words)

    before = qInstallMessageHandler(listen)
    try:
        theme.apply(qapp, scheme)
        window = QWidget()
        qtbot.addWidget(window)
        column = QVBoxLayout(window)
        for kind in (
            QTableWidget, QTreeWidget, QLineEdit, QPushButton, QToolButton, QScrollBar, QMenu,
            QProgressBar, QSlider, QTabWidget, QComboBox, QSpinBox, QCheckBox, QLabel,
        ):  # fmt: skip
            column.addWidget(kind())
        for role in theme.Role:
            label = QLabel(role.value)
            theme.set_role(label, role)
            column.addWidget(label)
        window.grab()
    finally:
        qInstallMessageHandler(before)
    assert complaints == []


def test_the_pictures_of_the_style_sheet_are_drawn_in_the_themes_colours(
    qapp: QApplication,
) -> None:
    theme.apply(qapp, Theme.DARK)
    urls = [part.split('"')[0] for part in qapp.styleSheet().split('url("')[1:]]
    assert len(urls) > 5
    used = {colour.lower() for colour in _SCHEMES["dark"].values()}
    for url in urls:
        drawing = Path(url).read_text("utf-8")
        assert "currentColor" not in drawing
        assert any(f'stroke="{colour}"' in drawing.lower() for colour in used), url


def test_picking_a_theme_changes_the_palette_and_tells(qtbot: QtBot, qapp: QApplication) -> None:
    appearance = theme.apply(qapp, Theme.LIGHT)
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == "#f4f6f6"
    with qtbot.waitSignal(appearance.changed):
        assert theme.apply(qapp, Theme.DARK) is appearance
    assert appearance.dark
    for role, name in theme.declared().palette.items():
        found = qapp.palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole[role])
        assert found.name() == _SCHEMES["dark"][name].lower(), role


def test_the_system_is_followed_only_when_asked(qapp: QApplication) -> None:
    appearance = theme.apply(qapp, Theme.SYSTEM)
    system_changes = qapp.styleHints().colorSchemeChanged
    looks: list[bool] = []
    appearance.changed.connect(lambda: looks.append(appearance.dark))
    system_changes.emit(Qt.ColorScheme.Dark)
    system_changes.emit(Qt.ColorScheme.Light)
    assert looks == [True, False]
    theme.apply(qapp, Theme.LIGHT)
    system_changes.emit(Qt.ColorScheme.Dark)
    assert looks == [True, False, False]


def test_words_are_at_least_thirteen_pixels_high(qapp: QApplication) -> None:
    theme.apply(qapp, Theme.LIGHT)
    assert qapp.font().pixelSize() >= theme.BASE_FONT


def test_a_role_given_later_is_drawn_at_once(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply(qapp, Theme.LIGHT)
    label = QLabel("words")
    qtbot.addWidget(label)
    label.show()
    theme.set_role(label, theme.Role.DANGER)
    found = label.palette().color(QPalette.ColorRole.WindowText).name()
    assert found == _SCHEMES["light"]["danger"].lower()
