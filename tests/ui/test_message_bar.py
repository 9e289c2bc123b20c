from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import Notice
from msa_desktop.ui.message_bar import MessageBar, Offer


@pytest.fixture
def bar(qtbot: QtBot) -> MessageBar:
    made = MessageBar()
    qtbot.addWidget(made)
    return made


def _words(bar: MessageBar) -> str:
    return "" if bar.isHidden() else " ".join(label.text() for label in bar.findChildren(QLabel))


def test_errors_stay_until_each_is_dismissed(bar: MessageBar) -> None:
    bar.show_error(UserError("The first."))
    bar.say("Some news.")
    bar.show_error(UserError("The second."))
    assert "The first." in _words(bar)
    assert "2 more" in _words(bar)
    close = bar.findChild(QToolButton)
    assert isinstance(close, QToolButton)
    close.click()
    assert "Some news." in _words(bar)
    close.click()
    assert "The second." in _words(bar)
    close.click()
    assert _words(bar) == ""


def test_news_make_room_for_newer_ones(bar: MessageBar) -> None:
    bar.say("Old news.")
    bar.show_notice(Notice("An error.", is_error=True))
    assert "An error." in _words(bar)
    assert "more" not in _words(bar)


def test_the_same_message_is_not_said_twice(bar: MessageBar) -> None:
    for _ in range(3):
        bar.show_error(UserError("Again."))
    bar.dismiss()
    assert _words(bar) == ""


def test_what_a_message_offers_is_taken_once(bar: MessageBar) -> None:
    taken: list[str] = []
    offers = [Offer(words, partial(taken.append, words)) for words in ("Undo", "Why")]
    bar.say("2 files written.", offers)
    buttons = {b.text(): b for b in bar.findChildren(QPushButton) if not b.isHidden()}
    assert list(buttons) == ["Undo", "Why"]
    buttons["Undo"].click()
    assert taken == ["Undo"]
    assert _words(bar) == ""
    bar.say("Other news.")
    assert [b for b in bar.findChildren(QPushButton) if not b.isHidden()] == []
