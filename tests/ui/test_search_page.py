from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import TrackId
from msa_desktop.services.text_search import Found, Understood
from msa_desktop.store import writes
from msa_desktop.ui.actions import Act, Place
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.search_commands import SearchCommands
from msa_desktop.ui.search_field import MOST_CHIPS, Seed
from msa_desktop.ui.search_page import SearchPage
from tests.ui.conftest import Fill

Open = Callable[[], MainWindow]
_COUNT = 40


@pytest.fixture
def ids(fill: Fill) -> list[TrackId]:
    return fill(_COUNT, heard=_COUNT - 2)


@pytest.fixture
def window(ids: list[TrackId], open_window: Open) -> MainWindow:
    window = open_window()
    window.activateWindow()
    window.actions_table[Act.SEARCH].trigger()
    return window


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> SearchPage:
    qtbot.waitUntil(lambda: "to search" in _words(window.search))
    return window.search


def _field(page: SearchPage) -> QLineEdit:
    field = page.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    return field


def _chips(page: SearchPage) -> list[QPushButton]:
    return [chip for chip in page.field.findChildren(QPushButton) if chip.isVisible()]


def _search(qtbot: QtBot, page: SearchPage, words: str) -> list[str]:
    """The titles found."""
    with qtbot.waitSignal(page.shown, timeout=20_000):
        page.search(words)
    return [hit.track.title for hit in page.list.hits.hits]


def _words(page: SearchPage) -> str:
    """All that can be read on the page, in one line."""
    labels = [label for label in page.findChildren(QLabel) if label.isVisible()]
    return " ".join(label.accessibleName() or label.text() for label in labels)


def _press(qtbot: QtBot, page: SearchPage, text: str) -> None:
    buttons = [b for b in page.findChildren(QPushButton) if b.isVisible() and b.text() == text]
    with qtbot.waitSignal(page.shown, timeout=20_000):
        buttons[0].click()


# Words


def test_typing_finds_after_a_pause_and_return_at_once(
    qtbot: QtBot, app: App, page: SearchPage
) -> None:
    assert _field(page).hasFocus()
    with qtbot.waitSignal(page.shown, timeout=20_000):
        QTest.keyClicks(_field(page), "title 007")
    expected = app.text_search.search("title 007", 100)
    assert [hit.track.id for hit in page.list.hits.hits] == [h.track.id for h in expected.hits]
    assert page.list.hits.hits[0].track.title == "Title 007"
    assert page.field.past() == [], "who only types has not searched for it yet"

    QTest.keyClicks(_field(page), "8")
    QTest.keyClick(_field(page), Qt.Key.Key_Return)
    assert not page._soon.isActive()
    qtbot.waitUntil(lambda: "0078" in _words(page))


def test_it_says_how_the_words_were_understood(qtbot: QtBot, page: SearchPage) -> None:
    _search(qtbot, page, "calm piano -drums year:1990-2019 the zzyx")
    words = _words(page)
    assert "Sounds: calm (" in words
    assert "piano" in words
    assert "Not: drums" in words
    assert "Only: year:1990-2019" in words
    assert "Passed over: the, zzyx" in words


def test_rows_tell_title_score_and_reasons(qtbot: QtBot, page: SearchPage) -> None:
    _search(qtbot, page, "piano")
    hit = page.list.hits.hits[0]
    first = page.list.hits.index(0)
    spoken = str(first.data(Qt.ItemDataRole.AccessibleTextRole))
    assert hit.track.title in spoken
    assert f"fits {round(100 * hit.score)} %" in spoken
    assert f"sounds {hit.labels[0]}" in spoken


def test_a_condition_that_cannot_be_read_is_told_in_the_line(
    qtbot: QtBot, window: MainWindow, page: SearchPage
) -> None:
    found = _search(qtbot, page, "title")
    _search(qtbot, page, "title bpm:fast")
    assert '"bpm:fast" cannot be read' in _words(page)
    assert [hit.track.title for hit in page.list.hits.hits] == found
    assert not window.messages.isVisible()
    assert page.field.past() == ["title"], "what cannot be read is not worth remembering"
    _search(qtbot, page, "title bpm:120")
    assert "cannot be read" not in _words(page)


