"""One file and the copy beside it: may it be written, and how a copy becomes like it."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from msa_desktop.base.model import display_path
from msa_desktop.tagio._base import Keep, Piece, TagError
from msa_desktop.tagio._pieces import CHUNK, length_of

T = TypeVar("T")

SUFFIX = ".msa-part"
"""Ends the name of every copy. It is no audio file's extension, so nobody takes one for music."""

_log = logging.getLogger(__name__)

_SPARE = 2**20  # bytes of a disk that are left free
_IN_USE = (32, 33)  # Windows: sharing violation, lock violation
_SIGNS = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
_PATIENCE = (0.05, 0.1, 0.2, 0.4)  # seconds: virus scanners and indexers soon let go

_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY  # a pipe by now: do not wait for it


def copy_path(real: str) -> str:
    """A new name in the file's folder, for its copy."""
    return os.path.join(os.path.dirname(real), f".{secrets.token_hex(8)}{SUFFIX}")


@contextmanager
def refusals() -> Iterator[None]:
    """Has what the system refuses said in words."""
    try:
        yield
    except OSError as error:
        raise TagError(_words(error)) from error


def _words(error: OSError) -> str:
    code = error.errno
    if getattr(error, "winerror", None) in _IN_USE or code == errno.EWOULDBLOCK:
        return "Another program has the file open. Close it there, then try again."
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return (
            "The file is not there: it was moved, renamed or deleted, or its disk is not "
            "connected. Rescan (F5), then try again."
        )
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "There is no room on the disk for the changed file beside the old one. Make room, "
            "then try again."
        )
    if code == errno.EROFS:
        return "The disk is read-only. Make it writable, then try again."
    if code in (errno.EACCES, errno.EPERM):
        return (
            "You may not change this file, or not make one beside it. Give yourself the right to "
            "write the file and its folder, then try again."
        )
    return f"The disk failed on this file ({error.strerror}). Check the disk, then try again."


def writable(path: str, separate_hard_links: bool) -> tuple[str, os.stat_result]:
    """Where a file really lies, links followed, and what the system says of it.

    Raises:
        TagError: It must be left alone; the message says why.
        OSError: It is not there.
    """
    real = os.path.realpath(path, strict=True)
    found = os.stat(real)
    if stat.S_ISDIR(found.st_mode):
        raise TagError("This is a folder, not a file. Choose its files instead.")
    if not stat.S_ISREG(found.st_mode):
        raise TagError("This is no ordinary file: it holds no music. Choose music files.")
    folder = os.path.dirname(real)
    # Asked of the mode itself, too: root may do everything, but the person said "read-only".
    if not found.st_mode & 0o222:
        raise TagError("The file is read-only. Allow writing to it, then try again.")
    if not os.access(real, os.W_OK):
        raise TagError("You may not write to this file. Give yourself the right, then try again.")
    if not os.stat(folder).st_mode & 0o222 or not os.access(folder, os.W_OK | os.X_OK):
        raise TagError(
            f"You may not write in the folder {display_path(folder)}, where the changed file is "
            "made before it takes the old one's place. Give yourself the right, then try again."
        )
    if found.st_nlink > 1 and not separate_hard_links:
        raise TagError(
            f"The file has {found.st_nlink} names (hard links), and only this one would get the "
            'new tags. To have it so, turn on "Write files that have several names" in the '
            "settings."
        )
    return real, found


def is_same(now: os.stat_result, then: os.stat_result) -> bool:
    """Whether nobody has replaced or written a file in between."""
    # Size and time can be set back, the time at which the system noted the last change cannot. It
    # also notes the loss of a hard link, such as when that was written; Windows has no such time.
    noted = os.name != "posix" or then.st_nlink > 1 or now.st_ctime_ns == then.st_ctime_ns
    return noted and all(getattr(now, name) == getattr(then, name) for name in _SIGNS)


@contextmanager
def original(real: str, found: os.stat_result) -> Iterator[int]:
    """The file, open for reading, if it still is what was found and nobody has locked it.

    Raises:
        TagError: It is not, or somebody has.
        OSError: It cannot be opened.
    """
    handle = patiently(lambda: os.open(real, _READ))
    try:
        _refuse_changed(os.fstat(handle), found)
        _refuse_locked(handle)
        yield handle
        _refuse_changed(os.fstat(handle), found)
    finally:
        os.close(handle)


def check_unchanged(real: str, found: os.stat_result) -> None:
    """Raises TagError if the file is no longer what was found."""
    _refuse_changed(os.stat(real), found)


def _refuse_changed(now: os.stat_result, then: os.stat_result) -> None:
    if not is_same(now, then):
        raise changed_just_now()


