"""Every track's label scores in memory, made comparable: how far a track stands out by a label.

The models' scores are not: one gives "rock" 0.1 as a matter of course and "happy" never 0.01. Each
label's log-odds are therefore standardised over the person's library (they are close to normally
distributed, so this orders tracks as percentiles would), and in a small library drawn towards what
is usual in music at large. 100,000 tracks take 20 MB for the 100 labels of the models.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.store.label_rows import LabelRows

_AT_LARGE = 20  # so many tracks weigh what is known of music at large
_DEVIATION = 1.0  # of log-odds, at large
_LEAST, _MOST = 1e-4, 1 - 1e-4  # probabilities: what lies beyond is the models' noise
_MEASURE_AGAIN = 0.1  # once so much of the library has changed


@dataclass(frozen=True)
class Heard:
    """The label scores of the library at one moment; never changed.

    Attributes:
        ids: Shape (n,): track ids, rising.
        odds: Shape (labels of all sources, n), float16: log-odds; NaN where not known.
        mean: Shape (labels of all sources,).
        deviation: The same shape.
        usual: The same shape: the log-odds of each label's usual rate.
        origins: For each word of the vocabulary, the rows that mean it.
    """

    ids: NDArray[np.int64]
    odds: NDArray[np.float16]
    mean: FloatArray
    deviation: FloatArray
    usual: FloatArray
    origins: Mapping[str, tuple[int, ...]]

    def standing(self, weights: Mapping[str, float]) -> FloatArray:
        """How far each track stands out by a mixture of labels, in deviations; shape (n,).

        0 is a track like most, and one of which nothing is known.

        Args:
            weights: How much each label counts, down to -1 against; at least one.
        """
        total = np.zeros(len(self.ids), np.float32)
        for label, weight in weights.items():
            total += weight * self._label(label)
        spread = np.float32(sum(weight**2 for weight in weights.values()))
        squares = float(np.vdot(total, total)) + _AT_LARGE * spread
        return total / np.float32(np.sqrt(squares / (len(total) + _AT_LARGE)))

    def unusual(self, label: str) -> NDArray[np.bool_]:
        """Which tracks sound more like a label than music at large does; shape (n,)."""
        rows = list(self.origins[label])
        return np.asarray((self.odds[rows] > self.usual[rows, np.newaxis]).any(axis=0))

    def _label(self, label: str) -> FloatArray:
        """The mean over the models' labels that mean the word; shape (n,)."""
        rows = self.origins[label]
        total = np.zeros(len(self.ids), np.float32)
        for row in rows:
            total += (self.odds[row].astype(np.float32) - self.mean[row]) / self.deviation[row]
        return np.nan_to_num(total, copy=False) / np.float32(len(rows))


class LabelScores:
    """Keeps `Heard` up to date with the library. Thread-safe.

    Args:
        rows: The stored scores.
        vocabulary: The words for them.
    """

    def __init__(self, rows: LabelRows, vocabulary: Vocabulary) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._generation = -1
        self._changed = 0  # tracks since mean and deviation were measured
        places: dict[tuple[str, str], int] = {}
        for source in vocabulary.sources.values():
            for name in source.labels:
                places[source.id, name] = len(places)
        rates = np.concatenate([source.rates for source in vocabulary.sources.values()])
        usual = _log_odds(rates).astype(np.float32)
        self._heard = Heard(
            np.empty(0, np.int64),
            np.empty((len(places), 0), np.float16),
            usual,
            np.full(len(usual), _DEVIATION, np.float32),
            usual,
            {
                label.name: tuple(places[origin] for origin in label.origins)
                for label in vocabulary.labels
            },
        )

    def refreshed(self) -> Heard:
        """The scores as they are in the library now; quick where nothing has changed."""
        with self._lock:
            generation = self._rows.generation()
            if generation != self._generation:
                touched = None
                if 0 <= self._generation < generation:
                    touched = self._rows.touched_after(self._generation)
                self._take(touched)
                self._generation = generation
            return self._heard

    def _take(self, touched: NDArray[np.int64] | None) -> None:
        """Reads the scores of the tracks touched, or of all (None), anew."""
        if touched is not None and len(touched) == 0:
            return
        held, new = self._heard, self._rows.read(touched)
        ids, odds = new.ids, _log_odds(new.scores).T
        if touched is not None:
            kept = np.isin(held.ids, touched, invert=True)
            ids = np.concatenate([held.ids[kept], ids])
            order = np.argsort(ids)
            ids = ids[order]
            odds = np.concatenate([held.odds[:, kept], odds], axis=1)[:, order]
        odds = np.ascontiguousarray(odds)
        self._changed += len(ids) if touched is None else len(touched)
        mean, deviation = held.mean, held.deviation
        if self._changed > _MEASURE_AGAIN * len(ids):
            mean, deviation = _statistics(odds, held.usual)
            self._changed = 0
        self._heard = Heard(ids, odds, mean, deviation, held.usual, held.origins)


def _statistics(odds: NDArray[np.float16], usual: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each row, drawn towards `usual` where there are few tracks."""
    mean, deviation = np.empty_like(usual), np.empty_like(usual)
    for row, values in enumerate(odds):  # one by one: no float32 copy of the whole
        known = values.astype(np.float32)
        known = known[~np.isnan(known)]
        count = len(known)
        center = (known.sum() + _AT_LARGE * usual[row]) / (count + _AT_LARGE)
        squares = known.var() * count if count else 0.0
        mean[row] = center
        deviation[row] = np.sqrt((squares + _AT_LARGE * _DEVIATION**2) / (count + _AT_LARGE))
    return mean, deviation


def _log_odds(probability: NDArray[np.floating]) -> NDArray[np.float16]:
    kept = np.clip(probability.astype(np.float32), _LEAST, _MOST)
    odds: NDArray[np.float16] = np.log(kept / (1 - kept)).astype(np.float16)
    return odds
