"""The words for what is heard: one vocabulary over every model's labels.

Its table is resources/labels.toml. Models name one thing in several ways ("no vocal", "no voice",
"no vocals") and contradict themselves; people are shown one word for a thing, and never a word
beside its opposite.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray, LabelScore

_LEAST_SCORE = 0.1  # below this, a shared label convinces nobody
_LEAST_TELLING = 0.01  # nats


class LabelKind(StrEnum):
    """What a label speaks of."""

    GENRE = "genre"
    MOOD = "mood"
    INSTRUMENT = "instrument"
    VOICE = "voice"
    ERA = "era"
    TEMPO = "tempo"
    QUALITY = "quality"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Source:
    """One model's labels.

    Attributes:
        title: The training set's name, for people.
        labels: The model's own names, in the order of its output.
        rates: The probability the model typically gives each, over all kinds of music.
    """

    id: str
    title: str
    labels: tuple[str, ...]
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """One word shown to people.

    Attributes:
        origins: The models' labels that mean it, as (source id, the source's own name).
        broader: Words it implies: a violin is strings.
        variants: Other spellings, and words a person may search for.
    """

    name: str
    kind: LabelKind
    origins: tuple[tuple[str, str], ...]
    broader: frozenset[str] = frozenset()
    variants: tuple[str, ...] = ()


class Vocabulary:
    """The table of labels.

    Args:
        sources: In the order of the table.
        labels: Each with at least one origin.
        opposites: Pairs of groups of label names; of each pair only one group may be shown.
    """

    def __init__(
        self,
        sources: tuple[Source, ...],
        labels: tuple[Label, ...],
        opposites: tuple[tuple[frozenset[str], frozenset[str]], ...],
    ) -> None:
        self.sources = {source.id: source for source in sources}
        self.labels = labels
        self.opposites = opposites
        places = [(source.id, name) for source in sources for name in source.labels]
        # All sources' scores end to end, then put in the labels' order.
        origins = [origin for label in labels for origin in label.origins]
        self._order = np.array([places.index(origin) for origin in origins])
        self._source_of = [source for source, _ in origins]
        self._starts = np.cumsum([0] + [len(label.origins) for label in labels])[:-1]
        rates = np.concatenate([source.rates for source in sources])[self._order]
        self._log_odds = _log_odds(rates)
        self._rates = np.maximum.reduceat(rates, self._starts)
        self._opposites = [tuple(self._numbers(side) for side in sides) for sides in opposites]

    def usual(self) -> dict[str, float]:
        """The probability that each word has over all kinds of music, as the models hear it."""
        names = [label.name for label in self.labels]
        return dict(zip(names, self._rates.tolist(), strict=True))

    def merged(self, scores: Mapping[str, FloatArray]) -> list[LabelScore]:
        """What a track's scores say in the vocabulary's words, strongest first.

        Of several labels that mean one word the strongest counts. Of opposites only the better
        supported is there.

        Args:
            scores: Shape (number of the source's labels,) by source id. A source the vocabulary
                does not know is passed over; a word only such sources know is left out.

        Raises:
            ValueError: A source's scores are not as many as its labels.
        """
        lined_up = self._line_up(scores)
        words = self._words(lined_up)
        ends = np.append(self._starts[1:], len(lined_up))
        found = []
        for i in np.flatnonzero(words >= 0):
            strongest = self._starts[i] + int(lined_up[self._starts[i] : ends[i]].argmax())
            found.append(
                LabelScore(self.labels[i].name, float(words[i]), self._source_of[strongest])
            )
        return sorted(found, key=lambda label: (-label.score, label.label))

    def shared(
        self, a: Mapping[str, FloatArray], b: Mapping[str, FloatArray], count: int
    ) -> tuple[str, ...]:
        """The words two tracks share, the most telling first: a reason for their likeness.

        A word tells much when it is likely for both tracks and unusual for music at large: its
        weight is the divergence (Kullback & Leibler, 1951) of the weaker of the two scores from
        the word's usual rate. A word is not said beside one that implies it.

        Args:
            a: One track's scores by source, as for `merged`.
            b: The other's.
            count: The most words wanted; fewer come when the tracks share fewer.
        """
        weaker = np.minimum(self._words(self._line_up(a)), self._words(self._line_up(b)))
        telling = _divergence(weaker, self._rates)
        telling[weaker < _LEAST_SCORE] = 0
        chosen: list[Label] = []
        for i in np.argsort(-telling, kind="stable"):
            label = self.labels[i]
            if len(chosen) == count or telling[i] < _LEAST_TELLING:
                break
            if not any(label.name in c.broader or c.name in label.broader for c in chosen):
                chosen.append(label)
        return tuple(label.name for label in chosen)

    def _numbers(self, names: frozenset[str]) -> NDArray[np.intp]:
        return np.flatnonzero([label.name in names for label in self.labels])

    def _line_up(self, scores: Mapping[str, FloatArray]) -> NDArray[np.float64]:
        """The scores in the order of the words; -1 where their source was not given."""
        parts = []
        for source in self.sources.values():
            given = scores.get(source.id)
            if given is None:
                given = np.full(len(source.labels), -1, np.float32)
            if np.shape(given) != (len(source.labels),):
                raise ValueError(
                    f"{source.id} has {len(source.labels)} labels, not {np.shape(given)} scores"
                )
            parts.append(given)
        lined_up: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)[self._order]
        return lined_up

    def _words(self, lined_up: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each word's score; -1 where it is not known or its opposite is better supported."""
        words: NDArray[np.float64] = np.maximum.reduceat(lined_up, self._starts)
        known = lined_up >= 0
        # How far a word's labels, on average, stand above their usual rate.
        lifts = np.where(known, _log_odds(lined_up) - self._log_odds, 0)
        counts = np.maximum(1, np.add.reduceat(known.astype(np.intp), self._starts))
        support = np.where(words >= 0, np.add.reduceat(lifts, self._starts) / counts, -np.inf)
        for one, other in self._opposites:
            loser = one if support[one].max() < support[other].max() else other
            words[loser] = -1
        return words


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: NDArray[np.float64] = np.log(kept / (1 - kept))
    return odds


def _divergence(p: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """In nats, of yes-or-no chances `p` from `rate`; 0 where `p` is the lower."""
    kept = np.clip(p, 1e-6, 1 - 1e-6)
    nats = kept * np.log(kept / rate) + (1 - kept) * np.log((1 - kept) / (1 - rate))
    return np.where(kept > rate, nats, 0.0)


def load(path: Path) -> Vocabulary:
    """Reads a table in the form of resources/labels.toml, which describes it."""
    table = tomllib.loads(path.read_text("utf-8"))
    sources = tuple(
        Source(key, entry["title"], tuple(entry["labels"]), tuple(entry["rates"]))
        for key, entry in table["sources"].items()
    )
    labels = tuple(
        Label(
            entry["name"],
            LabelKind(entry["kind"]),
            tuple((key, name) for key, names in entry["from"].items() for name in names),
            frozenset(entry.get("broader", ())),
            tuple(entry.get("variants", ())),
        )
        for entry in table["label"]
    )
    opposites = tuple(
        (frozenset(one), frozenset(other))
        for one, other in (entry["sides"] for entry in table["opposite"])
    )
    return Vocabulary(sources, labels, opposites)
