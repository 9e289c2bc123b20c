"""What was written into files, and can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.base.fields import FieldValues
from msa_desktop.base.model import FileStamp, TrackId


@dataclass(frozen=True, slots=True)
class Change:
    """Tags to write into one file.

    Attributes:
        path: The file.
        fields: The values each tag shall have; an empty tuple removes the tag. Every other tag
            stays as it is.
        expected: What these tags said when the change was decided on. A file that says something
            else by now is left alone. None: whatever it says.
        track_id: The library's track, where it is one.
    """

    path: str
    fields: FieldValues
    expected: FieldValues | None = None
    track_id: TrackId | None = None


@dataclass(frozen=True, slots=True)
class FrameChange:
    """One frame of a file before and after, for people.

    Attributes:
        frame: Its name in the file's own format, such as "TCON" or "©gen".
    """

    frame: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a write would do to one file.

    Attributes:
        frames: The frames that change; empty where the file says all of it already.
        reason: Why the file would be left alone, or "".
    """

    path: str
    frames: tuple[FrameChange, ...] = ()
    reason: str = ""


class FileState(StrEnum):
    """Where one file of a batch stands."""

    PENDING = "pending"  # about to be written; only a program that was killed leaves one behind
    WRITTEN = "written"
    UNDONE = "undone"
    LEFT_ALONE = "left alone"  # nothing was written; the reason says why


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """One file of a batch.

    Attributes:
        id: The journal's number for it.
        path: Where it was written.
        before: What the changed tags said before.
        after: What was written.
        track_id: The library's track, where it is one of the library that is in use.
        reason: Why it was left alone, or why its undo failed; "" where all went well.
        sound: What tells it from any other file, whatever its tags; empty where it was left alone.
        kept: Whether the journal still holds what gives its original bytes back.
    """

    id: int
    batch_id: int
    path: str
    track_id: TrackId | None
    state: FileState
    before: FieldValues
    after: FieldValues
    reason: str = ""
    kept: bool = True
    sound: bytes = b""


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that were written together.

    Attributes:
        name: What the person, or the program, called it.
        created_at: Seconds since the epoch.
        written: Files that carry the batch's tags now.
        undone: Files that were given back their original bytes.
        left_alone: Files that were not written.
        size: Bytes the journal needs to undo it.
        kept: Whether it can still be undone to the byte.
    """

    id: int
    name: str
    created_at: float
    written: int
    undone: int
    left_alone: int
    size: int
    kept: bool = True


@dataclass(frozen=True, slots=True)
class WriteReport:
    """How a write or an undo came out.

    Attributes:
        batch_id: The batch; None where nothing was written.
        done: Stamps of the files as they are now.
        left_alone: (path, reason) of each file that was not touched.
        unchanged: Files that said all of it already.
        cancelled: The person ended it early; what was done is in the batch.
        let_go: Names of old batches that can no longer be undone, to keep the journal in bounds.
    """

    batch_id: int | None
    done: tuple[FileStamp, ...]
    left_alone: tuple[tuple[str, str], ...] = ()
    unchanged: int = 0
    cancelled: bool = False
    let_go: tuple[str, ...] = ()
