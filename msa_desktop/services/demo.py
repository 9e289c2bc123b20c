"""A small library of invented music, to try the program on before one's own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path

if TYPE_CHECKING:
    from msa_desktop.audio.pieces import DemoPiece


def make_demo(folder: Path, progress: Callable[[int, int], None] | None = None) -> list[Path]:
    """Writes the demo library. Files that are there already are kept as they are.

    Args:
        folder: Made if it is not there.
        progress: Called with the number of finished files, and of all, at the start and after
            each. What it raises ends the work; no half-written file is left.

    Returns:
        The files, in the order of their track numbers.

    Raises:
        UserError: The folder cannot be written to.
    """
    # Only this command makes music; numpy and FFmpeg take a moment to load.
    from msa_desktop.audio.pieces import PIECES  # noqa: PLC0415

    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, piece in enumerate(PIECES, 1):
            if progress is not None:
                progress(number - 1, len(PIECES))
            path = folder / file_name(piece, number)
            if not path.exists():
                _write(path, piece, number, len(PIECES))
            files.append(path)
    except OSError as error:
        raise UserError(
            f"The demo library cannot be written to {display_path(str(folder))}: "
            f"{error.strerror}. Choose a folder you may write to, with 20 MB to spare."
        ) from error
    if progress is not None:
        progress(len(PIECES), len(PIECES))
    return files


def file_name(piece: DemoPiece, number: int) -> str:
    """What a piece's file is called, such as "01 Kontur - Night Shift.ogg"."""
    words = re.sub(r"[^\w .-]", "", f"{piece.artist} - {piece.title}")
    return f"{number:02} {words}{piece.extension}"


def _write(path: Path, piece: DemoPiece, number: int, count: int) -> None:
    """Under another name first: what bears the right one is complete."""
    from msa_desktop.audio import encode, synth  # noqa: PLC0415 - as above

    tags = {
        "title": piece.title,
        "artist": piece.artist,
        "album": piece.album,
        "genre": piece.genre,
        "date": str(piece.year),
        "track": f"{number}/{count}",
    }
    partial = path.with_name(f".{path.name}.part")
    try:
        encode.write(partial, piece.sound(), synth.RATE, encode.FORMS[piece.extension], tags)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
