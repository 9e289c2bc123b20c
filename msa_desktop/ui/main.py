"""Starts the window, or draws it into a picture."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType

import shiboken6
from PySide6.QtCore import QEventLoop, QObject, QSocketNotifier, QTimer, SignalInstance
from PySide6.QtWidgets import QApplication

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import TrackState
from msa_desktop.base.settings import Settings, Theme
from msa_desktop.services.library import Library
from msa_desktop.ui import theme
from msa_desktop.ui.icons import app_icon
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from msa_desktop.ui.responsive import Responsive

_log = logging.getLogger(__name__)

_DRAW_MS = 20_000  # a picture of what is there by then is better than none
_EXAMPLES = 200  # rows among which the picture's track is looked for
_SETTLE_MS = 400  # rows and waveform arrive just after the lists


def run(app: App, folder: str | None) -> int:
    """Opens the window and returns when it is closed.

    Args:
        app: The services; the caller closes them.
        folder: A folder to add first.

    Returns:
        The process's exit code.

    Raises:
        UserError: There is no display.
    """
    if not _has_display():
        raise UserError(
            "There is no display for the window. Use the commands (msa-desktop --help), or draw "
            "the window into a picture: msa-desktop window --draw FILE.png"
        )
    qt = _make_application(app.settings.theme)
    library, problem = _library_of(app)
    window = MainWindow(app, library, problem)
    window.settings_changed.connect(_Dresser(qt).dress)
    watch = _Watch(window)
    responsive = Responsive(window)
    window.show()
    for warning in app.settings_file.warnings:
        window.messages.show_error(UserError(warning))
    if library is None:
        window.messages.show_error(UserError(problem))
        window.show_library()
    else:
        window.open(os.path.abspath(folder) if folder else None)
    try:
        return qt.exec()
    finally:
        responsive.close()
        watch.close()
        _end(window)


def draw(app: App, path: Path, size: tuple[int, int], theme_name: str | None = None) -> None:
    """Draws the window with the library's real content into a PNG file.

    Args:
        app: The services; nothing is changed but that one track's waveform is kept.
        path: The file.
        size: Width and height in pixels.
        theme_name: "light" or "dark"; None for the person's setting.

    Raises:
        UserError: The file cannot be written.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    _qt = _make_application(Theme(theme_name) if theme_name else app.settings.theme)  # held
    library, _ = _library_of(app)  # only for the waveform
    window = MainWindow(app, library, playback=Playback(needs_output=False))
    window.resize(*size)
    window.sidebar.choose("all")  # wherever the person was last
    window.show()
    _wait(window.model.shown, window.show_library)
    rows = app.tracks.get_many(window.model.ids_at(0, _EXAMPLES - 1))
    example = next((track for track in rows if track.state is TrackState.ANALYSED), None)
    if example is not None:
        _wait(window.panel.shown, partial(window.pane.table.select, example.id))
        if library is not None and os.path.exists(example.path):
            _wait(window.waveforms.ready, partial(window.tracks.play_in_table, example.id))
    loop = QEventLoop()
    QTimer.singleShot(_SETTLE_MS, loop.quit)
    loop.exec()
    saved = window.grab().save(str(path), "PNG")
    window.end_work()
    _end(window)
    if not saved:
        raise UserError(f"The picture {path} could not be written. Is its folder there?")


def _end(window: MainWindow) -> None:
    """Takes the window down here and now: at the interpreter's end Qt is half gone, and crashes."""
    shiboken6.delete(window)
    gc.collect()


def _has_display() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") or not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _make_application(colours: Theme) -> QApplication:
    existing = QApplication.instance()
    qt = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    qt.setApplicationName("msa-desktop")
    qt.setDesktopFileName("msa-desktop")
    theme.apply(qt, colours)
    qt.setWindowIcon(app_icon())
    return qt


def _library_of(app: App) -> tuple[Library | None, str]:
    """The library, or why this process cannot have it."""
    try:
        return app.library, ""
    except UserError as error:
        return None, str(error)


def _wait(signal_to_come: SignalInstance, begin: Callable[[], object]) -> None:
    """Does something, and lets the window work until the signal tells that it is done."""
    loop = QEventLoop()
    signal_to_come.connect(loop.quit)
    QTimer.singleShot(_DRAW_MS, loop.quit)
    begin()
    loop.exec()


class _Dresser(QObject):
    """Gives the running program another theme when the settings say so."""

    def __init__(self, qt: QApplication) -> None:
        super().__init__(qt)
        self._qt = qt

    def dress(self, settings: Settings) -> None:
        """Applies the settings' theme."""
        theme.apply(self._qt, settings.theme)


class _Watch(QObject):
    """Closes the window in good order on Ctrl+C, and shows each kind of bug once.

    Qt's loop does not return to Python while nothing happens; the signal's byte in a socket makes
    something happen.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._seen: set[str] = set()
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        for end in (self._ours, theirs):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._drain)
        self._wakeup_before = signal.set_wakeup_fd(theirs.fileno())
        self._before = {
            number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._hook_before, sys.excepthook = sys.excepthook, self._bug

    def close(self) -> None:
        """Gives signals and exceptions back to whom they belonged."""
        self._notifier.setEnabled(False)
        sys.excepthook = self._hook_before
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._ours.close()
        self._theirs.close()

    def _drain(self) -> None:
        self._ours.recv(64)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._window.close()

    def _bug(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _log.error("a bug in the window", exc_info=(kind, error, trace))
        words = f"{kind.__name__}: {error}"
        if isinstance(error, Exception) and words not in self._seen:
            self._seen.add(words)
            self._window.messages.show_error(error)
