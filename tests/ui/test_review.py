"""The review in the window: the real services, decisions by keyboard and mouse, files written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import Decision, TaggedNeighbour
from msa_desktop.base.settings import Theme
from msa_desktop.tagio import _files
from msa_desktop.ui import theme
from msa_desktop.ui.actions import Act
from msa_desktop.ui.files_dialog import FilesDialog
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.values_edit import ValuesEdit
from tests.ui.conftest import Fill, Propose, Songs

Open = Callable[[], MainWindow]


@pytest.fixture
def review(qtbot: QtBot, open_window: Open) -> Callable[[], MainWindow]:
    """Opens the window on the review, in the order of the folders."""

    def open_it() -> MainWindow:
        window = open_window()
        window.activateWindow()
        with qtbot.waitSignal(window.review.model.shown):
            window.actions_table[Act.SHOW_REVIEW].trigger()
        _choose(window, "Order", "By folder")
        qtbot.waitUntil(lambda: window.review.model.query.order.value == "folder")
        qtbot.wait(50)
        if window.review.model.rowCount():
            window.review.list.make_current(0)
            window.review.list.setFocus()
        return window

    return open_it


def _choose(window: MainWindow, name: str, words: str) -> None:
    boxes = window.review.findChildren(QComboBox)
    next(box for box in boxes if box.accessibleName() == name).setCurrentText(words)


def _press(window: MainWindow, *keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(window.review.list, key)


def _stand(app: App, track_id: TrackId) -> dict[Field, Decision]:
    found = app.proposals.get_many([track_id])
    return {made.field: made.decision for group in found for made in group.proposals}


def _page_words(window: MainWindow) -> str:
    return window.review._note.accessibleName()


def test_a_decides_r_rejects_and_u_takes_back(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(4, heard=0)
    propose(ids, Field.GENRE, "Soul", current=("Jazz",))
    window = review()
    _press(window, Qt.Key.Key_A, Qt.Key.Key_R)
    assert window.review.model.ids.tolist() == ids[2:], "the next row is the current one at once"
    assert window.review.list.current_id() == ids[2]
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.GENRE: Decision.ACCEPTED})
    qtbot.waitUntil(lambda: _stand(app, ids[1]) == {})
    undo = window.actions_table[Act.UNDO_DECISION]
    qtbot.waitUntil(undo.isEnabled)
    qtbot.waitUntil(lambda: len(window.tags.decisions._decided) == 2)

    _press(window, Qt.Key.Key_U)
    qtbot.waitUntil(lambda: _stand(app, ids[1]) == {Field.GENRE: Decision.OPEN})
    QTest.keyClick(window.review.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.GENRE: Decision.OPEN})
    qtbot.waitUntil(lambda: window.review.model.ids.tolist() == ids)
    assert window.review.list.current_id() == ids[0]
    assert not undo.isEnabled()
    assert app.proposals.rejected(ids) == {}


def test_one_tag_of_a_track_is_decided_alone(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.GENRE, "Soul")
    propose(ids, Field.MOOD, "calm")
    window = review()
    _press(window, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_A)
    expected = {Field.GENRE: Decision.OPEN, Field.MOOD: Decision.ACCEPTED}
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == expected)
    assert window.review.model.ids.tolist() == ids, "the genre is still to be decided"
    _press(window, Qt.Key.Key_Left, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.MOOD: Decision.ACCEPTED})
    assert window.review.model.ids.tolist() == ids[1:]


def test_with_a_tag_picked_out_only_that_one_is_decided(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.GENRE, "Soul")
    propose(ids, Field.MOOD, "calm")
    window = review()
    _choose(window, "Which tag", "Mood")
    qtbot.waitUntil(lambda: window.review.model.query.field is Field.MOOD)
    qtbot.wait(50)
    window.review.list.selectAll()
    _press(window, Qt.Key.Key_A)
    expected = {Field.GENRE: Decision.OPEN, Field.MOOD: Decision.ACCEPTED}
    for track_id in ids:
        qtbot.waitUntil(lambda i=track_id: _stand(app, i) == expected)  # type: ignore[misc]


def test_a_value_is_typed_over(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.KEY, "Am")
    window = review()
    _press(window, Qt.Key.Key_E)
    editor = window.review.list.findChild(ValuesEdit)
    assert isinstance(editor, ValuesEdit)
    assert editor.text() == "Am"
    editor.selectAll()
    QTest.keyClicks(editor, "H")
    assert "Key" in editor.problem()
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert editor.isVisible(), "what is no key is not taken"
    editor.selectAll()
    QTest.keyClicks(editor, "Em")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.KEY: Decision.ACCEPTED})
    (group,) = app.proposals.get_many(ids[:1])
    assert group.proposals[0].values == ("Em",)
    assert group.proposals[0].edited
    qtbot.waitUntil(lambda: window.review.model.ids.tolist() == ids[1:])
    window.actions_table[Act.UNDO_DECISION].trigger()
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.KEY: Decision.OPEN})


def test_the_buttons_in_a_row_decide(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.GENRE, "Soul")
    propose(ids, Field.MOOD, "calm")
    window = review()
    view = window.review.list
    row = view.visualRect(window.review.model.index(1, 0))
    entry = window.review.model.entry(1)
    assert entry is not None
    mood = view._delegate._line_rect(row, entry, entry.lines[1])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    accept, reject = QPoint(mood.right() - 40, mood.center().y()), mood.center()
    reject.setX(mood.right() - 12)
    QTest.mouseClick(view.viewport(), left, none, accept)
    qtbot.waitUntil(lambda: _stand(app, ids[1])[Field.MOOD] is Decision.ACCEPTED)
    QTest.mouseClick(view.viewport(), left, none, reject)
    qtbot.waitUntil(lambda: _stand(app, ids[1]) == {Field.GENRE: Decision.OPEN})
    QTest.mouseClick(view.viewport(), left, none, QPoint(mood.left() + 100, row.top() + 40))
    assert (view.current_id(), view.field) == (ids[1], Field.GENRE), "a line takes the focus"


def test_the_last_decision_can_be_taken_back_with_nothing_left_in_the_list(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(1, heard=0)
    propose(ids, Field.GENRE, "Soul")
    window = review()
    _press(window, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: _stand(app, ids[0]) == {Field.GENRE: Decision.ACCEPTED})
    qtbot.waitUntil(window.actions_table[Act.UNDO_DECISION].isEnabled)
    assert not window.review.list.isVisible()
    focus = window.focusWidget()
    assert focus is not None
    assert window.review.isAncestorOf(focus)
    QTest.keyClick(focus, Qt.Key.Key_U)
    qtbot.waitUntil(lambda: window.review.model.ids.tolist() == ids)
    assert window.focusWidget() is window.review.list


def test_all_above_a_confidence_are_accepted_and_taken_back(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(6, heard=0)
    propose(ids[:2], Field.GENRE, "Soul", confidence=0.95)
    propose(ids[2:], Field.GENRE, "Soul", confidence=0.6)
    propose(ids[:1], Field.MOOD, "calm", confidence=0.7)
    app.tagging.accept(ids[2:3])
    window = review()
    window.review.least.setValue(90)
    window.actions_table[Act.ACCEPT_ABOVE].trigger()
    qtbot.waitUntil(lambda: app.proposals.counts().accepted == 3)
    qtbot.waitUntil(window.messages.isVisible)
    assert window.messages.accessibleName().startswith("2 proposals")
    assert _stand(app, ids[0])[Field.MOOD] is Decision.OPEN
    window.actions_table[Act.UNDO_DECISION].trigger()
    qtbot.waitUntil(lambda: app.proposals.counts().accepted == 1)
    assert _stand(app, ids[2]) == {Field.GENRE: Decision.ACCEPTED}, "that was accepted before"


def test_the_evidence_follows_and_its_neighbours_can_be_played(
    qtbot: QtBot, app: App, songs: Songs, propose: Propose, review: Open
) -> None:
    ids = songs(4)
    near = tuple(TaggedNeighbour(i, f"Song {i}", "Miles", 0.9, ("Soul",)) for i in ids[2:])
    propose(ids[:2], Field.GENRE, "Soul", neighbours=near)
    propose(ids[:2], Field.BPM, "120")
    window = review()
    lines = window.evidence.list.lines
    assert window.evidence.isVisible()
    assert not window.panel.isVisible()
    assert [item.words for item in lines.items if item.share == 0.8] == ["Soul", "120"]
    _press(window, Qt.Key.Key_Right)
    assert [item.words for item in lines.items if item.share == 0.8] == ["Soul"]

    place = next(i for i, item in enumerate(lines.items) if item.track_id == ids[3])
    window.evidence.list.setFocus()
    window.evidence.list.setCurrentIndex(lines.index(place, 0))
    QTest.keyClick(window.evidence.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.player.track is not None and window.player.track.id == ids[3])
    rect = window.evidence.list.visualRect(lines.index(place - 1, 0))
    at = QPoint(rect.left() + 20, rect.center().y())
    viewport = window.evidence.list.viewport()
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    qtbot.waitUntil(lambda: window.player.track is not None and window.player.track.id == ids[2])


def test_what_is_accepted_is_previewed_written_and_undone(
    qtbot: QtBot, app: App, songs: Songs, propose: Propose, review: Open
) -> None:
    ids = songs(3)
    paths = [track.path for track in app.tracks.get_many(ids)]
    before = [Path(path).read_bytes() for path in paths]
    propose(ids, Field.GENRE, "Soul")
    window = review()
    write = window.actions_table[Act.WRITE]
    assert not write.isEnabled(), "nothing is accepted"
    window.review.list.selectAll()
    _press(window, Qt.Key.Key_A)
    qtbot.waitUntil(write.isEnabled)
    buttons = window.review.findChildren(QPushButton)
    qtbot.waitUntil(lambda: "Write 3 files" in {button.text() for button in buttons})
    assert _page_words(window) == "All decided"

    Path(paths[2]).write_bytes(b"no music")
    window.actions_table[Act.PREVIEW].trigger()
    qtbot.waitUntil(lambda: window.findChild(FilesDialog) is not None)
    dialog = window.findChild(FilesDialog)
    assert isinstance(dialog, FilesDialog)
    shown = [row.path or row.frame or row.reason for row in dialog.list.model().rows]  # type: ignore[attr-defined]
    assert [path for path in shown if path in paths] == paths
    assert [Path(path).read_bytes() for path in paths[:2]] == before[:2], "nothing is written yet"

    with qtbot.waitSignal(window.tags.work.written, timeout=20_000):
        dialog.accept()
    assert [_files.read(path)[Field.GENRE] for path in paths[:2]] == [("Soul",), ("Soul",)]
    assert not window.actions_table[Act.UNDO_DECISION].isEnabled(), "the history takes it back now"
    assert window.messages.accessibleName() == "2 files written, 1 left alone."
    offers = {b.text(): b for b in window.messages.findChildren(QPushButton) if b.isVisible()}
    assert set(offers) == {"Which and why", "History", "Undo"}
    with qtbot.waitSignal(window.tags.work.undone, timeout=20_000):
        offers["Undo"].click()
    assert [Path(path).read_bytes() for path in paths[:2]] == before[:2]
    assert window.messages.accessibleName() == "2 files restored."


def test_files_that_were_left_alone_are_named_with_the_reason(
    qtbot: QtBot, app: App, songs: Songs, propose: Propose, review: Open
) -> None:
    ids = songs(1)
    propose(ids, Field.GENRE, "Soul")
    os.remove(app.tracks.get_many(ids)[0].path)
    window = review()
    _press(window, Qt.Key.Key_A)
    qtbot.waitUntil(window.actions_table[Act.WRITE].isEnabled)
    with qtbot.waitSignal(window.tags.work.written, timeout=20_000):
        window.actions_table[Act.WRITE].trigger()
    offers = {b.text(): b for b in window.messages.findChildren(QPushButton) if b.isVisible()}
    offers["Which and why"].click()
    dialog = window.findChild(FilesDialog)
    assert isinstance(dialog, FilesDialog)
    rows = dialog.list.model().rows  # type: ignore[attr-defined]
    assert rows[0].path.endswith("song 000.wav")
    assert rows[1].reason
    dialog.reject()


def test_proposing_for_selected_tracks_leads_to_the_review(
    qtbot: QtBot, app: App, fill: Fill, open_window: Open
) -> None:
    ids = fill(12)
    window = open_window()
    window.pane.table.select(ids[0])
    with qtbot.waitSignal(window.tags.work.proposed, timeout=30_000) as proposed:
        window.actions_table[Act.PROPOSE].trigger()
    assert proposed.args is not None
    assert proposed.args[0].tracks == 1
    assert "1 track." in window.messages.accessibleName()
    offers = [b for b in window.messages.findChildren(QPushButton) if b.isVisible()]
    assert [b.text() for b in offers] == (["Review"] if proposed.args[0].proposals else [])


def test_the_empty_review_offers_to_propose(
    qtbot: QtBot, app: App, fill: Fill, review: Open
) -> None:
    fill(12)
    window = review()
    assert _page_words(window) == "Nothing to review"
    button = next(
        b for b in window.review.findChildren(QPushButton) if b.text().startswith("Propose tags")
    )
    with qtbot.waitSignal(window.bridge.tag_progress, timeout=30_000):
        button.click()
    qtbot.waitUntil(lambda: not window.tags.work.busy, timeout=30_000)
    qtbot.waitUntil(window.messages.isVisible)
    assert "12 tracks" in window.messages.accessibleName()
    qtbot.waitUntil(
        lambda: window.review.model.rowCount() == app.proposals.counts().undecided, timeout=5000
    )


def test_the_count_of_what_is_to_be_decided_is_in_the_side_bar(
    qtbot: QtBot, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(3, heard=0)
    propose(ids, Field.GENRE, "Soul")
    window = review()
    node = window.sidebar.current()
    assert node is not None
    assert (node.key, node.count) == ("review", 3)
    _press(window, Qt.Key.Key_A)

    def counted() -> bool:
        now = window.sidebar.current()
        return now is not None and now.count == 2

    qtbot.waitUntil(counted, timeout=5000)


def test_decisions_are_stored_though_the_window_is_closed_at_once(
    app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(30, heard=0)
    propose(ids, Field.GENRE, "Soul")
    window = review()
    _press(window, *[Qt.Key.Key_A] * 30)
    window.close()
    assert app.proposals.counts().accepted == 30


def test_letters_stay_letters_where_a_person_types(
    qtbot: QtBot, app: App, fill: Fill, propose: Propose, review: Open
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.GENRE, "Soul")
    window = review()
    window.actions_table[Act.FILTER].trigger()
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClicks(focus, "area")
    assert window.review.filter.text() == "area"
    qtbot.wait(200)
    assert app.proposals.counts().open == 2
    assert _page_words(window).startswith("Nothing matches")


def test_without_the_library_the_review_shows_and_says_why_it_cannot_decide(
    qtbot: QtBot, qapp: QApplication, app: App, fill: Fill, propose: Propose
) -> None:
    ids = fill(2, heard=0)
    propose(ids, Field.GENRE, "Soul")
    theme.apply(qapp, Theme.LIGHT)
    window = MainWindow(app, None, "Another window has it.", playback=Playback(needs_output=False))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitSignal(window.model.shown):
        window.show_library()
    with qtbot.waitSignal(window.review.model.shown):
        window.actions_table[Act.SHOW_REVIEW].trigger()
    window.review.list.make_current(0)
    window.actions_table[Act.ACCEPT].trigger()
    assert window.messages.accessibleName() == "Another window has it."
    assert window.review.model.rowCount() == 2
    assert app.proposals.counts().open == 2
    window.actions_table[Act.SHOW_HISTORY].trigger()
    assert window.history._note.accessibleDescription() == "Another window has it."
    assert window.findChild(QDialog) is None
    window.end_work()
