"""Tags: proposed with their evidence, decided on by the person, written, and taken back."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import EventBus, ProposalsChanged
from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned
from msa_desktop.base.history import Batch, Change, HistoryFile, Preview, WriteReport
from msa_desktop.base.jobs import CancelToken, JobControl
from msa_desktop.base.model import TrackId, TrackState, display_path
from msa_desktop.base.proposals import Decision, Policy, Proposal
from msa_desktop.base.settings import Settings
from msa_desktop.llm._base import Tagger
from msa_desktop.llm.rules import RulesTagger
from msa_desktop.llm.words import Words
from msa_desktop.services import policy
from msa_desktop.services.evidence import EvidenceReader, Surroundings
from msa_desktop.services.progress import ProposingProgress
from msa_desktop.services.tag_writing import TagWriting
from msa_desktop.store import proposals as rows
from msa_desktop.store.proposals import ProposalReader
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery, TrackReader
from msa_desktop.store.writer import Writer
from msa_desktop.tagio import _files as tag_files

_AT_ONCE = 256  # tracks looked at together
_STORE_EVERY = 2.0  # seconds after which what a slow tagger found is stored and shown


@dataclass(frozen=True, slots=True)
class ProposeReport:
    """How proposing came out.

    Attributes:
        tracks: Tracks that were looked at.
        proposals: Proposals made.
        unheard: Tracks that could not be looked at: they were not analysed yet, or failed.
        cancelled: The person ended it early; what was made is kept.
        rate: Tracks a second, pauses left out.
        tokens_rate: Tokens a second that a language model wrote while it wrote; 0 without one.
        fallbacks: Of the tracks, those that the rules answered in a language model's place.
    """

    tracks: int
    proposals: int
    unheard: int = 0
    cancelled: bool = False
    rate: float = 0.0
    tokens_rate: float = 0.0
    fallbacks: int = 0


@dataclass(slots=True)
class _Part:
    """Some tracks that were dealt with.

    Attributes:
        passed: How many.
        heard: Those that could be looked at.
        found: Their proposals.
    """

    passed: int
    heard: list[TrackId]
    found: list[Proposal]


class Tagging:
    """Proposals, the person's decisions, writing and undo. Thread-safe.

    Args:
        reader: The library's tracks.
        proposals: What is proposed.
        writer: The one writer.
        writing: Writes into files, and takes it back.
        evidence: What is known of a track.
        tagger: Gives what turns evidence into suggestions.
        words: The vocabulary.
        events: Where changes are told.
        settings: The settings in force.
    """

    def __init__(
        self,
        reader: TrackReader,
        proposals: ProposalReader,
        writer: Writer,
        writing: TagWriting,
        evidence: EvidenceReader,
        tagger: Callable[[], Tagger],
        words: Words,
        events: EventBus,
        settings: Callable[[], Settings],
    ) -> None:
        self._reader = reader
        self.proposals = proposals
        self._writer = writer
        self._writing = writing
        self._evidence = evidence
        self._tagger = tagger
        self._words = words
        self._events = events
        self._settings = settings
        self._at_work = threading.Lock()

    # -- proposing -------------------------------------------------------------------------------

    def propose(
        self,
        ids: Sequence[TrackId] | None = None,
        *,
        least: float | None = None,
        control: JobControl | None = None,
    ) -> ProposeReport:
        """Makes proposals in the place of those that nobody decided on.

        Args:
            ids: The tracks; None for every analysed one.
            least: The confidence below which nothing is proposed; None for the setting.
            control: Holds it between two tracks, or ends it early; what was made is kept.

        Raises:
            UserError: The settings' words are not well formed, or proposing is under way already.
        """
        control = control or JobControl()
        by = policy.rules(self._settings(), self._words, least)
        tagger = self._tagger()
        wanted = (
            self._reader.ids(TrackQuery(Scope.ALL, sort=SortKey.PATH)).tolist()
            if ids is None
            else list(dict.fromkeys(ids))
        )
        seen = made = 0
        fallbacks = tagger.fallbacks
        with self._alone(ProposingProgress(len(wanted), tagger, control, self._events)) as progress:
            asked = [field for field, kind in by.policies.items() if kind is not Policy.NEVER]
            around = self._evidence.surroundings(asked)
            while progress.done < len(wanted) and progress.goes_on():
                some = wanted[progress.done : progress.done + _AT_ONCE]
                for part in self._by_and_by(some, around, by, tagger, control):
                    self._writer.run(
                        partial(rows.replace_open, ids=part.heard, proposals=part.found)
                    )
                    self._events.publish(ProposalsChanged(frozenset(part.heard)))
                    seen += len(part.heard)
                    made += len(part.found)
                    progress.add(part.passed, len(part.heard))
            return ProposeReport(
                seen,
                made,
                progress.done - seen,
                control.cancelled,
                progress.rate,
                progress.tokens_rate,
                tagger.fallbacks - fallbacks,
            )

    def _by_and_by(
        self,
        ids: Sequence[TrackId],
        around: Surroundings,
        by: policy.Rules,
        tagger: Tagger,
        control: JobControl,
    ) -> Iterator[_Part]:
        """Tracks that were dealt with, and their proposals: all at once, or as a slow tagger goes.

        Ends early where the person pauses, too: what is known of the rest may be another by then.
        """
        tracks = [t for t in self._reader.get_many(ids) if t.state is TrackState.ANALYSED]
        rejected = self.proposals.rejected(track.id for track in tracks)
        filled = [field for field, kind in by.policies.items() if kind is Policy.FILL]
        evidence = self._evidence.of(tracks, around, filled)
        part, began = _Part(0, [], []), time.monotonic()
        for track_id in ids:
            if control.paused or control.cancelled:
                break
            if track_id in evidence:
                says, refused = evidence[track_id].says, rejected.get(track_id, ())
                room = policy.room(says, by, self._words, refused)
                try:
                    suggested = tagger.suggest(evidence[track_id], control, room)
                except Cancelled:
                    control.cancel()  # if the person did not: the program is closing
                    break
                for field, suggestions in suggested.items():
                    proposal = policy.propose(
                        track_id,
                        field,
                        says.get(field, ()),
                        suggestions,
                        by,
                        self._words,
                        tagger=RulesTagger.id,
                        rejected=refused,
                    )
                    if proposal is not None:
                        part.found.append(proposal)
                part.heard.append(track_id)
            part.passed += 1
            if time.monotonic() - began >= _STORE_EVERY:
                yield part
                part, began = _Part(0, [], []), time.monotonic()
        if part.passed:
            yield part

    @contextmanager
    def _alone(self, progress: ProposingProgress) -> Iterator[ProposingProgress]:
        """One at a time; tells the beginning and the end."""
        if not self._at_work.acquire(blocking=False):
            raise UserError(
                "Tags are being proposed already. Let that end (it may be paused), or cancel it."
            )
        try:
            progress.tell()
            yield progress
        finally:
            self._at_work.release()
            progress.end()

    # -- deciding --------------------------------------------------------------------------------

    def accept(self, ids: Iterable[TrackId], fields: Collection[Field] | None = None) -> None:
        """These proposals are to be written; of all fields where none are given."""
        self._decide(list(ids), fields, Decision.ACCEPTED)

    def reopen(self, ids: Iterable[TrackId], fields: Collection[Field] | None = None) -> None:
        """These proposals are to be decided on again."""
        self._decide(list(ids), fields, Decision.OPEN)

    def _decide(
        self, ids: list[TrackId], fields: Collection[Field] | None, decision: Decision
    ) -> None:
        self._writer.run(partial(rows.decide, ids=ids, fields=fields, decision=decision))
        self._events.publish(ProposalsChanged(frozenset(ids)))

    def accept_above(self, confidence: float) -> int:
        """Accepts every open proposal of at least this confidence; returns how many."""
        ids = self._writer.run(partial(rows.accept_above, confidence=confidence))
        self._events.publish(ProposalsChanged(frozenset(ids)))
        return len(ids)

    def reject(
        self, ids: Iterable[TrackId], fields: Collection[Field] | None = None
    ) -> tuple[Proposal, ...]:
        """Takes proposals away for good: their words are not proposed for these tracks again.

        Returns:
            What was taken away; `restore` brings it back.
        """
        ids = list(ids)
        gone = self._writer.run(partial(rows.reject, ids=ids, fields=fields))
        self._events.publish(ProposalsChanged(frozenset(ids)))
        return gone

    def restore(self, proposals: Sequence[Proposal]) -> None:
        """Takes a rejection back."""
        self._writer.run(partial(rows.restore, proposals=proposals))
        self._events.publish(ProposalsChanged(frozenset(made.track_id for made in proposals)))

    def edit(self, track_id: TrackId, field: Field, values: Sequence[str]) -> None:
        """Puts the person's own values in the place of the proposed ones, and accepts them.

        Raises:
            UserError: The values are none of this field, or nothing is proposed for it.
        """
        kept = cleaned(field, values)
        if not kept:
            raise UserError("Type at least one value, or reject the proposal.")
        found = self.proposals.get_many([track_id])
        made = next((p for group in found for p in group.proposals if p.field is field), None)
        if made is None:
            raise UserError("This proposal is no longer there.")
        mine = replace(made, values=kept, decision=Decision.ACCEPTED, edited=True)
        removed = [one.value for one in made.suggestions if one.value not in kept]

        def change(conn: sqlite3.Connection) -> None:
            rows.store(conn, mine)
            if FACTS[field].many:
                rows.refuse_words(conn, track_id, field, removed)

        self._writer.run(change)
        self._events.publish(ProposalsChanged(frozenset([track_id])))

    # -- writing ---------------------------------------------------------------------------------

    def changes(self, proposals: Iterable[Proposal] | None = None) -> list[Change]:
        """What writing proposals changes in the files.

        Args:
            proposals: Which; None for all that were accepted.
        """
        by_track: dict[TrackId, list[Proposal]] = {}
        for proposal in self.proposals.accepted() if proposals is None else proposals:
            by_track.setdefault(proposal.track_id, []).append(proposal)
        return [
            Change(
                track.path,
                {made.field: made.values for made in by_track[track.id]},
                {made.field: made.current for made in by_track[track.id]},
                track.id,
            )
            for track in self._reader.get_many(list(by_track))
        ]

    def changes_for(self, ids: Sequence[TrackId], fields: FieldValues) -> list[Change]:
        """What a plain edit changes: the same values for several tracks.

        Raises:
            UserError: A value is none of its field.
        """
        values = {field: cleaned(field, given) for field, given in fields.items()}
        return [Change(t.path, values, track_id=t.id) for t in self._reader.get_many(ids)]

    def preview(
        self,
        changes: Sequence[Change] | None = None,
        cancel: CancelToken | None = None,
        *,
        merge: bool = False,
    ) -> list[Preview]:
        """What a write would do, frame by frame; nothing is touched.

        Args:
            changes: Which; None for all accepted proposals.
            cancel: Ends it early: `Cancelled` is raised.
            merge: As for `write`.
        """
        wanted = self.changes() if changes is None else changes
        return self._writing.preview(wanted, cancel, merge=merge)

    def write(
        self,
        name: str = "",
        *,
        changes: Sequence[Change] | None = None,
        merge: bool = False,
        cancel: CancelToken | None = None,
    ) -> WriteReport:
        """Writes into the files, as one batch that can be undone.

        Args:
            name: What to call the batch; empty: by what it does.
            changes: Which; None for all accepted proposals.
            merge: Also write files that were changed since the proposal, and keep their words.
            cancel: Ends it early; what was written is in the batch.

        Raises:
            UserError: The history cannot be kept (a full disk): nothing was written.
        """
        wanted = self.changes() if changes is None else list(changes)
        report = self._writing.write(wanted, name, merge=merge, cancel=cancel)
        if not report.cancelled:
            self._drop_said(wanted, {path for path, _ in report.left_alone})
        return report

    def _drop_said(self, changes: Iterable[Change], left_alone: Collection[str]) -> None:
        """Forgets the proposals of files that say all of it now, or said it already."""
        done = [
            (change.track_id, field, values)
            for change in changes
            if change.track_id is not None and change.path not in left_alone
            for field, values in change.fields.items()
        ]
        self._writer.run(partial(rows.drop, done=done))
        self._events.publish(ProposalsChanged(frozenset(track_id for track_id, *_ in done)))

    def show(self, ids: Sequence[TrackId]) -> tuple[dict[TrackId, FieldValues], dict[TrackId, str]]:
        """The tags that the tracks' files have now.

        Returns:
            The values by track, and the reason for each file that cannot be read.
        """
        values: dict[TrackId, FieldValues] = {}
        reasons: dict[TrackId, str] = {}
        for track in self._reader.get_many(ids):
            try:
                values[track.id] = tag_files.read(track.path)
            except UserError as error:
                reasons[track.id] = str(error)
            except OSError as error:
                shown = display_path(track.path)
                reasons[track.id] = f"{shown} cannot be read: {error.strerror or error}."
        return values, reasons

    # -- history ---------------------------------------------------------------------------------

    def history(self) -> list[Batch]:
        """Every batch, the newest first."""
        return self._writing.history()

    def files(self, batch_id: int) -> list[HistoryFile]:
        """The files of a batch."""
        return self._writing.files(batch_id)

    def history_size(self) -> int:
        """Bytes that the history needs to undo what is in it."""
        return self._writing.history_size()

    def undo(
        self,
        batch_id: int,
        file_ids: Sequence[int] | None = None,
        *,
        fields_only: bool = False,
        cancel: CancelToken | None = None,
    ) -> WriteReport:
        """Gives files back their original bytes.

        Args:
            batch_id: The batch.
            file_ids: Which of its files; None for all.
            fields_only: Only write the tags' former values: for files that changed since.
            cancel: Ends it early; what was undone stays so.
        """
        return self._writing.undo(batch_id, file_ids, fields_only=fields_only, cancel=cancel)

    def close(self) -> None:
        """Ends a write or an undo that is under way, in good order."""
        self._writing.close()
