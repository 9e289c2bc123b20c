"""Answers: what sounds like this track, and what was heard in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Hit, LabelScore, Track, TrackId, TrackState
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.services.ears import Ears
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.vectors import VectorIndex

_SHARED_LABELS = 3  # words given as the reason for a hit


class Search:
    """Similar tracks and labels. Thread-safe; needs no writer.

    `ears` answers with ids and scores alone, for those who ask for more than likeness.

    Args:
        reader: The library's reads.
        indexes: One for each encoder, by its id; the preferred encoder first.
        vocabulary: The words for what is heard.
    """

    def __init__(
        self, reader: TrackReader, indexes: Mapping[str, VectorIndex], vocabulary: Vocabulary
    ) -> None:
        self._reader = reader
        self._indexes = indexes
        self._vocabulary = vocabulary
        self.ears = Ears(reader, indexes)

    def similar(self, track_id: TrackId, count: int, encoder: str | None = None) -> list[Hit]:
        """The tracks that sound most like one, best first; itself is left out.

        Args:
            track_id: The track.
            count: How many at most.
            encoder: Whose ears; None for all that have heard the track, fused.

        Raises:
            UserError: The track is not in the library or was not analysed, or there is no such
                encoder.
        """
        track = self._known(track_id)
        if encoder is not None and encoder not in self._indexes:
            known = ", ".join(self._indexes)
            raise UserError(f'There is no encoder "{encoder}". There is: {known}.')
        try:
            alike = self.ears.nearest(track_id, count, encoder)
        except KeyError:
            raise _not_heard(track) from None
        heard = self._reader.labels_many([track_id, *alike.ids])
        own = heard.get(track_id, {})
        said = zip(alike.scores.tolist(), alike.encoders, strict=True)
        said_of = dict(zip(alike.ids.tolist(), said, strict=True))
        return [
            Hit(
                found,
                said_of[found.id][0],
                self._vocabulary.shared(own, heard.get(found.id, {}), _SHARED_LABELS),
                said_of[found.id][1],
            )
            for found in self._reader.get_many(alike.ids)
        ]

    def labels(self, track_id: TrackId) -> list[LabelScore]:
        """What was heard in a track, in the vocabulary's words, strongest first.

        Raises:
            UserError: The track is not in the library or was not analysed.
        """
        track = self._known(track_id)
        scores = self._reader.labels(track_id)
        if not scores:
            raise _not_heard(track)
        return self._vocabulary.merged(scores)

    def check(self) -> Iterator[tuple[str, list[str], int]]:
        """For each encoder: its id, what is wrong with its index, and how many tracks it holds."""
        for encoder, index in self._indexes.items():
            problems = index.check()
            yield encoder, problems, len(index)

    def save(self) -> None:
        """Keeps the indexes for the next start."""
        for index in self._indexes.values():
            index.save()

    def _known(self, track_id: TrackId) -> Track:
        track = self._reader.get(track_id)
        if track is None:
            raise UserError("This track is no longer in the library.")
        return track


def _not_heard(track: Track) -> UserError:
    if track.state is TrackState.FAILED:
        return UserError(f'"{track.title}" could not be analysed: {track.reason}')
    return UserError(f'"{track.title}" was not listened to yet. It is waiting for its turn.')
