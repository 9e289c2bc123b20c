"""What the person can have done with tags: the actions, the dialogs, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget

from msa_desktop.base.events import EventBus
from msa_desktop.base.fields import FieldValues
from msa_desktop.base.history import Change, WriteReport
from msa_desktop.base.model import TrackId
from msa_desktop.services.tagging import ProposeReport, Tagging
from msa_desktop.ui import files_dialog, tag_jobs
from msa_desktop.ui.actions import Act, Actions, Place
from msa_desktop.ui.file_rows import Outlook
from msa_desktop.ui.history_page import HistoryPage
from msa_desktop.ui.message_bar import Offer
from msa_desktop.ui.review_commands import ReviewCommands
from msa_desktop.ui.review_page import ReviewPage
from msa_desktop.ui.tag_editor import TagEditor
from msa_desktop.ui.tag_jobs import TagJobs
from msa_desktop.ui.tag_service import TagService

_READ_AT_ONCE = 50  # files; between two such groups the editor can be closed
_ON_PROPOSALS = (Act.ACCEPT, Act.REJECT, Act.EDIT_VALUES)
_ON_ACCEPTED = (Act.PREVIEW, Act.WRITE)

Said = tuple[dict[TrackId, FieldValues], dict[TrackId, str]]


def _show(ids: Sequence[TrackId], tagging: Tagging) -> Said:
    return tagging.show(ids)


class TagCommands(QObject):
    """Carries out the actions on tags.

    Args:
        service: The tag service, or why there is none.
        events: Where is told how far long work is.
        actions: The window's actions.
        review: The page of proposals.
        history: The page of what was written.
        targets: The tracks that an action on tracks would act on now.
        window: The parent of dialogs and menus.

    Signals:
        said: A piece of news for the person, and what they can do about it (list of `Offer`).
        failed: What went wrong (an exception).
        batch_asked: A batch (its number) is to be looked at in the history.
    """

    said = Signal(str, list)
    failed = Signal(Exception)
    batch_asked = Signal(int)

    def __init__(
        self,
        service: TagService,
        events: EventBus,
        actions: Actions,
        review: ReviewPage,
        history: HistoryPage,
        targets: Callable[[], list[TrackId]],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._service = service
        self._actions = actions
        self._review = review
        self._history = history
        self._targets = targets
        self._window = window
        self._accepted = 0
        self.work = TagJobs(service, events, self)
        self.decisions = ReviewCommands(service, review.model, review.list, self)
        self._connect()
        actions.enable([*_ON_PROPOSALS, *_ON_ACCEPTED, Act.UNDO_DECISION], False)
        actions.enable([Act.UNDO_BATCH, Act.UNDO_FILES], False)

    def propose_all(self) -> None:
        """Proposes tags for the whole library."""
        self.work.propose(None)

    def open_history_menu(self, at: QPoint) -> None:
        """Opens the menu of what was written at a place of the screen."""
        self._actions.context_menu(Place.HISTORY_MENU, self._window).popup(at)

    def _connect(self) -> None:
        decisions, review = self.decisions, self._review
        handlers: dict[Act, Callable[[], None]] = {
            Act.PROPOSE: self._propose,
            Act.PROPOSE_ALL: self.propose_all,
            Act.EDIT_TAGS: self._edit_tags,
            Act.ACCEPT: decisions.accept,
            Act.REJECT: decisions.reject,
            Act.EDIT_VALUES: review.list.edit_values,
            Act.UNDO_DECISION: decisions.take_back,
            Act.ACCEPT_ABOVE: self._accept_above,
            Act.PREVIEW: self._preview,
            Act.WRITE: self._write,
            Act.UNDO_BATCH: self._undo_batch,
            Act.UNDO_FILES: self._undo_files,
        }
        for act, handler in handlers.items():
            self._actions[act].triggered.connect(handler)
        review.propose_asked.connect(self.propose_all)
        review.counted.connect(self._count)
        review.list.selectionModel().selectionChanged.connect(self._update)
        decisions.undoable_changed.connect(self._actions[Act.UNDO_DECISION].setEnabled)
        decisions.stored.connect(review.refresh_counts)
        self._history.selected.connect(self._update_history)
        self._history.menu_asked.connect(self.open_history_menu)
        self.work.busy_changed.connect(self._update)
        self.work.proposed.connect(self._show_proposed)
        self.work.previewed.connect(self._show_preview)
        self.work.written.connect(self._show_written)
        self.work.undone.connect(self._show_undone)
        decisions.said.connect(self._say_decided)
        for worker in (decisions, self.work):
            worker.failed.connect(self.failed)

    # What can be done now

    def _count(self, accepted: int) -> None:
        self._accepted = accepted
        self._update()

    def _update(self) -> None:
        any_selected = self._review.list.selectionModel().hasSelection()
        self._actions.enable(_ON_PROPOSALS, any_selected)
        self._actions.enable(_ON_ACCEPTED, self._accepted > 0 and not self.work.busy)

    def _update_history(self, batch: bool, files: bool) -> None:
        self._actions.enable([Act.UNDO_BATCH], batch)
        self._actions.enable([Act.UNDO_FILES], files)

    # Proposing, previewing, writing

    def _propose(self) -> None:
        ids = self._targets()
        if ids:
            self.work.propose(ids)

    def _accept_above(self) -> None:
        self.decisions.accept_above(self._review.least.value())

    def _preview(self) -> None:
        self.work.preview()

    def _write(self) -> None:
        self.work.write()

    def _show_proposed(self, report: ProposeReport) -> None:
        go = self._actions[Act.SHOW_REVIEW].trigger
        offers = [Offer("Review", go)] if report.proposals and not self._review.isVisible() else []
        self.said.emit(tag_jobs.proposed_in_words(report), offers)

    def _show_preview(self, outlook: Outlook, changes: list[Change]) -> None:
        dialog = files_dialog.preview_dialog(outlook, self._window)
        dialog.accepted.connect(partial(self.work.write, "", changes))
        dialog.open()

    def _show_written(self, report: WriteReport) -> None:
        self.decisions.forget_written()
        offers = []
        if report.left_alone:
            offers.append(Offer("Which and why", partial(self._show_left, report)))
        if report.batch_id is not None:
            offers.append(Offer("History", partial(self.batch_asked.emit, report.batch_id)))
            offers.append(Offer("Undo", partial(self.work.undo, report.batch_id)))
        self.said.emit(tag_jobs.written_in_words(report), offers)

    def _show_left(self, report: WriteReport) -> None:
        files_dialog.left_alone_dialog(report.left_alone, self._window).open()

    # Taking back

    def _undo_batch(self) -> None:
        batch = self._history.list.current_batch()
        if batch is not None:
            self.work.undo(batch.id)

    def _undo_files(self) -> None:
        batch = self._history.list.current_batch()
        files = [entry.file.id for entry in self._history.list.selected_files()]
        if batch is not None and files:
            self.work.undo(batch.id, files)

    def _show_undone(
        self,
        report: WriteReport,
        batch_id: int,
        file_ids: Sequence[int] | None,
        fields_only: bool,
    ) -> None:
        words = tag_jobs.undone_in_words(report)
        if not report.left_alone:
            self.said.emit(words, [])
        elif fields_only:
            self.said.emit(words, [Offer("Which and why", partial(self._show_left, report))])
        else:
            dialog = files_dialog.changed_since_dialog(report.left_alone, self._window)
            again = partial(self.work.undo, batch_id, file_ids, fields_only=True)
            dialog.accepted.connect(again)
            dialog.open()
            self.said.emit(words, [])

    # Editing by hand

    def _edit_tags(self) -> None:
        ids = self._targets()
        if not ids:
            return
        editor = TagEditor(len(ids), self._window)
        editor.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        editor.write_asked.connect(self.work.edit)
        editor.open()
        _Reading(self._service, ids, editor, self.failed.emit).go_on()

    def _say_decided(self, words: str) -> None:
        self.said.emit(words, [Offer("Undo", self.decisions.take_back)])


class _Reading(QObject):
    """Reads the files for an editor, some at a time; ends with the editor, its parent."""

    def __init__(
        self,
        service: TagService,
        ids: Sequence[TrackId],
        editor: TagEditor,
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(editor)
        self._service = service
        self._ids = ids
        self._editor = editor
        self._failed = failed
        self._done = 0
        self._values: dict[TrackId, FieldValues] = {}
        self._reasons: dict[TrackId, str] = {}
        self._open = True
        editor.finished.connect(self._end)

    def go_on(self) -> None:
        """Reads the next files; once all are read, the editor shows them."""
        some = self._ids[self._done : self._done + _READ_AT_ONCE]
        if not self._open:
            return
        if not some:
            self._editor.show_values(self._values, self._reasons)
            return
        self._editor.show_reading(self._done)
        self._service.decide(partial(_show, some), partial(self._take, len(some)), self._give_up)

    def _take(self, count: int, said: Said) -> None:
        self._done += count
        self._values |= said[0]
        self._reasons |= said[1]
        self.go_on()

    def _give_up(self, error: Exception) -> None:
        if self._open:
            self._editor.reject()
        self._failed(error)

    def _end(self) -> None:
        self._open = False
