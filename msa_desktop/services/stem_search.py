"""What a library's stems tell: tracks with similar drums, a similar voice; the kind of a track."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, Hit, LabelScore, Track, TrackId
from msa_desktop.base.vocabulary import LabelKind, Vocabulary
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services import fusion, kind, stem_evidence
from msa_desktop.services.fusion import Panel
from msa_desktop.services.kind import Kind, KindOfTrack
from msa_desktop.stems.record import INSTRUMENTAL
from msa_desktop.store import vector_standard
from msa_desktop.store.stem_rows import HeardStem, StemRows
from msa_desktop.store.tracks import TrackReader

_SHARED_LABELS = 3  # words given as the reason for a hit
_SAMPLE = 256  # stems that show how encoders' scores lie; looked at anew by each search

_Heard = tuple[NDArray[np.int64], FloatArray]
"""Track ids, rising, shape (n,), and their stems' standardised rows, shape (n, dimension)."""


class StemSearch:
    """Compares one stem of all tracks that were taken apart. Thread-safe; needs no writer.

    They are thousands at most, so each search looks at all of them.

    Args:
        tracks: The library's reads.
        rows: What was heard in stems.
        encoders: Gives those whose ears count now, the preferred first.
        vocabulary: The words for what is heard.
    """

    def __init__(
        self,
        tracks: TrackReader,
        rows: StemRows,
        encoders: Callable[[], Sequence[EncoderFacts]],
        vocabulary: Vocabulary,
    ) -> None:
        self._tracks = tracks
        self._rows = rows
        self._encoders = encoders
        self._vocabulary = vocabulary
        self._usual = vocabulary.usual()
        self._instruments = frozenset(
            label.name for label in vocabulary.labels if label.kind is LabelKind.INSTRUMENT
        )

    def similar(self, track_id: TrackId, stem: str, count: int) -> list[Hit]:
        """The tracks one stem of which sounds most like that of one track, best first.

        Empty where no other track has a stem that could be compared.

        Args:
            track_id: The track, which is left out.
            stem: Its name, such as "drums".
            count: How many at most.

        Raises:
            UserError: The track is not in the library, has no such stem, or it was not heard.
        """
        track = self._tracks.get(track_id)
        if track is None:
            raise _gone()
        own, encoders = self._heard(track, stem)
        each = {encoder.id: self._standardised(stem, encoder) for encoder in encoders}
        held = {name: heard for name, heard in each.items() if track_id in heard[0]}
        if not held:  # removed meanwhile
            raise _gone()
        panel = self._panel(held)
        ids = reduce(np.union1d, [held[name][0] for name in panel.encoders])
        scores = np.full((len(ids), len(panel.encoders)), np.nan, np.float32)
        for column, name in enumerate(panel.encoders):
            known, rows = held[name]
            wanted = rows[np.searchsorted(known, track_id)]
            scores[np.searchsorted(ids, known), column] = rows @ wanted
        fused = panel.fuse(scores)
        fused[ids == track_id] = -np.inf
        best = np.argsort(-fused, kind="stable")[: min(count, len(ids) - 1)]
        place_of = {int(ids[place]): int(place) for place in best}
        names = np.array(panel.encoders)
        stems = self._rows.of_many(ids[best])
        return [
            Hit(
                found,
                float(fused[place_of[found.id]]),
                self._shared(own, stems.get(found.id, {}).get(stem)),
                tuple(names[~np.isnan(scores[place_of[found.id]])].tolist()),
            )
            for found in self._tracks.get_many(ids[best])
        ]

    def parts(self, track_id: TrackId) -> tuple[str, ...]:
        """The stems of a track that were heard, the loudest first."""
        versions = {encoder.id: encoder.version for encoder in self._encoders()}
        stems = self._rows.of(track_id)
        heard = [name for name, stem in stems.items() if versions.items() & stem.encoders.items()]
        return tuple(sorted(heard, key=lambda name: -stems[name].level))

    def kind(self, track_id: TrackId, labels: Iterable[LabelScore]) -> KindOfTrack:
        """The kind of a track: by its stems where they were heard, else by its labels.

        Args:
            track_id: The track.
            labels: What was heard in it (`Search.labels`).
        """
        levels = {name: stem.level for name, stem in self._rows.of(track_id).items()}
        by_stems = kind.from_stems(levels)
        if by_stems.kind is not Kind.UNKNOWN:
            return by_stems
        heard = {label.label: label.score for label in labels}
        return kind.from_labels(heard, self._usual, self._instruments)

    def _heard(self, track: Track, stem: str) -> tuple[HeardStem, list[EncoderFacts]]:
        """A track's stem, and who has heard it."""
        if stem == INSTRUMENTAL:
            raise UserError(
                "The instrumental is not compared: it is all stems but the vocals, together. Name "
                "one of them, such as drums."
            )
        stems = self._rows.of(track.id)
        if not stems:
            raise UserError(
                f'"{track.title}" was not taken apart yet, or its stems were not listened to. '
                "Separate its stems first."
            )
        if stem not in stems:
            raise UserError(
                f'There is no stem {stem} of "{track.title}". There is: '
                f"{', '.join(name for name in stems if name != INSTRUMENTAL)}."
            )
        own = stems[stem]
        encoders = [one for one in self._encoders() if own.encoders.get(one.id) == one.version]
        if encoders:
            return own, encoders
        if kind.is_negligible(own.level):
            raise UserError(f'There is as good as nothing in the {stem} of "{track.title}".')
        raise UserError(
            f'The {stem} of "{track.title}" was not listened to. Separate its stems again.'
        )

    def _standardised(self, stem: str, encoder: EncoderFacts) -> _Heard:
        ids, values = self._rows.vectors(stem, encoder.id, encoder.version)
        standard = vector_standard.measure([values])
        return ids, standard.rows(values) if standard else values

    def _panel(self, held: Mapping[str, _Heard]) -> Panel:
        """Who is to be asked, and how far to be trusted; see `services.fusion`.

        The first alone, but for those that have heard enough of the same tracks.
        """
        names: list[str] = []
        shared = np.empty(0, dtype=np.int64)
        for name, (ids, _) in held.items():
            both = np.intersect1d(shared, ids) if names else ids
            if not names or len(both) >= fusion.FEWEST:
                names.append(name)
                shared = both
        if len(names) == 1:
            return Panel.of_one(names[0])
        chosen = fusion.sample(shared, _SAMPLE)
        rows = [held[name][1][np.searchsorted(held[name][0], chosen)] for name in names]
        album = self._tracks.albums(chosen.tolist())
        albums = [album.get(TrackId(i), str(i)) for i in chosen.tolist()]
        return fusion.learn(names, rows, albums).panel(names)

    def _shared(self, own: HeardStem, other: HeardStem | None) -> tuple[str, ...]:
        if other is None:  # taken away meanwhile
            return ()
        return self._vocabulary.shared(
            stem_evidence.readable(own.labels, self._vocabulary),
            stem_evidence.readable(other.labels, self._vocabulary),
            _SHARED_LABELS,
        )


def _gone() -> UserError:
    return UserError("This track is no longer in the library.")
