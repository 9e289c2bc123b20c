"""What is proposed for the tracks: read by lists, changed by functions for `Writer.run`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from msa_desktop.base.fields import FACTS, PROPOSED, Field, same
from msa_desktop.base.model import TrackId
from msa_desktop.base.proposals import (
    Decision,
    Proposal,
    ProposalCounts,
    Suggestion,
    TrackProposals,
)
from msa_desktop.base.text import spelling
from msa_desktop.store.db import Database, read_integers
from msa_desktop.store.query import MATCHING_IDS_SQL
from msa_desktop.store.schema import IN_JSON, SEPARATOR
from msa_desktop.store.text import match_expression
from msa_desktop.store.tracks import TrackReader

ANY_WORD = "*"
"""Stands for every value of a field among the rejected words."""

_SUGGESTIONS: TypeAdapter[tuple[Suggestion, ...]] = TypeAdapter(tuple[Suggestion, ...])
_COLUMNS = "track_id, field, current, proposed, suggestions, tagger, accepted, edited"


class ReviewOrder(StrEnum):
    """The order of the queue."""

    CONFIDENCE = "confidence"  # the surest first
    ARTIST = "artist"
    FOLDER = "folder"


_ORDERS = {
    ReviewOrder.ARTIST: "artist_key, album_key, track_number, title_key, tracks.id",
    ReviewOrder.FOLDER: "sort_key, name_key, tracks.id",
}


class ProposalReader:
    """Reads the proposals, in any thread.

    Args:
        db: The library.
        tracks: The library's tracks.
    """

    def __init__(self, db: Database, tracks: TrackReader) -> None:
        self._db = db
        self._tracks = tracks

    def ids(
        self,
        order: ReviewOrder = ReviewOrder.CONFIDENCE,
        *,
        decision: Decision | None = None,
        field: Field | None = None,
        words: str = "",
    ) -> NDArray[np.int64]:
        """The tracks with proposals, in order; shape (n,).

        Args:
            order: What comes first.
            decision: Only tracks with a proposal that stands so.
            field: Only tracks with a proposal for this field (that stands so).
            words: Only tracks that the filter of the track list would show for these.
        """
        # The decision is always named: then the index on it answers, without the wide rows.
        stands = [0, 1] if decision is None else [int(decision is Decision.ACCEPTED)]
        terms = f"accepted IN {IN_JSON}" + (" AND field = ?" if field else "")
        values = [json.dumps(stands), *([field] if field else [])]
        if order is ReviewOrder.CONFIDENCE:
            statement = (
                f"SELECT track_id AS id FROM proposals WHERE {terms}"  # noqa: S608
                " GROUP BY track_id ORDER BY max(confidence) DESC, track_id"
            )
        else:
            statement = (
                "SELECT tracks.id AS id FROM tracks JOIN folders ON folders.id = folder_id"  # noqa: S608
                f" WHERE tracks.id IN (SELECT track_id FROM proposals WHERE {terms})"
                f" ORDER BY {_ORDERS[order]}"
            )
        found = read_integers(self._db.connection(), statement, "id", *values)
        expression = match_expression(words)
        if expression:
            matching = read_integers(self._db.connection(), MATCHING_IDS_SQL, "id", expression)
            found = found[np.isin(found, matching)]
        return found

    def get_many(self, ids: Sequence[int] | NDArray[np.int64]) -> list[TrackProposals]:
        """The proposals of these tracks, in the same order; tracks without any are left out."""
        by_track: dict[int, list[Proposal]] = {}
        for proposal in self._read(
            f"track_id IN {IN_JSON}", json.dumps([int(track_id) for track_id in ids])
        ):
            by_track.setdefault(proposal.track_id, []).append(proposal)
        tracks = self._tracks.get_many([i for i in map(int, ids) if i in by_track])
        return [
            TrackProposals(
                track,
                tuple(sorted(by_track[track.id], key=lambda made: PROPOSED.index(made.field))),
            )
            for track in tracks
        ]

    def accepted(self) -> list[Proposal]:
        """Everything that waits to be written."""
        return self._read("accepted = 1 ORDER BY track_id")

    def every(self, least: float = 0.0) -> list[Proposal]:
        """Every proposal of at least this confidence."""
        return self._read("confidence >= ? ORDER BY track_id", least)

    def counts(self) -> ProposalCounts:
        """How much there is to review."""
        row = self._db.connection().execute(
            "SELECT (SELECT count(DISTINCT track_id) FROM proposals),"
            " (SELECT count(DISTINCT track_id) FROM proposals WHERE accepted = 0),"
            " (SELECT count(*) FROM proposals WHERE accepted = 0),"
            " (SELECT count(*) FROM proposals WHERE accepted = 1)"
        )
        return ProposalCounts(*row.fetchone())

    def rejected(self, ids: Iterable[int]) -> dict[int, set[tuple[Field, str]]]:
        """What was rejected for each of these tracks: fields and spellings (`base.text`)."""
        return _rejected(self._db.connection(), ids)

    def own(self, field: Field) -> dict[int, tuple[str, ...]]:
        """What the program itself put into files, by track, unseen by the person or approved.

        No evidence for anything else: a guess must not confirm the next.
        """
        rows = self._db.connection().execute(
            "SELECT track_id, said FROM own_words WHERE field = ?", (field,)
        )
        return {track_id: tuple(json.loads(said)) for track_id, said in rows}

    def _read(self, where: str, *parameters: object) -> list[Proposal]:
        return _select(self._db.connection(), where, *parameters)


def replace_open(
    conn: sqlite3.Connection, ids: Iterable[int], proposals: Iterable[Proposal]
) -> None:
    """Puts new proposals in the place of those that nobody decided on, for these tracks.

    What the person accepted or edited stays as it is. Since the proposals were thought out, a file
    may have got other tags, and the person may have rejected words: those are not stored.
    """
    ids = [int(track_id) for track_id in ids]
    conn.execute(
        "DELETE FROM proposals WHERE accepted = 0 AND edited = 0"  # noqa: S608
        f" AND track_id IN {IN_JSON}",
        (json.dumps(ids),),
    )
    rejected = _rejected(conn, ids)
    for proposal in proposals:
        left = _without(proposal, rejected.get(proposal.track_id, ()))
        if left is not None:
            store(conn, left, "NOTHING")
    for track_id in ids:
        look_again(conn, track_id)


def store(conn: sqlite3.Connection, proposal: Proposal, otherwise: str = "") -> None:
    """Stores a proposal in the place of the one for the same track and field.

    Args:
        conn: The writer's connection.
        proposal: Passed over when its track was removed.
        otherwise: "NOTHING" to leave one that is there as it is.
    """
    action = otherwise or (
        "UPDATE SET current = excluded.current, proposed = excluded.proposed,"
        " suggestions = excluded.suggestions, tagger = excluded.tagger,"
        " confidence = excluded.confidence, accepted = excluded.accepted,"
        " edited = excluded.edited"
    )
    conn.execute(
        f"INSERT INTO proposals ({_COLUMNS}, confidence)"  # noqa: S608
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM tracks WHERE id = ?)"
        f" ON CONFLICT (track_id, field) DO {action}",
        (
            proposal.track_id,
            proposal.field,
            json.dumps(proposal.current),
            json.dumps(proposal.values),
            _SUGGESTIONS.dump_json(proposal.suggestions).decode(),
            proposal.tagger,
            int(proposal.decision is Decision.ACCEPTED),
            int(proposal.edited),
            proposal.confidence,
            proposal.track_id,
        ),
    )


def decide(
    conn: sqlite3.Connection,
    ids: Iterable[int],
    fields: Collection[Field] | None,
    decision: Decision,
) -> None:
    """Accepts proposals, or opens them again; of all fields where none are given."""
    where, parameters = _those(ids, fields)
    conn.execute(
        f"UPDATE proposals SET accepted = ? WHERE {where}",  # noqa: S608
        (int(decision is Decision.ACCEPTED), *parameters),
    )


def accept_above(conn: sqlite3.Connection, confidence: float) -> list[TrackId]:
    """Accepts every open proposal of at least this confidence; returns the tracks, one each."""
    rows = conn.execute(
        "UPDATE proposals SET accepted = 1 WHERE accepted = 0 AND confidence >= ?"
        " RETURNING track_id",
        (confidence,),
    )
    return [TrackId(row[0]) for row in rows.fetchall()]


def reject(
    conn: sqlite3.Connection, ids: Iterable[int], fields: Collection[Field] | None
) -> tuple[Proposal, ...]:
    """Takes proposals away and remembers their words, so that they are not proposed again.

    Returns:
        What was taken away, for `restore`.
    """
    where, parameters = _those(ids, fields)
    gone = tuple(_select(conn, where, *parameters))
    conn.execute(f"DELETE FROM proposals WHERE {where}", parameters)  # noqa: S608
    conn.executemany(
        "INSERT OR IGNORE INTO rejected_words (track_id, field, word) VALUES (?, ?, ?)",
        _words_of(gone),
    )
    return gone


def restore(conn: sqlite3.Connection, proposals: Iterable[Proposal]) -> None:
    """Takes a `reject` back."""
    proposals = tuple(proposals)
    conn.executemany(
        "DELETE FROM rejected_words WHERE track_id = ? AND field = ? AND word = ?",
        _words_of(proposals),
    )
    for proposal in proposals:
        store(conn, proposal)


def drop(conn: sqlite3.Connection, done: Iterable[tuple[int, Field, tuple[str, ...]]]) -> None:
    """Forgets proposals that were written; one that the person changed meanwhile stays."""
    conn.executemany(
        "DELETE FROM proposals WHERE track_id = ? AND field = ? AND proposed = ?",
        [(track_id, field, json.dumps(values)) for track_id, field, values in done],
    )


def refuse_words(
    conn: sqlite3.Connection, track_id: int, field: Field, words: Iterable[str]
) -> None:
    """Remembers words that the person does not want for a track."""
    conn.executemany(
        "INSERT OR IGNORE INTO rejected_words (track_id, field, word) VALUES (?, ?, ?)",
        [(track_id, field, spelling(word)) for word in words],
    )


def look_again(conn: sqlite3.Connection, track_id: int) -> None:
    """Brings a track's proposals up to date with what the library knows of its file's tags.

    What the file says by now is no proposal any more; where it came from here and not from the
    person, it is remembered as the program's own (`ProposalReader.own`). One that was made for
    other tags than the file has now is dropped, or where the person accepted it, put before them
    once more.
    """
    made = _select(conn, "track_id = ?", track_id)
    says = _says(conn, track_id) if made else {}
    for proposal in made:
        now = says.get(proposal.field, ())
        if same(proposal.field, now, proposal.values):
            if not proposal.edited:
                conn.execute(
                    "INSERT OR REPLACE INTO own_words (track_id, field, said) VALUES (?, ?, ?)",
                    (track_id, proposal.field, json.dumps(now)),
                )
            drop(conn, [(track_id, proposal.field, proposal.values)])
        elif same(proposal.field, now, proposal.current):
            continue
        elif proposal.decision is Decision.ACCEPTED:
            store(conn, replace(proposal, current=now, decision=Decision.OPEN, edited=True))
        else:
            drop(conn, [(track_id, proposal.field, proposal.values)])


def _rejected(conn: sqlite3.Connection, ids: Iterable[int]) -> dict[int, set[tuple[Field, str]]]:
    """See `ProposalReader.rejected`."""
    rows = conn.execute(
        f"SELECT track_id, field, word FROM rejected_words WHERE track_id IN {IN_JSON}",  # noqa: S608
        (json.dumps([int(track_id) for track_id in ids]),),
    )
    found: dict[int, set[tuple[Field, str]]] = {}
    for track_id, field, word in rows:
        found.setdefault(track_id, set()).add((Field(field), word))
    return found


def _without(proposal: Proposal, rejected: Collection[tuple[Field, str]]) -> Proposal | None:
    """What is left of a proposal without the words that were rejected; None where nothing is."""
    field = proposal.field
    if (field, ANY_WORD) in rejected:
        return None
    suggested = proposal.suggestions
    kept = tuple(made for made in suggested if (field, spelling(made.value)) not in rejected)
    if kept == suggested:
        return proposal
    gone = {spelling(made.value) for made in suggested if made not in kept}
    values = tuple(value for value in proposal.values if spelling(value) not in gone)
    if set(map(spelling, values)) <= set(map(spelling, proposal.current)):
        return None
    return replace(proposal, values=values, suggestions=kept)


def _says(conn: sqlite3.Connection, track_id: int) -> dict[Field, tuple[str, ...]]:
    """What the library knows that a track's file says, of the fields that are proposed."""
    row = conn.execute(
        "SELECT genre, mood, bpm, musical_key, grouping, summary, track_gain, track_peak"
        " FROM tracks WHERE id = ?",
        (track_id,),
    ).fetchone()
    if row is None:
        return {}
    return {
        field: tuple(text.split(SEPARATOR))
        for field, text in zip(PROPOSED, row, strict=True)
        if text
    }


