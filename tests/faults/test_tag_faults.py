"""Writing tags while disks, rights and other programs are against it: no file is ever harmed."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from msa_desktop.base.events import EventBus
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting, Written
from msa_desktop.store.journal import Journal
from msa_desktop.tagio import safe_write
from tests.faults.shelf import mounted
from tests.faults.tag_killed import service
from tests.support import write_wav
from tests.support_tags import Maker, digest, jazz, make_in

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX's permissions and locks")
linux = pytest.mark.skipif(sys.platform != "linux", reason="takes rights away the Linux way")

CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER = range(4)


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return make_in(tmp_path_factory.mktemp("masters"))


@pytest.fixture(params=[".mp3", ".flac", ".wav"])
def song(request: pytest.FixtureRequest, make: Maker, tmp_path: Path) -> Path:
    return make(tmp_path / "music" / f"song{request.param}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "state" / "history.db")) as journal:
        yield journal


def reason(journal: Journal, song: Path) -> str:
    """Why a write leaves the file alone; it must then be as it was, with nothing beside it."""
    before, there = digest(song), sorted(os.listdir(song.parent))
    report = service(journal).write([jazz(song)])
    assert report.done == ()
    assert journal.history() == []
    assert digest(song) == before
    assert sorted(os.listdir(song.parent)) == there
    ((path, told),) = report.left_alone
    assert path == str(song)
    assert told.endswith(".") and told[0].isupper()
    return told


def write_elsewhere(
    state: Path, *songs: Path, preexec_fn: Callable[[], None] | None = None
) -> dict[str, Any]:
    """What another process, with other rights, makes of it."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("write_tags.py")), str(state), *songs],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=preexec_fn,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def without(*capabilities: int) -> Callable[[], None]:
    """Takes rights that only root has; the next program lacks them."""

    def drop() -> None:
        for capability in capabilities:
            ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP

    return drop


# -- rights ---------------------------------------------------------------------------------------


def test_read_only_file(journal: Journal, song: Path) -> None:
    song.chmod(0o444)
    assert "read-only" in reason(journal, song)


