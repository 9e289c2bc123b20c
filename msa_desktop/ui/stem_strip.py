"""The line above the player that says how work on stems goes on, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from msa_desktop.ui import theme
from msa_desktop.ui.icons import Ink, icon
from msa_desktop.ui.mark import Mark
from msa_desktop.ui.message_bar import Offer

_LINE_WIDTH = 160


class StemStrip(QWidget):
    """Shows one piece of work, or its outcome until that is dismissed; hidden without either.

    Args:
        parent: Qt's parent.
    """

    cancel_clicked = Signal()
    """The person wants the work ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mark = Mark(theme.ICON_SIZE, self)
        self._words = QLabel()
        self._details = QLabel()
        self._line = QProgressBar()
        self._offer = QPushButton()
        self._cancel = QPushButton("Cancel")
        self._close = QToolButton()
        self._take: Callable[[], object] | None = None
        self._lay_out()
        self._cancel.clicked.connect(self.cancel_clicked)
        self._close.clicked.connect(self.hide)
        self._offer.clicked.connect(self._take_offer)
        self.hide()

    def show_work(self, words: str) -> None:
        """Shows that work began."""
        self._show(words, "mixer", Ink.ACCENT, working=True)
        self.show_progress("", 0.0, 0.0)
        self._offer.hide()

    def show_progress(self, details: str, done: float, total: float) -> None:
        """Shows how far it is; a total of 0 says that there is no telling."""
        self._details.setText(details)
        # A range of nothing is Qt's way to say "busy, no telling how far".
        self._line.setRange(0, 1000 if total else 0)
        self._line.setValue(round(1000 * done / total) if total else 0)

    def show_outcome(self, words: str, offer: Offer | None = None, *, problem: bool) -> None:
        """Shows how it ended, and what the person can do now."""
        mark = ("alert", Ink.ATTENTION) if problem else ("check", Ink.ACCENT)
        self._show(words, *mark, working=False)
        self._take = offer.take if offer else None
        self._offer.setText(offer.words if offer else "")
        self._offer.setVisible(offer is not None)

    def _show(self, words: str, picture: str, ink: Ink, *, working: bool) -> None:
        self._mark.show_icon(picture, ink)
        self._words.setText(words)
        for widget in (self._details, self._line, self._cancel):
            widget.setVisible(working)
        self._close.setVisible(not working)
        self.setAccessibleName(words)
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def _take_offer(self) -> None:
        self.hide()
        if self._take is not None:
            self._take()

    def _lay_out(self) -> None:
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long name without spaces must not make the window wide.
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        theme.set_role(self._details, theme.Role.SMALL)
        self._line.setTextVisible(False)
        self._line.setFixedWidth(_LINE_WIDTH)
        self._line.setAccessibleName("Progress")
        for button in (self._offer, self._cancel):
            theme.set_role(button, theme.Role.LINK)
        self._close.setIcon(icon("close"))
        self._close.setToolTip("Dismiss")
        self._close.setAccessibleName("Dismiss this message")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 12, 0)
        row.setSpacing(10)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._words, 1)
        for widget in (self._details, self._line, self._offer, self._cancel, self._close):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
