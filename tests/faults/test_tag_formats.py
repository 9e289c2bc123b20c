"""Every way in which writing can go wrong, with real files of every format at once."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import Change, WriteReport
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting
from msa_desktop.tagio import safe_write
from msa_desktop.tagio._pieces import length_of
from tests.faults.big_pictures import BIG, SIZE
from tests.faults.shelf import (
    FORMATS,
    TAG_SYSTEMS,
    Masters,
    Shelf,
    check_told,
    filled,
    masters_in,
    mounted,
    shelf_of,
)
from tests.faults.tag_killed import die, service, undo_all
from tests.support_tags import JAZZ, digest, jazz
from tests.tagio.changes import ANY_CHANGES, possible, same
from tests.tagio.corpus import CASES
from tests.tagio.witness import differing, heard, seen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX's permissions, locks and names")


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Masters:
    return masters_in(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return tmp_path / "music"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def shelf(masters: Masters, music: Path, state: Path) -> Iterator[Shelf]:
    with shelf_of(filled(masters, music), state) as shelf:
        yield shelf


def tags_of(file: Path) -> FieldValues:
    return safe_write.look(str(file))[1]


# -- rights and room ------------------------------------------------------------------------------


def test_read_only_files(shelf: Shelf) -> None:
    for file in shelf.files:
        file.chmod(0o444)
    shelf.check_refused(shelf.write(), "The file is read-only")
    shelf.check_original()


def test_read_only_folder(shelf: Shelf, music: Path) -> None:
    report = shelf.write()
    music.chmod(0o555)
    try:
        changes = [replace(change, fields={Field.GENRE: ("Blues",)}) for change in shelf.changes]
        shelf.check_refused(shelf.write(changes), "may not write in the folder")
        assert report.batch_id is not None
        stuck = service(shelf.journal).undo(report.batch_id)
    finally:
        music.chmod(0o755)
    shelf.check_refused(stuck, "may not write in the folder")
    shelf.undo(report)
    shelf.check_original()


def test_a_disk_with_no_room_for_a_copy(masters: Masters, state: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", megabytes=16) as disk:
        files = filled(masters, disk / "music")
        filler = disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - 2**20))
        with shelf_of(files, state) as shelf:
            shelf.check_refused(shelf.write(), "There is no room on the disk")
            shelf.check_original()
            filler.unlink()
            shelf.check_written(shelf.write())


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Lets no file become larger, as a disk does that fills up in the middle of it."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_room_ends_in_the_middle_of_a_copy(shelf: Shelf) -> None:
    def fails(laid: safe_write.Planned | safe_write.Restored) -> None:
        with files_up_to(length_of(laid.pieces) - 10), pytest.raises(UserError) as told:
            safe_write.compose(laid)
        assert "There is no room on the disk" in str(told.value)
        check_told(str(told.value))

    for change in shelf.changes:
        fails(safe_write.plan(change))
    shelf.check_original()
    report = shelf.write()
    assert report.batch_id is not None
    new = {file: digest(file) for file in shelf.files}
    for file in shelf.journal.files(report.batch_id):
        kept = shelf.journal.original(file.id)
        assert kept is not None
        fails(safe_write.plan_restore(file.path, kept.delta, kept.sha256, kept.mtime_ns))
    assert {file: digest(file) for file in shelf.files} == new
    shelf.check_written(report)


def test_another_file_system_than_the_history(masters: Masters, state: Path) -> None:
    if not os.path.isdir("/dev/shm"):  # noqa: S108 - a file system that is in memory
        pytest.skip("there is no second file system here")
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        shelf_of(filled(masters, Path(folder)), state) as shelf,
    ):
        shelf.check_written(shelf.write())


# -- other programs -------------------------------------------------------------------------------

_LOCK = """
import fcntl, sys
files = [open(name, "r+b") for name in sys.argv[2:]]
for file in files:
    getattr(fcntl, sys.argv[1])(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""

_PLAY = """
import hashlib, json, sys
files = [open(name, "rb") for name in sys.argv[1:]]
heard = [hashlib.sha256(file.read(9000)) for file in files]
print("playing", flush=True)
sys.stdin.readline()
for file, digest in zip(files, heard):
    digest.update(file.read())
json.dump([digest.hexdigest() for digest in heard], sys.stdout)
"""


@contextmanager
def another_program(code: str, *arguments: str | Path) -> Iterator[Callable[[], str]]:
    """Runs until it is ready; the call lets it go on, and returns what it says."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield lambda: process.communicate("go on\n")[0]
        finally:
            process.kill()


@pytest.mark.parametrize("call", ["flock", "lockf"])
def test_locked_files(shelf: Shelf, call: str) -> None:
    report = shelf.write()
    assert report.batch_id is not None
    changes = [replace(change, fields={Field.GENRE: ("Blues",)}) for change in shelf.changes]
    with another_program(_LOCK, call, *shelf.files):
        shelf.check_refused(shelf.write(changes), "locked the file")
        stuck = service(shelf.journal).undo(report.batch_id)
        shelf.check_refused(stuck, "locked the file")
    shelf.check_written(report)


def test_files_that_play(shelf: Shelf) -> None:
    """A player goes on with what it has opened, through the write and through the undo."""
    with another_program(_PLAY, *shelf.files) as go_on:
        report = shelf.write()
        new = [digest(file) for file in shelf.files]
        with another_program(_PLAY, *shelf.files) as go_on_with_new:
            shelf.check_written(report)
            assert json.loads(go_on_with_new()) == new
        assert json.loads(go_on()) == list(shelf.before.values())


def test_changed_between_the_proposal_and_the_write(shelf: Shelf, tmp_path: Path) -> None:
    decided = [
        replace(jazz(file), expected={Field.GENRE: tags_of(file).get(Field.GENRE, ())})
        for file in shelf.files
    ]
    with shelf_of(shelf.files, tmp_path / "other" / "history.db") as other:
        theirs = other.write([Change(str(file), {Field.GENRE: ("Polka",)}) for file in other.files])
        changed = {file: digest(file) for file in shelf.files}
        assert all(changed[file] != shelf.before[file] for file in shelf.files)

        shelf.check_refused(shelf.write(decided), 'Genre says "Polka" by now')
        assert {file: digest(file) for file in shelf.files} == changed

        merged = shelf.write(decided, merge=True)
        assert merged.left_alone == ()
        for file in shelf.files:
            assert same(Field.GENRE, ("Polka", "Jazz", "Cool"), tags_of(file)[Field.GENRE])
        shelf.undo(merged)
        assert {file: digest(file) for file in shelf.files} == changed
        other.undo(theirs)
    shelf.check_original()


def appended(file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"more")


def replaced(file: Path) -> None:
    spare = file.with_name("spare")
    spare.write_bytes(b"another song")
    os.replace(spare, file)


@pytest.mark.parametrize("harm", [appended, replaced, Path.unlink])
@pytest.mark.parametrize("composed", [False, True])
def test_changed_or_gone_while_it_is_written(
    shelf: Shelf, harm: Callable[[Path], None], composed: bool
) -> None:
    for file in shelf.files:
        laid = safe_write.plan(jazz(file))
        if composed:
            safe_write.compose(laid)
        harm(file)
        now = file.read_bytes() if file.exists() else None
        with pytest.raises(UserError) as told:
            (safe_write.replace if composed else safe_write.compose)(laid)
        assert ("not there" if now is None else "changed the file just now") in str(told.value)
        check_told(str(told.value))
        assert (file.read_bytes() if file.exists() else None) == now
    shelf.check_tidy()


def test_gone_between_the_proposal_and_the_write(shelf: Shelf, music: Path) -> None:
    elsewhere = music.rename(music.with_name("elsewhere"))
    music.mkdir()
    shelf.check_refused(shelf.write(), "The file is not there")
    music.rmdir()
    without_folder = shelf.write()
    assert len(without_folder.left_alone) == len(shelf.files)
    assert all("The file is not there" in told for _, told in without_folder.left_alone)
    elsewhere.rename(music)
    shelf.check_original()


def test_changed_between_the_write_and_the_undo(shelf: Shelf, tmp_path: Path) -> None:
    former = {file: tags_of(file) for file in shelf.files}
    report = shelf.write()
    with shelf_of(shelf.files, tmp_path / "other" / "history.db") as other:
        title: FieldValues = {Field.TITLE: ("Theirs",)}
        theirs = other.write([Change(str(file), title) for file in other.files])
        assert report.batch_id is not None
        stuck = service(shelf.journal).undo(report.batch_id)
        shelf.check_refused(stuck, "changed the file since")

        back = service(shelf.journal).undo(report.batch_id, fields_only=True)
        assert back.left_alone == ()
        for file, before in former.items():
            now = tags_of(file)
            assert now[Field.TITLE] == ("Theirs",)
            for field in JAZZ:
                assert same(field, before.get(field, ()), now.get(field, ()))
        shelf.undo(back)
        other.undo(theirs)
    shelf.undo(report)
    shelf.check_original()


# -- names and links ------------------------------------------------------------------------------


def test_symbolic_links_stay(shelf: Shelf, tmp_path: Path) -> None:
    links = [tmp_path / f"link to {file.name}" for file in shelf.files]
    for link, file in zip(links, shelf.files, strict=True):
        link.symlink_to(os.path.relpath(file, tmp_path))
    report = shelf.write([jazz(link) for link in links])
    assert report.left_alone == ()
    assert {stamp.path for stamp in report.done} == set(map(str, links))
    assert all(link.is_symlink() for link in links)
    assert all(digest(file) != before for file, before in shelf.before.items())
    shelf.undo(report)
    assert all(link.is_symlink() for link in links)
    shelf.check_original()


def test_hard_links(shelf: Shelf, tmp_path: Path) -> None:
    others = [tmp_path / f"other {file.name}" for file in shelf.files]
    for other, file in zip(others, shelf.files, strict=True):
        os.link(file, other)
    shelf.check_refused(shelf.write(), "2 names (hard links)")
    shelf.check_original()

    separate = Settings(separate_hard_links=True)
    writing = TagWriting(shelf.journal, lambda: separate, EventBus(), lambda _news: None)
    shelf.check_written(writing.write(shelf.changes))
    assert [digest(other) for other in others] == list(shelf.before.values())


@pytest.mark.parametrize(
    "name",
    [
        b"it's \"quoted\" `so` $HOME %s {0}; 'x",
        b"two\nlines\t\r",
        b"caf\xe9 \xff\xfe",
        "a\N{COMBINING ACUTE ACCENT}\N{RIGHT-TO-LEFT OVERRIDE}夜".encode(),
        b"-rf ..",
    ],
)
def test_odd_names(masters: Masters, music: Path, state: Path, name: bytes) -> None:
    odd = os.fsdecode(name)
    folder = music / odd
    try:
        files = [file.rename(folder / f"{odd}{file.name}") for file in filled(masters, folder)]
    except OSError:
        pytest.skip("this file system has no such names")
    with shelf_of(files, state) as shelf:
        report = shelf.write()
        assert report.batch_id is not None
        told = {file.path for file in shelf.journal.files(report.batch_id)}
        assert told == set(map(str, files))
        shelf.check_written(report)


# -- what is in the files -------------------------------------------------------------------------


@pytest.mark.parametrize("name", BIG)
def test_a_picture_of_50_mb(name: str, music: Path, state: Path) -> None:
    music.mkdir()
    file = BIG[name](music)
    assert file.stat().st_size > SIZE
    with shelf_of([file], state) as shelf:
        words = " ".join(["Long words."] * 300)  # more than any padding
        report = shelf.write([Change(str(file), {Field.SUMMARY: (words,)})])
        assert shelf.journal.size() < SIZE / 200
        assert tags_of(file)[Field.SUMMARY] == (words,)
        shelf.check_written(report)
    file.unlink()


def test_tags_of_10_000_values(masters: Masters, music: Path, state: Path) -> None:
    many = tuple(f"Genre number {number}" for number in range(10_000))
    with shelf_of(filled(masters, music, TAG_SYSTEMS), state) as shelf:
        first = shelf.write([Change(str(file), {Field.GENRE: many}) for file in shelf.files])
        assert len(first.done) == len(shelf.files)
        large = {file: digest(file) for file in shelf.files}
        second = shelf.write([Change(str(file), {Field.KEY: ("Ebm",)}) for file in shelf.files])
        assert len(second.done) == len(shelf.files)
        for file in shelf.files:
            assert same(Field.GENRE, many, tags_of(file)[Field.GENRE])
        shelf.undo(second)
        assert {file: digest(file) for file in shelf.files} == large
        shelf.undo(first)
        shelf.check_original()


def test_files_that_are_cut_off(masters: Masters, music: Path, state: Path) -> None:
    """In their tags and in their sound; what can still be written is also undone."""
    music.mkdir()
    shares = (0.0005, 0.01, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99, 0.9999)
    files = []
    for name in FORMATS:
        raw = masters(name).read_bytes()
        for share in shares:
            file = music / f"{name} {share}{masters(name).suffix}"
            file.write_bytes(raw[: round(len(raw) * share)])
            files.append(file)
    with shelf_of(files, state) as shelf:
        report = shelf.write()
        assert len(report.done) > len(FORMATS), "many have their tags at the beginning"
        assert len(report.left_alone) > len(FORMATS), "many have not"
        shelf.check_each(report)


def test_what_is_no_music(masters: Masters, music: Path, state: Path) -> None:
    music.mkdir()
    noise = hashlib.shake_256(b"noise").digest(70_000)
    contents = {
        "empty": b"",
        "text": b"A shopping list: butter, bread.\n" * 300,
        "zeros": bytes(70_000),
        "ones": b"\xff" * 5000,
        "noise": noise,
        "picture": b"\x89PNG\r\n\x1a\n" + noise,
        "archive": b"PK\3\4" + noise,
        "page": b"<!DOCTYPE html><title>404</title>" + b" " * 5000,
    }
    files = []
    for extension in sorted({masters(name).suffix for name in FORMATS}):
        for name, content in contents.items():
            files.append(music / f"{name}{extension}")
            files[-1].write_bytes(content)
    with shelf_of(files, state) as shelf:
        shelf.check_refused(shelf.write(), "This is no music file", "The file is empty")
        shelf.check_original()


def test_folders_and_pipes_with_names_of_music(masters: Masters, music: Path, state: Path) -> None:
    paths = []
    for extension in sorted({masters(name).suffix for name in FORMATS}):
        paths += [music / f"folder{extension}", music / f"pipe{extension}"]
        paths[-2].mkdir(parents=True)
        os.mkfifo(paths[-1])
    with shelf_of([], state) as shelf:
        report = shelf.write([jazz(path) for path in paths])
        assert report.done == ()
        assert len(report.left_alone) == len(paths)
        for path, told in report.left_alone:
            name = Path(path).name
            assert ("a folder" if name.startswith("folder") else "no ordinary file") in told
            check_told(told)
    assert sorted(music.iterdir()) == sorted(paths)


# -- a kill at the worst moment -------------------------------------------------------------------

_AT_ONCE = 7  # files that are sure to be in work together


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("undo", [False, True])
def test_killed_between_the_copy_and_its_place(
    masters: Masters, music: Path, state: Path, undo: bool, in_place: bool
) -> None:
    context = multiprocessing.get_context("forkserver")  # imports the program once for all
    context.set_forkserver_preload(["tests.faults.tag_killed"])
    files = filled(masters, music)
    for start in range(0, len(files), _AT_ONCE):
        with shelf_of(files[start : start + _AT_ONCE], state) as shelf:
            report = shelf.write()
            new = {file: digest(file) for file in shelf.files}
            if not undo:
                shelf.undo(report)
            facts = {"undo": undo, "in_place": in_place}
            process = context.Process(target=die, args=(state, shelf.files), kwargs=facts)
            process.start()
            process.join(60)
            assert process.exitcode == -signal.SIGKILL

            copies = list(music.glob(f".*{safe_write.SUFFIX}"))
            assert len(copies) == (0 if in_place else len(shelf.files))
            now = {file: digest(file) for file in shelf.files}
            assert now == (shelf.before if undo == in_place else new)
            found = service(shelf.journal).recover()
            settled = (found.undone if undo else found.written) if in_place else found.untouched
            assert sorted(settled) == sorted(map(str, shelf.files))
            assert found.copies == len(copies)
            shelf.check_tidy()
            undo_all(service(shelf.journal))
            shelf.check_original()


# -- whatever is written is undone ----------------------------------------------------------------


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(ANY_CHANGES, min_size=1, max_size=4))
def test_batches_in_a_row_are_undone_to_the_byte(
    masters: Masters, batches: list[FieldValues]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = filled(masters, Path(folder) / "music")
        with shelf_of(files, Path(folder) / "history.db") as shelf:
            done: list[tuple[WriteReport, dict[Path, str]]] = []
            sounds = [heard(file) for file in files]
            for changes in batches:
                before = {file: (digest(file), tags_of(file), seen(file)) for file in files}
                asked = {f: possible(changes, opus=f.suffix == ".opus") for f in files}
                report = shelf.write([Change(str(file), asked[file]) for file in files])
                assert report.left_alone == ()
                done.append((report, {file: then for file, (then, _, _) in before.items()}))
                for file, (_, tags, witnessed) in before.items():
                    now = tags_of(file)
                    for field in Field:
                        meant = asked[file].get(field, tags.get(field, ()))
                        assert same(field, meant, now.get(field, ())), (file.name, field)
                    assert not differing(witnessed, seen(file), changes), file.name
            assert [heard(file) for file in files] == sounds
            for report, former in reversed(done):
                shelf.undo(report)
                assert {file: digest(file) for file in files} == former
            shelf.check_original()


def test_every_case_of_the_corpus_is_undone_to_the_byte(
    masters: Masters, music: Path, state: Path
) -> None:
    with shelf_of(filled(masters, music, CASES), state) as shelf:
        shelf.check_written(shelf.write())
