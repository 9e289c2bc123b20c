from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import Event, EventBus, HistoryChanged, Notice, TagProgress, TagWork
from msa_desktop.base.fields import Field
from msa_desktop.base.history import Change, FileState
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import TrackId
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting, Written
from msa_desktop.store.journal import Entry, Journal, Original
from msa_desktop.tagio import safe_write
from tests.support_tags import JAZZ, Maker, digest, jazz, make_in


@dataclass
class Desk:
    """The service with all that it tells."""

    journal: Journal
    settings: Settings = field(default_factory=Settings)
    told: list[Event] = field(default_factory=list)
    news: list[Written] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    tracks: dict[str, TrackId] = field(default_factory=dict)

    def __post_init__(self) -> None:
        events = EventBus()
        events.subscribe(self.told.append)
        self.writing = TagWriting(
            self.journal,
            lambda: self.settings,
            events,
            self.hear,
            lambda file: self.moved.get(file.path),
            self.tracks.get,
        )

    def hear(self, news: Sequence[Written]) -> None:
        self.news += news

    def notices(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(Journal(tmp_path / "state" / "history.db")) as journal:
        yield Desk(journal)


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return make_in(tmp_path_factory.mktemp("masters"))


@pytest.fixture
def songs(make: Maker, tmp_path: Path) -> list[Path]:
    """More than one group of them, in two folders."""
    return [make(tmp_path / "music" / f"{n % 2}" / f"{n:02}.mp3") for n in range(20)]


def genre(path: Path) -> tuple[str, ...]:
    return safe_write.look(str(path))[1].get(Field.GENRE, ())


def to(path: Path, *genres: str) -> Change:
    return Change(str(path), {Field.GENRE: genres})


def no_copies(folder: Path) -> bool:
    return not list(folder.rglob(f"*{safe_write.SUFFIX}"))


def test_write_and_undo(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    before = [digest(song) for song in songs]
    changes = [replace(jazz(song), track_id=TrackId(n)) for n, song in enumerate(songs)]
    report = desk.writing.write(changes)
    assert sorted(stamp.path for stamp in report.done) == sorted(map(str, songs))
    assert (report.left_alone, report.unchanged, report.cancelled) == ((), 0, False)
    assert {genre(song) for song in songs} == {JAZZ[Field.GENRE]}
    for stamp in report.done:
        found = os.stat(stamp.path)
        assert (stamp.size, stamp.mtime_ns) == (found.st_size, found.st_mtime_ns)
    assert sorted(track or 0 for track, _, _ in desk.news) == list(range(20))
    assert desk.news[0][2] == safe_write.look(desk.news[0][1].path)[1]
    assert desk.news[0][2][Field.TITLE] == ("Title",)

    (batch,) = desk.writing.history()
    assert batch.id == report.batch_id
    assert batch.name == "BPM, Genre, Mood: 20 files"
    assert (batch.written, batch.size) == (20, desk.writing.history_size())
    assert 0 < batch.size < 20 * 1000

    desk.news.clear()
    undo = desk.writing.undo(batch.id)
    assert [digest(song) for song in songs] == before
    assert [stamp.path for stamp in undo.done] == [
        file.path for file in reversed(desk.writing.files(batch.id))
    ]
    assert len(desk.news) == 20
    assert desk.news[0][2][Field.GENRE] == ("Rock",)
    assert desk.news[0][2][Field.MOOD] == (), "it is told what is gone"
    assert desk.writing.history_size() == 0
    (batch,) = desk.writing.history()
    assert (batch.written, batch.undone) == (0, 20)
    assert desk.writing.undo(batch.id).done == (), "nothing is undone twice"
    assert no_copies(tmp_path)


def test_what_is_told(desk: Desk, songs: list[Path]) -> None:
    report = desk.writing.write([jazz(song) for song in songs], "Evening")
    progress = [event for event in desk.told if isinstance(event, TagProgress)]
    assert progress[0].running
    assert progress[-1] == TagProgress(TagWork.WRITE, 20, 20, running=False)
    assert sum(not event.running for event in progress) == 1
    assert HistoryChanged() in desk.told
    desk.told.clear()
    assert report.batch_id is not None
    desk.writing.undo(report.batch_id)
    assert desk.told[-1] == TagProgress(TagWork.UNDO, 20, 20, running=False)
    assert HistoryChanged() in desk.told


def test_preview_changes_nothing(desk: Desk, songs: list[Path]) -> None:
    before = [digest(song) for song in songs]
    previews = desk.writing.preview([*map(jazz, songs), jazz(songs[0].with_name("gone.mp3"))])
    assert [frame.frame for frame in previews[0].frames] == ["TCON", "TMOO", "TBPM"]
    assert "not there" in previews[-1].reason
    assert [digest(song) for song in songs] == before
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        desk.writing.preview([jazz(songs[0])], cancel)


def test_one_bad_file_stops_nothing(desk: Desk, songs: list[Path]) -> None:
    songs[3].chmod(0o444)
    songs[4].unlink()
    songs[5].write_text("A shopping list.")
    report = desk.writing.write([jazz(song) for song in songs])
    assert len(report.done) == 17
    reasons = {Path(path).name: reason for path, reason in report.left_alone}
    assert "read-only" in reasons["03.mp3"]
    assert "not there" in reasons["04.mp3"]
    assert "no music" in reasons["05.mp3"]
    assert report.batch_id is not None
    assert desk.writing.history()[0].left_alone == 3
    noted = {
        Path(file.path).name: file.reason
        for file in desk.writing.files(report.batch_id)
        if file.state is FileState.LEFT_ALONE
    }
    assert noted == reasons


def test_nothing_to_write_leaves_no_batch(desk: Desk, songs: list[Path]) -> None:
    desk.writing.write([jazz(song) for song in songs])
    again = desk.writing.write([jazz(song) for song in songs])
    assert (again.batch_id, again.done, again.unchanged) == (None, (), 20)
    assert desk.writing.write([]).batch_id is None
    gone = desk.writing.write([jazz(songs[0].with_name("gone.mp3"))])
    assert (gone.batch_id, len(gone.left_alone)) == (None, 1)
    assert len(desk.writing.history()) == 1


def test_two_changes_of_one_file(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    link = tmp_path / "link.mp3"
    link.symlink_to(songs[0])
    changes = [
        to(songs[0], "Jazz"),
        Change(str(link), {Field.MOOD: ("calm",)}),
        to(songs[1], "Jazz"),
        to(songs[1], "Blues"),
    ]
    report = desk.writing.write(changes)
    assert len(report.done) == 2
    assert report.left_alone == ((str(songs[1]), "Another change of this batch says otherwise."),)
    tags = safe_write.look(str(songs[0]))[1]
    assert (tags[Field.GENRE], tags[Field.MOOD]) == (("Jazz",), ("calm",))
    assert genre(songs[1]) == ("Jazz",)


def test_cancelled_between_groups(desk: Desk, songs: list[Path]) -> None:
    before = [digest(song) for song in songs]
    cancel = CancelToken()
    hear = desk.hear

    def hear_and_end(news: Sequence[Written]) -> None:
        hear(news)
        cancel.cancel()

    desk.writing._on_written = hear_and_end
    report = desk.writing.write([jazz(song) for song in songs], cancel=cancel)
    assert report.cancelled
    assert len(report.done) == len(desk.news) == 16
    assert report.batch_id is not None
    cancelled = desk.writing.undo(report.batch_id, cancel=cancel)
    assert (cancelled.cancelled, cancelled.done) == (True, ())
    desk.writing.undo(report.batch_id)
    assert [digest(song) for song in songs] == before


def test_merge(desk: Desk, songs: list[Path]) -> None:
    desk.writing.write([to(songs[0], "Rock", "Blues")])
    change = replace(to(songs[0], "Rock", "Jazz"), expected={Field.GENRE: ("Rock",)})
    assert "by now" in desk.writing.write([change]).left_alone[0][1]
    assert "by now" in desk.writing.preview([change])[0].reason
    assert desk.writing.preview([change], merge=True)[0].reason == ""
    desk.writing.write([change], merge=True)
    assert genre(songs[0]) == ("Rock", "Blues", "Jazz")


def test_modification_time_by_the_setting(desk: Desk, songs: list[Path]) -> None:
    before = songs[0].stat().st_mtime_ns
    desk.writing.write([jazz(songs[0])])
    assert songs[0].stat().st_mtime_ns == before
    desk.settings = Settings(keep_modification_time=False)
    desk.writing.write([to(songs[0], "Blues")])
    assert songs[0].stat().st_mtime_ns > before


def test_hard_links_by_the_setting(desk: Desk, songs: list[Path]) -> None:
    other = songs[0].with_name("link.mp3")
    os.link(songs[0], other)
    both = [jazz(songs[0]), jazz(other)]
    assert len(desk.writing.write(both).left_alone) == 2
    desk.settings = Settings(separate_hard_links=True)
    assert len(desk.writing.write(both).done) == 2
    assert songs[0].stat().st_ino != other.stat().st_ino


# -- undo -----------------------------------------------------------------------------------------


def batch_of(desk: Desk, *changes: Change, name: str = "") -> int:
    batch_id = desk.writing.write(changes, name).batch_id
    assert batch_id is not None
    return batch_id


def test_undo_of_some_files(desk: Desk, songs: list[Path]) -> None:
    batch_id = batch_of(desk, jazz(songs[0]), jazz(songs[1]))
    ids = {file.path: file.id for file in desk.writing.files(batch_id)}
    desk.writing.undo(batch_id, [ids[str(songs[1])]])
    assert genre(songs[0]) == JAZZ[Field.GENRE]
    assert genre(songs[1]) == ("Rock",)


def test_undo_in_the_wrong_order_says_which_batch_comes_first(
    desk: Desk, songs: list[Path]
) -> None:
    before = digest(songs[0])
    first = batch_of(desk, to(songs[0], "Jazz"))
    second = batch_of(desk, to(songs[0], "Blues"), name="Blues night")
    report = desk.writing.undo(first)
    assert report.done == ()
    assert f'"Blues night" (batch {second})' in report.left_alone[0][1]
    assert "Blues night" in desk.writing.files(first)[0].reason
    assert desk.writing.undo(second).left_alone == ()
    assert desk.writing.undo(first).left_alone == ()
    assert digest(songs[0]) == before


def test_undo_of_a_file_that_was_changed_since(desk: Desk, songs: list[Path]) -> None:
    from mutagen.id3 import ID3, TPE1

    batch_id = batch_of(desk, jazz(songs[0]), jazz(songs[1]))
    tags = ID3(songs[0])
    tags.add(TPE1(encoding=3, text="Somebody"))
    tags.save(songs[0])
    changed = digest(songs[0])
    report = desk.writing.undo(batch_id)
    assert [stamp.path for stamp in report.done] == [str(songs[1])]
    assert "changed the file since" in report.left_alone[0][1]
    assert digest(songs[0]) == changed
    (file, _) = desk.writing.files(batch_id)
    assert (file.state, file.reason) == (FileState.WRITTEN, report.left_alone[0][1])

    fields = desk.writing.undo(batch_id, fields_only=True)
    assert fields.batch_id not in (None, batch_id)
    assert desk.writing.history()[0].name == "Undo of BPM, Genre, Mood: 2 files"
    after = safe_write.look(str(songs[0]))[1]
    assert after == {
        Field.TITLE: ("Title",),
        Field.GENRE: ("Rock",),
        Field.ARTIST: ("Somebody",),
    }
    assert fields.batch_id is not None
    desk.writing.undo(fields.batch_id)
    assert digest(songs[0]) == changed, "that can be taken back in its turn"


def test_undo_of_a_moved_file(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    before = digest(songs[0])
    batch_id = batch_of(desk, replace(jazz(songs[0]), track_id=TrackId(1)))
    new = tmp_path / "elsewhere.mp3"
    songs[0].rename(new)
    assert "not there" in desk.writing.undo(batch_id).left_alone[0][1]
    desk.moved[str(songs[0])] = str(new)
    assert [stamp.path for stamp in desk.writing.undo(batch_id).done] == [str(new)]
    assert digest(new) == before


def test_a_file_gets_its_track_by_its_path(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    desk.tracks[str(songs[0])] = TrackId(7)
    link = tmp_path / "link.mp3"
    link.symlink_to(songs[0])
    batch_id = batch_of(desk, Change(str(link), {Field.MOOD: ("calm",)}), jazz(songs[0]))
    (file,) = desk.writing.files(batch_id)
    assert (file.path, file.track_id) == (str(link), 7)
    assert desk.news[0][0] == 7


def test_former_values_do_not_go_into_another_file(
    desk: Desk, songs: list[Path], make: Maker
) -> None:
    """One that has the path by now, or the id in a library that was made again."""
    batch_id = batch_of(desk, jazz(songs[0]))
    songs[0].unlink()
    make(songs[0].with_suffix(".wav")).rename(songs[0])
    before = digest(songs[0])
    report = desk.writing.undo(batch_id, fields_only=True)
    assert (report.done, report.batch_id) == ((), None)
    assert "another sound" in report.left_alone[0][1]
    assert digest(songs[0]) == before


def test_a_value_that_cannot_be_given_back_is_named(
    desk: Desk, make: Maker, tmp_path: Path
) -> None:
    song = make(tmp_path / "song.m4a")
    batch_id = batch_of(desk, jazz(song), name="evening")
    before = {"bpm": ["fast"], "genre": ["Rock"], "mood": []}
    desk.journal._connection.execute("UPDATE files SET before = ?", (json.dumps(before),))
    report = desk.writing.undo(batch_id, fields_only=True)
    assert [stamp.path for stamp in report.done] == [str(song)]
    assert report.left_alone == (
        (str(song), 'The file\'s format cannot hold this any more: BPM ("fast").'),
    )
    assert genre(song) == ("Rock",)
    assert report.batch_id is not None
    states = [file.state for file in desk.writing.files(report.batch_id)]
    assert states == [FileState.WRITTEN, FileState.LEFT_ALONE]


def test_undo_of_what_was_let_go(desk: Desk, songs: list[Path]) -> None:
    batch_id = batch_of(desk, jazz(songs[0]))
    desk.journal.trim(desk.journal.size() - 1)
    report = desk.writing.undo(batch_id)
    assert "let go" in report.left_alone[0][1]
    assert desk.writing.undo(batch_id, fields_only=True).left_alone == ()
    assert genre(songs[0]) == ("Rock",)


def test_undo_of_a_batch_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(UserError, match="no batch 99"):
        desk.writing.undo(99)


# -- room -----------------------------------------------------------------------------------------


def pad(desk: Desk, name: str, size: int) -> None:
    """A batch that takes this much of the history."""
    original = Original(bytes(32), 0, bytes(size))
    _, ids = desk.journal.begin(name, [Entry("/music/x", None, {}, {}, "/music/y", original)])
    desk.journal.settle(ids)


def test_the_oldest_is_let_go_and_it_is_said(desk: Desk, songs: list[Path]) -> None:
    desk.settings = Settings(history_megabytes=1)
    pad(desk, "old", 600_000)
    pad(desk, "newer", 399_900)
    report = desk.writing.write([jazz(songs[0])])
    assert report.let_go == ("old",)
    assert any("old" in text and "no longer be undone" in text for text in desk.notices())
    assert [batch.kept for batch in desk.writing.history()] == [True, True, False]


def test_a_batch_too_large_for_the_history_is_refused_before_it_is_written(
    desk: Desk, songs: list[Path], tmp_path: Path
) -> None:
    """A picture of random bytes in the tag that a format has to lay out anew would be such."""
    desk.settings = Settings.model_construct(history_megabytes=0)
    before = [digest(song) for song in songs]
    pad(desk, "old", 1000)
    with pytest.raises(UserError, match="Room for undo"):
        desk.writing.write([jazz(song) for song in songs])
    assert [digest(song) for song in songs] == before
    assert desk.writing.history()[0].kept, "nothing was let go for nothing"
    assert no_copies(tmp_path)


def test_no_old_batch_is_let_go_for_one_that_cannot_be_kept_whole(
    desk: Desk, songs: list[Path]
) -> None:
    """The first files tell what all will take."""
    before = [digest(song) for song in songs]
    size = desk.journal.size() if batch_of(desk, jazz(songs[0])) else 0
    desk.writing.undo(1)
    pad(desk, "old", 100)
    desk.settings = Settings.model_construct(history_megabytes=18 * size / 10**6)
    with pytest.raises(UserError, match="Room for undo"):
        desk.writing.write([jazz(song) for song in songs])
    assert [digest(song) for song in songs] == before
    assert desk.writing.history()[0].kept
    desk.settings = Settings.model_construct(history_megabytes=22 * size / 10**6)
    assert len(desk.writing.write([jazz(song) for song in songs]).done) == 20


# -- the journal fails ----------------------------------------------------------------------------


def fill(journal: Journal) -> None:
    """Lets the journal's file grow no more, as a full disk does."""
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    original = Original(bytes(32), 0, b"")
    with pytest.raises(UserError, match="full"):
        while True:
            journal.begin("more", [Entry("/music/x", None, {}, {}, "/music/y", original)])


def make_room(journal: Journal) -> None:
    journal._connection.execute("PRAGMA max_page_count = 1000000").fetchone()
    journal._connection.execute("DELETE FROM batches WHERE name = 'more'")


def test_nothing_is_written_where_the_history_has_no_room(
    desk: Desk, songs: list[Path], tmp_path: Path
) -> None:
    before = [digest(song) for song in songs]
    fill(desk.journal)
    desk.journal._connection.execute("UPDATE files SET copy = NULL")
    with pytest.raises(UserError, match=r"full\. Make room"):
        desk.writing.write([jazz(song) for song in songs])
    assert [digest(song) for song in songs] == before
    assert no_copies(tmp_path)
    assert desk.told[-1] == TagProgress(TagWork.WRITE, 0, 20, running=False)
    make_room(desk.journal)
    assert len(desk.writing.write([jazz(song) for song in songs]).done) == 20


def test_the_history_fills_up_on_the_way(desk: Desk, songs: list[Path]) -> None:
    before = [digest(song) for song in songs]
    desk.writing._on_written = lambda _news: fill(desk.journal)
    report = desk.writing.write([jazz(song) for song in songs])
    assert len(report.done) == 16
    assert {reason for _, reason in report.left_alone} == {
        f"The disk that holds {desk.journal.path} is full. Make room, then try again."
    }
    assert len(report.left_alone) == 4
    assert desk.notices()
    make_room(desk.journal)
    assert report.batch_id is not None
    desk.writing.undo(report.batch_id)
    assert [digest(song) for song in songs] == before


def test_a_library_that_cannot_take_it_stops_nothing(desk: Desk, songs: list[Path]) -> None:
    def fail(_news: Sequence[Written]) -> None:
        raise UserError("The library is damaged.")

    desk.writing._on_written = fail
    assert len(desk.writing.write([jazz(song) for song in songs]).done) == 20
    assert any("The library is damaged." in text for text in desk.notices())


# -- after a kill ---------------------------------------------------------------------------------


def announce(desk: Desk, song: Path) -> safe_write.Planned:
    plan = safe_write.plan(jazz(song))
    original = Original(plan.sha256, plan.found.st_mtime_ns, plan.delta)
    entry = Entry(plan.path, TrackId(1), plan.before, plan.after, plan.copy, original, plan.sound)
    desk.journal.begin("killed", [entry])
    return plan


def test_recover_a_write(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    before = [digest(song) for song in songs]
    announce(desk, songs[0])
    safe_write.compose(announce(desk, songs[1]))
    Path(announce(desk, songs[2]).copy).write_bytes(b"half a copy")
    plan = announce(desk, songs[3])
    safe_write.compose(plan)
    safe_write.replace(plan)
    plan = announce(desk, songs[4])
    songs[4].unlink()

    found = desk.writing.recover()
    assert found.untouched == [str(song) for song in songs[:3]]
    assert found.written == [str(songs[3])]
    assert found.gone == [str(songs[4])]
    assert not found.waiting
    assert found.copies == 2
    assert no_copies(tmp_path)
    assert [news[1].path for news in desk.news] == [str(songs[3])]
    assert desk.notices() == [
        "The program was ended while it wrote tags. Of the files in work 1 was written and can be "
        "undone, 3 were not touched, 1 was deleted since."
    ]
    assert len(desk.writing.history()) == 2, "what was not begun is not in the history"
    desk.writing.undo(desk.writing.history()[1].id)
    assert [digest(song) for song in songs[:4]] == before[:4]
    (file,) = desk.writing.files(desk.writing.history()[0].id)
    assert (file.state, file.reason) == (FileState.LEFT_ALONE, "The file is gone.")
    assert not desk.writing.recover()


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_may_return_waits(desk: Desk, songs: list[Path], known: bool) -> None:
    announce(desk, songs[0])
    if known:  # the library's next scan tells whether it was moved
        desk.moved[str(songs[0])] = str(songs[0])
        songs[0].unlink()
    else:  # its disk is not there
        songs[0].parent.rename(songs[0].parent.with_name("away"))
    assert [path for path, _ in desk.writing.recover().waiting] == [str(songs[0])]
    assert len(desk.journal.unfinished()) == 1
    if not known:
        songs[0].parent.with_name("away").rename(songs[0].parent)
        assert desk.writing.recover().untouched == [str(songs[0])]


def test_the_library_is_told_before_the_journal(desk: Desk, songs: list[Path]) -> None:
    """Or a kill in between would leave it with tags that no file has, and no scan would see it."""

    class Killed(BaseException):
        pass

    def die(_news: Sequence[Written]) -> None:
        raise Killed

    def killed(work: Callable[[], object]) -> None:
        desk.writing._on_written = die
        with pytest.raises(Killed):
            work()
        desk.news.clear()
        desk.writing._on_written = desk.hear

    killed(lambda: desk.writing.write([jazz(songs[0])]))
    killed(desk.writing.recover)
    assert desk.writing.recover().written == [str(songs[0])]
    assert [news[2][Field.GENRE] for news in desk.news] == [JAZZ[Field.GENRE]]
    killed(lambda: desk.writing.undo(1))
    killed(desk.writing.recover)
    assert desk.writing.recover().undone == [str(songs[0])]
    assert [news[2][Field.GENRE] for news in desk.news] == [("Rock",)]


def test_recover_an_undo(desk: Desk, songs: list[Path], tmp_path: Path) -> None:
    before = [digest(song) for song in songs]
    batch_id = batch_of(desk, *map(jazz, songs[:3]))
    files = desk.writing.files(batch_id)
    for steps, file in enumerate(files):
        kept = desk.journal.original(file.id)
        assert kept is not None
        laid = safe_write.plan_restore(file.path, kept.delta, kept.sha256, kept.mtime_ns)
        desk.journal.undoing({file.id: laid.copy})
        if steps > 0:
            safe_write.compose(laid)
        if steps > 1:
            safe_write.replace(laid)
    desk.news.clear()
    found = desk.writing.recover()
    assert (found.untouched, found.undone) == ([files[0].path, files[1].path], [files[2].path])
    assert found.copies == 1
    assert [news[2][Field.GENRE] for news in desk.news] == [("Rock",)]
    assert no_copies(tmp_path)
    assert len(desk.writing.undo(batch_id).done) == 2
    assert [digest(song) for song in songs] == before


@pytest.mark.parametrize("wrote", [True, False])
def test_recover_a_file_that_somebody_changed_since(
    desk: Desk, songs: list[Path], wrote: bool
) -> None:
    from mutagen.id3 import ID3, TPE1

    plan = announce(desk, songs[0])
    if wrote:
        safe_write.compose(plan)
        safe_write.replace(plan)
    tags = ID3(songs[0])
    tags.add(TPE1(encoding=3, text="Somebody"))
    tags.save(songs[0])
    found = desk.writing.recover()
    assert bool(found.written) is wrote
    assert bool(found.unclear) is not wrote
    (file,) = desk.writing.files(desk.writing.history()[0].id)
    assert file.state is (FileState.WRITTEN if wrote else FileState.LEFT_ALONE)


def test_nothing_to_recover(desk: Desk, songs: list[Path]) -> None:
    batch_of(desk, jazz(songs[0]))
    desk.told.clear()
    assert not desk.writing.recover()
    assert desk.told == []


def test_closing_ends_the_work_with_the_files_under_way(desk: Desk, songs: list[Path]) -> None:
    ended = threading.Event()

    def close() -> None:
        desk.writing.close()
        ended.set()

    closer = threading.Thread(target=close)

    def hear(news: Sequence[Written]) -> None:
        desk.hear(news)
        closer.start()
        assert not ended.wait(0.1), "it waits"

    desk.writing._on_written = hear
    report = desk.writing.write([jazz(song) for song in songs])
    closer.join(30)
    assert (report.cancelled, len(report.done)) == (True, 16)
    assert desk.journal.unfinished() == []
    desk.journal.close()
    assert desk.writing.write([jazz(songs[-1])]).cancelled
    assert desk.writing.undo(1).cancelled
    assert not desk.writing.recover()


def test_one_work_at_a_time(desk: Desk, songs: list[Path]) -> None:
    """Two writes of the same files at once: the second finds them written."""
    reports = []

    def work() -> None:
        reports.append(desk.writing.write([jazz(song) for song in songs]))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((len(report.done), report.unchanged) for report in reports) == [(0, 20), (20, 0)]
