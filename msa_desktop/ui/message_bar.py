"""Messages inside the window, never a box in the way."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from msa_desktop.base.events import Notice
from msa_desktop.ui import theme
from msa_desktop.ui.bridge import sentence
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.theme import Role

_GLANCE_MS = 6000
_OFFER_MS = 20_000  # a message that offers something stays until it can be taken
_MOST_LETTERS = 300  # about three lines; the rest is in the tooltip


@dataclass(frozen=True, slots=True)
class Offer:
    """A button beside a message."""

    words: str
    take: Callable[[], object]


class MessageBar(QWidget):
    """Shows one message at a time. News go by themselves; errors stay until they are dismissed.

    Signals:
        emptied: The last message went.
    """

    emptied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[Notice, Sequence[Offer]]] = []
        self._mark = Mark(theme.ICON_SIZE, self)
        self._text = QLabel(self)
        self._close = QToolButton(self)
        self._offers = QHBoxLayout()
        self._go = QTimer(self, singleShot=True, interval=_GLANCE_MS)
        self._go.timeout.connect(self.dismiss)
        self._close.clicked.connect(self.dismiss)
        self._lay_out()
        self.hide()

    def show_notice(self, notice: Notice, offers: Sequence[Offer] = ()) -> None:
        """Shows a notice now, or after the errors that are not dismissed yet.

        Args:
            notice: What to say.
            offers: What the person can do about it; any of them takes the message away.
        """
        if any(notice == waiting for waiting, _ in self._waiting):
            return
        if self._waiting and not self._waiting[0][0].is_error:
            self._waiting.pop(0)
        self._waiting.append((notice, offers))
        self._show_first()

    def show_error(self, error: Exception) -> None:
        """Shows what went wrong."""
        self.show_notice(Notice(sentence(error), is_error=True))

    def say(self, text: str, offers: Sequence[Offer] = ()) -> None:
        """Shows a piece of news."""
        self.show_notice(Notice(text), offers)

    def dismiss(self) -> None:
        """Takes the shown message away; the next one follows."""
        if self._waiting:
            self._waiting.pop(0)
        self._show_first()

    def _show_first(self) -> None:
        self._go.stop()
        if not self._waiting:
            had_focus = self._close.hasFocus()
            self.hide()
            if had_focus:
                self.emptied.emit()
            return
        notice, offers = self._waiting[0]
        self._show_offers(offers)
        self._mark.show_icon(
            *(("alert", Ink.ATTENTION) if notice.is_error else ("info", Ink.ACCENT))
        )
        more = len(self._waiting) - 1
        words = textwrap.shorten(notice.text, _MOST_LETTERS, placeholder="…")
        self._text.setText(words + (f"  ({more} more)" if more else ""))
        self._text.setToolTip(notice.text if "…" in words else "")
        self.setAccessibleName(notice.text)
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))
        if not notice.is_error:
            self._go.start(_OFFER_MS if offers else _GLANCE_MS)

    def _show_offers(self, offers: Sequence[Offer]) -> None:
        while item := self._offers.takeAt(0):
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        for offer in offers:
            button = QPushButton(offer.words, self)
            theme.set_role(button, Role.LINK)
            button.clicked.connect(self.dismiss)
            button.clicked.connect(offer.take)
            self._offers.addWidget(button)

    def _lay_out(self) -> None:
        card = QFrame(self)
        theme.set_role(card, Role.NOTICE)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._close.setIcon(icon("close"))
        self._close.setToolTip("Dismiss")
        self._close.setAccessibleName("Dismiss this message")
        self._close.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        around = QHBoxLayout(self)
        around.setContentsMargins(8, 8, 8, 8)
        around.addWidget(card)
        layout = QHBoxLayout(card)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setSpacing(10)
        layout.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self._text, 1)
        layout.addLayout(self._offers)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
