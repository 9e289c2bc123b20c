from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from msa_desktop.base.fields import Field
from msa_desktop.base.model import AudioInfo, Reading, Tags, TrackId
from msa_desktop.base.proposals import (
    Decision,
    HeardLabel,
    Proposal,
    ProposalCounts,
    Suggestion,
    TaggedNeighbour,
)
from msa_desktop.store import proposals, writes
from msa_desktop.store.proposals import ProposalReader, ReviewOrder
from msa_desktop.store.tracks import TrackReader
from tests.store.shelf import Shelf


def genre(track_id: TrackId, *words: str, confidence: float = 0.8) -> Proposal:
    near = TaggedNeighbour(TrackId(99), "Near", "Ada", 0.7, ("rock",))
    suggestions = tuple(
        Suggestion(word, confidence, (HeardLabel("rock", 0.5, 0.1),), (near,)) for word in words
    )
    return Proposal(track_id, Field.GENRE, (), words, suggestions, "rules-1")


@pytest.fixture
def ids(shelf: Shelf) -> list[TrackId]:
    made = shelf.add("b/2.mp3", "a/1.mp3", "a/2.mp3")
    tags = [Tags("Beta", "Zoe"), Tags("Alpha", "Bo"), Tags("Gamma", "Ada")]
    for track_id, said in zip(made, tags, strict=True):
        reading = Reading(AudioInfo(9.0, "mp3", 44_100, 2), said, bytes([track_id]))
        shelf.writer.run(partial(writes.store_reading, track_id=track_id, reading=reading))
    return made


@pytest.fixture
def reader(shelf: Shelf) -> ProposalReader:
    return ProposalReader(shelf.db, TrackReader(shelf.db))


def put(shelf: Shelf, *made: Proposal) -> None:
    ids = [proposal.track_id for proposal in made]
    shelf.writer.run(lambda conn: proposals.replace_open(conn, ids, made))


