"""How well each track fits everything that was asked for: fits weighed and joined into one score.

Every thing asked for gives each track a fit between 0 and 1, and a track's score is their weighted
geometric mean: a track must fit all of them, and standing out by one does not make up for another.
What is measured on a scale of its own is standardised over the library, and one logistic curve
makes fits of it: a track one deviation above the usual fits by half. What is negated fits by as
much as is lacking to 1. A track of which one thing is not known is as the usual track there, which
is neither good nor bad; one of which nothing is known is no answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray

Ids = NDArray[np.int64]
Flags = NDArray[np.bool_]

STANDS_OUT = 0.5
"""The fit of a track one deviation above the usual."""
LEAST = 0.02
"""The least fit: nothing is ruled out by one word. The greatest is as far from 1."""

_STEEP = 1.7
_ANSWERS = 0.25  # a track must fit one wanted thing so well; the usual one fits by 0.17


def fit(standing: FloatArray, *, half_at: float = 1.0) -> FloatArray:
    """The curve from deviations above the usual to fits; NaN stays NaN.

    Args:
        standing: Deviations, of any shape.
        half_at: Where a fit is 0.5.
    """
    curve: FloatArray = 1 / (1 + np.exp(-_STEEP * (standing - np.float32(half_at))))
    return LEAST + (1 - 2 * LEAST) * curve


USUAL = float(fit(np.zeros(1, np.float32))[0])
"""The fit of the usual track."""


def among(some: Ids, ids: Ids) -> Flags:
    """Which of some ids are among others, which rise; of the shape of the first."""
    if len(ids) == 0:
        return np.zeros(len(some), np.bool_)
    # Looked up in the long sorted list: np.isin would sort it again.
    places = np.minimum(np.searchsorted(ids, some), len(ids) - 1)
    return np.asarray(ids[places] == some)


class Best(NamedTuple):
    """One of the best tracks.

    Attributes:
        score: 0 to 1.
        labels: Those that explain it.
        encoders: Those by whose scores it stands out.
    """

    id: int
    score: float
    labels: tuple[str, ...]
    encoders: tuple[str, ...]


class Fits:
    """Collects what is asked of some tracks.

    Args:
        ids: The tracks, rising.
    """

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self._total = np.zeros(len(ids), np.float32)  # of logarithms
        self._weight = 0.0
        self._known = np.zeros(len(ids), np.bool_)
        self._kept = np.ones(len(ids), np.bool_)
        self._wanted = False
        self._answers = np.zeros(len(ids), np.bool_)
        self._labels: list[tuple[str, Flags]] = []
        self._encoders: dict[str, Flags] = {}

    def flags(self, ids: Ids) -> Flags:
        """Which tracks are among some ids; shape (n,)."""
        found = np.zeros(len(self.ids), np.bool_)
        found[np.searchsorted(self.ids, ids[among(ids, self.ids)])] = True
        return found

    def spread(self, ids: Ids, values: FloatArray, missing: float) -> FloatArray:
        """Values of some of the tracks (ids in any order), lined up with all; shape (n,)."""
        if ids is self.ids:
            return values
        lined_up = np.full(len(self.ids), missing, np.float32)
        lined_up[np.searchsorted(self.ids, ids)] = values
        return lined_up

    def weigh(
        self,
        fits: FloatArray,
        weight: float = 1.0,
        *,
        negated: bool = False,
        least: float = _ANSWERS,
    ) -> None:
        """Adds one thing asked for.

        Args:
            fits: Shape (n,), 0 to 1; NaN where it is not known: it counts as `USUAL` there, and is
                no reason to list the track.
            weight: How much it counts, beside the others.
            negated: Whether it is not wanted.
            least: By how much a track must fit for this to be a reason to list it.
        """
        known = ~np.isnan(fits)
        told = np.where(known, fits, np.float32(USUAL))
        self._total += weight * np.log(1 - told if negated else told)
        self._weight += weight
        self._known |= known
        if not negated:
            self._wanted = True
            self._answers |= known & (fits >= least)

    def explain(self, label: str, flags: Flags) -> None:
        """Notes which tracks a label was heard in: shown beside them."""
        self._labels.append((label, flags))

    def credit(self, encoder: str, flags: Flags) -> None:
        """Notes which tracks stand out to an encoder's ears."""
        known = self._encoders.setdefault(encoder, np.zeros(len(self.ids), np.bool_))
        known |= flags

    def keep(self, ids: Ids, *, negated: bool = False) -> None:
        """Leaves out all tracks but these; negated: these."""
        self._kept &= self.flags(ids) ^ negated

    def best(self, count: int) -> list[Best]:
        """The best tracks, so many at most; none that answers nothing that is wanted."""
        answers = self._answers if self._wanted else self._known | (not self._weight)
        places, scores = self._top(self._kept & answers, count)
        return [
            Best(
                int(self.ids[place]),
                float(score),
                tuple(dict.fromkeys(name for name, flags in self._labels if flags[place])),
                tuple(name for name, flags in self._encoders.items() if flags[place]),
            )
            for place, score in zip(places, scores, strict=True)
        ]

    def left(self) -> Ids:
        """The tracks that were not left out, rising."""
        return self.ids[self._kept]

    def leading(self, count: int) -> Ids:
        """The best tracks so far, also where they answer nothing yet: what else to judge."""
        return self.ids[self._top(self._kept, count)[0]]

    def _top(self, flags: Flags, count: int) -> tuple[NDArray[np.intp], FloatArray]:
        """The places and scores of the best among some tracks, the best first."""
        places = np.flatnonzero(flags)
        logs = self._total[places] / np.float32(self._weight or 1)
        if count < len(places):
            least = np.partition(logs, -count)[-count]
            places, logs = places[logs >= least], logs[logs >= least]
        order = np.lexsort((places, -logs))[:count]
        return places[order], np.exp(logs[order])
