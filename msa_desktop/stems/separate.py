"""Takes a sound of any length apart in little memory, as Demucs does with all of it at hand.

The result is `demucs.apply.apply_model`'s (no shifts; overlap 0.25): segments that overlap by a
quarter, each faded in and out in a triangle, and divided by the sum of the triangles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray

Net = Callable[[FloatArray], FloatArray]
"""Takes one segment, shape (channels, segment); gives (sources, channels, segment)."""

_OVERLAP = 0.25


@dataclass(frozen=True, slots=True)
class Extent:
    """What must be known of a whole sound before it is taken apart.

    Attributes:
        samples: Its length.
        mean: Of the channels' mean.
        deviation: The same sound's standard deviation.
    """

    samples: int
    mean: float
    deviation: float


def measure(pieces: Iterable[FloatArray]) -> Extent:
    """Listens once; shape (channels, n) each."""
    count, total, squares = 0, 0.0, 0.0
    for piece in pieces:
        mono = piece.mean(axis=0, dtype=np.float64)
        count += len(mono)
        total += float(mono.sum())
        squares += float(mono @ mono)
    mean = total / max(1, count)
    variance = (squares - count * mean**2) / max(1, count - 1)
    return Extent(count, mean, math.sqrt(max(0.0, variance)))


def separate(
    net: Net, pieces: Iterable[FloatArray], extent: Extent, segment: int
) -> Iterator[FloatArray]:
    """Takes a sound apart.

    Args:
        net: Called for one segment after another.
        pieces: The sound again, shape (channels, n) each.
        extent: What `measure` found.
        segment: Samples that the net hears at once.

    Returns:
        The stems' pieces in order, shape (sources, channels, n); together as long as the sound.

    Raises:
        UserError: The net gives numbers that are no sound.
    """
    mean, spread = np.float32(extent.mean), np.float32(extent.deviation + 1e-8)
    ramp = np.arange(1, segment // 2 + 1)
    weight = np.concatenate([ramp, np.arange(segment - segment // 2, 0, -1)])
    weight = (weight / weight.max()).astype(np.float32)
    stride = int((1 - _OVERLAP) * segment)
    mix = _Mix(((piece - mean) / spread for piece in pieces), extent.samples)
    stems: FloatArray | None = None  # the sum of what overlaps, from `offset` on
    weights = np.zeros(segment, np.float32)
    for offset in range(0, extent.samples, stride):
        length = min(segment, extent.samples - offset)
        before = (segment - length) // 2  # a short segment lies in the middle of what is heard
        heard = net(mix.take(offset - before, segment))
        if not np.isfinite(heard).all():
            raise UserError(
                "The model gives numbers that are no sound: it is damaged, or the device computes "
                "wrongly. Install it again, or let it run on the processor: "
                "msa-desktop config device cpu"
            )
        if stems is None:
            stems = np.zeros_like(heard)
        stems[..., :length] += weight[:length] * heard[..., before : before + length]
        weights[:length] += weight[:length]
        done = min(stride, length)
        yield stems[..., :done] / weights[:done] * spread + mean
        stems, weights = _moved(stems, stride), _moved(weights, stride)


def _moved(sums: FloatArray, by: int) -> FloatArray:
    moved = np.zeros_like(sums)
    moved[..., :-by] = sums[..., by:]
    return moved


class _Mix:
    """The sound around the segment in work; before its beginning and after its end is silence."""

    def __init__(self, pieces: Iterable[FloatArray], samples: int) -> None:
        self._pieces = iter(pieces)
        self._samples = samples
        self._held: FloatArray | None = None
        self._begin = 0  # where in the sound `_held` begins

    def take(self, begin: int, length: int) -> FloatArray:
        """From `begin` on, which never lies before that of an earlier call."""
        first, last = max(0, begin), min(self._samples, begin + length)
        parts = [] if self._held is None else [self._held[:, first - self._begin :]]
        there = sum(part.shape[1] for part in parts)
        while there < last - first:
            piece = next(self._pieces, None)
            if piece is None:
                raise UserError("The file became shorter while it was listened to. Try again.")
            parts.append(piece)
            there += piece.shape[1]
        self._held, self._begin = np.concatenate(parts, axis=1), first
        sound = self._held[:, : last - first]
        after = length - (first - begin) - sound.shape[1]
        return np.pad(sound, ((0, 0), (first - begin, after)))
