"""All encoders' indexes as one: the nearest tracks by whoever has heard them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.services import fusion
from msa_desktop.services.fusion import Fusion, Panel
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.vectors import VectorIndex

_CANDIDATES = 200  # at least, of each encoder; all of them score what any of them finds
_CANDIDATES_PER_HIT = 5
_SAMPLE = 1000  # tracks that show how an encoder's scores lie in this library

Ids = NDArray[np.int64]
Indexes = Mapping[str, VectorIndex]


@dataclass(frozen=True, slots=True)
class Alike:
    """Tracks and how much each sounds like something.

    Attributes:
        ids: Shape (n,).
        scores: Shape (n,), -1 to 1; NaN where nobody can say.
        encoders: For each, whose ears say so.
    """

    ids: Ids
    scores: FloatArray
    encoders: tuple[tuple[str, ...], ...]


class Ears:
    """Scores by one encoder or by several, fused. Thread-safe.

    One encoder alone answers with its own cosines; so it does for a track that no other of those
    that can be fused has heard.

    Args:
        reader: The library's reads.
        indexes: One for each encoder, by its id; the preferred encoder first.
    """

    def __init__(self, reader: TrackReader, indexes: Indexes) -> None:
        self._reader = reader
        self._indexes = indexes
        self._lock = threading.Lock()
        # The state of each index when the fusion was learned.
        self._measured: tuple[tuple[str, str, int], ...] = ()
        self._fusion: Fusion | None = None

    def use(self, indexes: Indexes) -> None:
        """Answers by other indexes from now on."""
        self._indexes = indexes

    def heard(self) -> list[Ids]:
        """The tracks that each encoder has heard, rising."""
        indexes = list(self._indexes.values())
        for index in indexes:
            index.refresh()
        return [index.ids() for index in indexes]

    def nearest(self, track_id: int, count: int, encoder: str | None = None) -> Alike:
        """The tracks that sound most like one, best first; itself is left out.

        Args:
            track_id: The track.
            count: How many at most.
            encoder: Whose ears; None for all that have heard the track.

        Raises:
            KeyError: The encoder, or every one, has not heard the track.
        """
        indexes = self._indexes  # once: `use` may change them meanwhile
        panel = Panel.of_one(encoder) if encoder else self._panel(indexes, track_id)
        if len(panel.encoders) == 1:
            ids, scores = indexes[panel.encoders[0]].search(track_id, count)
            return Alike(ids, scores, (panel.encoders,) * len(ids))
        wide = max(_CANDIDATES, _CANDIDATES_PER_HIT * count)
        found = [indexes[name].search(track_id, wide)[0] for name in panel.encoders]
        alike = _judged(indexes, panel, track_id, np.unique(np.concatenate(found)))
        best = np.argsort(-alike.scores, kind="stable")[:count]
        return Alike(alike.ids[best], alike.scores[best], tuple(alike.encoders[n] for n in best))

    def alike(self, track_id: int, ids: Ids) -> Alike:
        """How much some tracks sound like one, as `nearest` scores them.

        Args:
            track_id: The track.
            ids: The others, each once.

        Raises:
            KeyError: No encoder has heard the track.
        """
        indexes = self._indexes
        return _judged(indexes, self._panel(indexes, track_id), track_id, ids)

    def near(self, encoder: str, text: FloatArray, count: int) -> tuple[Ids, FloatArray]:
        """The tracks whose sound lies nearest to a text, best first.

        Args:
            encoder: Whose `create_text` made the vector.
            text: Shape (dimension,).
            count: How many at most.

        Returns:
            Track ids, and their scores as `nearness` has them; none where the encoder is gone.
        """
        index = self._indexes.get(encoder)
        if index is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        ids, scores = index.search(text, count, raw=True)
        return ids, _standing_out(index, text, scores)

    def nearness(self, encoder: str, text: FloatArray, ids: Ids) -> FloatArray:
        """How near the sound of some tracks lies to a text.

        The plain cosines of one text with all tracks differ little, and lie elsewhere for every
        text. What can be compared between texts, and added up, is how far a track stands out.

        Args:
            encoder: Whose `create_text` made the vector.
            text: Shape (dimension,).
            ids: Tracks, each once.

        Returns:
            Shape of `ids`: deviations above the library's mean; NaN for tracks the encoder has
            not heard, all where it is gone.
        """
        index = self._indexes.get(encoder)
        if index is None:
            return np.full(len(ids), np.nan, np.float32)
        return _standing_out(index, text, index.scores(text, ids, raw=True))

    def _panel(self, indexes: Indexes, track_id: int) -> Panel:
        """Who is to be asked about a track.

        Raises:
            KeyError: Nobody has heard it.
        """
        if len(indexes) == 1:
            return Panel.of_one(next(iter(indexes)))
        learned = self._learned(indexes)
        heard = [name for name, index in indexes.items() if track_id in index]
        if not heard:
            raise KeyError(track_id)
        if learned is not None and len(set(heard).intersection(learned.encoders)) > 1:
            return learned.panel(heard)
        return Panel.of_one(heard[0])

    def _learned(self, indexes: Indexes) -> Fusion | None:
        """What is known of the encoders; learned anew when an index takes its measure anew."""
        for index in indexes.values():
            index.refresh()
        measured = tuple((name, one.version, one.measured) for name, one in indexes.items())
        with self._lock:
            if measured != self._measured:
                self._fusion = self._learn(indexes)
                self._measured = measured
            return self._fusion

    def _learn(self, indexes: Indexes) -> Fusion | None:
        """None where no two encoders have heard enough of the same tracks."""
        taking_part = []
        shared: Ids | None = None
        for name, index in sorted(indexes.items(), key=lambda item: -len(item[1])):
            both = index.ids() if shared is None else np.intersect1d(shared, index.ids())
            if len(both) < fusion.FEWEST:
                continue  # an encoder that has only begun must not keep the others apart
            shared = both
            taking_part.append(name)
        if shared is None:
            return None
        names = [name for name in indexes if name in taking_part]
        parts = [indexes[name].rows(fusion.sample(shared, _SAMPLE)) for name in names]
        chosen = reduce(np.intersect1d, [held for held, _ in parts])
        if len(names) < 2 or len(chosen) < fusion.FEWEST:
            return None
        rows = []
        for held, own in parts:
            order = np.argsort(held)
            rows.append(own[order][np.isin(held[order], chosen)])
        album = self._reader.albums(chosen.tolist())
        return fusion.learn(names, rows, [album.get(i, str(i)) for i in chosen.tolist()])


def _judged(indexes: Indexes, panel: Panel, track_id: int, ids: Ids) -> Alike:
    each = [indexes[name].scores(track_id, ids) for name in panel.encoders]
    scores = np.stack(each, axis=1)
    names = np.array(panel.encoders)
    heard = [tuple(names[known].tolist()) for known in ~np.isnan(scores)]
    return Alike(ids, panel.fuse(scores), tuple(heard))


def _standing_out(index: VectorIndex, text: FloatArray, scores: FloatArray) -> FloatArray:
    some = fusion.sample(index.ids(), _SAMPLE)
    if not len(some):
        return scores
    usual = index.scores(text, some, raw=True)
    deviation = max(float(np.nanstd(usual)), 1e-6)
    standing: FloatArray = (scores - float(np.nanmean(usual))) / deviation
    return standing
