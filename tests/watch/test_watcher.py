"""Real events of the real file system; a walk where the system tells none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from msa_desktop.watch import native
from msa_desktop.watch.root_watch import Timing
from msa_desktop.watch.watcher import Watcher

FAST = Timing(quiet=0.15, longest=1.5, check=0.2, poll=0.3)
PATIENCE = 20.0  # seconds; a test that passes takes a fraction


class Heard:
    """What a watcher told so far."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._told: dict[str, set[str]] = {}
        self.calls: list[Mapping[str, frozenset[str]]] = []
        self.notices: list[str] = []

    def take(self, changes: Mapping[str, frozenset[str]]) -> None:
        with self._changed:
            self.calls.append(changes)
            for root, folders in changes.items():
                self._told.setdefault(root, set()).update(folders)
            self._changed.notify()

    def wait(self, root: Path, *folders: Path) -> None:
        """Waits until these folders, or ones around them, were told; then forgets the root's."""

        def all_told() -> bool:
            told = self._told.get(str(root), set())
            return all(any(_covers(t, str(f)) for t in told) for f in folders or [root])

        with self._changed:
            assert self._changed.wait_for(all_told, PATIENCE), self._told
            del self._told[str(root)]

    def quiet(self, seconds: float = 0.8) -> bool:
        """Whether nothing is told for a while."""
        with self._changed:
            self._told.clear()
            return not self._changed.wait_for(lambda: bool(self._told), seconds)

    def clear(self) -> None:
        with self._changed:
            self.calls.clear()


def _covers(told: str, folder: str) -> bool:
    return folder == told or folder.startswith(told + os.sep)


@pytest.fixture
def heard() -> Heard:
    return Heard()


Watch = Callable[..., Watcher]


@pytest.fixture
def watch(heard: Heard) -> Iterator[Watch]:
    """Starts a watcher, and waits until its roots are watched."""
    watchers: list[Watcher] = []

    def start(*roots: Path, exclude: tuple[str, ...] = (), timing: Timing = FAST) -> Watcher:
        watcher = Watcher(heard.take, heard.notices.append, exclude=exclude, timing=timing)
        watchers.append(watcher)
        watcher.watch(map(str, roots))
        for root in roots:
            heard.wait(root)
        heard.clear()
        return watcher

    yield start
    for watcher in watchers:
        watcher.close()
    assert [t.name for t in threading.enumerate() if t.name in {"watch", "watcher"}] == []


