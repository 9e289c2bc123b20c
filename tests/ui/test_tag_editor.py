"""The tag editor: what files say in common, and only what was changed is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.tagio import _files
from msa_desktop.ui.actions import Act
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.tag_editor import TagEditor
from msa_desktop.ui.values_edit import ValuesEdit
from tests.ui.conftest import Songs

Open = Callable[[], MainWindow]


@pytest.fixture
def editor(qtbot: QtBot) -> TagEditor:
    made = TagEditor(2)
    qtbot.addWidget(made)
    made.show()
    one = {Field.ARTIST: ("Miles",), Field.GENRE: ("Jazz", "Cool"), Field.BPM: ("120",)}
    made.show_values(
        {TrackId(1): one, TrackId(2): {**one, Field.GENRE: ("Rock",), Field.KEY: ("Am",)}}, {}
    )
    return made


def _edit(editor: TagEditor, field: Field) -> ValuesEdit:
    return editor._rows[field]._edit


def _type(editor: TagEditor, field: Field, words: str) -> None:
    edit = _edit(editor, field)
    edit.setFocus()
    edit.selectAll()
    if words:
        QTest.keyClicks(edit, words)
    else:
        edit.clear()
        edit.textEdited.emit("")


def _write_button(editor: TagEditor) -> QPushButton:
    return next(b for b in editor.findChildren(QPushButton) if b.text().startswith("Write"))


def test_common_values_are_shown_and_different_ones_are_kept(editor: TagEditor) -> None:
    assert _edit(editor, Field.ARTIST).text() == "Miles"
    assert _edit(editor, Field.BPM).text() == "120"
    assert _edit(editor, Field.GENRE).text() == ""
    assert "different values" in _edit(editor, Field.GENRE).placeholderText()
    assert "different values" in _edit(editor, Field.KEY).placeholderText(), "one has none"
    assert _edit(editor, Field.MOOD).placeholderText() == ""
    assert editor.changes() == {}
    assert not _write_button(editor).isEnabled()


def test_only_what_was_changed_is_written(qtbot: QtBot, editor: TagEditor) -> None:
    _type(editor, Field.GENRE, "Soul; Funk;  Soul")
    _type(editor, Field.ARTIST, "Miles")
    _type(editor, Field.BPM, "")
    assert set(editor.changes()) == {Field.GENRE, Field.BPM}
    assert _write_button(editor).text() == "Write 2 tags into 2 files"
    with qtbot.waitSignal(editor.write_asked) as asked:
        _write_button(editor).click()
    assert asked.args == [[1, 2], {Field.GENRE: ("Soul", "Funk"), Field.BPM: ()}]


def test_what_is_no_value_is_said_beside_the_field(editor: TagEditor) -> None:
    _type(editor, Field.BPM, "fast")
    below = editor._rows[Field.BPM]._below
    assert below.isVisible()
    assert "120 or 121.5" in below.accessibleName()
    assert not _write_button(editor).isEnabled()
    _type(editor, Field.BPM, "98")
    assert below.accessibleName() == "Add 98, remove 120"
    assert _write_button(editor).isEnabled()
    editor._rows[Field.BPM]._reset.click()
    assert editor.changes() == {}
    assert not below.isVisible()


def test_files_that_cannot_be_read_are_left_out(qtbot: QtBot) -> None:
    editor = TagEditor(2)
    qtbot.addWidget(editor)
    editor.show_values({TrackId(1): {}}, {TrackId(2): "It is damaged."})
    assert editor._words.text().startswith("1 file cannot be read")
    assert editor._words.toolTip() == "It is damaged."
    _type(editor, Field.TITLE, "New")
    with qtbot.waitSignal(editor.write_asked) as asked:
        _write_button(editor).click()
    assert asked.args == [[1], {Field.TITLE: ("New",)}]


def test_selected_tracks_are_edited_and_it_can_be_undone(
    qtbot: QtBot, app: App, songs: Songs, open_window: Open
) -> None:
    ids = songs(3)
    paths = [Path(track.path) for track in app.tracks.get_many(ids)]
    before = [path.read_bytes() for path in paths]
    window = open_window()
    window.pane.table.setFocus()
    window.pane.table.selectAll()
    window.actions_table[Act.EDIT_TAGS].trigger()
    editor = window.findChild(TagEditor)
    assert isinstance(editor, TagEditor)
    qtbot.waitUntil(_edit(editor, Field.TITLE).isEnabled)
    _type(editor, Field.COMPOSER, "Anna")
    with qtbot.waitSignal(window.tags.work.written, timeout=20_000):
        _write_button(editor).click()
    assert [_files.read(str(path)) for path in paths] == [{Field.COMPOSER: ("Anna",)}] * 3
    assert window.messages.accessibleName() == "3 files written."
    (batch,) = app.tagging.history()
    assert batch.name == "Edit of Composer"
    app.tagging.undo(batch.id)
    assert [path.read_bytes() for path in paths] == before


def test_the_editor_can_be_closed_while_it_reads(
    qtbot: QtBot, songs: Songs, open_window: Open
) -> None:
    songs(3)
    window = open_window()
    window.pane.table.selectAll()
    window.actions_table[Act.EDIT_TAGS].trigger()
    editor = window.findChild(TagEditor)
    assert isinstance(editor, TagEditor)
    with qtbot.waitSignal(editor.destroyed):
        editor.reject()
    qtbot.wait(200)
    assert not window.messages.isVisible()
