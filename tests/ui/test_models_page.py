"""The Models page: the real service, and a hub on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base import extras
from msa_desktop.services.models import Models, ModelState
from msa_desktop.ui import text
from msa_desktop.ui.actions import Act
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.model_dialogs import ModelDialog
from msa_desktop.ui.model_row import ModelRow
from msa_desktop.weights import catalogue
from tests.support_gguf import gguf
from tests.support_hub import Hub, Trouble, serving
from tests.ui.conftest import Fill

Open = Callable[[], MainWindow]

_TALKER = gguf({"general.name": "Talker"}, values=512 * 1024)
_NAME = "maker/talker/talker.gguf"
_TABLE = f"""
[extras]
llm = []
never = ["no_such_module_anywhere"]

[[model]]
id = "inside"
title = "Inside"
purpose = "Hears."
kind = "encoder"
licence = "ISC"
built_in = true
[[model.files]]
name = "weights.onnx"
size = 3
sha256 = "{hashlib.sha256(b"abc").hexdigest()}"

[[model]]
id = "talker"
title = "Talker"
purpose = "Words tags."
kind = "llm"
extra = "llm"
licence = "Talk License"
terms = "Free to talk."
terms_url = "https://example.org/talk?a=1&b=2"
[model.hub]
repository = "maker/talker"
revision = "main"
[[model.files]]
name = "talker.gguf"
size = {len(_TALKER)}
sha256 = "{hashlib.sha256(_TALKER).hexdigest()}"

[[model]]
id = "reader"
title = "Reader"
purpose = "Reads, its size known to the hub alone."
kind = "text"
extra = "never"
licence = "MIT"
[model.hub]
repository = "maker/reader"
revision = "main"
[[model.files]]
name = "reader.gguf"
"""
_PAIR = """
[[model]]
id = "ttmr-pp"
title = "Ears"
purpose = "Hears, and reads with the help of another."
kind = "encoder"
extra = "never"
licence = "MIT"
[model.hub]
repository = "maker/ears"
revision = "main"
[[model.files]]
name = "ears.gguf"

[[model]]
id = "roberta-base"
title = "Tokens"
purpose = "Cuts words."
kind = "text"
licence = "MIT"
[model.hub]
repository = "maker/words"
revision = "main"
[[model.files]]
name = "tokenizer.json"
size = 2
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        server.put(_NAME, _TALKER)
        yield server


@pytest.fixture
def models(app: App, hub: Hub, tmp_path: Path, request: pytest.FixtureRequest) -> Models:
    """Those of the table, and of a test's own."""
    table = tmp_path / "models.toml"
    table.write_text(_TABLE + getattr(request, "param", ""))
    (tmp_path / "built-in" / "inside").mkdir(parents=True)
    (tmp_path / "built-in" / "inside" / "weights.onnx").write_bytes(b"abc")
    made = Models(catalogue.load(table), app.paths.models, tmp_path / "built-in", app.events)
    app.models = made
    return made


@pytest.fixture
def window(qtbot: QtBot, models: Models, fill: Fill, open_window: Open) -> MainWindow:
    fill(1, heard=0)
    opened = open_window()
    opened.activateWindow()
    opened.actions_table[Act.SHOW_MODELS].trigger()
    qtbot.waitUntil(lambda: opened.models_page.current() is not None)
    return opened


def _row(window: MainWindow, model_id: str = "talker") -> ModelRow:
    return window.models_page.row(model_id)


def _do(window: MainWindow, act: Act, model_id: str = "talker") -> None:
    window.models_page.make_current(model_id)
    assert window.actions_table[act].isEnabled()
    window.actions_table[act].trigger()


def _dialog(qtbot: QtBot, window: MainWindow) -> ModelDialog:
    qtbot.waitUntil(lambda: bool(window.findChildren(ModelDialog)))
    (dialog,) = window.findChildren(ModelDialog)
    return dialog


def _words(dialog: ModelDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def _state(models: Models, model_id: str = "talker") -> ModelState:
    return models.status(model_id).state


def _install(qtbot: QtBot, window: MainWindow) -> None:
    _do(window, Act.INSTALL_MODEL)
    _dialog(qtbot, window).accept()


def test_models_are_listed_by_what_they_are_for(window: MainWindow, hub: Hub) -> None:
    assert window.models_page.ids() == ["inside", "reader", "talker"]
    assert "Built in" in _row(window, "inside").accessibleName()
    assert "Needs a download and the extra never" in _row(window, "reader").accessibleName()
    assert window.models_page._count.text() == "1 of 3 ready"
    assert not window.panel.isVisible()
    assert window.focusWidget() is _row(window, "reader"), "the first that is not here"
    assert not hub.requests, "nothing is asked of the network"


def test_an_install_is_agreed_to_first(
    qtbot: QtBot, window: MainWindow, hub: Hub, models: Models
) -> None:
    QTest.mouseClick(_row(window)._button, Qt.MouseButton.LeftButton)
    dialog = _dialog(qtbot, window)
    words = _words(dialog)
    for told in ("Talk License", "Free to talk.", "maker/talker", " free"):
        assert told in words
    assert "https://example.org/talk?a=1&amp;b=2" in words
    assert text.size(len(_TALKER)) in words
    dialog.reject()
    assert not hub.requests
    assert _row(window)._button.text() == "Install…"

    QTest.mouseClick(_row(window)._button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(ModelDialog)))
    next(d for d in window.findChildren(ModelDialog) if d.isVisible()).accept()
    qtbot.waitUntil(lambda: _row(window).entry.status.state is ModelState.READY, timeout=20_000)
    assert _state(models) is ModelState.READY
    assert _row(window)._button.isHidden()
    assert _row(window)._bar.isHidden()
    assert window.messages.accessibleName() == "Talker is installed."