def changed_just_now() -> TagError:
    """What to raise for a file that is no longer what was looked at."""
    return TagError("Another program has changed the file just now. Try again.")


if sys.platform == "win32":

    def _refuse_locked(_handle: int) -> None:
        """Windows does not even open what is locked."""

else:
    import fcntl

    def _refuse_locked(handle: int) -> None:
        # A shared lock is refused where somebody writes. Where somebody only reads, it is not, and
        # need not be: they keep the old file.
        try:
            for lock in (fcntl.flock, fcntl.lockf):
                lock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise TagError(
                    "Another program has locked the file. Close it there, then try again."
                ) from error
            # Any other error: this file system knows no locks.


@contextmanager
def created(path: str, pieces: Iterable[Piece]) -> Iterator[int]:
    """A new, empty file for the pieces.

    Raises:
        OSError: There is no room for it, or it may not be made.
    """
    disk = shutil.disk_usage(os.path.dirname(path))
    if disk.total and disk.free < length_of(pieces) + _SPARE:  # some shares tell nothing: 0
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    handle = os.open(path, _CREATE, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def removed_on_failure(copy: str) -> Iterator[None]:
    """Removes the copy again if the body fails."""
    try:
        yield
    except BaseException:
        try:
            remove(copy)
        except OSError:
            _log.exception("the copy %s stays behind", display_path(copy))
        raise


def remove(copy: str) -> bool:
    """Removes a copy; whether there was one.

    Raises:
        OSError: There is one, and it cannot be removed.
    """
    try:
        patiently(lambda: os.unlink(copy))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def fill(handle: int, source: int, pieces: Iterable[Piece]) -> None:
    """Writes the pieces, one after the other, to an empty file."""
    for piece in pieces:
        if isinstance(piece, Keep):
            _copy_range(handle, source, piece)
        else:
            _write(handle, piece)


def _copy_range(handle: int, source: int, kept: Keep) -> None:
    offset = kept.offset
    if hasattr(os, "copy_file_range"):
        # Within the system, and shared instead of copied where the file system can do that. Where
        # it cannot at all it says so by an error, or by 0.
        with suppress(OSError):
            while offset < kept.end:
                done = os.copy_file_range(source, handle, kept.end - offset, offset)
                if not done:
                    break
                offset += done
    os.lseek(source, offset, os.SEEK_SET)
    while offset < kept.end:
        part = os.read(source, min(CHUNK, kept.end - offset))
        if not part:
            raise TagError("The file got shorter while it was read. Try again.")
        _write(handle, part)
        offset += len(part)


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def dress(handle: int, source: int, found: os.stat_result) -> None:
    """Gives the copy the original's owner, permissions, access list and extended attributes.

    Raises:
        TagError: It cannot be given to the original's owner.
        OSError: The disk cannot hold them.
    """
    if sys.platform == "win32":
        return  # a new file inherits its folder's permissions there
    own = os.fstat(handle)
    if (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
        try:
            os.fchown(handle, found.st_uid, found.st_gid)
        except PermissionError as error:
            raise TagError(
                "The file belongs to another user or group, and the changed one would be yours. "
                "Write it as that user, or make the file yours."
            ) from error
    os.fchmod(handle, stat.S_IMODE(found.st_mode))
    if hasattr(os, "listxattr"):
        _copy_attributes(handle, source)


def _copy_attributes(handle: int, source: int) -> None:
    wanted = {name: os.getxattr(source, name) for name in _attributes(source)}
    for name in _attributes(handle):
        if name not in wanted:
            os.removexattr(handle, name)  # from the folder's default access list
    for name, value in wanted.items():
        os.setxattr(handle, name, value)


def _attributes(handle: int) -> list[str]:
    """Those that are the person's. The others are the system's, which gives them by its rules."""
    try:
        names = os.listxattr(handle)
    except OSError:
        return []  # this file system has none
    return [name for name in names if name.startswith(("user.", "system.posix_acl_"))]


def flush(path: str) -> None:
    """Has a file, or a folder's list of names, on the disk when it returns."""
    is_folder = os.path.isdir(path)
    if is_folder and sys.platform == "win32":
        return  # a folder cannot be flushed there; NTFS keeps a journal of its names
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR | _BINARY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some shares have nothing to flush for a folder.
        if not is_folder or error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def patiently(call: Callable[[], T]) -> T:
    """Calls; on Windows again after a moment, while some other program has the file open."""
    for pause in _PATIENCE:
        try:
            return call()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in (5, *_IN_USE):
                raise
            time.sleep(pause)
    return call()