def test_markup_in_words_is_shown_as_it_is(qtbot: QtBot, page: SearchPage) -> None:
    _search(qtbot, page, 'artist:"<b>x</b>"')
    label = next(one for one in page.findChildren(QLabel) if "&lt;b&gt;x" in one.text())
    assert label.textFormat() is Qt.TextFormat.RichText


# Nothing to see


def test_before_anything_is_asked_examples_are_a_click_away(qtbot: QtBot, page: SearchPage) -> None:
    qtbot.waitUntil(lambda: f"{_COUNT} tracks to search" in _words(page))
    assert "bpm:120-128" in _words(page)
    _press(qtbot, page, "calm piano, no vocals")
    assert page.field.words() == "calm piano, no vocals"
    assert page.list.isVisible()
    page.field.clear()
    qtbot.waitUntil(lambda: not page.list.isVisible())
    assert "Last searches" in _words(page)


def test_nothing_found_says_what_to_try(qtbot: QtBot, page: SearchPage) -> None:
    assert _search(qtbot, page, "title year:1700") == []
    assert "Nothing fits" in _words(page)
    assert "year:1700" in _words(page)
    _press(qtbot, page, "Search without conditions")
    assert page.field.words() == "title"
    assert page.list.isVisible()

    assert _search(qtbot, page, "zzyx") == []
    _press(qtbot, page, "Show examples")
    assert page.field.words() == ""
    assert "Ask for what you want to hear" in _words(page)


def test_a_library_that_was_not_listened_to_says_so(
    qtbot: QtBot, fill: Fill, open_window: Open
) -> None:
    fill(3, heard=0)
    window = open_window()
    window.actions_table[Act.SEARCH].trigger()
    qtbot.waitUntil(lambda: "only names and tags are searched" in _words(window.search))
    assert _search(qtbot, window.search, "title 001")[0] == "Title 001"
    assert _search(qtbot, window.search, "zzyx") == []
    assert "Nothing was listened to yet" in _words(window.search)


def test_an_empty_library_offers_to_add_a_folder(qtbot: QtBot, app: App, open_window: Open) -> None:
    window = open_window()
    window.actions_table[Act.SEARCH].trigger()
    qtbot.waitUntil(lambda: "No music to search yet" in _words(window.search))
    _search(qtbot, window.search, "piano")
    assert "No music to search yet" in _words(window.search)
    action = window.actions_table[Act.ADD_FOLDER]
    action.triggered.disconnect()  # it would open a dialog
    with qtbot.waitSignal(action.triggered):
        next(
            b for b in window.search.findChildren(QPushButton) if b.text() == "Add folder…"
        ).click()


# Keys


def test_the_keyboard_goes_to_the_list_and_back(
    qtbot: QtBot, window: MainWindow, page: SearchPage
) -> None:
    _search(qtbot, page, "piano")
    with qtbot.waitSignal(window.panel.shown, timeout=20_000):
        QTest.keyClick(_field(page), Qt.Key.Key_Down)
    assert page.list.hasFocus()
    first = page.list.hits.hits[0].track.id
    assert page.list.current_id() == first
    assert window.panel.subject == first, "the similar tracks follow"
    QTest.keyClick(page.list, Qt.Key.Key_Down)
    assert page.list.selected_ids() == [page.list.hits.hits[1].track.id]
    QTest.keyClick(page.list, Qt.Key.Key_Up)
    QTest.keyClick(page.list, Qt.Key.Key_Up)
    assert _field(page).hasFocus()
    QTest.keyClick(_field(page), Qt.Key.Key_Escape)
    assert page.field.words() == ""


