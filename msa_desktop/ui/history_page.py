"""The history: what was written into files, and how to take it back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from msa_desktop.ui import history_model, text, theme
from msa_desktop.ui.actions import Act, Actions, button_for
from msa_desktop.ui.history_list import HistoryList
from msa_desktop.ui.history_model import HistoryModel
from msa_desktop.ui.note_page import NotePage
from msa_desktop.ui.paint import EDGE
from msa_desktop.ui.tag_service import TagService
from msa_desktop.ui.theme import Role

_MEGABYTE = 1_000_000


class HistoryPage(QWidget):
    """Batches and their files.

    Args:
        service: Who knows what was written.
        actions: The window's actions.
        megabytes: The room for undo, by the settings in force.

    Signals:
        selected: What can be undone is another: a batch, and files of it (both bool).
        menu_asked: The selected rows' menu is wanted at this place of the screen.
    """

    selected = Signal(bool, bool)
    menu_asked = Signal(QPoint)

    def __init__(
        self,
        service: TagService,
        actions: Actions,
        megabytes: Callable[[], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._service = service
        self._megabytes = megabytes
        self._awaited: int | None = None
        self.model = HistoryModel(service, self)
        self.list = HistoryList(self.model, (), self)
        self._room = QLabel(self)
        self._note = NotePage(self)
        self._pages = QStackedWidget(self)
        self._lay_out(actions)
        self.model.read.connect(self._show)
        self.model.failed.connect(self._explain)
        self.model.rowsInserted.connect(self._tell)
        self.model.rowsRemoved.connect(self._tell)
        self.list.selectionModel().selectionChanged.connect(self._tell)
        self.list.menu_asked.connect(self.menu_asked)

    def open(self) -> None:
        """Reads the history; called when the page comes to the front."""
        if self._service.problem:
            self._note.say("info", "The history cannot be shown now", self._service.problem)
            self._pages.setCurrentWidget(self._note)
        else:
            self.model.reload()

    def refresh(self) -> None:
        """Reads what changed, where it was looked at before."""
        if self.model.loaded:
            self.model.reload()

    def show_batch(self, batch_id: int) -> None:
        """Goes to a batch as soon as it is read."""
        self._awaited = batch_id

    def focus_list(self) -> None:
        """Gives the keyboard to the list."""
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _lay_out(self, actions: Actions) -> None:
        heading = QLabel("History", self)
        theme.set_role(heading, Role.HEADING)
        theme.set_role(self._room, Role.MUTED)
        head = QVBoxLayout()
        head.setContentsMargins(EDGE, 12, 12, 10)
        head.setSpacing(0)
        head.addWidget(heading)
        head.addWidget(self._room)
        self._pages.addWidget(self.list)
        self._pages.addWidget(self._note)
        foot = QWidget(self)
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        theme.set_role(foot, Role.BAR)
        row = QHBoxLayout(foot)
        row.setContentsMargins(EDGE, 8, 12, 8)
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(button_for(actions[Act.UNDO_FILES], "Undo selected files", self))
        row.addWidget(button_for(actions[Act.UNDO_BATCH], "Undo this write", self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._pages, 1)
        layout.addWidget(foot)

    def _show(self, size: int) -> None:
        room = text.size(self._megabytes() * _MEGABYTE)
        self._room.setText(f"{text.size(size)} of {room} kept for undo")
        empty = self.model.rowCount() == 0
        if empty:
            self._note.say(
                "history",
                "Nothing was written yet",
                "Every write into your files is kept here, and can be undone to the byte.",
            )
        self._pages.setCurrentWidget(self._note if empty else self.list)
        if not empty and not self.list.currentIndex().isValid():
            self.list.make_current(0)
        if self._awaited is not None:
            self.list.show_batch(self._awaited)
            self._awaited = None
        self._tell()

    def _explain(self, error: Exception) -> None:
        self._note.say("alert", "The history cannot be read", str(error))
        self._pages.setCurrentWidget(self._note)

    def _tell(self) -> None:
        batch = self.list.current_batch()
        files = any(history_model.can_undo(row) for row in self.list.selected_files())
        self.selected.emit(batch is not None and history_model.can_undo(batch), files)
