"""Stems as files of the person's own, in a format that other programs read."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from msa_desktop.audio import encode
from msa_desktop.audio.encode import Form
from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray, Tags, display_path
from msa_desktop.base.text import printable
from msa_desktop.stems.cache import StemSet

_PIECE = 1 << 18  # samples read at once
_LONGEST_NAME = 150  # bytes of a file's name before the stem's
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\ufffd]+')  # on Windows, and so on any USB stick
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows too


class Format(StrEnum):
    """What stems are exported as."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"


_FORMS = {
    Format.WAV: Form("wav", "pcm_s24le", "s32"),
    Format.FLAC: Form("flac", "flac", "s32"),  # 24 bits
    Format.MP3: Form("mp3", "libmp3lame", bit_rate=320_000),
}


def export(
    stems: StemSet,
    names: Sequence[str],
    folder: Path,
    form: Format,
    *,
    name: str,
    tags: Tags,
    cancel: CancelToken,
    tell: Callable[[float], None],
) -> tuple[Path, ...]:
    """Writes stems into a folder, each into a file of its own; none is ever overwritten.

    Stems may be louder than a file of whole numbers holds. Then all are made quieter alike, so that
    they still add up.

    Args:
        stems: The stems.
        names: Those wanted, of `record.names`.
        folder: Made where it is not there.
        form: The format.
        name: What the track is called; made fit for a file name.
        tags: The track's own, given on to the stems.
        cancel: Looked at between pieces; what is half written then goes.
        tell: Told how many seconds of one stem were written in all.

    Returns:
        The files, in the order of `names`.

    Raises:
        UserError: The folder cannot be written to, or the stems are gone.
        Cancelled: The person ended it.
    """
    record = stems.record
    gain = np.float32(1 / max(1.0, *(level.peak for level in record.levels.values())))
    done = 0.0

    def pieces(stem: str) -> Iterator[FloatArray]:
        nonlocal done
        for begin in range(0, record.samples, _PIECE):
            cancel.check()
            sound = stems.sound(stem, begin, begin + _PIECE)
            yield np.ascontiguousarray(sound.T) * gain
            done += len(sound) / record.rate
            tell(done)

    written: list[Path] = []
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem in names:
            target = _free(folder, f"{file_name(name)} ({stem})", form)
            part = target.with_name(f".{target.name}.part")
            encode.stream(
                part, pieces(stem), record.channels, record.rate, _FORMS[form], _tags(tags, stem)
            )
            os.replace(part, target)
            written.append(target)
    except OSError as error:
        raise _not_written(folder, error) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return tuple(written)


def check_folder(folder: Path) -> None:
    """Refuses a folder that `export` could not write to; leaves nothing in it, nor makes it.

    Raises:
        UserError: It cannot be written to.
    """
    there = folder.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise _not_written(folder, error) from error


def file_name(text: str) -> str:
    """The text as a part of a file name that every system takes."""
    plain = _FORBIDDEN.sub("_", printable(text)).strip(" .")
    short = plain.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(" .")
    return f"_{short}" if _DEVICES.match(short) else short or "track"


def _not_written(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{display_path(str(folder))} cannot be written to: {error.strerror or error}."
    )


def _free(folder: Path, name: str, form: Format) -> Path:
    """A file that is not there yet."""
    path, number = folder / f"{name}.{form}", 2
    while path.exists():
        path, number = folder / f"{name} {number}.{form}", number + 1
    return path


def _tags(tags: Tags, stem: str) -> dict[str, str]:
    found = {
        "title": f"{tags.title} ({stem})" if tags.title else stem.capitalize(),
        "artist": tags.artist,
        "album": tags.album,
        "album_artist": tags.album_artist,
        "genre": "; ".join(tags.genre),
        "date": str(tags.year or ""),
        "track": str(tags.track_number or ""),
    }
    return {name: printable(value) for name, value in found.items() if value}
