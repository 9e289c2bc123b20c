"""Where the program's log goes: a bounded file in the data folder, warnings to the terminal."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from msa_desktop.base.text import printable_lines

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Formatter(logging.Formatter):
    """Records, traces and what an error quotes from a file, as text for any screen."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def set_up(folder: Path, level: str = "INFO") -> None:
    """Sends records at `level` to `folder`/msa.log (1 MB, 3 kept) and warnings to stderr."""
    folder.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger("msa_desktop")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    to_file = RotatingFileHandler(
        folder / "msa.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8", errors="replace"
    )
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setLevel(logging.WARNING)
    for handler in (to_file, to_terminal):
        handler.setFormatter(_Formatter(_FORMAT))
        root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False
