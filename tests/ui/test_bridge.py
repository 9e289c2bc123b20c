from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import (
    AnalysisProgress,
    EventBus,
    HistoryChanged,
    Notice,
    ProposalsChanged,
    RootsChanged,
    ScanProgress,
    StemsProgress,
    StemsStep,
    TagProgress,
    TagWork,
    TracksChanged,
)
from msa_desktop.base.model import TrackId
from msa_desktop.ui.bridge import Background, Bridge, sentence


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def bridge(qtbot: QtBot, bus: EventBus) -> Iterator[Bridge]:
    made = Bridge(bus)
    yield made
    made.close()


def _changed(*ids: int, structure: bool = False) -> TracksChanged:
    return TracksChanged(frozenset(TrackId(i) for i in ids), structure)


def test_changes_come_as_one_in_the_gui_thread(qtbot: QtBot, bus: EventBus, bridge: Bridge) -> None:
    got: list[tuple[TracksChanged, threading.Thread]] = []
    bridge.tracks_changed.connect(lambda event: got.append((event, threading.current_thread())))

    def publish() -> None:
        for number in range(500):
            bus.publish(_changed(number, structure=number == 250))

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    qtbot.waitUntil(lambda: bool(got))
    qtbot.wait(150)
    assert [event for event, _ in got] == [_changed(*range(500), structure=True)]
    assert got[0][1] is threading.main_thread()


def test_what_is_proposed_and_written_is_told_once(
    qtbot: QtBot, bus: EventBus, bridge: Bridge
) -> None:
    proposals: list[frozenset[TrackId]] = []
    history: list[bool] = []
    progress: list[TagProgress] = []
    bridge.proposals_changed.connect(proposals.append)
    bridge.history_changed.connect(lambda: history.append(True))
    bridge.tag_progress.connect(progress.append)
    for number in range(5):
        bus.publish(ProposalsChanged(frozenset([TrackId(number)])))
        bus.publish(HistoryChanged())
        bus.publish(TagProgress(TagWork.WRITE, number, 5))
    bus.publish(TagProgress(TagWork.WRITE, 5, 5, running=False))
    qtbot.waitUntil(lambda: bool(progress))
    qtbot.wait(150)
    assert proposals == [frozenset(range(5))]
    assert history == [True]
    assert progress == [TagProgress(TagWork.WRITE, 5, 5, running=False)]


def test_only_the_latest_progress_counts_but_every_notice(
    qtbot: QtBot, bus: EventBus, bridge: Bridge
) -> None:
    scans: list[ScanProgress] = []
    analyses: list[AnalysisProgress] = []
    notices: list[Notice] = []
    bridge.scan_progress.connect(scans.append)
    bridge.analysis_progress.connect(analyses.append)
    bridge.notice.connect(notices.append)
    for number in range(5):
        bus.publish(ScanProgress(running=True, seen=number))
        bus.publish(AnalysisProgress(number, 9, 0, 0.0, None, paused=False))
        bus.publish(Notice(str(number)))
    with qtbot.waitSignal(bridge.notice):
        pass
    assert [scan.seen for scan in scans] == [4]
    assert [analysis.done for analysis in analyses] == [4]
    assert [notice.text for notice in notices] == list("01234")


def test_one_track_is_taken_apart_while_another_is_exported(
    qtbot: QtBot, bus: EventBus, bridge: Bridge
) -> None:
    got: list[StemsProgress] = []
    bridge.stems_progress.connect(got.append)
    for done in range(5):
        bus.publish(StemsProgress("/a", StemsStep.SEPARATE, done, 5))
        bus.publish(StemsProgress("/a", StemsStep.EXPORT, done, 5))
        bus.publish(StemsProgress("/b", StemsStep.EXPORT, done, 5))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [
        StemsProgress("/a", StemsStep.SEPARATE, 4, 5),
        StemsProgress("/a", StemsStep.EXPORT, 4, 5),
        StemsProgress("/b", StemsStep.EXPORT, 4, 5),
    ]


def test_nothing_comes_after_the_end(qtbot: QtBot, bus: EventBus, bridge: Bridge) -> None:
    bus.publish(RootsChanged())
    bridge.close()
    bus.publish(RootsChanged())
    with qtbot.assertNotEmitted(bridge.roots_changed, wait=250):
        pass


def test_work_runs_elsewhere_and_its_result_comes_here(
    qtbot: QtBot, background: Background
) -> None:
    answers: list[tuple[threading.Thread, threading.Thread]] = []
    background.run(
        threading.current_thread,
        lambda worker: answers.append((worker, threading.current_thread())),
    )
    qtbot.waitUntil(lambda: bool(answers))
    worker, receiver = answers[0]
    assert worker is not threading.main_thread()
    assert receiver is threading.main_thread()


def test_only_the_newest_request_of_a_key_is_answered(qtbot: QtBot, background: Background) -> None:
    gate = threading.Event()
    answers: list[str] = []
    other: list[str] = []

    def slow(name: str) -> str:
        gate.wait(5)
        return name

    background.run(lambda: slow("old"), answers.append, key="list")
    background.run(lambda: "else", other.append, key="other")
    background.run(lambda: slow("new"), answers.append, key="list")
    qtbot.waitUntil(lambda: bool(other))
    gate.set()
    qtbot.waitUntil(lambda: bool(answers))
    qtbot.wait(50)
    assert answers == ["new"]


def test_a_stale_request_that_waits_is_not_begun(qtbot: QtBot) -> None:
    background = Background(threads=1)
    gate = threading.Event()
    begun: list[int] = []
    done: list[object] = []
    background.run(lambda: gate.wait(5))
    for number in range(20):
        background.run(lambda n=number: begun.append(n), done.append, key="list")  # type: ignore[misc]
    gate.set()
    qtbot.waitUntil(lambda: bool(done))
    background.close()
    assert begun == [19]


def test_errors_go_to_their_slot_or_to_the_signal(
    qtbot: QtBot, background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise UserError("The disk is full.")

    got: list[Exception] = []
    background.run(fail, failed=got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert sentence(got[0]) == "The disk is full."

    logging.getLogger("msa_desktop").propagate = True
    with qtbot.waitSignal(background.failed) as blocker:
        background.run(lambda: 1 / 0)
    assert blocker.args is not None
    assert "division by zero" in sentence(blocker.args[0])
    assert "ZeroDivisionError" in caplog.text
