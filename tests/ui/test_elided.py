from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from msa_desktop.ui.elided import ElidedLabel


def test_words_that_fit_stay_whole_and_others_are_shortened(qtbot: QtBot) -> None:
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.setText("A title of some length")
    label.resize(400, 20)
    assert label.shown_text() == "A title of some length"
    label.resize(70, 20)
    assert label.shown_text().startswith("A t")
    assert label.shown_text().endswith("…")
    assert label.text() == "A title of some length"  # what a screen reader says


def test_a_path_loses_its_middle(qtbot: QtBot) -> None:
    label = ElidedLabel(Qt.TextElideMode.ElideMiddle)
    qtbot.addWidget(label)
    label.setText("/home/somebody/Music/Composer/Album/01 Song.flac")
    label.resize(160, 20)
    assert label.shown_text().startswith("/home")
    assert label.shown_text().endswith("flac")


def test_it_is_one_line_and_gives_way_in_a_layout(qtbot: QtBot) -> None:
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.setText("<b>two</b>\nlines " * 20)
    label.resize(4000, 20)
    assert "\n" not in label.shown_text()
    assert "<b>" in label.shown_text()  # a name is never taken for markup
    assert label.minimumSizeHint().width() < 80
