from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import Event, Notice, ProposalsChanged, TagProgress, TagWork
from msa_desktop.base.fields import Field
from msa_desktop.base.history import FileState
from msa_desktop.base.jobs import CancelToken, JobControl
from msa_desktop.base.model import TrackId, TrackState
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.proposals import Decision, Policy, Proposal, Suggestion
from msa_desktop.base.settings import TaggerChoice
from msa_desktop.llm._base import Evidence
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.llama import LlamaTagger, Told
from msa_desktop.services.demo import make_demo
from msa_desktop.store import proposals as rows
from msa_desktop.store.tracks import TrackQuery
from msa_desktop.tagio import _files as tag_files
from tests.support_llm import GROUNDING, RULES, WORDS, Stepwise


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data folder and a music folder with the demo library, heard once for this module."""
    base = tmp_path_factory.mktemp("tagging")
    make_demo(base / "music")
    with App(DataPaths(base / "state")) as app:
        app.library.scan([str(base / "music")])
    return base / "state", base / "music"


@pytest.fixture
def app(heard: tuple[Path, Path], tmp_path: Path) -> Iterator[App]:
    """The demo library, on copies of its files: what is written is gone after the test."""
    import shutil

    state, music = heard
    kept = {path: path.read_bytes() for path in music.rglob("*") if path.is_file()}
    times = {path: path.stat() for path in kept}
    shutil.copytree(state, tmp_path / "state")
    with App(DataPaths(tmp_path / "state")) as opened:
        yield opened
    for path, content in kept.items():
        path.write_bytes(content)
        os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns))


def ids(app: App) -> list[TrackId]:
    return [TrackId(i) for i in app.tracks.ids(TrackQuery()).tolist()]


def put(app: App, track_id: TrackId, field: Field, *values: str) -> Proposal:
    """A proposal made for what the file says now."""
    track = app.tracks.get(track_id)
    assert track is not None
    current = {Field.GENRE: track.tags.genre, Field.MOOD: track.tags.mood}[field]
    suggestions = tuple(Suggestion(value, 0.9, reason="a test") for value in values)
    made = Proposal(track_id, field, current, values, suggestions, "test")
    app.writer.run(partial(rows.store, proposal=made))
    return made


def sha(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_everything_proposed_has_evidence(app: App) -> None:
    replace = Policy.REPLACE
    app.override(
        genre_policy=replace,
        mood_policy=replace,
        grouping_policy=replace,
        summary_policy=replace,
        least_confidence=0.3,
    )
    report = app.tagging.propose()
    found = app.proposals.get_many(app.proposals.ids())
    made = [proposal for group in found for proposal in group.proposals]
    assert report.proposals == len(made) > 10
    assert report.tracks == len(ids(app))
    for proposal in made:
        assert proposal.suggestions
        assert proposal.tagger == "rules-1"
        for one in proposal.suggestions:
            assert one.labels or one.neighbours or one.reason
            assert one.confidence >= 0.3
            assert proposal.track_id not in {near.track_id for near in one.neighbours}


def test_no_neighbour_is_of_the_tracks_own_album(app: App) -> None:
    tracks = app.tracks.get_many(ids(app))
    changes = app.tagging.changes_for(
        [track.id for track in tracks],
        {Field.GENRE: ("Zeuhl",), Field.ALBUM: ("One",)},
    )
    app.tagging.write(changes=changes[:-1])
    evidence = app.tagging._evidence
    around = evidence.surroundings([Field.GENRE])
    outside = app.tracks.get_many(ids(app))
    found = evidence.of(outside, around)
    for track in outside:
        near = found[track.id].neighbours[Field.GENRE]
        if track.tags.album == "One":
            assert not any("Zeuhl" in one.values for one in near)
        else:
            assert {one.values for one in near} == {("Zeuhl",)}
            votes = found[track.id].votes[Field.GENRE]
            assert votes["Zeuhl"] <= 0.5, "an album is one witness"


def test_accept_write_and_undo(app: App) -> None:
    first, second, *_ = tracks = app.tracks.get_many(ids(app))
    before = {track.path: sha(track.path) for track in tracks}
    vectors = app.tracks.vector_count(app.encoders[0].id, app.encoders[0].version)
    put(app, first.id, Field.GENRE, "Zeuhl", "Jazz")
    put(app, second.id, Field.MOOD, "Restless")
    app.tagging.accept([first.id, second.id])

    (one, two) = app.tagging.preview()
    assert {one.path, two.path} == {first.path, second.path}
    assert one.frames and two.frames
    assert {path: sha(path) for path in before} == before, "a dry run touches nothing"

    report = app.tagging.write("my batch")
    assert {stamp.path for stamp in report.done} == {first.path, second.path}
    assert report.left_alone == ()
    assert tag_files.read(first.path)[Field.GENRE] == ("Zeuhl", "Jazz")
    assert app.proposals.counts().tracks == 0
    now = app.tracks.get(first.id)
    assert now is not None
    assert now.tags.genre == ("Zeuhl", "Jazz")
    assert (now.size, now.mtime_ns) == (
        os.stat(first.path).st_size,
        os.stat(first.path).st_mtime_ns,
    )
    assert app.tracks.ids(TrackQuery(words="zeuhl")).tolist() == [first.id]

    scan = app.library.scan([])
    assert (scan.updated, scan.unchanged) == (0, len(tracks)), "our own write is no news"

    assert report.batch_id is not None
    (batch,) = app.tagging.history()
    assert (batch.id, batch.name, batch.written) == (report.batch_id, "my batch", 2)
    undone = app.tagging.undo(report.batch_id)
    assert len(undone.done) == 2
    assert {path: sha(path) for path in before} == before
    back = app.tracks.get(first.id)
    assert back is not None
    assert back.tags == first.tags
    assert {file.state for file in app.tagging.files(batch.id)} == {FileState.UNDONE}
    facts = app.encoders[0]
    assert app.tracks.vector_count(facts.id, facts.version) == vectors, "nothing is heard again"


def test_a_file_that_changed_since_is_left_alone_unless_merged(app: App) -> None:
    track = app.tracks.get_many(ids(app))[0]
    put(app, track.id, Field.GENRE, "Zeuhl")
    app.tagging.accept([track.id])
    changes = app.tagging.changes()
    app.tagging.write(changes=app.tagging.changes_for([track.id], {Field.GENRE: ("Klezmer",)}))

    report = app.tagging.write(changes=changes)
    assert report.done == ()
    ((path, reason),) = report.left_alone
    assert path == track.path
    assert "Klezmer" in reason
    merged = app.tagging.write(changes=changes, merge=True)
    assert len(merged.done) == 1
    assert set(tag_files.read(track.path)[Field.GENRE]) == {"Klezmer", "Zeuhl"}


def test_a_proposal_that_was_rejected_does_not_come_back(app: App) -> None:
    app.override(least_confidence=0.3)
    every = ids(app)
    app.tagging.write(changes=app.tagging.changes_for(every, {Field.GENRE: ()}))
    app.tagging.propose()
    group = app.proposals.get_many(app.proposals.ids(field=Field.GENRE))[0]
    genre = next(made for made in group.proposals if made.field is Field.GENRE)
    gone = app.tagging.reject([group.track.id], [Field.GENRE])
    assert gone == (genre,)

    app.tagging.propose()
    again = app.proposals.get_many([group.track.id])
    left = [m.values for g in again for m in g.proposals if m.field is Field.GENRE]
    assert not {word for values in left for word in values} & set(genre.values)
    app.tagging.restore(gone)
    (back,) = app.proposals.get_many([group.track.id])
    assert genre in back.proposals


def test_an_edit_is_kept_and_checked(app: App) -> None:
    track_id = ids(app)[0]
    put(app, track_id, Field.GENRE, "Zeuhl")
    with pytest.raises(UserError, match="at least one value"):
        app.tagging.edit(track_id, Field.GENRE, [";", " "])
    with pytest.raises(UserError, match="no longer there"):
        app.tagging.edit(track_id, Field.MOOD, ["Calm"])
    app.tagging.edit(track_id, Field.GENRE, [" Kraut ", "Rock"])
    app.tagging.propose([track_id])
    (group,) = app.proposals.get_many([track_id])
    made = next(made for made in group.proposals if made.field is Field.GENRE)
    assert (made.values, made.edited) == (("Kraut", "Rock"), True)
    assert made.decision is Decision.ACCEPTED
    assert [change.fields for change in app.tagging.changes()] == [{Field.GENRE: ("Kraut", "Rock")}]


def test_progress_and_cancelling(app: App) -> None:
    events: list[Event] = []
    app.events.subscribe(events.append)
    app.tagging.propose()
    told = [event for event in events if isinstance(event, TagProgress)]
    assert told[-1] == TagProgress(TagWork.PROPOSE, len(ids(app)), len(ids(app)), running=False)
    assert any(isinstance(event, ProposalsChanged) for event in events)

    control = JobControl()
    control.cancel()
    report = app.tagging.propose(control=control)
    assert (report.cancelled, report.tracks) == (True, 0)
    cancel = CancelToken()
    cancel.cancel()
    put(app, ids(app)[0], Field.GENRE, "Zeuhl")
    app.tagging.accept(ids(app)[:1], [Field.GENRE])
    written = app.tagging.write(cancel=cancel)
    assert (written.cancelled, written.done) == (True, ())
    assert app.proposals.counts().accepted == 1, "what was not written still waits"


@pytest.fixture
def slow(app: App) -> Stepwise:
    """The tagger that makes the proposals."""
    app.override(genre_policy=Policy.REPLACE)
    made = Stepwise()
    app.tagging._tagger = lambda: made
    return made


@pytest.fixture
def held(app: App) -> threading.Event:
    """Set once it was told that proposing is held."""
    told = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, TagProgress) and event.paused:
            told.set()

    app.events.subscribe(hear)
    return told


def zeuhl(app: App) -> list[TrackId]:
    """The tracks for which Zeuhl is proposed."""
    found = app.proposals.get_many(ids(app))
    return [group.track.id for group in found if "Zeuhl" in group.proposals[0].values]


def test_a_pause_holds_between_tracks_and_loses_nothing(
    app: App, slow: Stepwise, held: threading.Event
) -> None:
    events: list[Event] = []
    app.events.subscribe(events.append)
    control, every = JobControl(), ids(app)
    with ThreadPoolExecutor(1) as pool:
        proposing = pool.submit(app.tagging.propose, every, control=control)
        assert slow.begun.acquire(timeout=30)
        control.pause()
        assert not held.wait(0.1), "the track in work is finished first"
        slow.let.release()
        assert held.wait(30)
        assert zeuhl(app) == every[:1], "what was made is stored before the wait"
        assert not slow.begun.acquire(timeout=0.1)
        # Decisions count that fall meanwhile: here on what an earlier run proposed.
        put(app, every[2], Field.GENRE, "Zeuhl")
        app.tagging.reject([every[2]], [Field.GENRE])

        slow.let.release(len(every))
        control.resume()
        report = proposing.result(30)
    assert (report.tracks, report.cancelled) == (len(every), False)
    assert zeuhl(app) == [track_id for track_id in every if track_id != every[2]]
    assert report.rate > 0
    assert report.tokens_rate == pytest.approx(20.0)
    told = [event for event in events if isinstance(event, TagProgress)]
    assert [event.done for event in told if event.paused] == [1]
    assert any(event.done == 1 and event.running and not event.paused for event in told)
    assert told[-1] == TagProgress(TagWork.PROPOSE, len(every), len(every), running=False)


def test_what_is_rejected_while_tags_are_proposed_stays_so(app: App, slow: Stepwise) -> None:
    every = ids(app)
    put(app, every[2], Field.GENRE, "Zeuhl")
    with ThreadPoolExecutor(1) as pool:
        proposing = pool.submit(app.tagging.propose, every)
        assert slow.begun.acquire(timeout=30)
        app.tagging.reject([every[2]], [Field.GENRE])
        slow.let.release(len(every))
        proposing.result(30)
    assert zeuhl(app) == [track_id for track_id in every if track_id != every[2]]


class Choosy:
    """A backend that chooses the last genre; every other time there is no answer, if so wanted."""

    kind = "choosy"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked = 0

    def ask(self, _: Evidence, known: Candidates, __: CancelToken | None) -> Told:
        self.asked += 1
        if self.fails and self.asked % 2:
            raise ModelError("The model is gone.")
        return Told({Field.GENRE: tuple(known.offered[Field.GENRE])[-1:]}, "")

    def close(self) -> None:
        return


def by_model(app: App, backend: Choosy) -> LlamaTagger:
    """Has the proposals made by a model."""
    made = LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=print)
    app.tagging._tagger = lambda: made
    return made


def test_every_proposal_says_who_made_it(app: App) -> None:
    replace = Policy.REPLACE
    app.override(genre_policy=replace, mood_policy=replace, least_confidence=0.2)
    backend = Choosy(fails=True)
    tagger = by_model(app, backend)
    report = app.tagging.propose()
    assert report.fallbacks == (backend.asked + 1) // 2 > 1
    made = app.proposals.every()
    chosen = [proposal for proposal in made if proposal.tagger == tagger.id]
    assert {proposal.field for proposal in chosen} == {Field.GENRE}
    assert 0 < len(chosen) <= backend.asked // 2
    assert {proposal.tagger for proposal in made} == {tagger.id, "rules-1"}
    for proposal in made:
        by = tagger.id if proposal in chosen else ""
        assert {suggestion.by for suggestion in proposal.suggestions} == {by}

    backend.fails = False
    assert app.tagging.propose().fallbacks == 0, "each run counts its own"


def test_a_model_is_asked_only_where_something_can_be_proposed(app: App) -> None:
    never, add = Policy.NEVER, Policy.ADD
    app.override(genre_policy=never, mood_policy=never, summary_policy=never)
    backend = Choosy()
    by_model(app, backend)
    assert app.tagging.propose().tracks > 0
    assert backend.asked == 0

    one, *_ = every = ids(app)
    app.override(genre_policy=Policy.FILL)
    app.tagging.write(changes=app.tagging.changes_for(every, {Field.GENRE: ("Zeuhl",)}))
    app.tagging.write(changes=app.tagging.changes_for([one], {Field.GENRE: ()}))
    app.tagging.propose()
    assert backend.asked == 1, "the others have a genre"
    app.override(genre_policy=add, least_confidence=0.2)
    app.tagging.propose()
    assert backend.asked == len(every) + 1
    for proposal in app.proposals.every():
        if proposal.field is Field.GENRE and proposal.track_id != one:
            assert proposal.values[0] == "Zeuhl"
            assert len(proposal.values) == 2, "what it has is not what the model chose"


def test_why_the_rules_answer_is_told_in_every_run(app: App) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    app.override(
        tagger=TaggerChoice.SERVER,
        llm_server=f"http://127.0.0.1:{port}/v1",
        genre_policy=Policy.REPLACE,
    )
    events: list[Event] = []
    app.events.subscribe(events.append)
    for _ in range(2):
        report = app.tagging.propose(ids(app)[:2])
        assert report.fallbacks == 2
        told = [event.text for event in events if isinstance(event, Notice)]
        assert [text for text in told if "The rules answer" in text]
        assert {proposal.tagger for proposal in app.proposals.every()} == {"rules-1"}
        events.clear()


def test_what_is_held_can_be_ended_at_once(app: App, slow: Stepwise, held: threading.Event) -> None:
    control = JobControl()
    with ThreadPoolExecutor(1) as pool:
        proposing = pool.submit(app.tagging.propose, control=control)
        slow.let.release()
        assert slow.begun.acquire(timeout=30)
        assert slow.begun.acquire(timeout=30)
        control.pause()
        slow.let.release()
        assert held.wait(30)
        control.cancel()
        report = proposing.result(30)
    assert (report.tracks, report.proposals, report.cancelled) == (2, 2, True)
    assert len(zeuhl(app)) == 2
    slow.let.release(100)
    assert app.tagging.propose().tracks == len(ids(app)), "the next one is not in its way"


def test_a_tagger_that_is_closed_ends_the_work(app: App, slow: Stepwise) -> None:
    class Closed(Stepwise):
        def suggest(self, *_: object) -> dict[Field, tuple[Suggestion, ...]]:
            raise Cancelled

    app.tagging._tagger = Closed
    report = app.tagging.propose()
    assert (report.tracks, report.unheard, report.cancelled) == (0, 0, True)


def test_tracks_that_were_not_heard_are_counted(app: App) -> None:
    first = ids(app)[0]
    app.writer.run(lambda conn: conn.execute("UPDATE tracks SET state = 1 WHERE id = ?", (first,)))
    track = app.tracks.get(first)
    assert track is not None
    assert track.state is TrackState.QUEUED
    assert app.tagging.propose([first]).unheard == 1


def test_the_editor_sees_the_files_and_their_faults(app: App) -> None:
    good, bad, *_ = app.tracks.get_many(ids(app))
    Path(bad.path).write_bytes(b"")
    values, reasons = app.tagging.show([good.id, bad.id])
    assert values[good.id][Field.TITLE] == (good.tags.title,)
    assert "empty" in reasons[bad.id]
