"""Writes tags into many files as one batch, and takes batches back.

Files go through in groups, several at once: planned; stored in the journal, in one transaction;
composed and put in place; told to the library; settled in the journal. So whatever lies on a disk
at any moment, the journal knows of it, and `services.tag_recovery` can tell what became of it after
a kill.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, HistoryChanged, Notice, TagWork
from msa_desktop.base.fields import FieldValues
from msa_desktop.base.history import Batch, Change, FileState, HistoryFile, Preview, WriteReport
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FileStamp
from msa_desktop.base.settings import Settings
from msa_desktop.services import tag_batch, tag_recovery
from msa_desktop.services.tag_crew import Crew, Tally
from msa_desktop.services.tag_recovery import Find, OnWritten, Recovery, TrackOf, Written
from msa_desktop.store.journal import Entry, Journal
from msa_desktop.tagio import safe_write
from msa_desktop.tagio.safe_write import Former, Planned, Restored

__all__ = ["Find", "OnWritten", "Recovery", "TagWriting", "TrackOf", "Written"]

F = TypeVar("F", Change, HistoryFile)
P = TypeVar("P", Planned, Restored)
_Outcome = tuple[FileStamp, FieldValues] | UserError

_log = logging.getLogger(__name__)


class TagWriting:
    """Writes batches of changes and takes them back. Thread-safe; one long work at a time.

    Args:
        journal: The history.
        settings: The settings in force.
        events: Where progress and changes are told.
        on_written: Told of files that are different now, group by group.
        find: Says where a file of the history is now, if it was moved.
        track_of: Says which track a file is.
    """

    def __init__(
        self,
        journal: Journal,
        settings: Callable[[], Settings],
        events: EventBus,
        on_written: OnWritten,
        find: Find = lambda _file: None,
        track_of: TrackOf = lambda _path: None,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._events = events
        self._on_written = on_written
        self._find = find
        self._track_of = track_of
        self._turn = threading.RLock()
        self._closing = CancelToken()

    def close(self) -> None:
        """Ends the work under way, with the files that are being written; nothing begins any more.

        To be called before the journal, and what `on_written` needs, are closed.
        """
        self._closing.cancel()
        with self._turn:
            pass

    # -- writing ---------------------------------------------------------------------------------

    def preview(
        self, changes: Sequence[Change], cancel: CancelToken | None = None, *, merge: bool = False
    ) -> list[Preview]:
        """What `write` would do to each file, in order.

        Raises:
            Cancelled: The token was set.
        """
        previews = []
        separate = self._settings().separate_hard_links
        for change in changes:
            if cancel is not None:
                cancel.check()
            previews.append(safe_write.preview(change, separate_hard_links=separate, merge=merge))
        return previews

    def write(
        self,
        changes: Sequence[Change],
        name: str = "",
        *,
        merge: bool = False,
        cancel: CancelToken | None = None,
    ) -> WriteReport:
        """Writes into the files, as one batch.

        Args:
            changes: What to write. Two for one file become one where they agree.
            name: What to call the batch; empty: by what it does.
            merge: As in `safe_write.plan`.
            cancel: Ends it early; what was written is in the batch.

        Raises:
            UserError: The history cannot be kept (its disk is full, it is damaged, it may not have
                the room): nothing was written. Where that comes up later, the rest of the files is
                left alone for that reason.
        """
        name = name or tag_batch.name_of(changes)
        return self._write(changes, name, TagWork.WRITE, merge, cancel)

    def _write(
        self,
        changes: Sequence[Change],
        name: str,
        work: TagWork,
        merge: bool = False,
        cancel: CancelToken | None = None,
    ) -> WriteReport:
        if self._closing.cancelled:
            return Tally().report(cancelled=True)
        settings = self._settings()
        plan = partial(
            safe_write.plan, separate_hard_links=settings.separate_hard_links, merge=merge
        )
        tally = Tally()
        wanted = tag_batch.one_a_file(map(self._with_track, changes), tally)
        with self._turn, Crew(work, len(wanted), self._events, cancel, self._closing) as crew:
            self._recover()
            try:
                for group, found in crew.groups(plan, wanted, tally):
                    plans = tag_batch.feasible(group, found, tally)
                    for change, planned in plans:
                        if planned.left_out:
                            tally.refused.append((change, tag_batch.left_out(change, planned)))
                    ready = [(change, planned) for change, planned in plans if planned.frames]
                    tally.unchanged += len(plans) - len(ready)
                    if ready:
                        self._write_group(crew, ready, name, settings, tally)
            finally:
                self._conclude(tally)
        return tally.report(cancelled=crew.cancelled)

    def _write_group(
        self,
        crew: Crew,
        ready: Sequence[tuple[Change, Planned]],
        name: str,
        settings: Settings,
        tally: Tally,
    ) -> None:
        changes, plans = zip(*ready, strict=True)
        try:
            entries = [tag_batch.entry_of(*pair) for pair in ready]
            ids = self._announce(crew, entries, name, settings, tally)
        except UserError as error:
            tally.stop(error, changes)
            return
        outcomes = self._carry_out(crew, plans, settings)
        # In this order: what the library was not told of, `recover` must still find.
        self._tell(changes, [change.fields for change in changes], outcomes, tally)
        with self._settling(tally):
            self._journal.settle(*tag_batch.by_outcome(ids, outcomes))

    def _announce(
        self,
        crew: Crew,
        entries: Sequence[Entry],
        name: str,
        settings: Settings,
        tally: Tally,
    ) -> list[int]:
        """Stores in the journal what is about to be done; returns the files' ids.

        Raises:
            UserError: It cannot be stored: nothing may be done.
        """
        limit = settings.history_megabytes * 10**6
        incoming = sum(entry.size for entry in entries)
        whole = crew.for_all(tally.size + incoming)
        # No older batch is let go for one that cannot be kept whole, and none is begun.
        costs = tally.batch_id is None or self._journal.size() + incoming > limit
        if tally.size + incoming > limit or (costs and whole > limit):
            raise UserError(
                f"Undoing this batch would take some {whole / 1e6:.0f} MB, more than the "
                f'{settings.history_megabytes} MB that the history may have. Raise "Room for undo" '
                "in the settings, or write fewer files at once."
            )
        self._let_go(self._journal.trim(limit - incoming, tally.batch_id), tally)
        if tally.batch_id is None:
            tally.batch_id, ids = self._journal.begin(name, entries)
        else:
            ids = self._journal.pending(tally.batch_id, entries)
        tally.size += incoming
        return ids

    def _let_go(self, names: Sequence[str], tally: Tally) -> None:
        if names:
            tally.let_go += names
            self._events.publish(
                Notice(
                    "The history has reached its limit. To the byte, these can no longer be "
                    f'undone: {", ".join(names)}. "Room for undo" in the settings gives it more.'
                )
            )

    def _carry_out(self, crew: Crew, plans: Sequence[P], settings: Settings) -> list[_Outcome]:
        """Composes the copies and puts them in place."""

        def make(plan: P) -> tuple[FileStamp, FieldValues]:
            tags = safe_write.compose(plan, keep_time=settings.keep_modification_time)
            return safe_write.replace(plan), tags

        outcomes = crew.each(make, plans)
        made = [
            plan.folder
            for plan, outcome in zip(plans, outcomes, strict=True)
            if not isinstance(outcome, UserError)
        ]
        try:
            safe_write.flush_folders(made)
        except UserError as error:
            # The files are in place for every program; only a power cut now might undo that.
            _log.exception("a folder could not be flushed")
            self._events.publish(Notice(str(error), is_error=True))
        return outcomes

    @contextmanager
    def _settling(self, tally: Tally) -> Iterator[None]:
        """Ends the work where the journal can no longer be written; `recover` settles it later."""
        try:
            yield
        except UserError as error:
            _log.exception("the journal could not be written")
            self._events.publish(Notice(str(error), is_error=True))
            tally.stopped = str(error)

    def _tell(
        self,
        items: Sequence[F],
        fields: Sequence[FieldValues],
        outcomes: Sequence[_Outcome],
        tally: Tally,
    ) -> None:
        """Notes how it came out, and tells the library.

        Args:
            items: The files.
            fields: The tags of each that were to change.
            outcomes: As in `_carry_out`.
            tally: Where it is noted.
        """
        news: list[Written] = []
        for item, changed, outcome in zip(items, fields, outcomes, strict=True):
            if isinstance(outcome, UserError):
                tally.failed.append((item, str(outcome)))
            else:
                stamp, tags = outcome
                tally.done.append(stamp)
                news.append((item.track_id, stamp, {**dict.fromkeys(changed, ()), **tags}))
        self._tell_library(news)

    def _tell_library(self, news: Sequence[Written]) -> None:
        if not news:
            return
        try:
            self._on_written(news)
        except Exception as error:
            # The files are written and the journal knows; only the library is behind.
            _log.exception("the library was not told of %d files", len(news))
            self._events.publish(
                Notice(f"The library does not show the new tags yet: {error}", is_error=True)
            )

    def _conclude(self, tally: Tally) -> None:
        """Notes in the batch which files were left alone, or drops one that holds nothing."""
        if tally.batch_id is None:
            return
        with self._settling(tally):
            if tally.done:
                self._journal.left_alone(
                    tally.batch_id, [(item.path, reason) for item, reason in tally.refused]
                )
            else:
                self._journal.forget(tally.batch_id)
        self._events.publish(HistoryChanged())

    # -- taking it back --------------------------------------------------------------------------

    def undo(
        self,
        batch_id: int,
        file_ids: Sequence[int] | None = None,
        *,
        fields_only: bool = False,
        cancel: CancelToken | None = None,
    ) -> WriteReport:
        """Gives files their original bytes back, the last one written first.

        Args:
            batch_id: The batch.
            file_ids: Which of its files; None for all.
            fields_only: Only write the former values of the tags, as a new batch: for files that
                were changed since.
            cancel: Ends it early; what was undone stays so.

        Raises:
            UserError: There is no such batch, or the journal cannot be read or written.
        """
        with self._turn:
            if self._closing.cancelled:
                return Tally().report(cancelled=True)
            batch = self._journal.batch(batch_id)
            self._recover()
            files = [
                file
                for file in reversed(self._journal.files(batch_id))
                if file.state is FileState.WRITTEN and (file_ids is None or file.id in file_ids)
            ]
            if not fields_only:
                return self._undo(batch_id, files, cancel)
            changes = [
                Former(self._path_of(file), file.before, track_id=file.track_id, sound=file.sound)
                for file in files
            ]
            return self._write(changes, f"Undo of {batch.name}", TagWork.UNDO, cancel=cancel)

    def _undo(
        self, batch_id: int, files: Sequence[HistoryFile], cancel: CancelToken | None
    ) -> WriteReport:
        settings = self._settings()
        tally = Tally(batch_id)
        plan = partial(self._plan_undo, separate=settings.separate_hard_links)
        with Crew(TagWork.UNDO, len(files), self._events, cancel, self._closing) as crew:
            try:
                for group, found in crew.groups(plan, files, tally):
                    self._undo_group(crew, group, found, settings, tally)
            finally:
                with self._settling(tally):
                    self._journal.shrink()
                self._events.publish(HistoryChanged())
        return tally.report(cancelled=crew.cancelled)

    def _undo_group(
        self,
        crew: Crew,
        group: Sequence[HistoryFile],
        found: Sequence[Restored | UserError],
        settings: Settings,
        tally: Tally,
    ) -> None:
        ready = tag_batch.feasible(group, found, tally)
        try:
            self._journal.undoing({file.id: laid.copy for file, laid in ready})
        except UserError as error:
            tally.stop(error, [file for file, _ in ready])
            return
        outcomes = self._carry_out(crew, [laid for _, laid in ready], settings)
        undone, failed = tag_batch.by_outcome([file.id for file, _ in ready], outcomes)
        _, refused = tag_batch.by_outcome([file.id for file in group], found)
        tried = [file for file, _ in ready]
        self._tell(tried, [file.before for file in tried], outcomes, tally)
        with self._settling(tally):
            self._journal.settle_undo(undone, refused | failed)

    def _plan_undo(self, file: HistoryFile, *, separate: bool) -> Restored:
        again = self._journal.written_again(file)
        if again is not None:
            raise UserError(
                f'The file was written again by "{again.name}" (batch {again.id}). Undo that first.'
            )
        kept = self._journal.original(file.id)
        if kept is None:
            raise UserError(
                "What gives this file its original bytes back was let go, to keep the history in "
                "bounds. Its former tags can be written with undo of the fields only."
            )
        return safe_write.plan_restore(
            self._path_of(file),
            kept.delta,
            kept.sha256,
            kept.mtime_ns,
            separate_hard_links=separate,
        )

    def _path_of(self, file: HistoryFile) -> str:
        return self._find(file) or file.path

    def _with_track(self, change: Change) -> Change:
        """The change with its track: a file that moves later is then found again."""
        if change.track_id is not None:
            return change
        return replace(change, track_id=self._track_of(change.path))

    # -- the history -----------------------------------------------------------------------------

    def recover(self) -> Recovery:
        """Clears up after a program that was killed; to be called once, at the start.

        Raises:
            UserError: The journal cannot be read.
        """
        with self._turn:
            return self._recover()

    def _recover(self) -> Recovery:
        """Before each work too: an earlier one may have ended with a journal that was full."""
        if self._closing.cancelled:
            return Recovery()
        found = tag_recovery.recover(self._journal, self._find, self._tell_library)
        if found:
            self._events.publish(Notice(str(found)))
            self._events.publish(HistoryChanged())
        return found

    def history(self) -> list[Batch]:
        """Every batch, the newest first."""
        return self._journal.history()

    def files(self, batch_id: int) -> list[HistoryFile]:
        """The files of a batch, in the order they were written."""
        return self._journal.files(batch_id)

    def history_size(self) -> int:
        """Bytes that are kept to take writes back."""
        return self._journal.size()
