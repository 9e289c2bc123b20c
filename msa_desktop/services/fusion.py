"""Several encoders' scores as one: whose ears to trust in this library, and how far.

A track's fused score is a weighted mean of its cosines, one an encoder. The weights are the
library's own: tracks of one album (or folder) are more alike than others, and an encoder is worth
what it hears of that. Fisher's linear discriminant between pairs of one album and pairs of two
gives the weights that part them best. It allows for encoders whose scores lie on different scales,
that hear the same, or that hear nothing: a useless one gets a weight of nearly 0.

Where hardly any track has company of its own album, `SEPARATION` stands in.

scripts/bench/fusion.py measures it: on 114 tracks of 8 folders with a made-up second encoder from
useless to perfect, the mean average precision of the two together is never more than 0.003 below
the better alone, and up to 0.1 above it, where equal weights lose up to 0.25. Weights learned from
half of the folders and judged on the other half lose 0.012 at most, but for an encoder that hears
one half of the folders and not the other (0.08).

Source: Fisher, "The Use of Multiple Measurements in Taxonomic Problems", Annals of Eugenics 1936.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray

FEWEST = 32
"""Tracks that several encoders must all have heard before they are fused."""

SEPARATION: Mapping[str, float] = MappingProxyType({"musicnn": 2.0})
"""How far each encoder sets apart pairs of one album from others, in deviations of its scores,
where the library itself does not say; scripts/bench/fusion.py prints it. CLAP and TTMR++ were not
measured beside MusiCNN on one library, and are taken to be as good: equal weights, that is."""

_UNMEASURED = 2.0

_FEWEST_KIN = 20  # tracks with company of their own album; below, chance says as much as they do
_RIDGE = 0.05  # keeps two encoders that hear the same from being played off against each other
_RUN = 8  # neighbouring ids in a sample

Array = NDArray[np.float64]


def sample(ids: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Some of many tracks, always the same, spread evenly but in runs of neighbours.

    Tracks are numbered in the order of their folders, so a run holds tracks of one album, which
    single tracks out of many thousand hardly ever are.

    Args:
        ids: All of them, in order.
        count: How many, at most.
    """
    if len(ids) <= count:
        return ids
    starts = np.linspace(0, len(ids) - _RUN, count // _RUN).astype(np.int64)
    return ids[np.unique(starts[:, np.newaxis] + np.arange(_RUN))]


@dataclass(frozen=True, slots=True)
class Panel:
    """The p encoders that judge one track, and how their scores are joined.

    Attributes:
        encoders: Their ids, in the order of all arrays here.
        weights: Shape (p,): more than 0, together 1.
        mean: Shape (p,): mean score of two tracks.
        covariance: Shape (p, p): of the scores of two tracks.
    """

    encoders: tuple[str, ...]
    weights: Array
    mean: Array
    covariance: Array

    @classmethod
    def of_one(cls, encoder: str) -> Panel:
        """One encoder, whose scores are left as they are."""
        return cls((encoder,), np.ones(1), np.zeros(1), np.ones((1, 1)))

    def fuse(self, scores: FloatArray) -> FloatArray:
        """One score for each track.

        A track that some encoders have not heard gets the score it may be expected to have, by
        linear regression on those that have: the less they tell, the nearer to the mean.

        Args:
            scores: Shape (n, p): cosines; NaN where an encoder has not heard a track.

        Returns:
            Shape (n,): -1 to 1; NaN where none has.
        """
        fused = np.full(len(scores), np.nan, dtype=np.float32)
        heard = ~np.isnan(scores)
        for pattern in np.unique(heard[heard.any(axis=1)], axis=0):
            rows = (heard == pattern).all(axis=1)
            share = self.weights
            if not pattern.all():
                own = self.covariance[np.ix_(pattern, pattern)]
                share = np.linalg.solve(own, self.covariance[pattern] @ self.weights)
            beyond = scores[np.ix_(rows, pattern)] - self.mean[pattern]
            fused[rows] = self.mean @ self.weights + beyond @ share
        clipped: FloatArray = np.clip(fused, -1, 1)
        return clipped


@dataclass(frozen=True, slots=True)
class Fusion:
    """What was learned of e encoders in one library.

    Attributes:
        encoders: Their ids, in the order of all arrays here.
        mean: Shape (e,): mean score of two tracks.
        covariance: Shape (e, e): of the scores of two tracks.
        within: Shape (e, e): the same, where it is known if they are of one album.
        separation: Shape (e,): how much higher two tracks of one album score.
    """

    encoders: tuple[str, ...]
    mean: Array
    covariance: Array
    within: Array
    separation: Array

    def panel(self, heard: Collection[str]) -> Panel:
        """Those to be asked about a track.

        Args:
            heard: The encoders that have heard it; at least one that is known here.
        """
        asked = np.flatnonzero([encoder in heard for encoder in self.encoders])
        while True:
            block = np.ix_(asked, asked)
            ridge = _RIDGE * np.diag(np.diag(self.within[block]))
            found = np.linalg.solve(self.within[block] + ridge, self.separation[asked])
            if len(asked) == 1:
                found = np.ones(1)
            if found.min() > 0:
                break
            asked = np.delete(asked, found.argmin())
        return Panel(
            tuple(self.encoders[n] for n in asked),
            found / found.sum(),
            self.mean[asked],
            self.covariance[block],
        )


def learn(encoders: Sequence[str], rows: Sequence[FloatArray], albums: Sequence[object]) -> Fusion:
    """What a sample of the library teaches.

    Args:
        encoders: Their ids.
        rows: For each, the sample's standardised vectors of length 1, shape (n, dimension),
            n at least 2.
        albums: Shape (n,): what tracks of one album share.
    """
    upper = np.triu_indices(len(albums), 1)
    scores = np.array([(own @ own.T)[upper] for own in rows], dtype=np.float64)
    _, numbers = np.unique(np.array([str(album) for album in albums]), return_inverse=True)
    kin = numbers[upper[0]] == numbers[upper[1]]
    covariance = _covariance(scores)
    mean = scores.mean(axis=1)
    with_company = np.union1d(upper[0][kin], upper[1][kin])
    if len(with_company) >= _FEWEST_KIN and not kin.all():
        alike = _by_track(scores, upper, kin, len(albums))[:, with_company]
        apart = alike - _by_track(scores, upper, ~kin, len(albums))[:, with_company]
        separation = _beyond_chance(apart, numbers[with_company])
        if separation.max() > 0:
            within = (_covariance(scores[:, kin]) + _covariance(scores[:, ~kin])) / 2
            return Fusion(tuple(encoders), mean, covariance, within, separation)
    expected = np.array([SEPARATION.get(encoder, _UNMEASURED) for encoder in encoders])
    return Fusion(
        tuple(encoders), mean, covariance, covariance, expected * np.sqrt(np.diag(covariance))
    )


def _covariance(scores: Array) -> Array:
    # Scores that never move must still be divided by.
    return np.atleast_2d(np.cov(scores, bias=True)) + 1e-9 * np.eye(len(scores))


def _by_track(
    scores: Array,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    chosen: NDArray[np.bool_],
    count: int,
) -> Array:
    """Mean score of every track's chosen pairs, shape (e, count); 0 where it has none.

    By track, so that an album of a hundred does not count for its thousands of pairs.
    """
    ends = np.concatenate([pairs[0][chosen], pairs[1][chosen]])
    partners = np.maximum(np.bincount(ends, minlength=count), 1)
    sums = [np.bincount(ends, np.tile(own[chosen], 2), minlength=count) for own in scores]
    return np.array(sums) / partners


def _beyond_chance(apart: Array, albums: NDArray[np.int64]) -> Array:
    """The mean over tracks, as far as it is more than a few albums show by chance; 0 or more.

    Args:
        apart: Shape (e, n).
        albums: Shape (n,): a number for each track's album. Tracks of one album vary together.

    Source: the positive-part estimator of James & Stein, "Estimation with Quadratic Loss", 1961.
    """
    mean = apart.mean(axis=1)
    _, numbers = np.unique(albums, return_inverse=True)
    sums = np.array([np.bincount(numbers, own) for own in apart - mean[:, np.newaxis]])
    groups = sums.shape[1]
    if groups < 2:
        return np.zeros(len(mean))
    variance = (sums**2).sum(axis=1) / len(albums) ** 2 * groups / (groups - 1)
    kept: Array = np.maximum(mean, 0) * np.maximum(1 - variance / np.maximum(mean**2, 1e-12), 0)
    return kept
