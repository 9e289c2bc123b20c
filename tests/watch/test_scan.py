"""Walks real trees: links, loops, pipes, names in any script, folders that may not be read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FileStamp
from msa_desktop.watch.scan import Problem, RootGone, Rules, linked_folders, root_is_there, scan

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux file systems hold names in invalid UTF-8"
)


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound of " + os.fsencode(name))


def found(
    root: Path, *exclude: str, only: Path | None = None, follow_links: bool = True
) -> list[str]:
    """The files' paths relative to the root, sorted."""
    only_path = None if only is None else str(only)
    walk = scan(str(root), exclude, follow_links=follow_links, only=only_path)
    return sorted(os.path.relpath(item.path, root) for item in walk if isinstance(item, FileStamp))


def problems(root: Path, only: Path | None = None) -> dict[str, Problem]:
    walk = scan(str(root), only=None if only is None else str(only))
    return {os.path.relpath(p.path, root): p for p in walk if isinstance(p, Problem)}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    root = tmp_path / "Music"
    root.mkdir()
    return root


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that may not be opened, not even when the superuser runs the tests."""
    if sys.platform == "win32":
        pytest.skip("Windows has other permissions")
    with tempfile.TemporaryDirectory() as root:
        make(Path(root), "locked/a.mp3", "b.mp3")
        Path(root).chmod(0o755)
        folder = Path(root) / "locked"
        folder.chmod(0)
        user = os.geteuid()
        if not user:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_stamp_says_what_the_file_system_says(music: Path) -> None:
    make(music, "Artist/Album/01 song.flac")
    path = music / "Artist/Album/01 song.flac"
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    (stamp,) = scan(str(music))
    assert stamp == FileStamp(str(path), path.stat().st_size, path.stat().st_mtime_ns)


def test_leaves_out_what_is_no_music_of_the_person(music: Path) -> None:
    make(
        music,
        "a.mp3",
        "B.FLAC",
        "...And Justice for All/01.mp3",
        "cover.jpg",
        "list.m3u8",
        "list.pls",
        "album.cue",
        "notes",
        "c.mp3.part",
        "d.mp3.crdownload",
        "e.tmp",
        "._a.mp3",
        ".hidden.mp3",
        ".hidden/f.mp3",
        ".Trash-1000/files/g.mp3",
        "$RECYCLE.BIN/h.mp3",
        "System Volume Information/i.mp3",
        "lost+found/j.mp3",
        "Album/@eaDir/k.mp3",
        "#recycle/l.mp3",
        "__MACOSX/m.mp3",
    )
    assert found(music) == sorted(["a.mp3", "B.FLAC", "...And Justice for All/01.mp3"])


def test_exclude_patterns_match_names_and_relative_paths(music: Path) -> None:
    make(
        music,
        "Podcasts/a.mp3",
        "Podcasts/x/b.mp3",
        "c.mp3",
        "Live/c.live.mp3",
        "Talk/Podcasts/d.mp3",
    )
    assert found(music, "Podcasts/*") == ["Live/c.live.mp3", "Talk/Podcasts/d.mp3", "c.mp3"]
    assert found(music, "podcasts", "*.LIVE.mp3") == ["c.mp3"]
    assert found(music, "Talk/", "", "c.mp3") == [
        "Live/c.live.mp3",
        "Podcasts/a.mp3",
        "Podcasts/x/b.mp3",
    ]


def test_only_walks_one_folder_and_what_is_below(music: Path) -> None:
    make(music, "a/1.mp3", "a/b/2.mp3", "ab/3.mp3", ".hidden/c/4.mp3")
    assert found(music, only=music / "a") == ["a/1.mp3", "a/b/2.mp3"]
    assert found(music, only=music / "a/gone") == []
    assert found(music, only=music / ".hidden/c") == []
    assert found(music, "a", only=music / "a/b") == []
    with pytest.raises(ValueError, match="not below"):
        found(music, only=music.parent)


def test_paths_keep_the_name_the_root_was_given(music: Path) -> None:
    make(music, "a.mp3")
    link = music.parent / "My music"
    link.symlink_to(music)
    assert [item.path for item in scan(str(link))] == [str(link / "a.mp3")]
    assert [item.path for item in scan(f"{link}/../My music/")] == [str(link / "a.mp3")]


def test_linked_files_are_reported_at_their_own_path(music: Path) -> None:
    make(music.parent, "elsewhere/a.mp3")
    (music / "b.mp3").symlink_to("../elsewhere/a.mp3")
    assert found(music, follow_links=False) == ["b.mp3"]


def test_linked_folders_are_walked_once_and_only_when_asked(music: Path) -> None:
    make(music.parent, "disk/x/a.mp3")
    make(music, "own/b.mp3")
    (music / "two").symlink_to("../disk")
    (music / "one").symlink_to("../disk")
    (music / "zero").symlink_to("own")
    assert found(music) == ["one/x/a.mp3", "own/b.mp3"]
    assert found(music, only=music / "one/x") == ["one/x/a.mp3"]
    assert found(music, follow_links=False) == ["own/b.mp3"]
    assert found(music, follow_links=False, only=music / "one") == []
    assert linked_folders(str(music)) == [str(music / "one")]


def test_link_loops_end(music: Path) -> None:
    make(music, "a/1.mp3")
    make(music.parent, "disk/sub/2.mp3")
    (music / "a/self").symlink_to(".")
    (music / "a/up").symlink_to("..")
    (music / "top").symlink_to("/")
    (music / "disk").symlink_to("../disk")
    (music.parent / "disk/sub/back").symlink_to("..")
    (music.parent / "disk/sub/music").symlink_to(music)
    (music.parent / "disk/to-sub").symlink_to("sub")
    assert found(music) == ["a/1.mp3", "disk/sub/2.mp3"]
    assert problems(music) == {}


def test_a_link_to_an_empty_folder_may_be_one_to_a_missing_disk(music: Path) -> None:
    (music.parent / "disk").mkdir()
    (music / "linked").symlink_to("../disk")
    (problem,) = scan(str(music))
    assert isinstance(problem, Problem)
    assert problem.path == str(music / "linked")
    assert problem.unseen
    assert linked_folders(str(music)) == [str(music / "linked")]
    assert list(scan(str(music), only=str(music / "linked"))) == [problem]
    assert list(scan(str(music), only=str(music / "linked/album"))) == [problem]
    make(music.parent, "disk/a.mp3")
    assert found(music) == ["linked/a.mp3"]
    assert list(scan(str(music), only=str(music / "linked/album"))) == []


def test_links_that_lead_nowhere_are_problems(music: Path) -> None:
    (music / "a.mp3").symlink_to("gone.mp3")
    (music / "Other disk").symlink_to("/gone")
    (music / "cover.jpg").symlink_to("gone.jpg")
    (music / "loop.ogg").symlink_to("loop.ogg")
    seen = problems(music)
    assert set(seen) == {"a.mp3", "Other disk", "loop.ogg"}
    assert seen["a.mp3"].reason == "This is a link to something that is not there."
    assert not seen["a.mp3"].unseen
    assert seen["Other disk"].unseen  # what is known below it may only be unplugged


@on_unix
def test_what_only_looks_like_a_file_is_a_problem(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(music / "pipe.mp3")
    os.mkfifo(music / "pipe")
    (music / "null.wav").symlink_to("/dev/null")
    monkeypatch.chdir(music)  # a socket's address is short
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket.ogg")
    with listener:
        assert {name: problem.reason for name, problem in problems(music).items()} == {
            "pipe.mp3": "This is a named pipe, not a file.",
            "socket.ogg": "This is a socket, not a file.",
            "null.wav": "This is a device, not a file.",
        }


def test_folder_with_an_audio_name_is_a_folder(music: Path) -> None:
    make(music, "live.mp3/CD1/a.mp3", "empty.mp3/CD1/cover.jpg", "outer.ogg/inner.ogg/note.txt")
    assert found(music) == ["live.mp3/CD1/a.mp3"]
    assert {name: problem.reason for name, problem in problems(music).items()} == dict.fromkeys(
        ("empty.mp3", "outer.ogg", "outer.ogg/inner.ogg"), "This is a folder, not a file."
    )
    assert set(problems(music, only=music / "empty.mp3")) == {"empty.mp3"}
    shutil.rmtree(music / "empty.mp3")
    assert problems(music, only=music / "empty.mp3") == {}


def test_folder_that_may_not_be_opened_is_a_problem_and_the_rest_goes_on(locked: Path) -> None:
    root = locked.parent
    assert found(root) == ["b.mp3"]
    assert problems(root) == problems(root, only=locked)
    (problem,) = problems(root).values()
    assert problem == Problem(
        str(locked), "The folder cannot be opened (permission denied).", unseen=True
    )


@on_linux
def test_names_in_invalid_utf8(music: Path) -> None:
    folder = os.fsencode(music) + b"/caf\xe9"
    path = Path(os.fsdecode(folder + b"/\xff\xfe.mp3"))
    path.parent.mkdir()
    path.write_bytes(b"x")
    (stamp,) = scan(str(music), ["*.part"])
    assert os.fsencode(stamp.path) == folder + b"/\xff\xfe.mp3"
    assert stamp.path == str(path)
    assert [item.path for item in scan(str(music), only=os.fsdecode(folder))] == [stamp.path]


_names = st.text(
    st.characters(blacklist_characters='/\0\\:*?"<>|', blacklist_categories=("Cs", "Cc")),
    min_size=1,
    max_size=40,
).filter(lambda name: not Rules().leaves_out(name, name) and name.strip(" .") == name)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_names, min_size=1, max_size=3))
@example(["日本語", "Ωμέγα", "قائمة"])
@example(["e\u0301", "[a-z]", "100%"])
def test_names_in_any_script(tmp_path: Path, parts: list[str]) -> None:
    root = tmp_path / "names"
    path = root.joinpath(*parts[:-1], parts[-1] + ".mp3")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    try:
        assert [item.path for item in scan(str(root))] == [str(path)]
        assert [item.path for item in scan(str(root), only=str(path.parent))] == [str(path)]
    finally:
        shutil.rmtree(root)


def test_root_that_is_not_there(music: Path) -> None:
    with pytest.raises(RootGone, match="is not there"):
        list(scan(str(music / "gone")))
    with pytest.raises(RootGone):
        list(scan(str(music / "gone"), only=str(music / "gone/a")))
    assert not root_is_there(str(music / "gone"), 0)


def test_empty_mount_point_is_offline_where_tracks_are_known(music: Path) -> None:
    assert root_is_there(str(music), 0)
    (music / ".unmounted").touch()
    assert not root_is_there(str(music), 1)
    make(music, "a.mp3")
    assert root_is_there(str(music), 1)


@pytest.mark.parametrize("how", ["removed", "unmounted"])
def test_root_that_goes_away_during_the_walk(music: Path, how: str) -> None:
    make(music, "a/1.mp3", "b/2.mp3")
    walk = scan(str(music))
    next(walk)
    shutil.rmtree(music)
    if how == "unmounted":
        music.mkdir()
    with pytest.raises(RootGone):
        list(walk)


def test_cancel_ends_the_walk(music: Path) -> None:
    make(music, "a/1.mp3", "b/2.mp3")
    cancel = CancelToken()
    walk = scan(str(music), cancel=cancel)
    next(walk)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(walk)


def test_rules_know_a_path_by_its_folders() -> None:
    rules = Rules(["Podcasts"])
    assert rules.leaves_out_path(os.path.join("a", ".cache", "b.mp3"))
    assert rules.leaves_out_path(os.path.join("podcasts", "b.mp3"))
    assert not rules.leaves_out_path(os.path.join("a", "b.mp3"))


def test_scanning_loads_nothing_heavy() -> None:
    code = (
        "import sys, msa_desktop.watch.scan;"
        "print([m for m in ('av', 'onnxruntime', 'watchdog', 'PySide6') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
