from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu
from pytestqt.qtbot import QtBot

from msa_desktop.ui import icons
from msa_desktop.ui.actions import SPECS, Act, Actions, Place


def test_no_two_actions_share_a_key() -> None:
    keys = Counter(QKeySequence(key).toString() for spec in SPECS.values() for key in spec.keys)
    assert "" not in keys
    assert [key for key, count in keys.items() if count > 1] == []


@pytest.mark.parametrize("act", Act)
def test_every_action_is_declared_in_full(act: Act) -> None:
    spec = SPECS[act]
    assert spec.text
    assert spec.tip
    assert spec.places, "reachable by keyboard through a menu"
    assert not spec.icon or spec.icon in icons.names()


def test_a_mnemonic_is_used_once_in_a_menu() -> None:
    for place in Place:
        texts = [spec.text for spec in SPECS.values() if place in spec.places]
        letters = Counter(text[text.index("&") + 1].lower() for text in texts)
        assert [letter for letter, count in letters.items() if count > 1] == [], place


def test_the_menus_hold_every_action_of_their_place(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    actions = Actions(window)
    actions.fill_bar(window.menuBar())
    menus = [menu for menu in window.menuBar().findChildren(QMenu) if menu.title()]
    shown = {action.text() for menu in menus for action in menu.actions()}
    bar = Place.FILE | Place.TRACK | Place.TAGS | Place.VIEW | Place.HELP
    assert {spec.text for spec in SPECS.values() if spec.places & bar} <= shown

    context = actions.context_menu(Place.TRACK_MENU, window)
    texts = [action.text().replace("&", "") for action in context.actions() if action.text()]
    assert texts == [
        "Play",
        "Find similar",
        "Mixes well after this",
        "Show labels",
        "Search like this…",
        "Search unlike this…",
        "Separate stems",
        "Separate stems of a part…",
        "Analyse again",
        "Show in file manager",
        "Copy path",
        "Propose tags",
        "Edit tags…",
    ]