def test_what_is_stored_comes_back(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    mood = Proposal(ids[0], Field.MOOD, (), ("Sad", "Calm"), (Suggestion("Calm", 0.7),), "r")
    put(shelf, mood, genre(ids[0], "Rock", "Pop"))
    (group,) = reader.get_many([ids[1], ids[0]])
    assert group.track.id == ids[0]
    assert group.proposals == (genre(ids[0], "Rock", "Pop"), mood)
    assert reader.counts() == ProposalCounts(tracks=1, undecided=1, open=2, accepted=0)


def test_orders_and_filters(shelf: Shelf, ids: list[TrackId], reader: ProposalReader) -> None:
    beta, alpha, gamma = ids
    put(
        shelf,
        genre(beta, "Rock", confidence=0.6),
        genre(alpha, "Pop", confidence=0.9),
        genre(gamma, "Jazz", confidence=0.7),
        Proposal(gamma, Field.KEY, (), ("Am",), (Suggestion("Am", 0.95),), "r"),
    )
    assert reader.ids().tolist() == [gamma, alpha, beta]
    assert reader.ids(ReviewOrder.ARTIST).tolist() == [gamma, alpha, beta]
    assert reader.ids(ReviewOrder.FOLDER).tolist() == [alpha, gamma, beta]
    assert reader.ids(field=Field.GENRE).tolist() == [alpha, gamma, beta]
    assert reader.ids(words="alph").tolist() == [alpha]
    shelf.writer.run(lambda conn: proposals.decide(conn, [gamma], [Field.KEY], Decision.ACCEPTED))
    assert reader.ids(decision=Decision.ACCEPTED).tolist() == [gamma]
    assert reader.ids(decision=Decision.ACCEPTED, field=Field.GENRE).tolist() == []
    assert reader.ids(decision=Decision.OPEN).tolist() == [alpha, gamma, beta]
    assert [made.field for made in reader.accepted()] == [Field.KEY]
    assert len(reader.every(0.65)) == 3


def test_what_the_person_accepted_is_not_replaced(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    put(shelf, genre(ids[0], "Rock"), genre(ids[1], "Rock"))
    shelf.writer.run(lambda conn: proposals.decide(conn, ids[:1], None, Decision.ACCEPTED))
    put(shelf, genre(ids[0], "Pop"), genre(ids[1], "Pop"))
    values = {group.track.id: group.proposals[0].values for group in reader.get_many(ids)}
    assert values == {ids[0]: ("Rock",), ids[1]: ("Pop",)}
    shelf.writer.run(lambda conn: proposals.replace_open(conn, ids, []))
    assert reader.ids().tolist() == [ids[0]]


def test_what_was_rejected_meanwhile_is_not_stored(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    summary = Proposal(ids[0], Field.SUMMARY, (), ("Calm.",), (Suggestion("Calm.", 0.7),), "r")
    put(shelf, genre(ids[0], "Hip-Hop"), summary, genre(ids[1], "Pop"))
    shelf.writer.run(lambda conn: proposals.reject(conn, ids[:2], None))
    both = replace(genre(ids[0], "hip hop", "Jazz"), current=())
    other = replace(summary, values=("Quiet.",), suggestions=(Suggestion("Quiet.", 0.8),))
    put(shelf, both, other, genre(ids[1], "Pop"), genre(ids[2], "Pop"))
    found = {group.track.id: group.proposals for group in reader.get_many(ids)}
    assert found == {ids[0]: (genre(ids[0], "Jazz"),), ids[2]: (genre(ids[2], "Pop"),)}


def test_a_rejection_leaves_no_proposal_to_take_words_away(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    said = Tags("Beta", "Zoe", genre=("Rock", "Pop"))
    reading = Reading(AudioInfo(9.0, "mp3", 44_100, 2), said, bytes([9]))
    shelf.writer.run(partial(writes.store_reading, track_id=ids[0], reading=reading))
    made = replace(genre(ids[0], "Rock", "Jazz"), current=said.genre)
    shelf.writer.run(
        lambda conn: proposals.refuse_words(conn, ids[0], Field.GENRE, ["Jazz"]),
    )
    put(shelf, made)
    assert reader.get_many(ids) == []
    assert reader.own(Field.GENRE) == {}


def test_rejecting_is_remembered_and_taken_back(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    summary = Proposal(ids[0], Field.SUMMARY, (), ("Calm.",), (Suggestion("Calm.", 0.7),), "r")
    put(shelf, genre(ids[0], "Hip-Hop", "Pop"), summary)
    gone = shelf.writer.run(lambda conn: proposals.reject(conn, [ids[0]], None))
    assert {made.field for made in gone} == {Field.GENRE, Field.SUMMARY}
    assert reader.get_many(ids) == []
    assert reader.rejected(ids) == {
        ids[0]: {(Field.GENRE, "hiphop"), (Field.GENRE, "pop"), (Field.SUMMARY, "*")}
    }
    shelf.writer.run(lambda conn: proposals.restore(conn, gone))
    assert len(reader.get_many(ids)[0].proposals) == 2
    assert reader.rejected(ids) == {}


def test_accepting_by_confidence(shelf: Shelf, ids: list[TrackId], reader: ProposalReader) -> None:
    put(shelf, *(genre(i, "Rock", confidence=c) for i, c in zip(ids, (0.6, 0.8, 0.9), strict=True)))
    changed = shelf.writer.run(lambda conn: proposals.accept_above(conn, 0.8))
    assert sorted(changed) == ids[1:]
    assert reader.counts() == ProposalCounts(tracks=3, undecided=1, open=1, accepted=2)


def say(shelf: Shelf, track_id: TrackId, *genres: str) -> None:
    """The file says something else by now, as a scan or a write found out."""
    reading = Reading(
        AudioInfo(9.0, "mp3", 44_100, 2), Tags("Title", "Ada", genre=genres), bytes([track_id])
    )
    shelf.writer.run(partial(writes.store_reading, track_id=track_id, reading=reading))
    shelf.writer.run(partial(proposals.look_again, track_id=track_id))


def test_what_a_file_says_by_now_decides(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    written, changed, left = ids
    put(shelf, *(genre(i, "Rock") for i in ids))
    accepted = [written, changed]
    shelf.writer.run(lambda conn: proposals.decide(conn, accepted, None, Decision.ACCEPTED))
    say(shelf, written, "Rock")
    say(shelf, changed, "Pop")
    say(shelf, left, "Pop")
    (group,) = reader.get_many(ids)
    (again,) = group.proposals
    assert (again.track_id, again.current, again.values) == (changed, ("Pop",), ("Rock",))
    assert again.decision is Decision.OPEN, "the person sees it once more"
    assert reader.own(Field.GENRE) == {written: ("Rock",)}


def test_a_proposal_for_other_tags_than_the_file_has_is_not_stored(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    say(shelf, ids[0], "Pop")
    put(shelf, genre(ids[0], "Rock"))
    assert reader.get_many(ids) == []


def test_what_the_person_typed_is_not_the_programs_own(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    mine = replace(genre(ids[0], "Rock"), edited=True, decision=Decision.ACCEPTED)
    shelf.writer.run(partial(proposals.store, proposal=mine))
    say(shelf, ids[0], "Rock")
    assert reader.own(Field.GENRE) == {}


def test_only_what_was_written_is_dropped(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    put(shelf, genre(ids[0], "Rock"))
    done = [(ids[0], Field.GENRE, ("Pop",))]
    shelf.writer.run(partial(proposals.drop, done=done))
    assert reader.ids().tolist() == [ids[0]], "it was edited while another value was written"
    shelf.writer.run(partial(proposals.drop, done=[(ids[0], Field.GENRE, ("Rock",))]))
    assert reader.ids().tolist() == []


def test_they_go_with_their_track_and_its_sound(
    shelf: Shelf, ids: list[TrackId], reader: ProposalReader
) -> None:
    put(shelf, *(genre(i, "Rock") for i in ids))
    shelf.writer.run(lambda conn: proposals.reject(conn, [ids[2]], None))
    shelf.writer.run(lambda conn: writes.remove_tracks(conn, [ids[0]]))
    other = Reading(AudioInfo(50.0, "mp3", 44_100, 2), Tags(), b"other sound")
    for track_id in ids[1:]:
        shelf.writer.run(partial(writes.store_reading, track_id=track_id, reading=other))
    assert reader.ids().tolist() == []
    assert reader.rejected(ids) == {}
    put(shelf, genre(ids[0], "Rock"))
    assert reader.ids().tolist() == np.array([]).tolist(), "a removed track gets no proposal"
