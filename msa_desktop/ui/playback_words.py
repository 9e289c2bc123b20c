"""What keeps a track from playing, in words."""

from __future__ import annotations

import os

from msa_desktop.base.model import display_path

NO_OUTPUT = (
    "There is no sound output on this computer. Connect speakers or headphones and playing works."
)
_PATH_ROOM = 64  # characters
_PATH_HEAD, _PATH_TAIL = 24, 39


def short_path(path: str) -> str:
    """A path for the bar, which has little room: the disk at its start and the file at its end."""
    words = display_path(path)
    return words if len(words) <= _PATH_ROOM else f"{words[:_PATH_HEAD]}…{words[-_PATH_TAIL:]}"


def missing_library(words: str) -> str:
    """QtMultimedia cannot be loaded; `words` are the system's."""
    hint = " On Debian or Ubuntu: sudo apt install libpulse0." if "libpulse" in words else ""
    return f"Playing is off: QtMultimedia cannot be loaded ({words}).{hint}"


def cannot_open(path: str, error: OSError) -> str:
    """The system does not give the file."""
    if isinstance(error, FileNotFoundError):
        return f"The file is not there any more: {short_path(path)}."
    return f"The file cannot be opened ({error.strerror}): {short_path(path)}."


def cannot_play(path: str, kind: str, words: str) -> str:
    """The player gave up; `kind` and `words` are Qt's."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return cannot_open(path, error)
    if kind == "FormatError":
        return f"This file's sound cannot be decoded: {short_path(path)}."
    return f"This file cannot be played ({words}): {short_path(path)}."
