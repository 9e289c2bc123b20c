"""Answers: what sounds like this track, what mixes well after it, and what was heard in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Hit, LabelScore, Track, TrackId, TrackState
from msa_desktop.base.music import Measures, camelot, camelot_place
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.services import mixing
from msa_desktop.services.ears import Ears
from msa_desktop.services.mixing import Beat
from msa_desktop.store.tracks import Paced, TrackReader
from msa_desktop.store.vectors import VectorIndex

_SHARED_LABELS = 3  # words given as the reason for a hit
_MOST_IN_TIME = 4000  # tracks whose sound is compared; of more, those whose tempo is nearest
_MOST_TO_COUNT = 1000  # the same, of those that need to be counted otherwise
_OCTAVE_WORDS = {1.0: (), 0.5: ("half time",), 2.0: ("double time",)}


class Search:
    """Similar tracks and labels. Thread-safe; needs no writer.

    `ears` answers with ids and scores alone, for those who ask for more than likeness.

    Args:
        reader: The library's reads.
        indexes: One for each encoder, by its id; the preferred encoder first.
        vocabulary: The words for what is heard.
        measures: Whether tracks are measured, by the settings in force.
    """

    def __init__(
        self,
        reader: TrackReader,
        indexes: Mapping[str, VectorIndex],
        vocabulary: Vocabulary,
        measures: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._indexes = indexes
        self._vocabulary = vocabulary
        self._measures = measures
        self.ears = Ears(reader, indexes)

    def use(self, indexes: Mapping[str, VectorIndex]) -> None:
        """Answers by other indexes from now on: encoders came or went."""
        self._indexes = indexes
        self.ears.use(indexes)

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

    def mixes_after(self, track_id: TrackId, count: int) -> list[Hit]:
        """The tracks that mix well after one, best first: in time, in key, and alike in sound.

        In time and in key as `services.mixing` has it, by what files say or else by what was
        measured; alike where it sounds more like the track than the library does on the whole. A
        track whose key is not known goes after no track in a known one: nothing speaks for it.
        After a track without a key, any key will do.

        Args:
            track_id: The track.
            count: How many at most.

        Returns:
            Hits with tempo and key for their labels, scored by `services.mixing.scores`.

        Raises:
            UserError: The track is not in the library, was not analysed or measured, or has no
                beat.
        """
        track = self._known(track_id)
        beat = mixing.beat_of(track)
        if beat is None:
            raise self._beatless(track)
        place = -1 if track.key is None else camelot_place(track.key)
        places = None if track.key is None else mixing.places_after(place)
        found = [self._in_time(beat, times, places) for times in mixing.OCTAVES]
        ids, bpm, keys = (np.concatenate(each) for each in zip(*found, strict=True))
        times = np.repeat(mixing.OCTAVES, [len(paced.ids) for paced in found])
        try:
            alike = self.ears.alike(track_id, ids)
        except KeyError:
            raise _not_heard(track) from None
        scores = mixing.scores(alike.scores, bpm / beat.bpm, times, keys == place)
        fits = (alike.scores > 0) & (ids != track_id)  # the unheard are NaN
        best = [n for n in np.argsort(-scores, kind="stable").tolist() if fits[n]][:count]
        at = {int(ids[n]): n for n in best}
        return [
            Hit(
                hit,
                float(scores[at[hit.id]]),
                (*_pace(hit), *_OCTAVE_WORDS[float(times[at[hit.id]])]),
                alike.encoders[at[hit.id]],
            )
            for hit in self._reader.get_many(list(at))
        ]

    def _in_time(self, beat: Beat, times: float, places: Collection[int] | None) -> Paced:
        """The tracks in these keys that are in time with a beat at `times` its tempo."""
        bpm, is_counted_so = times * beat.bpm, times in beat.octaves()
        paced = self._reader.paced(bpm / mixing.FASTEST, bpm * mixing.FASTEST, places)
        most = _MOST_IN_TIME if is_counted_so else _MOST_TO_COUNT
        if len(paced.ids) > most:
            near = np.argpartition(np.abs(paced.bpm - bpm), most)[:most]
            paced = Paced(paced.ids[near], paced.bpm[near], paced.places[near])
        if is_counted_so:
            return paced
        # Then the other one must be counted at the tempo of this one.
        tempi = self._reader.tempi(paced.ids)
        others = (tempi.get(track_id, ()) for track_id in paced.ids.tolist())
        beats = (Beat(*each) for each in zip(paced.bpm.tolist(), others, strict=True))
        kept = [mixing.octave(beat, each) is not None for each in beats]
        return Paced(paced.ids[kept], paced.bpm[kept], paced.places[kept])

    def _beatless(self, track: Track) -> UserError:
        if track.state is not TrackState.ANALYSED:
            return _not_heard(track)
        if self._reader.tempi([track.id]):
            found = (
                f'"{track.title}" could not be measured'
                if track.measures == Measures()  # see `Intake`: stored of what failed, too
                else f'No steady beat was found in "{track.title}"'
            )
            return UserError(
                f"{found}, so nothing can be mixed to it. If you know its tempo, write it into the "
                "tag BPM."
            )
        if not self._measures():
            return UserError(
                f'The tempo of "{track.title}" is not known: measuring is switched off. Switch it '
                "on in the settings, or with: msa-desktop config measure true"
            )
        return UserError(
            f'The tempo of "{track.title}" was not measured yet. It is waiting for its turn.'
        )

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


def _pace(track: Track) -> Iterator[str]:
    """A track's tempo and key in short."""
    if track.bpm is not None:
        yield f"{track.bpm:.0f} BPM"
    if track.key is not None:
        yield camelot(track.key)


def _not_heard(track: Track) -> UserError:
    if track.state is TrackState.FAILED:
        return UserError(f'"{track.title}" could not be analysed: {track.reason}')
    return UserError(f'"{track.title}" was not listened to yet. It is waiting for its turn.')
