"""What the program says of itself, and the one question it asks before forgetting something."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

import msa_desktop
from msa_desktop.ui import text
from msa_desktop.ui.folder_tree import Node
from msa_desktop.ui.icons import app_icon

NAME = "Music Semantic Analyzer"

_WORDS = (
    "Listens to your own music library and finds what sounds alike. "
    "Everything stays on this computer.\n\n"
    "Free software under the GNU General Public License, version 3 or later. "
    "Listens with MusiCNN (ISC licence) by Jordi Pons."
)


def show_about(parent: QWidget) -> None:
    """Opens the window that names the program, its version and its licence."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About")
    box.setIconPixmap(app_icon().pixmap(QSize(64, 64), parent.devicePixelRatioF()))
    box.setText(f"<b>{NAME}</b><br>Version {msa_desktop.__version__}")
    box.setInformativeText(_WORDS)
    box.open()


def ask_remove(
    parent: QWidget, node: Node, root_id: int, remove: Callable[[int, str], None]
) -> None:
    """Asks whether a folder is to leave the library; hours of listening go with it."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Remove from library")
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Remove “{node.name}” from the library?")
    tracks = text.count(node.count or 0, "track", "tracks")
    box.setInformativeText(
        f"What the program heard in its {tracks} is forgotten. The files stay as they are."
    )
    button = box.addButton("Remove", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    button.clicked.connect(partial(remove, root_id, node.path))
    box.open()
