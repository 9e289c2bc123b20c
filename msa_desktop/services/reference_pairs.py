"""Do these vectors and these rows belong together? Asked before a pair is taken in.

Published pairs come as two files that belong together by position alone. Where one is longer, rows
were added to it or lost from the other, most often at one end; which end cannot be seen in the
counts. It can be heard: an artist's tracks sound alike, so where rows and vectors fit, far more
tracks have one of their own artist nearest than where they do not. What "do not" comes to is
measured by shifting the rows: tables go by artist, and so do neighbours, so a table that is off by
a thousand rows is still right several times as often as one in random order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.store.reference import ReferenceTrack, artist_numbers

_QUERIES = 2000  # tracks whose nearest is looked for; enough for one percent
_SHIFTS = 16
_BLOCK_BYTES = 32 << 20
_FEWEST = 100  # tracks with another of their artist, to say anything
_CLEARLY = 1.5  # times as often: what is right beats what is not by more (16 times on FMA)
_LUCK = 5  # tracks that may be right by luck on top of that


class Align(StrEnum):
    """Which ends of vectors and rows belong together."""

    HEAD = "head"
    TAIL = "tail"


@dataclass(frozen=True, slots=True)
class Fit:
    """How well vectors and rows fit.

    Attributes:
        share: Of the tracks asked, those whose nearest is by the same artist.
        shifted: The mean of that over tables that are shifted by some number of rows: chance.
        asked: How many tracks were looked at.
        telling: How many of these have another of their artist; with too few nothing can be said.
    """

    share: float
    shifted: float
    asked: int
    telling: int

    @property
    def told(self) -> bool:
        """Whether anything can be said; nothing where one artist has nearly all tracks."""
        return self.telling >= _FEWEST and self._least < self.asked

    @property
    def good(self) -> bool:
        """Whether it is clearly no chance."""
        return self.told and self.share * self.asked > self._least

    @property
    def _least(self) -> float:
        """How many tracks must be right to be no chance."""
        return _CLEARLY * self.shifted * self.asked + _LUCK

    def clearly_beats(self, other: Fit) -> bool:
        """Whether this fits and the other is a mistake."""
        return self.good and self.share > _CLEARLY * other.share


@dataclass(frozen=True, slots=True)
class PairCheck:
    """What was found out about a pair.

    Attributes:
        vectors: How many vectors there are.
        rows: How many rows there are.
        ends: How well they fit when aligned so; of a pair with equal counts both are the same.
    """

    vectors: int
    rows: int
    ends: dict[Align, Fit]

    @property
    def best(self) -> Align | None:
        """The end that clearly fits, where there is one and the other does not."""
        head, tail = self.ends[Align.HEAD], self.ends[Align.TAIL]
        if tail.clearly_beats(head):
            return Align.TAIL
        return Align.HEAD if head.clearly_beats(tail) else None

    def is_wrong(self, align: Align) -> bool:
        """Whether an end clearly does not fit: as if by chance, or the other fits far better."""
        fit = self.ends[align]
        return self.best not in (None, align) or (fit.told and not fit.good)


def check(vectors: FloatArray, tracks: Sequence[ReferenceTrack]) -> PairCheck:
    """Looks at both ends of a pair; of equal counts there is only one way."""
    ends = {
        align: _fit(vectors[cut(len(vectors), len(tracks), align)],
                    artist_numbers(tracks[cut(len(tracks), len(vectors), align)]))
        for align in Align
        if align is Align.HEAD or len(vectors) != len(tracks)
    }  # fmt: skip
    ends.setdefault(Align.TAIL, ends[Align.HEAD])
    return PairCheck(len(vectors), len(tracks), ends)


def cut(count: int, other: int, align: Align) -> slice:
    """The part of `count` that goes with `other` many."""
    both = min(count, other)
    return slice(0, both) if align is Align.HEAD else slice(count - both, count)


def standardised(vectors: FloatArray) -> FloatArray:
    """Each dimension less its mean, over its deviation; then every vector to length 1."""
    deviation = vectors.std(axis=0)
    rows: FloatArray = (vectors - vectors.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


def _fit(vectors: FloatArray, artists: Sequence[int]) -> Fit:
    numbers = np.asarray(artists, np.int64)
    named = np.flatnonzero(numbers >= 0)
    if not len(named):
        return Fit(0.0, 0.0, 0, 0)
    queries = named
    if len(named) > _QUERIES:
        queries = np.sort(np.random.default_rng(0).choice(named, _QUERIES, replace=False))
    nearest = _nearest(standardised(vectors), queries)

    def share(shift: int) -> float:
        said = np.roll(numbers, shift)
        return float(np.mean((said[queries] == said[nearest]) & (said[queries] >= 0)))

    shifts = {len(numbers) * i // (_SHIFTS + 1) for i in range(1, _SHIFTS + 1)} - {0}
    shifted = float(np.mean([share(shift) for shift in shifts])) if shifts else 0.0
    telling = int(np.count_nonzero(np.bincount(numbers[named])[numbers[queries]] > 1))
    return Fit(share(0), shifted, len(queries), telling)


def _nearest(rows: FloatArray, queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row nearest to each of some rows, which itself is not."""
    size = max(1, _BLOCK_BYTES // (4 * len(rows)))
    found = []
    for start in range(0, len(queries), size):
        block = queries[start : start + size]
        likeness = rows[block] @ rows.T
        likeness[np.arange(len(block)), block] = -np.inf
        found.append(likeness.argmax(axis=1))
    return np.concatenate(found)
