"""What is known of a track: what was heard in it, what its file says, what its neighbours carry."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.model import Tags, Track, TrackId
from msa_desktop.base.proposals import TaggedNeighbour
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.neighbours import Predictions, TaggedLibrary
from msa_desktop.llm.words import Words, is_decade
from msa_desktop.services.intake import EncoderFacts
from msa_desktop.store.tracks import TrackReader

_LEAST_VOTE = 0.05  # a word less likely than this is not worth carrying along


@dataclass(frozen=True, slots=True)
class _Tagged:
    """The library's tracks that carry one field, and what was learned from them.

    Attributes:
        values: What each is tagged, as its file says it.
        bags: The same in the vocabulary's words.
        albums: A number for the album of each.
    """

    ids: tuple[TrackId, ...]
    values: tuple[tuple[str, ...], ...]
    bags: tuple[frozenset[str], ...]
    albums: tuple[int, ...]
    library: TaggedLibrary


@dataclass(frozen=True, slots=True)
class _Told:
    """What the neighbours of one track say of one field."""

    neighbours: tuple[TaggedNeighbour, ...]
    votes: Mapping[str, float]


Surroundings = Mapping[Field, _Tagged]
"""The tagged part of the library, by field; made once for many tracks."""


class EvidenceReader:
    """Gathers evidence, in any thread.

    Args:
        reader: The library's tracks.
        encoder: The encoder whose vectors say what is near.
        vocabulary: The words for what is heard.
        words: The words of files, to join their spellings.
    """

    def __init__(
        self, reader: TrackReader, encoder: EncoderFacts, vocabulary: Vocabulary, words: Words
    ) -> None:
        self._reader = reader
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._words = words

    def surroundings(self) -> Surroundings:
        """Learns from every tagged track of the library.

        What plays in a track is heard in itself, so neighbours are asked for genre and mood alone.
        """
        tagged = self._reader.tagged()
        said = {
            Field.GENRE: {track.id: track.genre for track in tagged if track.genre},
            Field.MOOD: {track.id: track.mood for track in tagged if track.mood},
        }
        albums = {track.id: track.album for track in tagged if track.album}
        found = {}
        for field, values in said.items():
            vectors = self._reader.vectors(values, self._encoder.id, self._encoder.version)
            if len(vectors.ids):
                ids = tuple(map(TrackId, vectors.ids.tolist()))
                bags = tuple(self._bag(field, values[track_id]) for track_id in ids)
                groups = _groups(ids, albums)
                library = TaggedLibrary(vectors.values, bags, groups)
                found[field] = _Tagged(
                    ids, tuple(values[i] for i in ids), bags, tuple(groups), library
                )
        return found

    def of(self, tracks: Sequence[Track], around: Surroundings) -> dict[TrackId, Evidence]:
        """The evidence on each of some analysed tracks."""
        ids = [track.id for track in tracks]
        heard = self._reader.labels_many(ids)
        near = self._neighbours(ids, around)
        return {
            track.id: Evidence(
                tuple(self._vocabulary.merged(heard.get(track.id, {}))),
                {field: told[track.id].neighbours for field, told in near.items()},
                {field: told[track.id].votes for field, told in near.items()},
                _said(track.tags),
            )
            for track in tracks
        }

    def _bag(self, field: Field, values: Sequence[str]) -> frozenset[str]:
        """A track's words for the vote: spellings joined, and no decades."""
        return frozenset(self._words.canonical(field, v) for v in values if not is_decade(v))

    def _neighbours(
        self, ids: Sequence[TrackId], around: Surroundings
    ) -> dict[Field, dict[TrackId, _Told]]:
        """What the neighbours say, by field and track; of a track without a vector, nothing."""
        vectors = self._reader.vectors(ids, self._encoder.id, self._encoder.version)
        asked = [TrackId(i) for i in vectors.ids.tolist()]
        own = self._reader.albums(asked)
        found = {}
        for field, tagged in around.items() if asked else ():
            said = tagged.library.predict(vectors.values, _groups(asked, own))
            silent = dict.fromkeys(ids, _Told((), {}))
            found[field] = silent | self._told(asked, tagged, said)
        return found

    def _told(
        self, asked: Sequence[TrackId], tagged: _Tagged, said: Predictions
    ) -> dict[TrackId, _Told]:
        rows = sorted({row for row in said.neighbours.ravel().tolist() if row >= 0})
        named = {track.id: track for track in self._reader.get_many([tagged.ids[r] for r in rows])}
        told = {}
        for query, track_id in enumerate(asked):
            near = tuple(
                TaggedNeighbour(
                    tagged.ids[row],
                    named[tagged.ids[row]].title,
                    named[tagged.ids[row]].tags.artist,
                    float(said.similarities[query, place]),
                    tagged.values[row],
                )
                for place, row in enumerate(said.neighbours[query].tolist())
                if row >= 0 and tagged.ids[row] in named
            )
            told[track_id] = _Told(near, _votes(tagged, said, query))
        return told


def _votes(tagged: _Tagged, said: Predictions, query: int) -> dict[str, float]:
    """How likely the neighbours of one query make each word.

    The tracks of one album are one witness: where a single album speaks for a word, as in a
    library that has little else tagged, half of its weight goes (Laplace's rule of succession).
    """
    rows = [row for row in said.neighbours[query].tolist() if row >= 0]
    votes = {}
    for i in np.flatnonzero(said.scores[query] >= _LEAST_VOTE):
        word = said.tags[i]
        witnesses = len({tagged.albums[row] for row in rows if word in tagged.bags[row]})
        votes[word] = float(said.scores[query, i]) * witnesses / (witnesses + 1)
    return votes


def _groups(ids: Sequence[TrackId], albums: Mapping[TrackId, str]) -> list[int]:
    """A number for each track's album, the same whenever it is asked; its own where it has none.

    A track is in its own group at least, so it is never its own neighbour.
    """
    return [
        zlib.crc32(albums[track_id].encode()) if track_id in albums else (1 << 32) + track_id
        for track_id in ids
    ]


def _said(tags: Tags) -> FieldValues:
    """What the library knows that a file says, of the fields that are proposed."""
    values = {
        Field.GENRE: tags.genre,
        Field.MOOD: tags.mood,
        Field.BPM: (tags.bpm,),
        Field.KEY: (tags.key,),
        Field.GROUPING: tags.grouping,
        Field.SUMMARY: (tags.summary,),
    }
    return {field: said for field, said in values.items() if any(said)}
