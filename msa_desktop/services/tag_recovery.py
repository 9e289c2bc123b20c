"""Finds out what became of files that were being written when the program was killed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FieldValues
from msa_desktop.base.history import FileState, HistoryFile
from msa_desktop.base.model import FileStamp, TrackId, display_path
from msa_desktop.store.journal import Journal, Unfinished
from msa_desktop.tagio import safe_write
from msa_desktop.tagio._proof import says

Written = tuple[TrackId | None, FileStamp, FieldValues]
"""A file that was just written or undone: its track, its stamp and all its tags."""

OnWritten = Callable[[Sequence[Written]], None]
"""Told of files that were just written or undone."""

Find = Callable[[HistoryFile], str | None]
"""Says where a file of the history is now, by its track; None where nobody knows."""

_log = logging.getLogger(__name__)


@dataclass
class Recovery:
    """What a program that was killed left behind, and what became of it.

    Attributes:
        written: Files that had been written; they can be undone.
        undone: Files that had got their original bytes back.
        untouched: Files on which nothing had been done: not written, or not undone.
        unclear: Files that some other program has changed since: they may have been written.
        waiting: (path, reason) of files that cannot be read now; they are looked at again.
        copies: Copies that were removed.
    """

    written: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    copies: int = 0

    def __bool__(self) -> bool:
        """Whether there was anything that is settled now."""
        return bool(self.written or self.undone or self.untouched or self.unclear)

    def __str__(self) -> str:
        """It in a sentence for the person."""
        counts = (
            (len(self.written), "were written and can be undone"),
            (len(self.undone), "have their original bytes again"),
            (len(self.untouched), "were not touched"),
            (len(self.unclear), "were changed by another program since"),
        )
        told = ", ".join(f"{count} {words}" for count, words in counts if count)
        return f"The program was ended while it wrote tags. Of the files in work {told}."


def recover(journal: Journal, find: Find, on_written: OnWritten) -> Recovery:
    """Looks at every file the journal left unfinished, settles it, and removes its copy.

    A file that cannot be read now (its disk is not there) stays for the next time.

    Raises:
        UserError: The journal cannot be read.
    """
    found = Recovery()
    news: list[Written] = []
    for item in journal.unfinished():
        path = find(item.file) or item.file.path
        try:
            found.copies += safe_write.remove_copy(item.copy)
            stamp, tags = safe_write.look(path)
            if _settle(journal, item, path, tags, found):
                news.append((item.file.track_id, stamp, tags))
        except UserError as error:
            _log.warning("what became of %s is not known yet: %s", display_path(path), error)
            found.waiting.append((path, str(error)))
    if news:
        on_written(news)
    return found


def _settle(
    journal: Journal, item: Unfinished, path: str, tags: FieldValues, found: Recovery
) -> bool:
    """Settles one file; whether it is another one than before the interrupted work."""
    file, original = item.file, item.original
    pending = file.state is FileState.PENDING
    if safe_write.is_original(path, original.sha256):
        if pending:
            journal.settle(forgotten=[file.id])
            found.untouched.append(path)
        else:
            journal.settle_undo([file.id])
            found.undone.append(path)
        return not pending
    if not pending:
        journal.settle_undo([], {file.id: ""})
        found.untouched.append(path)
        return False
    # Somebody may have changed the file since: then its tags tell whether it was written.
    if safe_write.is_written(path, original.delta, original.sha256) or says(tags, file.after):
        journal.settle([file.id])
        found.written.append(path)
        return True
    reason = "The program was ended while it wrote the file, and another one has changed it since."
    journal.settle(failed={file.id: reason})
    found.unclear.append(path)
    return False