def test_the_terms_are_readable_before_anything_is_fetched(
    qtbot: QtBot, window: MainWindow, hub: Hub
) -> None:
    QTest.mouseClick(_row(window)._licence, Qt.MouseButton.LeftButton)
    dialog = _dialog(qtbot, window)
    assert "Free to talk." in _words(dialog)
    assert {button.text().lstrip("&") for button in dialog.findChildren(QPushButton)} == {"Close"}
    assert not hub.requests


def test_a_download_is_shown_cancelled_and_continued(
    qtbot: QtBot, window: MainWindow, hub: Hub, models: Models
) -> None:
    hub.always["STORE"] = Trouble(pause=0.05)
    _install(qtbot, window)
    row = _row(window)
    qtbot.waitUntil(lambda: "MB/s" in row._progress.text(), timeout=20_000)
    assert row._progress.text().startswith("Downloading: ")
    assert 0 < row._bar.value() < row._bar.maximum()
    assert row._button.text() == "Cancel"
    assert not window.actions_table[Act.REMOVE_MODEL].isEnabled()
    QTest.mouseClick(row._button, Qt.MouseButton.LeftButton)
    assert row._progress.text() == "Stopping…"
    assert not row._button.isEnabled()
    assert window.focusWidget() is row, "not wherever Qt would send it"
    qtbot.waitUntil(lambda: row._button.text() == "Continue…", timeout=20_000)
    came = models.status("talker").came
    assert came > 0
    assert "Unfinished: " in row.accessibleName()

    hub.always.clear()
    hub.requests.clear()
    _install(qtbot, window)
    qtbot.waitUntil(lambda: row.entry.status.state is ModelState.READY, timeout=20_000)
    assert hub.asked("STORE")[0].start == came


def test_what_goes_wrong_is_told_beside_the_model_and_tried_again(
    qtbot: QtBot, window: MainWindow, hub: Hub
) -> None:
    hub.plan("HEAD", Trouble(status=403))
    _install(qtbot, window)
    row = _row(window)
    qtbot.waitUntil(lambda: not row._trouble.isHidden(), timeout=20_000)
    assert "accept the licence there" in row._trouble.text()
    assert "accept the licence there" in row.accessibleName()
    assert row._button.text() == "Retry"
    QTest.mouseClick(row._button, Qt.MouseButton.LeftButton)
    assert row._trouble.isHidden()
    qtbot.waitUntil(lambda: row.entry.status.state is ModelState.READY, timeout=20_000)
    assert row._trouble.isHidden()


