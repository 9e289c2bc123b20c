"""What the Models page asks: to agree to a model's licence and size, and to its removal."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QMessageBox,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from msa_desktop.base.model import display_path
from msa_desktop.services.models import ModelStatus
from msa_desktop.ui import text, theme
from msa_desktop.ui.theme import Role

_WIDTH = 520


@dataclass(frozen=True, slots=True)
class Offer:
    """What an install would bring.

    Attributes:
        size: Bytes that would be downloaded.
        free: Bytes that are free on the disk it would go to.
        needs: What it needs to do all it can, and comes with it.
    """

    status: ModelStatus
    size: int
    free: int
    needs: tuple[ModelStatus, ...] = ()

    @property
    def needed(self) -> int:
        """Bytes of the disk at its fullest: what is converted is there twice for a while."""
        twice = any(file.becomes for file in self.status.model.files)
        return self.size + (self.size + self.status.came if twice else 0)


class ModelDialog(QDialog):
    """A model's licence and terms; with an offer, accepted to install it.

    Nothing is fetched for it: the licence's own page opens in the person's browser, if asked.

    Args:
        status: The model.
        offer: What an install would bring, or None to show the terms alone.
    """

    def __init__(
        self, status: ModelStatus, offer: Offer | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        model = status.model
        title = f"Install {model.title}?" if offer else model.title
        self.setWindowTitle("Install a model" if offer else "Licence and terms")
        heading, purpose = _words(title, Role.TITLE), _words(model.purpose, Role.MUTED)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(8)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignTop)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        if offer is not None:
            self._show_offer(offer)
        self._add("Licence", _words(model.licence, Role.STRONG))
        if model.terms:
            self._add("Terms", _words(model.terms))
        if model.terms_url:
            self._add("In full", _web_link(model.terms_url))
        if status.extra_command and offer is not None:
            self._add("To run it", _code(status.extra_command))
        buttons = QDialogButtonBox(self)
        if offer is not None:
            install = buttons.addButton("Install", QDialogButtonBox.ButtonRole.AcceptRole)
            theme.set_role(install, Role.PRIMARY)
            buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        else:
            buttons.addButton(QDialogButtonBox.StandardButton.Close)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        line = QFrame(self)
        theme.set_role(line, Role.LINE)
        head = QVBoxLayout()
        head.setContentsMargins(22, 18, 22, 18)
        head.setSpacing(4)
        head.addWidget(heading)
        head.addWidget(purpose)
        head.addSpacing(14)
        head.addLayout(self._form)
        foot = QVBoxLayout()
        foot.setContentsMargins(20, 12, 20, 14)
        foot.addWidget(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addStretch(1)
        column.addWidget(line)
        column.addLayout(foot)
        self.setFixedSize(_WIDTH, column.heightForWidth(_WIDTH))

    def _show_offer(self, offer: Offer) -> None:
        came = offer.status.came
        kept = f"; {text.size(came)} is here already" if came else ""
        self._add("Download", _words(f"{text.size(offer.size)}{kept}"))
        self._add("From", _words(offer.status.model.source))
        for needed in offer.needs:
            size = f"{text.size(needed.model.size)}, " if needed.model.size else ""
            self._add("With it", _words(f"{needed.model.title} ({size}{needed.model.licence})"))
        free = f"{text.size(offer.free)} free"
        if offer.needed > offer.size:
            free += f"; {text.size(offer.needed)} needed while it is converted"
        scarce = offer.free < offer.needed
        self._add("Disk", _words(free, Role.ATTENTION if scarce else None))

    def _add(self, name: str, field: QWidget) -> None:
        self._form.addRow(_words(name, Role.MUTED), field)


def ask_remove(parent: QWidget, status: ModelStatus, remove: Callable[[], None]) -> None:
    """Asks whether a model's files are to go."""
    title, folder = status.model.title, display_path(str(status.folder))
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Remove a model")
    box.setIcon(QMessageBox.Icon.Question)
    if status.installed is None and not status.problems:
        box.setText(f"Throw away what came of {title}?")
        box.setInformativeText(f"{text.size(status.came)} of an unfinished download are deleted.")
    else:
        size = sum(file.size for file in status.installed.files) if status.installed else 0
        what = f"Its files ({text.size(size)}) in" if size else "Its files in"
        box.setText(f"Remove {title}?")
        box.setInformativeText(f"{what} {folder} are deleted. Your music is not touched.")
    button = box.addButton("Remove", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    button.clicked.connect(remove)
    box.open()


def _words(words: str, role: Role | None = None) -> QLabel:
    label = QLabel(words)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role is not None:
        theme.set_role(label, role)
    return label


def _code(words: str) -> QLabel:
    label = _words(words, Role.CODE)
    label.setWordWrap(False)
    label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return label


def _web_link(url: str) -> QLabel:
    parts = urlsplit(url)
    shown = f"{parts.hostname}{parts.path}".rstrip("/")
    label = QLabel(f'<a href="{html.escape(url)}">{html.escape(shown)}</a>')
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
    label.setOpenExternalLinks(True)
    label.setWordWrap(True)
    label.setAccessibleName(f"The licence in full: {url}")
    return label
