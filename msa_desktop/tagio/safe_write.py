"""Writes tags so that a kill at any moment leaves the old file or the new one, never a third thing.

A write is planned (the file is read, the changed one laid out), composed (a copy beside it is made
and proved), and put in the file's place in one step. The steps are functions of their own so that
many files can go through them together, and what gives the original bytes back can be stored
between the first and the second. Taking a write back goes the same way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from msa_desktop.base.fields import FACTS, Field, FieldValues, same, shown
from msa_desktop.base.history import Change, FrameChange, Preview
from msa_desktop.base.model import FileStamp
from msa_desktop.tagio import _copy, _laid
from msa_desktop.tagio._base import Edit, Format, Keep, Piece, Source, TagError
from msa_desktop.tagio._delta import Changed, restore, reverse, unpack
from msa_desktop.tagio._files import format_of
from msa_desktop.tagio._pieces import chunks, sha256_of
from msa_desktop.tagio._proof import prove, says

SUFFIX = _copy.SUFFIX


@dataclass(frozen=True, slots=True)
class Former(Change):
    """Values that a file had, to be given back to it: as they were, whatever they are.

    A value that the format cannot hold any more is left out, and the others are written.

    Attributes:
        sound: The file's `Planned.sound`. A file with any other is not the one that had them.
    """

    sound: bytes = b""


_Values = dict[Field, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Laid:
    """A file that is to become another one.

    Attributes:
        path: The file, as it was asked for.
        real: Where it lies, links followed.
        found: What the system said of it.
        copy: Where the new one is made: in the same folder, under a name of its own.
        pieces: The new file.
    """

    path: str
    real: str
    found: os.stat_result
    copy: str
    pieces: tuple[Piece, ...]

    @property
    def folder(self) -> str:
        """Where the file and its copy lie."""
        return os.path.dirname(self.real)


@dataclass(frozen=True, slots=True)
class Planned(Laid):
    """A write, ready to be composed.

    Attributes:
        format: The file's format.
        frames: What changes, for people. Empty: the file says all of it already.
        before: What the asked tags say now.
        after: What they shall say.
        delta: What makes the original of the new file (`tagio._delta`). This and the next are empty
            where nothing changes.
        sha256: The original's digest, 32 bytes.
        sound: What tells the file's sound from any other (`tagio._laid`).
        left_out: Tags of a `Former` that its format cannot hold.
    """

    format: Format
    frames: tuple[FrameChange, ...]
    before: FieldValues
    after: FieldValues
    delta: bytes
    sha256: bytes
    sound: bytes = b""
    left_out: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored(Laid):
    """A write to be taken back, ready to be composed.

    Attributes:
        sha256: The original's digest: what is composed must have it.
        mtime_ns: The original's modification time.
    """

    sha256: bytes
    mtime_ns: int


def plan(change: Change, *, separate_hard_links: bool = False, merge: bool = False) -> Planned:
    """Reads a file and lays out the changed one. Nothing is written yet.

    Args:
        change: What to write.
        separate_hard_links: Write a file that has several names; only this one is changed.
        merge: Where the file says something else than `change.expected`, keep that, and only add
            and take away what the change adds and takes away, instead of leaving the file alone.

    Raises:
        UserError: The file must be left alone; the message says why.
    """
    with _copy.refusals():
        real, found = _copy.writable(change.path, separate_hard_links)
        with _copy.original(real, found) as handle:
            source = Source(handle)
            known, edit, before, after, left_out = _lay_out(source, change, merge)
            delta, digest, sound = b"", b"", b""
            if edit.frames:
                delta, digest = reverse(source, edit.pieces), _sha256(source)
                sound = _laid.sound_of(known, source)
    return Planned(
        path=change.path,
        real=real,
        found=found,
        copy=_copy.copy_path(real),
        pieces=edit.pieces,
        format=known,
        frames=edit.frames,
        before=before,
        after=after,
        delta=delta,
        sha256=digest,
        sound=sound,
        left_out=left_out,
    )


def preview(change: Change, *, separate_hard_links: bool = False, merge: bool = False) -> Preview:
    """What `plan` would do, or why it would leave the file alone."""
    try:
        with _copy.refusals():
            real, found = _copy.writable(change.path, separate_hard_links)
            with _copy.original(real, found) as handle:
                _, edit, *_ = _lay_out(Source(handle), change, merge)
    except TagError as error:
        return Preview(change.path, reason=str(error))
    return Preview(change.path, edit.frames)


def _lay_out(
    source: Source, change: Change, merge: bool
) -> tuple[Format, Edit, _Values, _Values, tuple[Field, ...]]:
    """The format, the changed file, what the tags said and shall say, and what it cannot hold."""
    wanted = dict(change.fields)
    known = format_of(source, change.path)
    tags = known.read(source)
    if isinstance(change, Former):
        if _laid.sound_of(known, source) != change.sound:
            raise TagError(
                "The file is not the one that had these tags: it holds another sound. Edit its "
                "tags by hand."
            )
        left_out = tuple(f for f in wanted if not _holds(known, source, f, wanted[f]))
        for field in left_out:
            del wanted[field]
    else:
        left_out = ()
    expected = change.expected or {}
    differing = {f for f, values in expected.items() if not same(f, tags.get(f, ()), values)}
    if merge:
        for field in differing & wanted.keys():
            merged = _merged(field, tags.get(field, ()), expected[field], wanted[field])
            if same(field, merged, tags.get(field, ())):
                del wanted[field]
            else:
                wanted[field] = merged
    before = {field: tags.get(field, ()) for field in wanted}
    edit = known.edit(source, wanted)
    if edit.frames:
        if differing and not merge:
            raise TagError(_surprise(min(differing), tags, expected))
    elif not says(before, wanted):
        raise TagError("The file's format cannot hold this.")
    return known, edit, before, wanted, left_out


def _merged(
    field: Field, now: tuple[str, ...], expected: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[str, ...]:
    """What the file says now, with what the change adds to what was expected and takes from it."""
    if not FACTS[field].many:
        return now
    then, after = shown(field, expected), shown(field, wanted)
    kept = tuple(value for value in shown(field, now) if value in after or value not in then)
    return (*kept, *(value for value in after if value not in then and value not in kept))


def _holds(known: Format, source: Source, field: Field, values: tuple[str, ...]) -> bool:
    """Whether a file would say this if only this were written."""
    wanted = {field: values}
    try:
        pieces = known.edit(source, wanted).pieces
        return says(known.read(_laid.Laid(source, pieces)), wanted)
    except (TagError, ValueError):
        return False


def _surprise(field: Field, tags: FieldValues, expected: FieldValues) -> str:
    now, then = (
        f'"{", ".join(shown(field, values))}"' if values else "nothing"
        for values in (tags.get(field, ()), expected[field])
    )
    return (
        f"{FACTS[field].title} says {now} by now, and said {then} when this was decided. Look at "
        "the file's tags again, or write with merging."
    )


def plan_restore(
    path: str, delta: bytes, sha256: bytes, mtime_ns: int, *, separate_hard_links: bool = False
) -> Restored:
    """Lays out the original of a file that was written. Nothing is written yet.

    Args:
        path: The file, where it is now.
        delta: As in `Planned`; the next two are the original's, too.
        sha256: Its digest.
        mtime_ns: Its modification time.
        separate_hard_links: As in `plan`.

    Raises:
        Changed: The file is not the one that was written.
        UserError: The file must be left alone, or the delta is damaged.
    """
    with _copy.refusals():
        real, found = _copy.writable(path, separate_hard_links)
        with _copy.original(real, found) as handle:
            pieces = unpack(delta, Source(handle))
    return Restored(path, real, found, _copy.copy_path(real), pieces, sha256, mtime_ns)


def compose(laid: Planned | Restored, *, keep_time: bool = True) -> dict[Field, tuple[str, ...]]:
    """Makes the copy, proves it, and has it on the disk when it returns.

    Args:
        laid: From `plan` or `plan_restore`.
        keep_time: Give the copy the file's modification time. A restored one gets the original's
            anyway.

    Returns:
        All tags of the new file.

    Raises:
        UserError: The file must be left alone; there is no copy then.
    """
    with _copy.refusals(), _copy.removed_on_failure(laid.copy):
        mtime_ns = laid.mtime_ns if isinstance(laid, Restored) else laid.found.st_mtime_ns
        with _copy.original(laid.real, laid.found) as original:
            with _copy.created(laid.copy, laid.pieces) as handle:
                _copy.fill(handle, original, laid.pieces)
                if isinstance(laid, Planned):
                    tags = prove(
                        original,
                        handle,
                        name=laid.real,
                        known=laid.format,
                        wanted=laid.after,
                        delta=laid.delta,
                        sha256=laid.sha256,
                    )
                else:
                    tags = _prove_restored(laid, Source(handle))
                _copy.dress(handle, original, laid.found)
            if keep_time or isinstance(laid, Restored):
                os.utime(laid.copy, ns=(laid.found.st_atime_ns, mtime_ns))
            _copy.flush(laid.copy)
    return tags


def replace(laid: Planned | Restored) -> FileStamp:
    """Puts the copy in the file's place; `flush_folders` makes that last.

    Returns:
        The file as it is now.

    Raises:
        UserError: The file was changed in the meantime, or the system refuses; the copy is gone.
    """
    with _copy.refusals(), _copy.removed_on_failure(laid.copy):
        made = os.stat(laid.copy)
        _copy.check_unchanged(laid.real, laid.found)
        _copy.patiently(partial(os.replace, laid.copy, laid.real))
    return FileStamp(laid.path, made.st_size, made.st_mtime_ns)


def flush_folders(folders: Iterable[str]) -> None:
    """Has the files that were put in place there on the disk when it returns.

    Raises:
        UserError: The disk failed.
    """
    with _copy.refusals():
        for folder in set(folders):
            _copy.flush(folder)


def remove_copy(copy: str) -> bool:
    """Removes a copy that a killed program left behind; whether there was one.

    Raises:
        UserError: There is one, and it cannot be removed.
    """
    with _copy.refusals():
        return _copy.remove(copy)


def look(path: str) -> tuple[FileStamp, FieldValues]:
    """What the system says of a file, and all its tags.

    Raises:
        UserError: It cannot be read.
    """
    with _copy.refusals(), open(path, "rb") as file:
        source, found = Source(file.fileno()), os.fstat(file.fileno())
        tags = format_of(source, path).read(source)
    return FileStamp(path, found.st_size, found.st_mtime_ns), tags


def is_original(path: str, sha256: bytes) -> bool:
    """Whether a file has this digest.

    Raises:
        UserError: It cannot be read.
    """
    with _copy.refusals(), open(path, "rb") as file:
        return _sha256(Source(file.fileno())) == sha256


def has_sound(path: str, sound: bytes) -> bool:
    """Whether a file has this `Planned.sound`.

    Raises:
        UserError: It cannot be read.
    """
    with _copy.refusals(), open(path, "rb") as file:
        source = Source(file.fileno())
        return _laid.sound_of(format_of(source, path), source) == sound


def is_written(path: str, delta: bytes, sha256: bytes) -> bool:
    """Whether a file is, to the byte, the one that was written.

    Raises:
        UserError: It cannot be read, or the delta is damaged.
    """
    with _copy.refusals(), open(path, "rb") as file:
        try:
            return sha256_of(restore(delta, Source(file.fileno()))) == sha256
        except Changed:
            return False


def _sha256(source: Source) -> bytes:
    return sha256_of(chunks(source, [Keep(0, source.size)]))


def _prove_restored(restored: Restored, copy: Source) -> dict[Field, tuple[str, ...]]:
    if _sha256(copy) != restored.sha256:
        raise Changed
    return format_of(copy, restored.path).read(copy)
