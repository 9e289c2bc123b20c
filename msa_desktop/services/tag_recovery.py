"""Finds out what became of files that were being written when the program was killed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FieldValues
from msa_desktop.base.history import FileState, HistoryFile
from msa_desktop.base.model import FileStamp, TrackId, display_path
from msa_desktop.store.journal import Journal, Unfinished
from msa_desktop.tagio import safe_write
from msa_desktop.tagio._proof import says

Written = tuple[TrackId | None, FileStamp, FieldValues]
"""A file that was just written or undone: its track, its stamp and all its tags.

A tag that the work has taken away is there with no values: nobody else may say what it holds.
"""

OnWritten = Callable[[Sequence[Written]], None]
"""Told of files that were just written or undone."""

Find = Callable[[HistoryFile], str | None]
"""Says where a file of the history is now, by its track; None where nobody knows."""

TrackOf = Callable[[str], TrackId | None]
"""Says which track the file at a path is; None where it is none of the library's."""

_log = logging.getLogger(__name__)


@dataclass
class Recovery:
    """What a program that was killed left behind, and what became of it.

    Attributes:
        written: Files that had been written; they can be undone.
        undone: Files that had got their original bytes back.
        untouched: Files on which nothing had been done: not written, or not undone.
        unclear: Files that some other program has changed since: they may have been written.
        gone: Files that were deleted since.
        waiting: (path, reason) of files that cannot be read now; they are looked at again.
        copies: Copies that were removed.
    """

    written: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    copies: int = 0

    def __bool__(self) -> bool:
        """Whether there was anything that is settled now."""
        return bool(self.written or self.undone or self.untouched or self.unclear or self.gone)

    def __str__(self) -> str:
        """It in a sentence for the person."""
        counts = (
            (len(self.written), "written and can be undone"),
            (len(self.undone), "given back its original bytes"),
            (len(self.untouched), "not touched"),
            (len(self.unclear), "changed by another program since"),
            (len(self.gone), "deleted since"),
        )
        told = ", ".join(
            f"{count} {'was' if count == 1 else 'were'} {words}" for count, words in counts if count
        )
        return f"The program was ended while it wrote tags. Of the files in work {told}."


def recover(journal: Journal, find: Find, on_written: OnWritten) -> Recovery:
    """Looks at every file the journal left unfinished, settles it, and removes its copy.

    A file that cannot be read now (its disk is not there) stays for the next time.

    Raises:
        UserError: The journal cannot be read or written.
    """
    found = Recovery()
    settled: list[Callable[[], None]] = []
    news: list[Written] = []
    for item in journal.unfinished():
        file = item.file
        known = find(file)
        path = known or file.path
        try:
            found.copies += safe_write.remove_copy(item.copy)
            # Where the library knows the track, its next scan tells whether it was moved.
            if known is None and _is_gone(path):
                settled.append(_leave(journal, item, "The file is gone."))
                found.gone.append(path)
                continue
            stamp, tags = safe_write.look(path)
            settle, is_news = _judge(journal, item, path, tags, found)
        except UserError as error:
            _log.warning("what became of %s is not known yet: %s", display_path(path), error)
            found.waiting.append((path, str(error)))
            continue
        settled.append(settle)
        if is_news:
            news.append((file.track_id, stamp, {**dict.fromkeys(file.before, ()), **tags}))
    # In this order: a program killed in between finds both again.
    if news:
        on_written(news)
    for settle in settled:
        settle()
    return found


def _is_gone(path: str) -> bool:
    """Whether a file was deleted: it is not there, and its disk is.

    Where a disk is mounted later the folder is missing, or empty.
    """
    folder = os.path.dirname(path)
    try:
        return not os.path.lexists(path) and bool(os.listdir(folder))
    except OSError:
        return False


def _leave(journal: Journal, item: Unfinished, reason: str) -> Callable[[], None]:
    """What settles a file on which the work came to nothing, or nobody can tell."""
    failed = {item.file.id: reason}
    if item.file.state is FileState.PENDING:
        return partial(journal.settle, failed=failed)
    return partial(journal.settle_undo, (), failed)


def _judge(
    journal: Journal, item: Unfinished, path: str, tags: FieldValues, found: Recovery
) -> tuple[Callable[[], None], bool]:
    """What settles one file; and whether it is another one than before the interrupted work."""
    file, original = item.file, item.original
    pending = file.state is FileState.PENDING
    if safe_write.is_original(path, original.sha256):
        (found.untouched if pending else found.undone).append(path)
        if pending:
            return partial(journal.settle, forgotten=[file.id]), False
        return partial(journal.settle_undo, [file.id]), True
    if not pending:
        found.untouched.append(path)
        return _leave(journal, item, ""), False
    # Somebody may have changed the file since: then its tags tell whether it was written.
    if safe_write.is_written(path, original.delta, original.sha256) or (
        says(tags, file.after) and safe_write.has_sound(path, file.sound)
    ):
        found.written.append(path)
        return partial(journal.settle, [file.id]), True
    found.unclear.append(path)
    reason = "The program was ended while it wrote the file, and another one has changed it since."
    return _leave(journal, item, reason), False
