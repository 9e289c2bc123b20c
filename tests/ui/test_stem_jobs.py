"""Work on stems, one job after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMessageBox, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import StemsProgress, StemsStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.ui.message_bar import Offer
from msa_desktop.ui.stem_jobs import WHOLE, Job, StemJobs, ask_many
from msa_desktop.ui.stem_strip import StemStrip


class House:
    """Jobs that wait until they are let go, and what came of them."""

    def __init__(self, qtbot: QtBot) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.window.show()
        self.strip = StemStrip(self.window)
        self.jobs = StemJobs(self.strip, frozenset({StemsStep.LOAD, StemsStep.SEPARATE}))
        self.gates: dict[str, threading.Event] = {}
        self.outcomes: list[object] = []

    def add(self, path: str, error: Exception | None = None) -> None:
        gate = self.gates.setdefault(path, threading.Event())

        def work(cancel: CancelToken) -> str:
            while not gate.wait(0.01):
                cancel.check()
            if error is not None:
                raise error
            return path

        job = Job(path, f"Working on {path}", work, self.outcomes.append, self.outcomes.append)
        self.jobs.add(job)

    def details(self) -> str:
        labels = self.strip.findChildren(QLabel)
        return " ".join(label.text() for label in labels if label.isVisible()).strip()


@pytest.fixture
def house(qtbot: QtBot) -> Iterator[House]:
    made = House(qtbot)
    yield made
    made.jobs.close()


def _button(strip: StemStrip, words: str) -> QPushButton:
    return next(b for b in strip.findChildren(QPushButton) if b.text() == words and b.isVisible())


def test_one_after_the_other(qtbot: QtBot, house: House) -> None:
    house.add("a")
    house.add("b")
    assert house.jobs.known() == {("a", WHOLE), ("b", WHOLE)}
    assert house.strip.accessibleName() == "Working on a"
    house.jobs.take_progress(StemsProgress("a", StemsStep.LOAD, 0, 0))
    assert house.details() == "Working on a getting ready · 1 more waits"
    house.gates["a"].set()
    qtbot.waitUntil(lambda: house.strip.accessibleName() == "Working on b")
    assert house.outcomes == ["a"]
    house.gates["b"].set()
    qtbot.waitUntil(lambda: not house.jobs.busy)
    assert house.outcomes == ["a", "b"]
    assert not house.jobs.known()
    assert not house.strip.isVisible()


def test_progress_is_shown_where_it_is_about_the_job(house: House) -> None:
    house.add("a")
    line = house.strip.findChildren(QProgressBar)[0]
    for foreign in (
        StemsProgress("b", StemsStep.SEPARATE, 1, 2),
        StemsProgress("a", StemsStep.EXPORT, 1, 2),
        StemsProgress("a", StemsStep.SEPARATE, 1, 2, running=False),
    ):
        house.jobs.take_progress(foreign)
        assert line.maximum() == 0
    house.jobs.take_progress(StemsProgress("a", StemsStep.SEPARATE, 30, 120))
    assert (line.value(), line.maximum()) == (250, 1000)
    assert house.details() == "Working on a 25 %"


def test_cancel_ends_all_of_it(qtbot: QtBot, house: House) -> None:
    house.add("a")
    house.add("b")
    QTest.mouseClick(_button(house.strip, "Cancel"), Qt.MouseButton.LeftButton)
    assert house.details() == "Working on a ending"
    qtbot.waitUntil(lambda: not house.jobs.busy)
    assert not house.strip.isVisible()
    qtbot.wait(50)
    assert house.outcomes == []
    house.add("b")  # and it can begin again
    house.gates["b"].set()
    qtbot.waitUntil(lambda: house.outcomes == ["b"])


def test_a_failure_does_not_keep_the_others(qtbot: QtBot, house: House) -> None:
    house.add("a", UserError("It is damaged."))
    house.add("b")
    house.gates["a"].set()
    qtbot.waitUntil(lambda: house.strip.accessibleName() == "Working on b")
    assert str(house.outcomes[0]) == "It is damaged."


def test_an_outcome_stays_with_what_can_be_done_about_it(qtbot: QtBot, house: House) -> None:
    taken: list[str] = []
    house.jobs.tell("Done.", Offer("Listen", partial(taken.append, "yes")))
    assert house.strip.accessibleName() == "Done."
    QTest.mouseClick(_button(house.strip, "Listen"), Qt.MouseButton.LeftButton)
    assert taken == ["yes"]
    assert not house.strip.isVisible()

    house.jobs.tell("Something is wrong.", problem=True)
    assert [b.text() for b in house.strip.findChildren(QPushButton) if b.isVisible()] == []
    house.add("a")
    assert house.details() == "Working on a"


def test_what_is_cancelled_can_be_asked_for_again_at_once(qtbot: QtBot, house: House) -> None:
    house.add("a")
    house.jobs.cancel()
    assert house.jobs.known() == set()
    house.add("a")
    assert house.jobs.known() == {("a", WHOLE)}
    house.gates["a"].set()
    qtbot.waitUntil(lambda: not house.jobs.busy)
    assert house.outcomes[-1] == "a"


def test_an_outcome_does_not_take_the_place_of_what_goes_on(qtbot: QtBot, house: House) -> None:
    house.add("a")
    with qtbot.waitSignal(house.jobs.failed):
        house.jobs.tell("The stems are gone.", problem=True)
    assert house.strip.accessibleName() == "Working on a"
    assert _button(house.strip, "Cancel")


def test_many_are_asked_about_first(qtbot: QtBot, house: House) -> None:
    agreed: list[str] = []
    ask_many(house.window, 57, 10, partial(agreed.append, "yes"))
    (box,) = house.window.findChildren(QMessageBox)
    assert "57 tracks" in box.text()
    assert "about 29 tracks" in box.informativeText()
    assert box.defaultButton().text().replace("&", "") == "Cancel"
    next(button for button in box.buttons() if button.text() == "Separate").click()
    assert agreed == ["yes"]


def test_where_others_wait_only_a_problem_is_told_and_elsewhere(qtbot: QtBot, house: House) -> None:
    house.add("a")
    house.add("b")
    with qtbot.assertNotEmitted(house.jobs.failed):
        house.jobs.tell("Done.")
    with qtbot.waitSignal(house.jobs.failed) as failed:
        house.jobs.tell("Something is wrong.", problem=True)
    assert str(failed.args[0]) == "Something is wrong."
    assert house.strip.accessibleName() == "Working on a"
