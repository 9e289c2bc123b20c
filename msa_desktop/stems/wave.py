"""WAV files of 32-bit floats, written as the sound comes and read as memory.

A stem may go beyond full scale, and stems add up to the mix: whole numbers would clip or round. The
header is always of one length, so a player can map the samples, and jump to any, in all stems at
once. Beyond 4 GB a file is RF64 (EBU Tech 3306), for which room is kept.
"""

from __future__ import annotations

import struct
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


def samples(path: Path, channels: int) -> FloatArray:
    """A file's samples, read when they are looked at; shape (samples, channels), read-only.

    Raises:
        OSError: The file cannot be read.
        ValueError: It has not even a header.
    """
    return np.memmap(path, "<f4", "r", HEADER).reshape(-1, channels)


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
