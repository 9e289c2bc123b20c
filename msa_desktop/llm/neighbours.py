"""Tags from tracks that sound alike: what the nearest say, and what the whole library teaches.

The score of a tag is the mean of two estimates, made into a probability:

- the votes of the 20 nearest references, the nearer the heavier. These are the tracks that a
  person is shown as evidence;
- a ridge regression of the tags on the vectors of all references, which helps where 20 are few.

Near is the mean of two cosines: of the standardised vectors (it sounds alike) and of what the
regression makes of them (it sounds alike in what the tags of this library are about). All of it
is computed from the references given, so it fits any encoder's vectors and any person's tags.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray

NEIGHBOURS = 20
SET_THRESHOLD = 0.25
"""Tags with at least this probability make up the predicted set. Where scores are probabilities,
micro-F1 is largest at half the F1 reached (Lipton et al., "Optimal Thresholding of Classifiers to
Maximize F1 Measure", 2014), which was 0.53 on the tracks below."""

# Chosen on 2,499 tracks of the Free Music Archive with TTMR++ vectors. Each lies on a plateau:
# scripts/bench/knn_tags.py --sweep halves and doubles it.
_TEMPERATURE = 0.2  # a neighbour whose nearness is this much lower weighs 1/e
_PENALTY = 1.5  # of the ridge, for vectors of length 1
_AXES = 64  # of the profile at most, the strongest: all 121 were no better, 32 nearly as good

# The calibration: two numbers fitted to the same tracks, for libraries of 50 to 2,000 of them.
_UNSEEN = 15  # further tracks with none of the tags, as if they had been seen
_SHARPNESS = 1.2  # of the log-odds: both estimates shrink towards how common a tag is

_TINY = 1e-6  # what is smaller is rounding, not sound
_RARE = 1e-3  # added to a tag's variance, lest the rarest tags fill the profile
_BLOCK_BYTES = 32 << 20

_Wide = NDArray[np.float64]
_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What is predicted for q queries, t tags, from k neighbours each.

    Attributes:
        tags: Every tag of the references, sorted; the columns of scores.
        scores: Shape (q, t): the probability that the query bears the tag, 0 to 1.
        neighbours: Shape (q, k): rows of the reference vectors, the nearest first; -1 where a
            query has fewer.
        weights: Shape (q, k): each neighbour's share of the votes; they sum to 1, or to 0 for a
            query that has no neighbours.
        similarities: Shape (q, k): cosine of the standardised vectors, -1 to 1.
    """

    tags: tuple[str, ...]
    scores: FloatArray
    neighbours: _Rows
    weights: FloatArray
    similarities: FloatArray

    def sets(self, threshold: float = SET_THRESHOLD) -> list[dict[str, float]]:
        """Each query's tags with at least this probability, the most probable first."""
        found = []
        for scores in self.scores:
            order = np.argsort(-scores, kind="stable")
            found.append(
                {self.tags[i]: float(scores[i]) for i in order if scores[i] >= threshold},
            )
        return found


def predict(
    query_vectors: FloatArray,
    reference_vectors: FloatArray,
    reference_tags: Sequence[Collection[str]],
    *,
    query_groups: Sequence[int] | None = None,
    reference_groups: Sequence[int] | None = None,
) -> Predictions:
    """Says how probable each of the references' tags is for each query.

    The time goes into one product of queries and references and, once, into a regression.
    Equal calls give equal answers. For several calls on the same references, keep a
    `TaggedLibrary`.

    Args:
        query_vectors: Shape (q, d).
        reference_vectors: Shape (n, d), of the same encoder.
        reference_tags: Each reference's tags; one without any says nothing and is left out.
        query_groups: Shape (q,): each query's album, say, as a number; negative for none.
        reference_groups: Shape (n,): the same of the references. Those of a query's own group are
            neither its neighbours nor heard by its regression.

    Returns:
        The scores, and the neighbours they rest on. Of scores around 0.8 about 80 % are right;
        how nearly is what scripts/bench/knn_tags.py measures.

    Raises:
        ValueError: The shapes do not fit each other, or a vector holds NaN or infinity.
    """
    library = TaggedLibrary(reference_vectors, reference_tags, reference_groups)
    return library.predict(query_vectors, query_groups)


class TaggedLibrary:
    """References that were learned from, for any number of queries. Threads may share one.

    It keeps at most 4 (d + 64) bytes a reference, and its tags: of 100,000 references with vectors
    of 400 numbers 186 MB. Blocks of about 100 MB come on top while it works.
    """

    def __init__(
        self,
        vectors: FloatArray,
        tags: Sequence[Collection[str]],
        groups: Sequence[int] | None = None,
    ) -> None:
        """Learns from references; see `predict` for shapes, meaning and errors."""
        vectors = _checked(vectors, "reference")
        if len(tags) != len(vectors) or any(isinstance(bag, str) for bag in tags):
            raise ValueError(f"{len(vectors)} references need a collection of tags each.")
        self.tags = tuple(sorted(set().union(*tags)))
        self._rows = np.array([row for row, bag in enumerate(tags) if bag], np.int64)
        grouped = _groups(groups, len(vectors))[self._rows]
        self._by_group = np.argsort(grouped, kind="stable")
        self._groups = grouped[self._by_group]
        column = {tag: index for index, tag in enumerate(self.tags)}
        bags = [sorted({column[tag] for tag in tags[row]}) for row in self._rows]
        self._ends = np.cumsum([0, *(len(bag) for bag in bags)], dtype=np.int64)
        self._columns = np.array([tag for bag in bags for tag in bag], np.int64)
        self._counts = np.bincount(self._columns, minlength=len(self.tags)).astype(np.float64)
        self._learn(vectors)

    def predict(self, vectors: FloatArray, groups: Sequence[int] | None = None) -> Predictions:
        """Predicts for queries, shape (q, d); see `predict`."""
        vectors = _checked(vectors, "query")
        if len(self._rows) and vectors.shape[1] != len(self._mean):
            raise ValueError(
                f"Queries of {vectors.shape[1]} numbers do not go with references of"
                f" {len(self._mean)}."
            )
        own = _groups(groups, len(vectors))
        shape = (len(vectors), min(NEIGHBOURS, len(self._rows)))
        answer = Predictions(
            self.tags,
            np.zeros((len(vectors), len(self.tags)), np.float32),
            np.full(shape, -1, np.int64),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
        )
        if len(self._rows):
            width = len(self._rows) + 2 * len(self.tags) + shape[1] * len(self._mean)
            for part in _blocks(len(vectors), width):
                self._predict(vectors[part], own[part], part, answer)
        return answer

    def _learn(self, vectors: FloatArray) -> None:
        """Fits the standardisation, the ridge and the space in which near is near."""
        count, (_, dimension) = len(self._rows), vectors.shape
        total = max(count, 1)
        self._mean = np.zeros(dimension)
        variance = np.zeros(dimension)
        for part in _blocks(count, dimension):
            self._mean += vectors[self._rows[part]].sum(axis=0, dtype=np.float64) / total
        for part in _blocks(count, dimension):
            variance += ((vectors[self._rows[part]] - self._mean) ** 2).sum(axis=0) / total
        deviation = np.sqrt(variance)
        # A dimension that is the same in all references tells nothing, whatever queries hold.
        told = deviation > _TINY * np.abs(self._mean)
        self._scale = np.divide(1.0, deviation, out=np.zeros(dimension), where=told)

        self._base = self._counts / total
        self._gram = _PENALTY * np.eye(dimension)
        target = np.zeros((dimension, len(self.tags)))
        for part in _blocks(count, dimension + len(self.tags)):
            sound = self._sound(vectors[self._rows[part]])
            self._gram += sound.T @ sound
            bears = self._bears(np.arange(part.start, part.stop))
            target += sound.T @ (bears - self._base)
        self._inverse = np.linalg.inv(self._gram)
        weights = self._inverse @ target

        # The profile is what the regression says, every tag to its own scale, turned to as few
        # coordinates as hold it.
        self._weights = weights.astype(np.float32)
        self._unit = 1 / np.sqrt(self._base * (1 - self._base) + _RARE)
        _, sizes, axes = np.linalg.svd(weights * self._unit, full_matrices=False)
        self._axes = axes[: min(_AXES, np.count_nonzero(sizes > _TINY))].T
        self._space = np.empty((count, dimension + self._axes.shape[1]), np.float32)
        for part in _blocks(count, dimension + len(self.tags)):
            sound = self._sound(vectors[self._rows[part]])
            self._space[part] = self._place(sound, sound @ self._weights)

    def _predict(self, vectors: FloatArray, own: _Rows, part: slice, answer: Predictions) -> None:
        """Fills in the answer's rows of one block of queries."""
        sound = self._sound(vectors)
        heard = sound @ self._weights
        known = np.full((len(vectors), 1), len(self._rows), np.float64)
        base = np.repeat(self._base[np.newaxis], len(vectors), axis=0)
        near = np.empty((len(vectors), len(self._rows)), np.float32)
        shared = self._shared(own)
        for queries, rows in shared:
            due, counts = self._due_to(rows, sound[queries])
            heard[queries] -= due
            known[queries] -= rows.shape[1]
            others = max(len(self._rows) - rows.shape[1], 1)
            base[queries] = ((self._counts - counts) / others)[:, np.newaxis]
        np.matmul(self._place(sound, heard) / 2, self._space.T, out=near)
        for queries, rows in shared:
            near[queries[:, :, np.newaxis], rows[:, np.newaxis]] = -np.inf

        count = answer.neighbours.shape[1]
        rows = np.argpartition(near, near.shape[1] - count, axis=1)[:, -count:]
        rows.sort(axis=1)  # of equals, the first in the library is the nearer
        nearness = np.take_along_axis(near, rows, axis=1)
        order = np.argsort(-nearness, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
        nearness = np.take_along_axis(nearness, order, axis=1).astype(np.float64)
        there = np.isfinite(nearness)
        weights = np.zeros(rows.shape)
        some = there[:, 0]
        weights[some] = np.exp((nearness[some] - nearness[some, :1]) / _TEMPERATURE)
        weights[some] /= weights[some].sum(axis=1, keepdims=True)

        estimate = np.clip((self._votes(rows, weights) + base + heard) / 2, 0, 1)
        # As if one more neighbour had voted for what is common, and some tracks had no tag.
        smoothed = (NEIGHBOURS * estimate + base) / (NEIGHBOURS + 1) * known / (known + _UNSEEN)
        odds = (smoothed / (1 - smoothed)) ** _SHARPNESS
        borne = some[:, np.newaxis] & (base > 0)
        answer.scores[part] = np.where(borne, odds / (1 + odds), 0)
        answer.neighbours[part] = np.where(there, self._rows[rows], -1)
        answer.weights[part] = weights
        cosines = np.einsum("qd,qkd->qk", sound, self._space[:, : sound.shape[1]][rows])
        answer.similarities[part] = np.where(there, cosines, 0)

    def _sound(self, vectors: FloatArray) -> FloatArray:
        """Standardised and of length 1, or 0."""
        return _unit((vectors - self._mean) * self._scale)

    def _place(self, sound: FloatArray, heard: FloatArray) -> FloatArray:
        """Where it lies in the space in which half the dot product is nearness."""
        return np.hstack([sound, _unit((heard * self._unit) @ self._axes)])

    def _bears(self, rows: _Rows) -> _Wide:
        """Shape (rows, t): 1 where a reference bears a tag, 0 elsewhere."""
        return self._votes(rows[:, np.newaxis], np.ones((len(rows), 1)))

    def _votes(self, rows: _Rows, weights: _Wide) -> _Wide:
        """Sums the weights of references, both of shape (q, k), by tag: shape (q, t)."""
        starts, sizes = self._ends[rows].ravel(), np.diff(self._ends)[rows].ravel()
        voter = np.repeat(np.arange(len(sizes)), sizes)
        within = np.arange(len(voter)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        cell = voter // rows.shape[1] * len(self.tags) + self._columns[starts[voter] + within]
        votes = np.zeros((len(rows), len(self.tags)))
        np.add.at(votes.reshape(-1), cell, weights.ravel()[voter])
        return votes

    def _shared(self, own: _Rows) -> list[tuple[_Rows, _Rows]]:
        """Who shares a group: queries, shape (g, k), with the references of theirs, (g, m).

        All groups of one reference come together, k = m = 1; every other is alone, g = 1.
        """
        first = np.searchsorted(self._groups, own)
        sizes = np.searchsorted(self._groups, own, side="right") - first
        sizes[own < 0] = 0
        single = np.flatnonzero(sizes == 1)[:, np.newaxis]
        shared = [(single, self._by_group[first[single]])]
        for start in np.unique(first[sizes > 1]):
            queries = np.flatnonzero((first == start) & (sizes > 1))
            rows = self._by_group[start : start + sizes[queries[0]]]
            shared.append((queries[np.newaxis], rows[np.newaxis]))
        return shared

    def _due_to(self, rows: _Rows, sound: FloatArray) -> tuple[_Wide, _Wide]:
        """What the regression says only because of these references: exact, without a new fit.

        With the inverse of the whole at hand, leaving m rows out takes a system of m equations
        (Woodbury's identity). With more rows than dimensions a new fit is cheaper.

        Args:
            rows: Shape (g, m): groups of m; just one where m is larger than d.
            sound: Shape (g, k, d): k queries of each group.

        Returns:
            What is due to them, shape (g, k, t), and how many of them bear each tag, (g, t).
        """
        size, dimension, tags = rows.shape[1], sound.shape[2], len(self.tags)
        if size > dimension:
            return self._due_to_many(rows[0], sound[0])
        mates = self._space[rows.ravel(), :dimension]
        bears = self._bears(rows.ravel())
        missed = (bears - self._base - mates @ self._weights).reshape(*rows.shape, tags)
        reach = (mates @ self._inverse).reshape(*rows.shape, dimension)
        leverage = reach @ mates.reshape(reach.shape).swapaxes(1, 2)
        shares = np.linalg.solve(np.eye(size) - leverage, missed)
        due = sound @ reach.swapaxes(1, 2) @ shares
        return due, bears.reshape(missed.shape).sum(axis=1)

    def _due_to_many(self, rows: _Rows, sound: FloatArray) -> tuple[_Wide, _Wide]:
        """The same for one group of many references, shape (m,), and its queries, (k, d)."""
        gram, counts = self._gram.copy(), np.zeros((1, len(self.tags)))
        target = np.zeros(self._weights.shape)
        for part in _blocks(len(rows), sound.shape[1] + len(self.tags)):
            mates = self._space[rows[part], : sound.shape[1]].astype(np.float64)
            bears = self._bears(rows[part])
            gram -= mates.T @ mates
            target += mates.T @ (bears - self._base - mates @ self._weights)
            counts += bears.sum(axis=0)
        due = np.linalg.solve(gram, sound.T.astype(np.float64)).T @ target
        return due[np.newaxis], counts


def _checked(vectors: FloatArray, what: str) -> FloatArray:
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"The {what} vectors are not a table: shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise ValueError(f"A {what} vector holds NaN or infinity.")
    return vectors


def _groups(groups: Sequence[int] | None, count: int) -> _Rows:
    numbers = np.full(count, -1) if groups is None else np.asarray(groups)
    if numbers.shape != (count,):
        raise ValueError(f"{count} vectors need a group each, not {numbers.shape}.")
    return numbers.astype(np.int64)


def _unit(vectors: _Wide) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = (vectors / np.where(lengths > _TINY, lengths, np.inf)).astype(np.float32)
    return unit


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Runs of rows of so many numbers each that a block stays small."""
    size = max(1, _BLOCK_BYTES // (8 * max(width, 1)))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