def _words_of(proposals: Iterable[Proposal]) -> list[tuple[int, str, str]]:
    """What rejecting these proposals rejects: the new words, or any word where there is one only.

    A summary or a tempo that was refused once is not offered again in slightly other words.
    """
    return [
        (proposal.track_id, str(proposal.field), word)
        for proposal in proposals
        for word in (
            [spelling(suggestion.value) for suggestion in proposal.suggestions]
            if FACTS[proposal.field].many
            else [ANY_WORD]
        )
    ]


def _those(ids: Iterable[int], fields: Collection[Field] | None) -> tuple[str, tuple[str, ...]]:
    chosen = PROPOSED if fields is None else fields
    return (
        f"track_id IN {IN_JSON} AND field IN {IN_JSON}",
        (json.dumps([int(track_id) for track_id in ids]), json.dumps([str(f) for f in chosen])),
    )


def _select(conn: sqlite3.Connection, where: str, *parameters: object) -> list[Proposal]:
    rows = conn.execute(f"SELECT {_COLUMNS} FROM proposals WHERE {where}", parameters)  # noqa: S608
    return [_proposal(tuple(row)) for row in rows]


def _proposal(row: tuple[Any, ...]) -> Proposal:
    track_id, field, current, proposed, suggestions, tagger, accepted, edited = row
    return Proposal(
        TrackId(track_id),
        Field(field),
        tuple(json.loads(current)),
        tuple(json.loads(proposed)),
        _SUGGESTIONS.validate_json(suggestions),
        tagger,
        Decision.ACCEPTED if accepted else Decision.OPEN,
        bool(edited),
    )
