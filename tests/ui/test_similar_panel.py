from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QTabBar
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Embedding, TrackId
from msa_desktop.base.music import Key, Loudness, Measures, Tempo
from msa_desktop.store import writes
from msa_desktop.store.measures import store_measures
from msa_desktop.store.stem_rows import store_stems
from msa_desktop.ui.actions import Act
from msa_desktop.ui.hit_list import HitList
from msa_desktop.ui.label_list import LabelList, Line
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.similar_panel import SimilarPanel, Tab
from tests.ui.conftest import Fill


@pytest.fixture
def ids(fill: Fill) -> list[TrackId]:
    return fill(40, heard=38)


@pytest.fixture
def window(ids: list[TrackId], open_window: Callable[[], MainWindow]) -> MainWindow:
    return open_window()


@pytest.fixture
def panel(window: MainWindow) -> SimilarPanel:
    return window.panel


def _words(panel: SimilarPanel) -> str:
    return " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def _press(panel: SimilarPanel, text: str) -> None:
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == text)
    assert button.isVisible()
    button.click()


def _find(qtbot: QtBot, panel: SimilarPanel, track_id: TrackId) -> None:
    with qtbot.waitSignal(panel.shown, timeout=20_000):
        panel.find_similar(track_id)


def _measure(app: App, *ids: TrackId, bpm: float = 126.0) -> None:
    measures = Measures(Tempo(bpm, 0.8), Key("Am", 0.7), Loudness(-9.5, 0.9, 0.0, 2.0))

    def store(conn: sqlite3.Connection) -> None:
        for track_id in ids:
            store_measures(conn, track_id, measures, 1)

    app.writer.run(store)


def _listed(view: HitList) -> list[TrackId]:
    return [hit.track.id for hit in view.hits.hits]


def _take_apart(app: App, *ids: TrackId) -> None:
    (encoder,) = app.encoders
    chance = np.random.default_rng(1)

    def store(conn: sqlite3.Connection) -> None:
        for track_id in ids:
            heard = {
                name: [
                    Embedding(
                        encoder.id,
                        encoder.version,
                        chance.standard_normal(encoder.dimension).astype(np.float32) + place,
                    )
                ]
                for place, name in enumerate(("vocals", "drums"))
            }
            sound_id = app.tracks.sound_id(track_id)
            assert sound_id is not None
            levels = {"vocals": 0.05, "drums": 0.1, "instrumental": 0.1}
            store_stems(conn, track_id, sound_id, levels, heard)

    app.writer.run(store)