@pytest.fixture
def music(tmp_path: Path) -> Path:
    root = tmp_path / "Music"
    for name in ("a/1.mp3", "b/c/2.mp3", "3.mp3"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    return root


def test_new_changed_and_removed_files(music: Path, heard: Heard, watch: Watch) -> None:
    watch(music)
    (music / "a/new.mp3").write_bytes(b"x")
    heard.wait(music, music / "a")
    assert heard.calls == [{str(music): frozenset({str(music / "a")})}]
    with (music / "b/c/2.mp3").open("ab") as file:
        file.write(b"more")
    heard.wait(music, music / "b/c")
    (music / "3.mp3").unlink()
    heard.wait(music, music)
    (music / "a/1.mp3").chmod(0o600)
    heard.wait(music, music / "a")


def test_what_is_no_music_is_not_told(music: Path, heard: Heard, watch: Watch) -> None:
    (music / ".cache").mkdir()
    watch(music, exclude=("Podcasts", "*.part.mp3"))
    (music / "a/cover.jpg").write_bytes(b"x")
    (music / "a/.hidden.mp3").write_bytes(b"x")
    (music / ".cache/x.mp3").write_bytes(b"x")
    (music / "a/x.part.mp3").write_bytes(b"x")
    (music / "Podcasts").mkdir()
    (music / "a/1.mp3").read_bytes()
    assert heard.quiet()


def test_moves_tell_both_folders_at_once(music: Path, heard: Heard, watch: Watch) -> None:
    other = music.parent / "Other"
    other.mkdir()
    # watchdog waits half a second for the other end of a move, and finds none in another root.
    watch(music, other, timing=Timing(quiet=0.8, check=0.2))
    (music / "a/1.mp3").rename(music / "b/c/1.mp3")
    heard.wait(music, music / "a", music / "b/c")
    assert len(heard.calls) == 1
    heard.clear()
    (music / "b/c/1.mp3").rename(other / "1.mp3")
    heard.wait(music, music / "b/c")
    assert {root: set(folders) for root, folders in heard.calls[0].items()} == {
        str(music): {str(music / "b/c")},
        str(other): {str(other)},
    }


def test_folders_that_come_move_and_go(music: Path, heard: Heard, watch: Watch) -> None:
    watch(music)
    incoming = music.parent / "incoming"
    shutil.copytree(music / "b", incoming)
    incoming.rename(music / "d")
    heard.wait(music, music / "d")
    (music / "d/c/new.mp3").write_bytes(b"x")
    heard.wait(music, music / "d/c")
    (music / "d").rename(music / "e")
    heard.wait(music, music / "d", music / "e")
    (music / "e/c/newer.mp3").write_bytes(b"x")
    heard.wait(music, music / "e/c")
    shutil.rmtree(music / "e")
    heard.wait(music, music / "e")
    (music / "f/g/h").mkdir(parents=True)
    (music / "f/g/h/4.mp3").write_bytes(b"x")
    heard.wait(music, music / "f/g/h")


def test_folder_with_an_audio_name_is_looked_at_from_outside(
    music: Path, heard: Heard, watch: Watch
) -> None:
    (music / "b/live.mp3/x").mkdir(parents=True)
    watch(music)
    (music / "b/live.mp3/x/1.mp3").write_bytes(b"x")
    heard.wait(music, music / "b")
    assert str(music / "b") in heard.calls[-1][str(music)]


def test_busy_folder_is_told_within_the_longest_wait(
    music: Path, heard: Heard, watch: Watch
) -> None:
    watch(music, timing=Timing(quiet=0.5, longest=1.0, check=0.2))
    began = time.monotonic()
    with (music / "a/growing.mp3").open("wb", buffering=0) as file:
        while not heard.calls and time.monotonic() - began < PATIENCE:
            file.write(b"x" * 1000)
            time.sleep(0.02)
    assert 0.9 < time.monotonic() - began < PATIENCE


def test_many_folders_become_one_look_at_the_root(music: Path, heard: Heard, watch: Watch) -> None:
    for number in range(80):
        (music / f"n{number}").mkdir()
    watch(music, timing=Timing(quiet=0.5, check=0.2))
    for number in range(80):
        (music / f"n{number}/x.mp3").write_bytes(b"x")
    heard.wait(music, music)
    assert heard.calls[0] == {str(music): frozenset({str(music)})}


def test_root_that_goes_away_and_comes_back(music: Path, heard: Heard, watch: Watch) -> None:
    watch(music)
    away = music.parent / "unplugged"
    music.rename(away)
    heard.wait(music)
    (away / "a/quiet.mp3").write_bytes(b"x")
    away.rename(music)
    heard.wait(music)
    (music / "a/new.mp3").write_bytes(b"x")
    heard.wait(music, music / "a")
    shutil.rmtree(music)
    heard.wait(music)
    (music / "a").mkdir(parents=True)
    heard.wait(music)
    assert heard.quiet()
    (music / "a/newer.mp3").write_bytes(b"x")
    heard.wait(music, music / "a")


def test_root_that_is_not_there_yet_is_waited_for(music: Path, heard: Heard, watch: Watch) -> None:
    later = music.parent / "later"
    watch(later)
    music.rename(later)
    heard.wait(later)
    (later / "a/new.mp3").write_bytes(b"x")
    heard.wait(later, later / "a")


def test_roots_can_be_exchanged(music: Path, heard: Heard, watch: Watch) -> None:
    other = music.parent / "Other"
    other.mkdir()
    watcher = watch(music)
    watcher.watch([str(other)])
    heard.wait(other)
    (music / "a/new.mp3").write_bytes(b"x")
    assert heard.quiet()
    (other / "new.mp3").write_bytes(b"x")
    heard.wait(other, other)


def test_linked_folders_are_watched(music: Path, heard: Heard, watch: Watch) -> None:
    disk = music.parent / "disk"
    (disk / "x").mkdir(parents=True)
    (disk / "x/5.mp3").write_bytes(b"x")
    (music / "linked").symlink_to(disk)
    (music / "a/loop").symlink_to("..")
    (disk / "loop").symlink_to(".")
    root = music.parent / "by another name"
    root.symlink_to(music)
    watch(root)
    (disk / "x/new.mp3").write_bytes(b"x")
    heard.wait(root, root / "linked/x")
    assert heard.calls == [{str(root): frozenset({str(root / "linked/x")})}]
    more = music.parent / "more"
    more.mkdir()
    (more / "6.mp3").write_bytes(b"x")
    (music / "a/late").symlink_to(more)
    heard.wait(root)
    (more / "7.mp3").write_bytes(b"x")
    heard.wait(root, root / "a/late")
    (music / "a/late").unlink()
    heard.wait(root)
    (more / "8.mp3").write_bytes(b"x")
    assert heard.quiet()
    disk.rename(music.parent / "unplugged")
    heard.wait(root)


def test_names_in_invalid_utf8(music: Path, heard: Heard, watch: Watch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux file systems hold names in invalid UTF-8")
    folder = Path(os.fsdecode(os.fsencode(music) + b"/\xff"))
    folder.mkdir()
    watch(music)
    (folder / "1.mp3").write_bytes(b"x")
    heard.wait(music, folder)


def test_polling_tells_the_same(
    music: Path, heard: Heard, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "tells_changes", lambda _: False)  # as on a network share
    watch(music)
    assert heard.quiet()
    (music / "a/new.mp3").write_bytes(b"x")
    heard.wait(music, music / "a")
    assert heard.calls == [{str(music): frozenset({str(music / "a")})}]
    os.utime(music / "b/c/2.mp3", (1, 1))
    heard.wait(music, music / "b/c")
    shutil.rmtree(music / "b")
    heard.wait(music, music / "b/c")
    (music / "a/1.mp3").rename(music / "1.mp3")
    heard.wait(music, music, music / "a")


_IN_A_SMALL_SYSTEM = """
import sys, time
from msa_desktop.watch.root_watch import Timing
from msa_desktop.watch.watcher import Watcher
told, notices = [], []
watcher = Watcher(told.append, notices.append, timing=Timing(0.1, 1, 0.2, 0.3))
watcher.watch([sys.argv[1]])
def wait(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition(), (told, notices)
{body}
wait(lambda: notices)
del told[:]
open(sys.argv[1] + "/deep7/new.mp3", "w").close()
wait(lambda: any(sys.argv[1] + "/deep7" in t[sys.argv[1]] for t in told))
watcher.close()
print(notices[0], len(notices))
"""
_FROM_THE_START = "wait(lambda: told)"
_LATER = """
import os
wait(lambda: told)
assert not notices, notices
for n in range(20):
    os.mkdir(f"{sys.argv[1]}/late{n}")
"""


@pytest.mark.parametrize(
    ("knob", "limit", "body", "named"),
    [
        ("max_inotify_watches", 12, _FROM_THE_START, "fs.inotify.max_user_watches=1048576"),
        ("max_inotify_watches", 30, _LATER, "fs.inotify.max_user_watches=1048576"),
        ("max_inotify_instances", 0, _FROM_THE_START, "fs.inotify.max_user_instances=1024"),
    ],
)
def test_system_limits_are_told_and_polled_around(
    tmp_path: Path, knob: str, limit: int, body: str, named: str
) -> None:
    for number in range(20):
        (tmp_path / f"deep{number}").mkdir()
    (tmp_path / "1.mp3").write_bytes(b"x")
    limits = Path("/proc/sys/user") / knob
    enter = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    lower = f"echo {limit} > {limits}"
    may = subprocess.run([*enter, lower], check=False, capture_output=True)
    if may.returncode:
        pytest.skip("this system does not let a test lower its own inotify limits")
    script = _IN_A_SMALL_SYSTEM.format(body=body)
    done = subprocess.run(
        [*enter, f'{lower} && exec "$@"', "sh", sys.executable, "-c", script, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert named in done.stdout
    assert done.stdout.strip().endswith(" 1")
