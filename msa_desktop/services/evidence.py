"""What is known of a track: heard, measured, said by its file, carried by its neighbours.

Neighbours are the person's own tagged tracks. Where few of these carry a field, the tracks of the
reference indexes stand beside them: who has tagged nothing yet has the words of others to begin
with, and who has tagged enough has their own alone. On 2,499 tracks of the Free Music Archive (the
reference a thousand tracks by other artists), with 50 own tracks this raises micro-F1 from 0.33 to
0.51 and top-1 from 0.52 to 0.73, with 400 from 0.49 to 0.53 and from 0.70 to 0.74.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from msa_desktop.audio import metadata
from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.model import FloatArray, Track, TrackId
from msa_desktop.base.proposals import TaggedNeighbour
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.neighbours import Predictions, TaggedLibrary
from msa_desktop.llm.words import Words, is_decade
from msa_desktop.services import stem_evidence
from msa_desktop.services.references import References
from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.reference import ReferenceIndex
from msa_desktop.store.stem_rows import StemRows
from msa_desktop.store.tracks import TrackReader

_log = logging.getLogger(__name__)

_ENOUGH = 500  # own tracks that carry a field; with fewer, those of the references are added
_LEAST_VOTE = 0.05  # a word less likely than this is not worth carrying along


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A track of a reference index, by what is shown of it."""

    title: str
    artist: str
    reference: str


@dataclass(frozen=True, slots=True)
class _Tagged:
    """The tracks that carry one field, and what was learned from them.

    Attributes:
        ids: The library's.
        strangers: The references', which come after the library's in all that follows.
        values: What each is tagged, as its file says it.
        bags: The same in the vocabulary's words.
        albums: A number for the album of each.
    """

    ids: tuple[TrackId, ...]
    strangers: tuple[_Stranger, ...]
    values: tuple[tuple[str, ...], ...]
    bags: tuple[frozenset[str], ...]
    albums: tuple[int, ...]
    library: TaggedLibrary


@dataclass(frozen=True, slots=True)
class _Part:
    """The tracks of one reference index that carry one field; attributes as of `_Tagged`."""

    tracks: list[_Stranger]
    values: list[tuple[str, ...]]
    albums: list[int]
    vectors: FloatArray


@dataclass(frozen=True, slots=True)
class _Told:
    """What the neighbours of one track say of one field."""

    neighbours: tuple[TaggedNeighbour, ...]
    votes: Mapping[str, float]


Surroundings = Mapping[Field, _Tagged]
"""The tagged part of the library and of the references, by field; made once for many tracks."""


class EvidenceReader:
    """Gathers evidence, in any thread.

    Args:
        reader: The library's tracks.
        proposals: What the program proposed and wrote.
        encoder: The encoder whose vectors say what is near.
        vocabulary: The words for what is heard.
        words: The words of files, to join their spellings.
        references: The reference indexes, or None for none.
        stems: What was heard in stems, or None for no regard to it.
    """

    def __init__(
        self,
        reader: TrackReader,
        proposals: ProposalReader,
        encoder: EncoderFacts,
        vocabulary: Vocabulary,
        words: Words,
        references: References | None = None,
        stems: StemRows | None = None,
    ) -> None:
        self._reader = reader
        self._proposals = proposals
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._words = words
        self._references = references
        self._stems = stems

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
        indexes: tuple[ReferenceIndex, ...] | None = None
        found = {}
        for field in said.keys() & set(fields):
            own = self._proposals.own(field)
            values = {i: words for i, words in said[field].items() if own.get(i) != words}
            vectors = self._reader.vectors(values, self._encoder.id, self._encoder.version)
            ids = tuple(map(TrackId, vectors.ids.tolist()))
            carried = [values[track_id] for track_id in ids]
            groups = _groups(ids, albums)
            tables = [vectors.values] if ids else []
            strangers: list[_Stranger] = []
            if len(ids) < _ENOUGH:
                if indexes is None:
                    indexes = self._usable()
                for index in indexes:
                    part = self._strangers(field, index)
                    strangers += part.tracks
                    carried += part.values
                    groups += part.albums
                    tables.append(part.vectors)
            if carried:
                bags = tuple(self._bag(field, one) for one in carried)
                library = TaggedLibrary(np.concatenate(tables), bags, groups)
                found[field] = _Tagged(
                    ids, tuple(strangers), tuple(carried), bags, tuple(groups), library
                )
        return found

    def _usable(self) -> tuple[ReferenceIndex, ...]:
        if self._references is None:
            return ()
        return self._references.usable(self._encoder.id, self._encoder.version)

    def _strangers(self, field: Field, index: ReferenceIndex) -> _Part:
        """The tracks of a reference index that carry a field, in words that the program knows.

        Other words of strangers would go into the person's files without ever having been theirs.
        """
        known = self._words.genres if field is Field.GENRE else self._words.moods
        part = _Part([], [], [], np.empty((0, self._encoder.dimension), np.float32))
        try:
            vectors, rows = index.vectors, []
            for row, track in enumerate(index.tracks):
                said = dict.fromkeys(self._words.canonical(field, tag) for tag in track.tags)
                values = tuple(word for word in said if word in known)
                if values:
                    rows.append(row)
                    part.values.append(values)
                    part.tracks.append(_Stranger(track.title, track.artist, index.title))
                    album = "\n".join([index.name, track.artist, track.album])
                    part.albums.append(zlib.crc32(album.encode()))
        except UserError as error:
            _log.warning("%s", error)
            return part
        return replace(part, vectors=vectors[rows])

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
        apart = self._stems.of_many(ids) if self._stems else {}
        says = {track.id: metadata.to_fields(track.tags) for track in tracks}
        near = {
            field: self._neighbours(
                [i for i in ids if field not in filled or field not in says[i]], tagged
            )
            for field, tagged in around.items()
        }
        return {
            track.id: Evidence(
                stem_evidence.refined(
                    self._vocabulary.merged(heard.get(track.id, {})),
                    apart.get(track.id, {}),
                    self._vocabulary,
                ),
                {
                    field: told[track.id].neighbours
                    for field, told in near.items()
                    if track.id in told
                },
                {field: told[track.id].votes for field, told in near.items() if track.id in told},
                says[track.id],
                track.measures,
                track.info.codec if track.info else "",
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
        own = len(tagged.ids)
        rows = sorted({row for row in said.neighbours.ravel().tolist() if 0 <= row < own})
        named = {track.id: track for track in self._reader.get_many([tagged.ids[r] for r in rows])}
        told = {}
        for query, track_id in enumerate(asked):
            near: list[TaggedNeighbour] = []
            for place, row in enumerate(said.neighbours[query].tolist()):
                likeness = float(said.similarities[query, place])
                if row >= own:
                    one = tagged.strangers[row - own]
                    near.append(
                        TaggedNeighbour(
                            None,
                            one.title,
                            one.artist,
                            likeness,
                            tagged.values[row],
                            one.reference,
                        )
                    )
                elif row >= 0 and (track := named.get(tagged.ids[row])) is not None:
                    near.append(
                        TaggedNeighbour(
                            track.id,
                            track.title,
                            track.tags.artist,
                            likeness,
                            tagged.values[row],
                        )
                    )
            near.sort(key=lambda one: one.track_id is None)  # the person's own first
            told[track_id] = _Told(tuple(near), _votes(tagged, said, query))
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