def test_a_size_that_only_the_hub_knows_is_asked_for(
    qtbot: QtBot, window: MainWindow, hub: Hub
) -> None:
    _do(window, Act.INSTALL_MODEL, "reader")
    row = _row(window, "reader")
    qtbot.waitUntil(lambda: row._button.text() == "Retry", timeout=20_000)
    assert "404" in row._trouble.text()
    hub.put("maker/reader/reader.gguf", gguf())
    QTest.mouseClick(row._button, Qt.MouseButton.LeftButton)
    dialog = _dialog(qtbot, window)
    assert text.size(len(gguf())) in _words(dialog)
    assert extras.command("never") in _words(dialog)
    dialog.accept()
    qtbot.waitUntil(lambda: row.entry.status.state is ModelState.NEEDS_EXTRA, timeout=20_000)
    QTest.mouseClick(row._copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == extras.command("never")


@pytest.mark.parametrize("models", [_PAIR], indirect=True)
def test_what_a_model_needs_comes_with_it(qtbot: QtBot, window: MainWindow, hub: Hub) -> None:
    hub.put("maker/ears/ears.gguf", gguf())
    hub.put("maker/words/tokenizer.json", b"{}", large=False)
    _do(window, Act.INSTALL_MODEL, "ttmr-pp")
    dialog = _dialog(qtbot, window)
    assert "Tokens (2 bytes, MIT)" in _words(dialog)
    dialog.accept()
    ears, tokens = _row(window, "ttmr-pp"), _row(window, "roberta-base")
    qtbot.waitUntil(lambda: ears.entry.status.state is ModelState.NEEDS_EXTRA, timeout=20_000)
    qtbot.waitUntil(lambda: tokens.entry.status.state is ModelState.READY, timeout=20_000)


def test_files_are_verified_and_removed(
    qtbot: QtBot, window: MainWindow, models: Models, app: App
) -> None:
    _install(qtbot, window)
    row = _row(window)
    qtbot.waitUntil(lambda: row.entry.status.state is ModelState.READY, timeout=20_000)
    _do(window, Act.VERIFY_MODEL)
    qtbot.waitUntil(lambda: window.messages.accessibleName() == "Talker is whole.")

    file = app.paths.models / "talker" / "talker.gguf"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    _do(window, Act.VERIFY_MODEL)
    qtbot.waitUntil(lambda: row._button.text() == "Remove…", timeout=20_000)
    assert "SHA-256" in row._trouble.text()
    QTest.mouseClick(row._button, Qt.MouseButton.LeftButton)
    (box,) = window.findChildren(QMessageBox)
    assert file.exists()
    remove = next(button for button in box.buttons() if button.text() == "Remove")
    remove.click()
    qtbot.waitUntil(lambda: row._button.text() == "Install…", timeout=20_000)
    assert not file.exists()
    assert row._trouble.isHidden()


def test_a_model_that_is_here_already_is_added(
    qtbot: QtBot, window: MainWindow, hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / "downloaded.gguf").write_bytes(b"another")
    _do(window, Act.ADD_MODEL_FILES)
    (dialog,) = window.findChildren(QFileDialog)
    dialog.filesSelected.emit([str(tmp_path / "downloaded.gguf")])
    row = _row(window)
    qtbot.waitUntil(lambda: row._button.text() == "Choose again…", timeout=20_000)
    (tmp_path / "downloaded.gguf").write_bytes(_TALKER)
    window.models._add("talker", [str(tmp_path / "downloaded.gguf")])
    qtbot.waitUntil(lambda: row.entry.status.state is ModelState.READY, timeout=20_000)
    assert not hub.requests


def test_a_language_model_of_ones_own_is_added(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    page = window.models_page
    own = tmp_path / "My Own.gguf"
    own.write_bytes(gguf({"general.name": "My own talker"}))
    window.actions_table[Act.ADD_OWN_MODEL].trigger()
    (dialog,) = window.findChildren(QFileDialog)
    dialog.fileSelected.emit(str(own))
    dialog.close()
    qtbot.waitUntil(lambda: "my-own" in page.ids(), timeout=20_000)
    assert page.row("my-own").accessibleName().startswith("My own talker, Ready")

    own.write_bytes(b"no model")
    window.models._add_own(str(own))
    qtbot.waitUntil(lambda: "no GGUF" in window.messages.accessibleName(), timeout=20_000)
    assert "my-own-2" not in page.ids()


def test_the_keyboard_goes_from_model_to_model(qtbot: QtBot, window: MainWindow) -> None:
    row = _row(window)
    row.setFocus()
    assert window.models_page.current() is row.entry
    QTest.keyClick(row, Qt.Key.Key_Tab)
    inside = window.focusWidget()
    assert inside is not None
    assert row.isAncestorOf(inside)
    row.setFocus()
    QTest.keyClick(row, Qt.Key.Key_Up)
    assert window.focusWidget() is _row(window, "reader")
    QTest.keyClick(_row(window, "reader"), Qt.Key.Key_Home)
    assert window.focusWidget() is _row(window, "inside")
    assert not window.actions_table[Act.INSTALL_MODEL].isEnabled()
    assert not window.actions_table[Act.REMOVE_MODEL].isEnabled()
    QTest.keyClick(_row(window, "inside"), Qt.Key.Key_End)
    QTest.keyClick(row, Qt.Key.Key_Return)
    assert _dialog(qtbot, window).isVisible()


def test_every_button_has_a_name(window: MainWindow) -> None:
    page = window.models_page
    assert all(button.accessibleName() for button in page.findChildren(QToolButton))
    shown = [button for button in page.findChildren(QPushButton) if button.isVisible()]
    assert [b for b in shown if not b.accessibleName() and not b.text()] == []
    installs = [b.accessibleName() for b in shown if b.text() == "Install…"]
    assert installs == ["Install: Reader", "Install: Talker"]


def test_closing_the_window_ends_a_download(qtbot: QtBot, window: MainWindow, hub: Hub) -> None:
    hub.always["STORE"] = Trouble(pause=0.05)
    _install(qtbot, window)
    qtbot.waitUntil(lambda: "Downloading" in _row(window)._progress.text(), timeout=20_000)
    window.close()
    sent = hub.sent
    qtbot.wait(300)
    assert hub.sent <= sent + 2 * (1 << 16)


def test_the_review_offers_the_models_where_one_is_wanted(
    qtbot: QtBot, window: MainWindow, app: App
) -> None:
    note = window.review._note
    app.settings_file.set("tagger", "model")
    window.actions_table[Act.SHOW_REVIEW].trigger()
    qtbot.waitUntil(lambda: note.accessibleName() == "Nothing to review")
    window.models.check_language()
    qtbot.waitUntil(lambda: note.accessibleName() == "No language model is ready")
    QTest.mouseClick(note._button, Qt.MouseButton.LeftButton)
    assert window.models_page.isVisible()

    _install(qtbot, window)
    qtbot.waitUntil(lambda: note.accessibleName() == "Nothing to review", timeout=20_000)
