"""Long work on tags: proposing, previewing, writing, undoing; one at a time. It can be ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import EventBus, TagProgress, TagWork
from msa_desktop.base.fields import FACTS, FieldValues
from msa_desktop.base.history import Change, WriteReport
from msa_desktop.base.jobs import CancelToken, JobControl
from msa_desktop.base.model import TrackId
from msa_desktop.services.tagging import ProposeReport, Tagging
from msa_desktop.ui import file_rows, text
from msa_desktop.ui.file_rows import Outlook
from msa_desktop.ui.tag_service import TagService

_TELL_EVERY = 20  # files
_T = TypeVar("_T")

Changes = Sequence[Change] | None
"""What to write; None for every accepted proposal."""


def _propose(ids: Sequence[TrackId] | None, control: JobControl, tagging: Tagging) -> ProposeReport:
    return tagging.propose(ids, control=control)


def _preview(
    events: EventBus, changes: Changes, cancel: CancelToken, tagging: Tagging
) -> tuple[Outlook, Sequence[Change]]:
    wanted = tagging.changes() if changes is None else changes
    total, previews = len(wanted), []
    try:
        for start in range(0, total, _TELL_EVERY):
            events.publish(TagProgress(TagWork.PREVIEW, start, total, wanted[start].path))
            previews += tagging.preview(wanted[start : start + _TELL_EVERY], cancel)
    finally:
        events.publish(TagProgress(TagWork.PREVIEW, len(previews), total, running=False))
    return file_rows.outlook(previews), wanted


def _write(
    name: str, changes: Changes, merge: bool, cancel: CancelToken, tagging: Tagging
) -> WriteReport:
    return tagging.write(name, changes=changes, merge=merge, cancel=cancel)


def _edit(
    ids: Sequence[TrackId], values: FieldValues, cancel: CancelToken, tagging: Tagging
) -> WriteReport:
    names = ", ".join(FACTS[field].title for field in values)
    changes = tagging.changes_for(ids, values)
    return tagging.write(f"Edit of {names}", changes=changes, cancel=cancel)


def _undo(
    batch_id: int,
    file_ids: Sequence[int] | None,
    fields_only: bool,
    cancel: CancelToken,
    tagging: Tagging,
) -> WriteReport:
    return tagging.undo(batch_id, file_ids, fields_only=fields_only, cancel=cancel)


class TagJobs(QObject):
    """Begins long work, and tells how it ended.

    Args:
        service: Who does it.
        events: Where is told how far it is.
        parent: Qt's parent.

    Signals:
        busy_changed: Work began, or ended.
        failed: What went wrong (an exception).
        proposed: How proposing ended (`ProposeReport`).
        previewed: What a write would do (`Outlook`), and the changes (list) it is about.
        written: How a write ended (`WriteReport`).
        undone: How an undo ended: `WriteReport`, the batch's number, its files (None: all), and
            whether only their tags were to be restored.
    """

    busy_changed = Signal(bool)
    failed = Signal(Exception)
    proposed = Signal(object)
    previewed = Signal(object, list)
    written = Signal(object)
    undone = Signal(object, int, object, bool)

    def __init__(
        self, service: TagService, events: EventBus, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._service = service
        self._events = events
        self._control: JobControl | None = None

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return self._control is not None

    def cancel(self) -> None:
        """Ends the work at its next file; what was done is kept."""
        if self._control is not None:
            self._control.cancel()

    def set_paused(self, paused: bool) -> None:
        """Holds proposing before its next track, or lets it go on; other work is not held."""
        if self._control is not None:
            if paused:
                self._control.pause()
            else:
                self._control.resume()

    def propose(self, ids: Sequence[TrackId] | None) -> None:
        """Proposes tags for some tracks, or for the whole library (None)."""
        self._begin(partial(_propose, ids), self.proposed.emit)

    def preview(self, changes: Changes = None) -> None:
        """Finds out what a write would do, frame by frame."""
        self._begin(partial(_preview, self._events, changes), self._previewed)

    def write(self, name: str = "", changes: Changes = None, *, merge: bool = False) -> None:
        """Writes into the files, as one batch that can be undone."""
        self._begin(partial(_write, name, changes, merge), self.written.emit)

    def edit(self, ids: Sequence[TrackId], values: FieldValues) -> None:
        """Writes the same values into several files."""
        self._begin(partial(_edit, ids, values), self.written.emit)

    def undo(
        self, batch_id: int, file_ids: Sequence[int] | None = None, *, fields_only: bool = False
    ) -> None:
        """Gives files back their original bytes, or only their former tags."""
        work = partial(_undo, batch_id, file_ids, fields_only)
        self._begin(work, partial(self._undone, batch_id, file_ids, fields_only))

    def _begin(
        self, work: Callable[[JobControl, Tagging], _T], done: Callable[[_T], object]
    ) -> None:
        if self._service.problem:
            self.failed.emit(UserError(self._service.problem))
            return
        if self._control is not None:
            words = "The program is busy with tags. Wait for that to end, or cancel it."
            if self._control.paused:
                words = "Proposing tags is paused. Go on with it, or cancel it."
            self.failed.emit(UserError(words))
            return
        self._control = JobControl()
        self.busy_changed.emit(True)
        self._service.work(
            partial(work, self._control), partial(self._ended, done), self._ended_badly
        )

    def _ended(self, done: Callable[[_T], object], result: _T) -> None:
        self._rest()
        done(result)

    def _ended_badly(self, error: Exception) -> None:
        self._rest()
        if not isinstance(error, Cancelled):
            self.failed.emit(error)

    def _rest(self) -> None:
        self._control = None
        self.busy_changed.emit(False)

    def _previewed(self, found: tuple[Outlook, Sequence[Change]]) -> None:
        self.previewed.emit(*found)

    def _undone(
        self, batch_id: int, file_ids: Sequence[int] | None, fields_only: bool, report: WriteReport
    ) -> None:
        self.undone.emit(report, batch_id, file_ids, fields_only)


def proposed_in_words(report: ProposeReport) -> str:
    """How proposing ended."""
    made = text.count(report.proposals, "proposal", "proposals")
    words = [f"{made} for {text.count(report.tracks, 'track', 'tracks')}."]
    if report.fallbacks:
        tracks = text.count(report.fallbacks, "track", "tracks")
        words.append(f"The rules answered for {tracks} in the language model's place.")
    if report.unheard:
        unheard = text.count(report.unheard, "track was", "tracks were")
        words.append(f"{unheard} not listened to yet.")
    if report.tracks and not report.proposals:
        words.append("What your files say already is kept; Settings say what may be added.")
    if report.cancelled:
        words.append("It was ended early.")
    return " ".join(words)


def written_in_words(report: WriteReport) -> str:
    """How a write ended."""
    words = [f"{text.count(len(report.done), 'file', 'files')} written"]
    if report.unchanged:
        words.append(f"{text.count(report.unchanged, 'file', 'files')} said all of it already")
    return _ending(words, report)


def undone_in_words(report: WriteReport) -> str:
    """How an undo ended."""
    return _ending([f"{text.count(len(report.done), 'file', 'files')} restored"], report)


def _ending(words: list[str], report: WriteReport) -> str:
    if report.left_alone:
        words.append(f"{text.number(len(report.left_alone))} left alone")
    end = " It was ended early." if report.cancelled else ""
    if report.let_go:
        old = text.count(len(report.let_go), "old write", "old writes")
        end += f" {old} can no longer be undone: the room for undo is full (see Settings)."
    return f"{', '.join(words)}.{end}"