def test_ctrl_k_and_ctrl_f_lead_to_the_field(
    qtbot: QtBot, window: MainWindow, page: SearchPage
) -> None:
    window.actions_table[Act.SHOW_ALL].trigger()
    assert not page.isVisible()
    window.pane.table.setFocus()
    QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert _field(page).hasFocus()
    window.sidebar.focus_list()
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert _field(page).hasFocus()


def test_return_plays_a_track_and_goes_on_in_the_list(
    qtbot: QtBot, window: MainWindow, page: SearchPage
) -> None:
    _search(qtbot, page, "piano")
    played: list[int] = []
    page.list.play_asked.connect(played.append)
    page.list.setFocus()
    page.list.setCurrentIndex(page.list.hits.index(2))
    assert window.tracks.targets() == [page.list.hits.hits[2].track.id]
    page.list.doubleClicked.emit(page.list.hits.index(1))
    assert played == [page.list.hits.hits[1].track.id]


def test_what_can_have_the_keyboard_has_a_name(qtbot: QtBot, page: SearchPage) -> None:
    page.field.add_seeds([Seed(TrackId(1), "One")])
    nameless = [
        widget
        for widget in page.findChildren(QWidget)
        if widget.isVisible()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert nameless == []


# The last searches


def test_the_last_searches_are_offered_and_kept(
    qtbot: QtBot, qapp: QApplication, app: App, window: MainWindow, page: SearchPage
) -> None:
    for words in ("piano", "guitar", "piano"):
        _search(qtbot, page, words)
    assert page.field.past() == ["piano", "guitar"]
    page.field.clear()
    QTest.keyClick(_field(page), Qt.Key.Key_Down)
    offers = _field(page).completer().popup()
    assert offers is not None
    assert offers.isVisible()
    offers.hide()
    window.close()

    again = MainWindow(app, None, playback=Playback(needs_output=False))
    qtbot.addWidget(again)
    assert again.search.field.past() == ["piano", "guitar"]
    again.end_work()


# Tracks to compare with


def test_tracks_of_any_list_become_chips(
    qtbot: QtBot, app: App, ids: list[TrackId], window: MainWindow, page: SearchPage
) -> None:
    window.actions_table[Act.SHOW_ALL].trigger()
    table = window.pane.table
    table.setFocus()
    table.select(ids[3])
    with qtbot.waitSignal(page.shown, timeout=20_000):
        window.actions_table[Act.SEARCH_LIKE].trigger()
    assert page.isVisible()
    assert page.field.seeds() == [Seed(ids[3], "Title 003")]
    found = [hit.track.id for hit in page.list.hits.hits]
    assert found == [h.track.id for h in app.text_search.search("", 100, like=[ids[3]]).hits]

    page.list.setFocus()
    page.list.setCurrentIndex(page.list.hits.index(1))
    other = page.list.hits.hits[1].track
    with qtbot.waitSignal(page.shown, timeout=20_000):
        window.actions_table[Act.SEARCH_UNLIKE].trigger()
    with qtbot.waitSignal(page.shown, timeout=20_000):
        QTest.keyClicks(_field(page), "piano")
    expected = app.text_search.search("piano", 100, like=[ids[3]], unlike=[other.id])
    assert [hit.track.id for hit in page.list.hits.hits] == [h.track.id for h in expected.hits]
    assert [chip.accessibleName() for chip in _chips(page)] == [
        "like: Title 003",
        f"unlike: {other.title}",
    ]


def test_a_track_has_one_chip_and_there_are_only_so_many(
    qtbot: QtBot, ids: list[TrackId], window: MainWindow, page: SearchPage
) -> None:
    page.add_seeds([Seed(ids[0], "One")])
    page.add_seeds([Seed(ids[0], "One", unlike=True)])
    assert page.field.seeds() == [Seed(ids[0], "One", unlike=True)]
    window.actions_table[Act.SHOW_ALL].trigger()
    window.pane.table.selectAll()
    window.actions_table[Act.SEARCH_LIKE].trigger()
    qtbot.waitUntil(lambda: len(page.field.seeds()) == MOST_CHIPS)
    assert f"{MOST_CHIPS} tracks" in window.messages.accessibleName()


def test_chips_are_taken_away_by_keyboard_and_mouse(
    qtbot: QtBot, ids: list[TrackId], page: SearchPage
) -> None:
    page.add_seeds([Seed(track_id, f"Number {track_id}") for track_id in ids[:5]])
    field = _field(page)
    field.setFocus()
    QTest.keyClicks(field, "x")
    QTest.keyClick(field, Qt.Key.Key_Backspace)
    assert len(_chips(page)) == 5, "that took the letter away"
    QTest.keyClick(field, Qt.Key.Key_Backspace)
    assert len(_chips(page)) == 4
    QTest.keyClick(field, Qt.Key.Key_Left)
    QTest.keyClick(_chips(page)[3], Qt.Key.Key_Left)
    assert _chips(page)[2].hasFocus()
    QTest.keyClick(_chips(page)[2], Qt.Key.Key_Delete)
    assert [seed.track_id for seed in page.field.seeds()] == [ids[0], ids[1], ids[3]]
    assert _chips(page)[2].hasFocus()
    QTest.keyClick(_chips(page)[2], Qt.Key.Key_Space)
    assert field.hasFocus()
    QTest.mouseClick(_chips(page)[0], Qt.MouseButton.LeftButton)
    assert [seed.track_id for seed in page.field.seeds()] == [ids[1]]
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert page.field.seeds() == []


def test_a_track_that_was_not_heard_cannot_be_compared_with(
    qtbot: QtBot, ids: list[TrackId], page: SearchPage
) -> None:
    with qtbot.waitSignal(page.shown, timeout=20_000):
        page.add_seeds([Seed(ids[-1], "Not heard")])
    assert "was not listened to yet" in _words(page)


def test_many_chips_wrap_and_the_field_grows(ids: list[TrackId], page: SearchPage) -> None:
    before = page.field.height()
    page.field.add_seeds([Seed(i, f"A rather long title {i}") for i in ids[:MOST_CHIPS]])
    QApplication.sendPostedEvents()
    QApplication.processEvents()
    assert page.field.height() > before
    box = page.field.rect()
    for chip in _chips(page):
        assert box.contains(chip.mapTo(page.field, chip.rect().bottomRight()))
    assert page.field.width() <= page.width()


def test_the_menu_of_a_track_found_offers_what_every_list_offers(
    qtbot: QtBot, window: MainWindow, page: SearchPage
) -> None:
    _search(qtbot, page, "piano")
    page.list.setFocus()
    page.list.setCurrentIndex(page.list.hits.index(0))
    page.list.menu_asked.emit(page.list.mapToGlobal(page.list.rect().center()))
    menu = window.findChild(QMenu, "context")
    assert isinstance(menu, QMenu)
    there = {action.text() for action in menu.actions()}
    table = window.actions_table.context_menu(Place.TRACK_MENU, window)
    assert there == {action.text() for action in table.actions()}
    assert window.actions_table[Act.SEARCH_LIKE].isEnabled()
    menu.close()


# Slow answers, in a page with a service that takes as long as it is told to


class _Slow:
    """Answers a word when it is let go; stands for a search that has encoders to load."""

    def __init__(self, app: App) -> None:
        self._real = app.text_search
        self.begun: list[str] = []
        self.gates: dict[str, threading.Event] = {}

    def search(self, text: str, count: int, **_seeds: object) -> Found:
        self.begun.append(text)
        if text in self.gates:
            assert self.gates[text].wait(20)
        if text == "broken":
            raise RuntimeError("a bug")
        if text == "refused":
            raise UserError("Not so.")
        found = self._real.search("title", count)
        return Found(found.hits, Understood(text=(text,)))


@pytest.fixture
def slow(app: App) -> _Slow:
    return _Slow(app)


@pytest.fixture
def slow_page(
    qtbot: QtBot,
    app: App,
    ids: list[TrackId],
    background: Background,
    slow: _Slow,
    window: MainWindow,
) -> Iterator[SearchPage]:
    page = SearchPage(window.actions_table)
    qtbot.addWidget(page)
    commands = SearchCommands(
        lambda: slow,  # type: ignore[arg-type,return-value]
        app.tracks,
        background,
        window.actions_table,
        page,
        list,
        window,
    )
    page.show()
    yield page
    for gate in slow.gates.values():
        gate.set()
    commands.close()


def test_an_answer_that_comes_too_late_is_dropped(
    qtbot: QtBot, slow: _Slow, slow_page: SearchPage
) -> None:
    slow.gates["first"] = threading.Event()
    slow_page.search("first")
    qtbot.waitUntil(lambda: slow.begun == ["first"])
    slow_page.search("second")
    slow_page.search("third")
    with qtbot.waitSignal(slow_page.shown):
        slow.gates["first"].set()
    assert slow.begun == ["first", "third"], "what is out of date is not even begun"
    assert "third" in _words(slow_page)


def test_what_takes_long_shows_that_it_is_at_work(
    qtbot: QtBot, slow: _Slow, slow_page: SearchPage
) -> None:
    _search(qtbot, slow_page, "quick")
    assert "Searching" not in _words(slow_page)
    slow.gates["long"] = threading.Event()
    slow_page.search("long")
    qtbot.waitUntil(lambda: "Searching…" in _words(slow_page))
    assert slow_page._busy.isVisible()
    qtbot.waitUntil(lambda: "takes longest" in _words(slow_page), timeout=8000)
    with qtbot.waitSignal(slow_page.shown):
        slow.gates["long"].set()
    assert not slow_page._busy.isVisible()
    assert "Searching" not in _words(slow_page)


def test_clearing_does_not_wait_for_an_answer(
    qtbot: QtBot, slow: _Slow, slow_page: SearchPage
) -> None:
    _search(qtbot, slow_page, "quick")
    slow.gates["long"] = threading.Event()
    slow_page.search("long")
    qtbot.waitUntil(lambda: "long" in slow.begun)
    slow_page.field.clear()
    assert "Ask for what you want to hear" in _words(slow_page)
    slow.gates["long"].set()
    qtbot.wait(200)
    assert "Ask for what you want to hear" in _words(slow_page)


@pytest.mark.parametrize(("words", "said"), [("refused", "Not so."), ("broken", "went wrong")])
def test_what_fails_is_told_and_the_next_search_works(
    qtbot: QtBot, slow_page: SearchPage, words: str, said: str
) -> None:
    _search(qtbot, slow_page, words)
    assert said in _words(slow_page)
    assert _search(qtbot, slow_page, "fine")
    assert said not in _words(slow_page)


# A library that changes


def test_what_was_found_follows_the_library(
    qtbot: QtBot, app: App, ids: list[TrackId], page: SearchPage
) -> None:
    found = _search(qtbot, page, '"title 007"')
    assert found == ["Title 007"]
    page.list.setCurrentIndex(page.list.hits.index(0))
    app.writer.run(lambda conn: writes.remove_tracks(conn, [ids[7]]))
    with qtbot.waitSignal(page.shown, timeout=10_000):
        app.events.publish(TracksChanged(frozenset([ids[7]]), structure=True))
    assert page.list.hits.hits == []
    assert page.list.selected_ids() == []


def test_the_selection_stays_while_the_same_tracks_are_found(
    qtbot: QtBot, page: SearchPage
) -> None:
    _search(qtbot, page, "piano")
    page.list.setCurrentIndex(page.list.hits.index(3))
    kept = page.list.selected_ids()
    with qtbot.waitSignal(page.shown):
        page.reload()
    assert page.list.selected_ids() == kept


def test_a_key_that_means_nothing_here_is_left_alone(page: SearchPage) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F6, Qt.KeyboardModifier.NoModifier)
    assert not page.field.eventFilter(_field(page), event)
