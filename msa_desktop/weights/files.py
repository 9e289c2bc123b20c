"""Large files: hashed, linked or copied, and made durable, with progress and cancel."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.text import bytes_in_words

Progress = Callable[[int], None]
"""Told how many bytes are done so far."""

_BLOCK = 1 << 20
_SPARE = 64_000_000  # bytes that a download leaves free
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def hash_file(path: Path, cancel: CancelToken, progress: Progress) -> str:
    """The file's SHA-256.

    Raises:
        Cancelled: The person ended it.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            cancel.check()
            digest.update(block)
            progress(file.tell())
    return digest.hexdigest()


def copy(
    source: IO[bytes], target: IO[bytes], most: int, cancel: CancelToken, progress: Progress
) -> None:
    """Appends the rest of one open file to another, which may come to hold `most` bytes.

    Raises:
        ValueError: There was more.
        Cancelled: The person ended it.
    """
    while block := source.read(_BLOCK):
        cancel.check()
        if target.tell() + len(block) > most:
            raise ValueError
        target.write(block)
        progress(target.tell())


def take_over(source: Path, target: Path, cancel: CancelToken, progress: Progress) -> None:
    """Makes `target` the same file as `source` where the disk can, else a copy of it."""
    whole = Path(os.path.realpath(source))  # a hub's cache holds links to files named by hash
    try:
        os.link(whole, target)
    except OSError:
        with whole.open("rb") as reader, target.open("wb") as writer:
            copy(reader, writer, whole.stat().st_size, cancel, progress)
            flush(writer)


def flush(file: IO[bytes]) -> None:
    """Has the file's bytes on the disk when it returns."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Has the folder's entries on the disk when it returns, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_room(folder: Path, needed: int) -> None:
    """Refuses work that would fill the disk.

    Raises:
        UserError: Fewer than `needed` bytes, and some to spare, are free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise UserError(
            f"The disk of {display_path(str(folder))} has {bytes_in_words(free)} free; "
            f"{bytes_in_words(needed + _SPARE)} are needed. Make room, or move the data folder "
            "(--data-dir)."
        )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Around writes into a folder: says in words when its disk is full or does not take them.

    Raises:
        UserError: It is.
    """
    try:
        yield
    except OSError as error:
        shown = display_path(str(folder))
        if error.errno in _FULL:
            raise UserError(
                f"The disk of {shown} is full. Make room and try again: what is there is kept, "
                "and the rest follows."
            ) from error
        name = display_path(str(error.filename)) if error.filename else shown
        raise UserError(f"{name} cannot be used: {error.strerror or error}.") from error
