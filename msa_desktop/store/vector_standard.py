"""The library's measure: how vectors are made comparable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from msa_desktop.base.model import FloatArray

_FEWEST = 8
_SMALLEST_DEVIATION = 0.01  # of the mean deviation


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and deviation of each dimension.

    Attributes:
        mean: Shape (dimension,).
        deviation: Shape (dimension,), nowhere 0.
        count: Over how many vectors they were taken.
    """

    mean: FloatArray
    deviation: FloatArray
    count: int

    def __post_init__(self) -> None:
        if self.mean.shape != self.deviation.shape:
            raise ValueError("mean and deviation do not fit together")

    def rows(self, values: FloatArray) -> FloatArray:
        """Vectors standardised, then normalised to length 1."""
        rows: FloatArray = values - self.mean
        rows /= self.deviation
        return unit(rows)


def unit(rows: FloatArray) -> FloatArray:
    """Gives each row the length 1, but for zeros, in place."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
    rows /= np.where(lengths > 0, lengths, 1)
    return rows


def measure(chunks: Iterable[FloatArray]) -> Standard | None:
    """The standard of vectors that come some at a time; None where none come.

    A dimension that hardly ever moves would, divided by its deviation, drown the others in the
    few tracks where it does: the deviation has a floor.

    Source: Chan, Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances", 1979.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for chunk in chunks:
        own = chunk.mean(axis=0, dtype=np.float64)
        apart = chunk - own
        step = own - mean
        total = count + len(chunk)
        mean = mean + step * (len(chunk) / total)
        squares = squares + step**2 * (count * len(chunk) / total)
        squares += np.einsum("ij,ij->j", apart, apart)
        count = total
    if not count:
        return None
    if count < _FEWEST:
        # Below a handful, standardising says less than the plain cosine: of two tracks it makes
        # opposites, whatever they are.
        still = mean.astype(np.float32)
        return Standard(np.zeros_like(still), np.ones_like(still), count)
    deviation = np.sqrt(squares / count)
    floor = _SMALLEST_DEVIATION * deviation.mean()
    deviation = np.maximum(deviation, floor if floor > 0 else 1.0)
    return Standard(mean.astype(np.float32), deviation.astype(np.float32), count)
