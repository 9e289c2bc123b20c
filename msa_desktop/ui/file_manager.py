"""Shows a file or folder in the system's file manager, without a shell."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath

from PySide6.QtCore import QProcess, QUrl
from PySide6.QtGui import QDesktopServices

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path

_DBUS_NAME = "org.freedesktop.FileManager1"
_DBUS_PATH = "/org/freedesktop/FileManager1"


def url_of(path: str) -> QUrl:
    """The file URL of an absolute path, also of one whose name is not valid UTF-8."""
    return QUrl.fromEncoded(PurePath(path).as_uri().encode("ascii"))


def check(path: str) -> str:
    """The path again, when something is there; a slow disk makes this slow.

    Raises:
        UserError: Nothing is there.
    """
    if not os.path.lexists(path):
        raise UserError(
            f"{display_path(path)} is not there. Connect its disk, or rescan if it was moved."
        )
    return path


def open_folder(path: str) -> None:
    """Opens the file manager on a folder.

    Raises:
        UserError: There is no file manager.
    """
    if not QDesktopServices.openUrl(url_of(path)):
        raise _no_manager(path)


def show_file(path: str) -> None:
    """Opens the file manager on a file's folder, with the file selected where the system can.

    Raises:
        UserError: There is no file manager.
    """
    if sys.platform == "win32":
        opened, _ = QProcess.startDetached("explorer.exe", ["/select,", os.path.normpath(path)])
    elif sys.platform == "darwin":
        opened, _ = QProcess.startDetached("/usr/bin/open", ["-R", path])
    else:
        opened = _select_over_dbus(path) or QDesktopServices.openUrl(url_of(os.path.dirname(path)))
    if not opened:
        raise _no_manager(path)


def _no_manager(path: str) -> UserError:
    return UserError(f"No file manager could be opened. Look for {display_path(path)} yourself.")


def _select_over_dbus(path: str) -> bool:
    """Asks the desktop's file manager to select a file; False where none listens."""
    # Loaded at the first use: most sessions never ask.
    from PySide6.QtDBus import QDBusConnection, QDBusMessage  # noqa: PLC0415

    bus = QDBusConnection.sessionBus()
    interface = bus.interface() if bus.isConnected() else None
    if interface is None or not interface.isServiceRegistered(_DBUS_NAME).value():
        return False
    message = QDBusMessage.createMethodCall(_DBUS_NAME, _DBUS_PATH, _DBUS_NAME, "ShowItems")
    message.setArguments([[url_of(path).toString(QUrl.ComponentFormattingOption.FullyEncoded)], ""])
    return bus.send(message)
