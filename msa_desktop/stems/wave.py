"""WAV files of 32-bit floats, written as the sound comes and read from any place.

A stem may go beyond full scale, and stems add up to the mix: whole numbers would clip or round. The
header is always of one length, so a player can jump to any sample, in all stems at once. Beyond
4 GB a file is RF64 (EBU Tech 3306), for which room is kept.

They are read with plain reads, not as memory: where a disk is pulled out that is an error in words,
and not the end of the program.
"""

from __future__ import annotations

import os
import struct
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from msa_desktop.base.model import FloatArray

HEADER = 80
"""Bytes before the first sample."""

SAMPLE = 4
"""Bytes of a sample."""

_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT
_MOST = 0xFFFFFFFF


class WaveWriter:
    """Writes one file; whole once it is closed.

    Args:
        path: An existing file is overwritten.
        channels: How many.
        rate: Hz.
    """

    def __init__(self, path: Path, channels: int, rate: int) -> None:
        self._file = path.open("wb")
        self._channels = channels
        self._rate = rate
        self._size = 0
        self._file.write(bytes(HEADER))

    def write(self, sound: FloatArray) -> None:
        """Appends a piece, shape (channels, n)."""
        self._size += self._file.write(sound.T.astype("<f4", order="C").data)

    def close(self) -> None:
        """Writes the header."""
        with self._file:
            self._file.seek(0)
            self._file.write(_header(self._channels, self._rate, self._size))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def samples(path: Path, channels: int, begin: int = 0, end: int | None = None) -> FloatArray:
    """A file's samples, or those from `begin` up to `end`; shape (n, channels).

    Raises:
        OSError: The file cannot be read.
        ValueError: It ends before them.
    """
    with path.open("rb") as file:
        there = (os.fstat(file.fileno()).st_size - HEADER) // (SAMPLE * channels)
        count = max(0, min(there, there if end is None else end) - begin)
        sound: FloatArray = np.empty((count, channels), "<f4")
        if there < begin or not read_into(file, begin, sound):
            raise ValueError(f"{path} ends early")
    return sound


def read_into(file: BufferedReader | FileIO, begin: int, sound: FloatArray) -> bool:
    """Reads samples from an open file into an array, shape (n, channels).

    Returns:
        Whether there were as many.

    Raises:
        OSError: The file cannot be read.
    """
    file.seek(HEADER + SAMPLE * sound.shape[1] * begin)
    return not sound.size or file.readinto(sound.data.cast("B")) == sound.nbytes


def _header(channels: int, rate: int, size: int) -> bytes:
    frame = SAMPLE * channels
    whole = size + HEADER - 8
    if whole > _MOST:
        begin = struct.pack("<4sI4s", b"RF64", _MOST, b"WAVE")
        begin += struct.pack("<4sIQQQI", b"ds64", 28, whole, size, size // frame, 0)
    else:
        begin = struct.pack("<4sI4s", b"RIFF", whole, b"WAVE")
        begin += struct.pack("<4sI28x", b"JUNK", 28)
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, _FLOAT, channels, rate, rate * frame, frame, 8 * SAMPLE
    )
    return begin + form + struct.pack("<4sI", b"data", min(size, _MOST))
