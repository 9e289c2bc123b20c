"""The stems of a track mixed as a person listens: one position, and a gain for each. Knows no Qt.

The stems cannot drift apart, for there is one position. What is read ahead is each stem as it is,
so that a gain is heard as soon as it is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from msa_desktop.base.model import FloatArray
from msa_desktop.stems.ahead import ReadAhead
from msa_desktop.stems.cache import StemSet

RAMP = 0.01
"""Seconds in which a gain goes from nothing to full: quick to the ear, and too slow to click."""

_LOUDNESS = 0.6  # loudness grows with this power of the sound pressure (S. S. Stevens, 1955)


@dataclass(frozen=True, slots=True)
class Channel:
    """How a person has set one stem.

    Attributes:
        volume: 0 to 1 as it is heard: 0.5 sounds half as loud.
        muted: Silent, whatever else is set.
        solo: Only the stems with this are heard, where any has it.
    """

    volume: float = 1.0
    muted: bool = False
    solo: bool = False


def gains(channels: Mapping[str, Channel]) -> dict[str, float]:
    """What each stem's samples are multiplied by: 0 to 1."""
    alone = any(channel.solo for channel in channels.values())
    return {
        name: 0.0
        if channel.muted or (alone and not channel.solo)
        else float(channel.volume ** (1 / _LOUDNESS))
        for name, channel in channels.items()
    }


class Mixer:
    """The sum of a track's stems, read piece by piece.

    The files stay open, and a thread reads ahead, until `close`.

    Args:
        stems: The stems; all of them are heard at first.
        repeats: Begin again at the end, without a gap and without a click.

    Raises:
        Gone: The stems are not there any more.
    """

    def __init__(self, stems: StemSet, *, repeats: bool = False) -> None:
        record = stems.record
        self.rate = record.rate
        self.channels = record.channels
        self.samples = record.samples
        self.begin = record.begin
        """The sample of the track that the stems begin with."""
        self.repeats = repeats
        self.position = 0
        """The sample that the next `read` begins with."""
        self._names = record.sources
        self._wanted = np.ones(len(self._names), np.float32)
        self._now = self._wanted.copy()  # what the gains are at `position`, on their way
        self._fade_in()
        files = [stems.file(name) for name in self._names]
        self._ahead = ReadAhead(files, self.rate, self.channels, self.samples)

    @property
    def at_end(self) -> bool:
        """Whether everything was read; never for long where it repeats."""
        return self.position >= self.samples

    def set_gains(self, gains: Mapping[str, float]) -> None:
        """Has the stems go to these gains, within `RAMP`; a stem not named stays as it is."""
        for i, name in enumerate(self._names):
            self._wanted[i] = gains.get(name, self._wanted[i])

    def seek(self, sample: int) -> None:
        """Goes on from there; in the middle of the sound it fades in, so as not to click."""
        self.position = min(max(0, sample), self.samples)
        self._fade_in()
        self._ahead.seek(self.position)

    def read(self, count: int, patience: float = 0.0) -> FloatArray:
        """The next samples; clipped at full scale, as in any player.

        Args:
            count: How many are wanted.
            patience: Seconds to wait for them, where they were not read yet.

        Returns:
            Shape (n, channels), float32; `n` is less than `count` at the end, also where it
            repeats, and where no more was read so far.

        Raises:
            Gone: The stems cannot be read any more.
        """
        sound = self._ahead.take(count, patience)
        count = sound.shape[1]
        total = np.zeros((count, self.channels), np.float32)
        if count:
            for i, stem in enumerate(sound):
                ramp = self._ramp(i, count)
                if ramp.any():
                    total += stem * ramp
            if self.repeats:
                left = self.samples - self.position - np.arange(count, dtype=np.float32)
                total *= np.minimum(left / np.float32(RAMP * self.rate), 1)[:, None]
        self.position += count
        if self.repeats and self.at_end:
            self.seek(0)
        return np.clip(total, -1, 1, out=total)

    def close(self) -> None:
        """Closes the files: where they are open, Windows lets nobody remove them."""
        self._ahead.close()

    def _fade_in(self) -> None:
        """Begins in silence, where that is in the middle of the track's sound."""
        self._now[:] = 0 if self.begin + self.position else self._wanted

    def _ramp(self, i: int, count: int) -> FloatArray:
        """A stem's gain over the next samples, shape (count, 1) or (1, 1)."""
        now, wanted = self._now[i], self._wanted[i]
        if now == wanted:
            return np.full((1, 1), wanted, np.float32)
        way = np.arange(1, count + 1, dtype=np.float32)[:, None] / np.float32(RAMP * self.rate)
        ramp: FloatArray = (
            np.minimum(now + way, wanted) if now < wanted else np.maximum(now - way, wanted)
        )
        self._now[i] = ramp[-1, 0]
        return ramp