@linux
def test_folder_that_may_not_be_written(song: Path, tmp_path: Path) -> None:
    before = digest(song)
    if os.geteuid() == 0:
        os.chown(song.parent, 1234, 1234)
        mode = 0o755  # its owner may write there, but we are not that one
    else:
        mode = 0o555
    song.parent.chmod(mode)
    try:
        rights = without(CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
        answer = write_elsewhere(tmp_path / "state" / "history.db", song, preexec_fn=rights)
    finally:
        song.parent.chmod(0o755)
    assert "may not write in the folder" in answer[song.name]
    assert digest(song) == before
    assert os.listdir(song.parent) == [song.name]


@linux
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
def test_a_file_of_somebody_else_would_become_ours(song: Path, tmp_path: Path) -> None:
    before = digest(song)
    os.chown(song, 1234, 1234)
    song.chmod(0o666)
    rights = without(CAP_CHOWN, CAP_FOWNER)
    answer = write_elsewhere(tmp_path / "state" / "history.db", song, preexec_fn=rights)
    assert "belongs to another user" in answer[song.name]
    assert (digest(song), song.stat().st_uid) == (before, 1234)
    assert os.listdir(song.parent) == [song.name]


# -- room -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", megabytes=1) as disk:
        yield disk


def test_the_music_disk_is_full(journal: Journal, small_disk: Path) -> None:
    song = write_wav(small_disk / "song.wav", 18)
    assert song.stat().st_size > 2**19
    assert "no room on the disk" in reason(journal, song)


def test_the_disk_fills_up_while_the_copy_is_made(song: Path, tmp_path: Path) -> None:
    """A limit on files' sizes: the system refuses in the middle of the copy."""
    resource = pytest.importorskip("resource")
    large = write_wav(song.with_name("large.wav"), 60)
    before = digest(large), digest(song)
    limit = large.stat().st_size - 1000

    def be_limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    state = tmp_path / "state" / "history.db"
    answer = write_elsewhere(state, large, song, preexec_fn=be_limited)
    assert "no room on the disk" in answer["large.wav"]
    assert answer[song.name] == "", "the small one fits"
    assert digest(large) == before[0]
    assert sorted(os.listdir(song.parent)) == sorted([large.name, song.name])
    with closing(Journal(state)) as journal:
        service(journal).undo(1)
    assert digest(song) == before[1]


def test_the_disk_of_the_history_is_full(song: Path, small_disk: Path) -> None:
    before = digest(song)
    with closing(Journal(small_disk / "history.db")):
        pass
    with (
        open(small_disk / "filler", "wb", buffering=0) as file,
        pytest.raises(OSError, match="No space"),
    ):
        while True:
            file.write(bytes(4096))
    answer = write_elsewhere(small_disk / "history.db", song)
    assert "full" in answer["error"]
    assert "history.db" in answer["error"]
    assert digest(song) == before
    assert os.listdir(song.parent) == [song.name]

    (small_disk / "filler").unlink()
    assert write_elsewhere(small_disk / "history.db", song) == {song.name: ""}


def test_another_file_system_than_the_history(journal: Journal, make: Maker) -> None:
    if not os.path.isdir("/dev/shm"):  # noqa: S108 - a file system that is in memory
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        song = make(Path(folder) / "song.mp3")
        before = digest(song)
        writing = service(journal)
        assert len(writing.write([jazz(song)]).done) == 1
        assert os.listdir(folder) == ["song.mp3"]
        writing.undo(1)
        assert digest(song) == before


# -- other programs -------------------------------------------------------------------------------

_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.{call}(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("call", ["flock", "lockf"])
def test_locked_by_another_program(journal: Journal, song: Path, call: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LOCK.format(call=call), str(song)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert "locked" in reason(journal, song)
        other.communicate()
    assert len(service(journal).write([jazz(song)]).done) == 1


def test_a_program_that_reads_the_file_keeps_the_old_one(journal: Journal, song: Path) -> None:
    before = song.read_bytes()
    code = "import sys; file = open(sys.argv[1], 'rb'); print(flush=True); sys.stdin.readline();"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code} sys.stdout.buffer.write(file.read())", str(song)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as player:
        assert player.stdout is not None
        player.stdout.readline()
        assert len(service(journal).write([jazz(song)]).done) == 1
        heard, _ = player.communicate(b"play\n")
    assert heard == before
    assert song.read_bytes() != before


@pytest.mark.parametrize("harm", [Path.unlink, lambda song: song.write_bytes(b"other")])
def test_gone_or_changed_while_the_batch_runs(
    journal: Journal, make: Maker, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    """Something happens to the files of the second group while the first one is written."""
    songs = [make(tmp_path / "music" / f"{n:02}.mp3") for n in range(20)]

    def meanwhile(_news: Sequence[Written]) -> None:
        harm(songs[-1])

    writing = TagWriting(journal, Settings, EventBus(), meanwhile)
    report = writing.write([jazz(song) for song in songs])
    assert len(report.done) == 19
    ((path, told),) = report.left_alone
    assert path == str(songs[-1])
    assert "not there" in told or "changed the file just now" in told
    assert not list((tmp_path / "music").glob(f".*{safe_write.SUFFIX}"))


def test_a_program_that_writes_the_same_files_all_the_time(
    journal: Journal, make: Maker, tmp_path: Path
) -> None:
    """A write either wins or leaves the file alone; the file is always a whole one."""
    songs = [make(tmp_path / "music" / f"{n}.wav") for n in range(8)]
    whole = songs[0].read_bytes()
    stop = threading.Event()

    def disturb() -> None:
        number = 0
        while not stop.wait(0.001):
            for song in songs:
                number += 1
                spare = song.with_suffix(".theirs")
                spare.write_bytes(whole[:-8] + number.to_bytes(8, "little"))
                os.replace(spare, song)

    thread = threading.Thread(target=disturb)
    thread.start()
    told: list[str] = []
    writing = service(journal)
    try:
        for _ in range(10):
            left_alone = writing.write([jazz(song) for song in songs]).left_alone
            told += [reason for _, reason in left_alone]
    finally:
        stop.set()
        thread.join()
    assert told, "it never got in the way: that proves nothing"
    assert all("changed the file just now" in reason for reason in told)
    assert not list((tmp_path / "music").glob(f".*{safe_write.SUFFIX}"))
    assert journal.unfinished() == []
    assert all(whole[44:-8] in song.read_bytes() for song in songs)


# -- names and links ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b'it\'s "quoted" `so` $HOME %s {0}.mp3',
        b"two\nlines\t.mp3",
        b"caf\xe9 \xff\xfe.mp3",
        b"\xe5\xa4\x9c" * 83 + b"aa.mp3",
        b" leading and trailing .mp3",
        b"-rf.mp3",
    ],
)
def test_odd_names(journal: Journal, make: Maker, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(b"f\xf6lder\n'")
    folder.mkdir()
    assert len(name) <= 255
    try:
        song = Path(shutil.copy(make(tmp_path / "plain.mp3"), folder / os.fsdecode(name)))
    except OSError:
        pytest.skip("this file system has no such names")
    before = digest(song)
    writing = service(journal)
    (stamp,) = writing.write([jazz(song)]).done
    assert stamp.path == str(song)
    assert writing.files(1)[0].path == str(song)
    assert writing.undo(1).left_alone == ()
    assert digest(song) == before
    assert os.listdir(folder) == [song.name]


def test_links(journal: Journal, song: Path, tmp_path: Path) -> None:
    link, hard = tmp_path / f"link{song.suffix}", tmp_path / f"hard{song.suffix}"
    link.symlink_to(song)
    before = digest(song)
    writing = service(journal)
    assert len(writing.write([jazz(link)]).done) == 1
    assert link.is_symlink()
    assert digest(song) != before
    writing.undo(1)
    assert (link.is_symlink(), digest(song)) == (True, before)
    os.link(song, hard)
    report = writing.write([jazz(hard)])
    assert "2 names (hard links)" in report.left_alone[0][1]
    assert (digest(song), song.stat().st_nlink) == (before, 2)
