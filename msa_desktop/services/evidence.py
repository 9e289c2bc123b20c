"""What is known of a track: what was heard in it, what its file says, what its neighbours carry."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from msa_desktop.audio import metadata
from msa_desktop.base.fields import Field
from msa_desktop.base.model import Track, TrackId
from msa_desktop.base.proposals import TaggedNeighbour
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.neighbours import Predictions, TaggedLibrary
from msa_desktop.llm.words import Words, is_decade
from msa_desktop.services.intake import EncoderFacts
from msa_desktop.store.proposals import ProposalReader
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
        proposals: What the program proposed and wrote.
        encoder: The encoder whose vectors say what is near.
        vocabulary: The words for what is heard.
        words: The words of files, to join their spellings.
    """

    def __init__(
        self,
        reader: TrackReader,
        proposals: ProposalReader,
        encoder: EncoderFacts,
        vocabulary: Vocabulary,
        words: Words,
    ) -> None:
        self._reader = reader
        self._proposals = proposals
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._words = words

    def surroundings(self, fields: Collection[Field]) -> Surroundings:
        """Learns from the library's tagged tracks, but not from what the program itself wrote.

        What plays in a track is heard in itself, so neighbours are asked for genre and mood alone.

        Args:
            fields: Those to be proposed.
        """
        tagged = self._reader.tagged()
        said = {
            Field.GENRE: {track.id: track.genre for track in tagged if track.genre},
            Field.MOOD: {track.id: track.mood for track in tagged if track.mood},
        }
        albums = {track.id: track.album for track in tagged}
        found = {}
        for field in said.keys() & set(fields):
            own = self._proposals.own(field)
            values = {i: words for i, words in said[field].items() if own.get(i) != words}
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

    def of(
        self, tracks: Sequence[Track], around: Surroundings, filled: Collection[Field] = ()
    ) -> dict[TrackId, Evidence]:
        """The evidence on each of some analysed tracks.

        Args:
            tracks: The tracks.
            around: What their neighbours are looked for in.
            filled: Fields for which the neighbours of a track that has a value are not wanted.
        """
        ids = [track.id for track in tracks]
        heard = self._reader.labels_many(ids)
        says = {track.id: metadata.to_fields(track.tags) for track in tracks}
        near = {
            field: self._neighbours(
                [i for i in ids if field not in filled or field not in says[i]], tagged
            )
            for field, tagged in around.items()
        }
        return {
            track.id: Evidence(
                tuple(self._vocabulary.merged(heard.get(track.id, {}))),
                {
                    field: told[track.id].neighbours
                    for field, told in near.items()
                    if track.id in told
                },
                {field: told[track.id].votes for field, told in near.items() if track.id in told},
                says[track.id],
            )
            for track in tracks
        }

    def _bag(self, field: Field, values: Sequence[str]) -> frozenset[str]:
        """A track's words for the vote: spellings joined, and no decades."""
        return frozenset(self._words.canonical(field, v) for v in values if not is_decade(v))

    def _neighbours(self, ids: Sequence[TrackId], tagged: _Tagged) -> dict[TrackId, _Told]:
        """What the neighbours of each track say; one without a vector is left out."""
        vectors = self._reader.vectors(ids, self._encoder.id, self._encoder.version)
        asked = [TrackId(i) for i in vectors.ids.tolist()]
        if not asked:
            return {}
        own = self._reader.albums(asked)
        return self._told(
            asked, tagged, tagged.library.predict(vectors.values, _groups(asked, own))
        )

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
    """A number for each track's album, the same whenever it is asked."""
    return [zlib.crc32(albums[track_id].encode()) for track_id in ids]