def test_a_track_that_was_taken_apart_is_compared_by_its_parts(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    choice = panel.findChild(QComboBox)
    assert choice is not None
    _take_apart(app, *ids[:9])
    _find(qtbot, panel, ids[20])
    assert not choice.isVisible()
    _find(qtbot, panel, ids[4])
    assert choice.isVisible()
    assert [choice.itemText(row) for row in range(choice.count())] == [
        "The whole track", "Drums", "Vocals",
    ]  # fmt: skip
    with qtbot.waitSignal(panel.shown):
        choice.setCurrentIndex(1)
        choice.activated.emit(1)
    found = [hit.track.id for hit in app.stem_search.similar(ids[4], "drums", 50) if hit.score > 0]
    assert _listed(panel.similar) == found
    assert set(found) < set(ids[:9])
    # It stays chosen, for tracks that have the part; the others are compared whole.
    _find(qtbot, panel, ids[20])
    assert not set(_listed(panel.similar)) <= set(ids[:9])
    _find(qtbot, panel, ids[5])
    assert choice.currentText() == "Drums"
    assert set(_listed(panel.similar)) < set(ids[:9])


def test_an_answer_leaves_the_open_choice_alone(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    choice = panel.findChild(QComboBox)
    assert choice is not None
    _take_apart(app, *ids[:9])
    _find(qtbot, panel, ids[4])
    choice.showPopup()
    choice.view().setCurrentIndex(choice.model().index(2, 0))
    with qtbot.assertNotEmitted(choice.model().rowsRemoved), qtbot.waitSignal(panel.shown):
        panel.reload()
    assert choice.view().isVisible()
    assert choice.view().currentIndex().row() == 2
    choice.hidePopup()


def test_the_first_that_was_taken_apart_has_nothing_to_be_compared_with(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    _take_apart(app, ids[4])
    _find(qtbot, panel, ids[4])
    choice = panel.findChild(QComboBox)
    assert choice is not None
    with qtbot.waitSignal(panel.shown):
        choice.setCurrentIndex(1)
        choice.activated.emit(1)
    assert "once their stems were separated" in _words(panel)
    assert choice.isVisible()


def test_nothing_selected_is_explained(panel: SimilarPanel) -> None:
    assert "Select a track" in _words(panel)


def test_the_answer_is_the_searchs(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    _find(qtbot, panel, ids[4])
    found = app.search.similar(ids[4], app.settings.similar_count)
    expected = [hit for hit in found if hit.score > 0]
    assert expected
    assert [hit.track.id for hit in panel.similar.hits.hits] == [hit.track.id for hit in expected]
    assert panel.similar.isVisible()
    first = panel.similar.hits.index(0, 0)
    tip = str(panel.similar.hits.data(first, Qt.ItemDataRole.ToolTipRole))
    assert f"{expected[0].score:.3f}" in tip
    spoken = str(panel.similar.hits.data(first, Qt.ItemDataRole.AccessibleTextRole))
    assert expected[0].track.title in spoken
    assert f"{round(100 * max(0, expected[0].score))} %" in spoken


def test_the_panel_follows_the_selection(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    with qtbot.waitSignal(panel.shown, timeout=20_000):
        for track_id in ids[:5]:
            window.pane.table.select(track_id)
    qtbot.wait(100)
    assert panel.subject == ids[4]
    assert "Title 004" in _words(panel)
    assert not window.actions_table[Act.BACK].isEnabled(), "rows in passing are no history"


def test_the_keyboard_alone_selects_nothing(
    qtbot: QtBot, window: MainWindow, panel: SimilarPanel
) -> None:
    window.activateWindow()
    window.pane.table.setFocus()
    assert window.pane.table.hasFocus()
    with qtbot.assertNotEmitted(panel.shown, wait=400):
        pass
    assert panel.subject is None


def test_back_and_forward_go_along_the_chain(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    for track_id in ids[:3]:
        _find(qtbot, panel, track_id)
    for act, expected in ((Act.BACK, ids[1]), (Act.BACK, ids[0]), (Act.FORWARD, ids[1])):
        with qtbot.waitSignal(panel.shown):
            window.actions_table[act].trigger()
        assert panel.subject == expected
    window.actions_table[Act.BACK].trigger()
    assert not window.actions_table[Act.BACK].isEnabled()


def test_labels_are_shown_with_their_strength(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    with qtbot.waitSignal(panel.shown, timeout=20_000):
        panel.show_labels(ids[2])
    labels = panel.findChild(LabelList)
    assert isinstance(labels, LabelList)
    assert labels.isVisible()
    shown = {line.words: line.score for line in labels.labels.lines if line.score}
    strongest = app.search.labels(ids[2])[0]
    assert shown[strongest.label] == strongest


def test_a_waiting_track_is_listened_to_next_and_then_answered(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    with qtbot.waitSignal(panel.listen_asked) as asked:
        panel.find_similar(ids[39])
    assert asked.args == [ids[39]]
    qtbot.waitUntil(lambda: "Listening to it now" in _words(panel))

    heard = app.tracks.vector(ids[0], app.encoders[0].id, app.encoders[0].version)
    assert heard is not None
    embedding = Embedding(app.encoders[0].id, app.encoders[0].version, heard)

    def store(conn: sqlite3.Connection) -> None:
        writes.store_analysis(conn, ids[39], [embedding])

    app.writer.run(store)
    app.events.publish(TracksChanged(frozenset([ids[39]])))
    qtbot.waitUntil(lambda: bool(panel.similar.hits.hits), timeout=20_000)
    assert panel.similar.hits.hits[0].track.id == ids[0]


def test_a_pause_is_told_and_can_be_ended(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    app.library.pause()
    _find(qtbot, panel, ids[39])
    qtbot.waitUntil(lambda: "Analysis is paused" in _words(panel))
    _press(panel, "Go on")
    qtbot.waitUntil(lambda: not app.library.paused)
    qtbot.waitUntil(lambda: "Listening to it now" in _words(panel))


def test_a_failed_track_says_why_and_is_tried_again(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    app.writer.run(lambda conn: writes.store_failure(conn, ids[1], "The file is cut off."))
    _find(qtbot, panel, ids[1])
    assert "The file is cut off." in _words(panel)
    with qtbot.waitSignal(panel.retry_asked) as asked:
        _press(panel, "Try again")
    assert asked.args == [[ids[1]]]
    qtbot.waitUntil(lambda: app.tracks.counts().failed == 0)


def test_the_only_track_has_no_others_yet(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    app.writer.run(lambda conn: writes.remove_tracks(conn, ids[1:]))
    _find(qtbot, panel, ids[0])
    assert "No others yet" in _words(panel)


def test_a_track_that_is_gone_is_told(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    app.writer.run(lambda conn: writes.remove_tracks(conn, ids[:1]))
    _find(qtbot, panel, ids[0])
    assert "no longer in the library" in _words(panel)


def test_a_click_on_the_play_mark_plays_the_list_from_there(
    qtbot: QtBot, ids: list[TrackId], panel: SimilarPanel
) -> None:
    _find(qtbot, panel, ids[4])
    second = panel.similar.visualRect(panel.similar.hits.index(1, 0))
    place = QPoint(second.left() + 10, second.center().y())
    with qtbot.waitSignal(panel.similar.play_asked) as asked:
        QTest.mouseClick(
            panel.similar.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            place,
        )
    listed = [hit.track.id for hit in panel.similar.hits.hits]
    assert panel.similar.listed_ids().tolist() == listed
    assert asked.args == [listed[1]]


def test_actions_act_on_the_list_that_has_the_keyboard(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    window.activateWindow()
    window.pane.table.setFocus()
    window.pane.table.select(ids[4])
    assert window.tracks.targets() == [ids[4]]
    _find(qtbot, panel, ids[4])
    panel.similar.setFocus()
    panel.similar.setCurrentIndex(panel.similar.hits.index(2, 0))
    third = panel.similar.hits.hits[2].track.id
    assert window.tracks.targets() == [third]
    with qtbot.waitSignal(panel.shown):
        window.actions_table[Act.FIND_SIMILAR].trigger()
    assert panel.subject == third


def test_what_mixes_well_is_listed_and_similar_tracks_are_one_step_away(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    _measure(app, *ids[:12])
    window.activateWindow()
    window.pane.table.setFocus()
    window.pane.table.select(ids[4])
    window.actions_table[Act.FIND_MIXES].trigger()
    expected = [hit.track.id for hit in app.search.mixes_after(ids[4], 50)]
    assert expected
    qtbot.waitUntil(lambda: _listed(panel.mixes) == expected)
    qtbot.waitUntil(panel.mixes.isVisible)
    assert "Mixes well after" in _words(panel)
    assert "126 BPM · Am · 8A" in _words(panel)
    window.actions_table[Act.FIND_SIMILAR].trigger()
    qtbot.waitUntil(panel.similar.isVisible)
    assert "Similar to" in _words(panel)
    alike = app.search.similar(ids[4], app.settings.similar_count)
    assert _listed(panel.similar) == [hit.track.id for hit in alike if hit.score > 0]


def test_nothing_stands_under_a_heading_it_does_not_belong_to(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    _measure(app, *ids[:12])
    with qtbot.waitSignal(panel.shown):
        panel.find_mixes(ids[2])
    _find(qtbot, panel, ids[4])
    assert _listed(panel.similar)
    tabs = panel.findChild(QTabBar)
    assert tabs is not None
    with qtbot.waitSignal(panel.shown):
        tabs.setCurrentIndex(Tab.MIXES)
        assert not panel.similar.isVisible()
        assert _listed(panel.mixes) == []
    assert _listed(panel.mixes)


def test_the_mixes_follow_the_selection(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, panel: SimilarPanel
) -> None:
    _measure(app, *ids[:6])
    _measure(app, *ids[6:12], bpm=90)
    with qtbot.waitSignal(panel.shown):
        panel.find_mixes(ids[0])
    assert set(_listed(panel.mixes)) <= set(ids[1:6])
    with qtbot.waitSignal(panel.shown):
        window.pane.table.select(ids[8])
    assert panel.subject == ids[8]
    assert panel.mixes.isVisible()
    assert set(_listed(panel.mixes)) <= set(ids[6:12]) - {ids[8]}
    panel.mixes.setFocus()
    panel.mixes.setCurrentIndex(panel.mixes.hits.index(0, 0))
    assert window.tracks.targets() == _listed(panel.mixes)[:1], "actions work there too"


def test_a_track_without_a_beat_has_no_mixes_and_it_is_said_why(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    with qtbot.waitSignal(panel.shown):
        panel.find_mixes(ids[3])
    assert "Nothing to mix by" in _words(panel)
    with pytest.raises(UserError) as told:
        app.search.mixes_after(ids[3], 5)
    assert str(told.value) in _words(panel)
    _find(qtbot, panel, ids[3])
    assert panel.similar.isVisible()


def test_a_lonely_tempo_mixes_with_nothing(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    _measure(app, ids[3])
    with qtbot.waitSignal(panel.shown):
        panel.find_mixes(ids[3])
    assert "Nothing mixes well after this" in _words(panel)


def test_what_was_measured_stands_before_the_labels(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    labels = panel.findChild(LabelList)
    assert isinstance(labels, LabelList)
    with qtbot.waitSignal(panel.shown):
        panel.show_labels(ids[2])
    lines = [(line.words, line.value) for line in labels.labels.lines]
    begin = lines.index(("Measured", ""))
    assert begin <= 1, "only the kind of track may stand before it"
    assert lines[begin + 1] == ("", "Not measured yet")
    _measure(app, ids[2])
    with qtbot.waitSignal(panel.shown):
        app.events.publish(TracksChanged(frozenset([ids[2]])))
    shown = {line.words: line.value for line in labels.labels.lines[begin:] if line.value}
    assert shown == {
        "Tempo": "126 BPM",
        "Key": "Am · 8A",
        "Loudness": "\N{MINUS SIGN}9.5 LUFS",
        "Silence": "2.0 s at the end",
    }


def test_the_kind_of_track_is_told_first(
    qtbot: QtBot, app: App, ids: list[TrackId], panel: SimilarPanel
) -> None:
    labels = panel.findChild(LabelList)
    assert isinstance(labels, LabelList)

    def first(track_id: TrackId) -> Line:
        with qtbot.waitSignal(panel.shown):
            panel.show_labels(track_id)
        return labels.labels.lines[0]

    kinds = {one: app.stem_search.kind(one, app.search.labels(one)) for one in ids[:38]}
    known = next(one for one, kind in kinds.items() if kind.confidence)
    name, sure = str(kinds[known].kind).capitalize(), round(100 * kinds[known].confidence)
    assert first(known) == Line("Kind", None, name, f"{sure} % sure, by its labels")
    _take_apart(app, known)
    assert first(known) == Line("Kind", None, "Song", "80 % sure, by its stems")
