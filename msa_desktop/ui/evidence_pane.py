"""The right side of the review: why these tags are proposed for this track."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.ui import evidence, theme
from msa_desktop.ui.elided import ElidedLabel
from msa_desktop.ui.evidence_list import EvidenceList
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.review_model import Entry
from msa_desktop.ui.theme import Role


class EvidencePane(QWidget):
    """Follows the track, and the tag, that the person is on."""

    def __init__(self, list_actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = EvidenceList(list_actions, self)
        self._title = ElidedLabel(parent=self)
        self._artist = ElidedLabel(parent=self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._head = QWidget(self)
        self._shown: tuple[TrackId, Field | None] | None = None
        self._lay_out()
        self.show_evidence(None, None)

    def show_evidence(self, entry: Entry | None, field: Field | None) -> None:
        """Shows what speaks for a track's proposals; for one of them where a tag is named."""
        self._head.setVisible(entry is not None)
        if entry is None:
            self._note.say(
                "info",
                "Why this tag?",
                "Select a track to see what was heard in it, and which tagged tracks sound like "
                "it. Those can be played here.",
            )
            self._pages.setCurrentWidget(self._note)
            self._shown = None
            return
        self._title.setText(entry.track.title)
        self._artist.setText(entry.track.tags.artist or entry.track.tags.album or "Unknown artist")
        lines = [x for x in entry.lines if field in (None, x.proposal.field)]
        self.list.lines.show(evidence.items(line.proposal for line in lines))
        self._pages.setCurrentWidget(self.list)
        if self._shown != (entry.track.id, field):
            self._shown = (entry.track.id, field)
            self.list.scrollToTop()

    def focus_list(self) -> None:
        """Gives the keyboard to the evidence."""
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _lay_out(self) -> None:
        self.setMinimumWidth(250)
        kicker = QLabel("Why", self)
        theme.set_role(kicker, Role.SECTION)
        theme.set_role(self._title, Role.TITLE)
        theme.set_role(self._artist, Role.MUTED)
        head = QVBoxLayout(self._head)
        head.setContentsMargins(EDGE, 12, 8, 10)
        head.setSpacing(1)
        for label in (kicker, self._title, self._artist):
            head.addWidget(label)
        for page in (self.list, self._note):
            self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._pages, 1)
