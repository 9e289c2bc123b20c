"""Every kind of bad file: a clear reason for each, and the rest of the library analysed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support import Program, write_wav

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes and permissions")


def reasons(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {Path(entry["path"]).name: entry["reason"] for entry in report["failed"]}


@needs_posix
def test_bad_files_fail_with_a_reason_and_the_rest_is_analysed(
    program: Program, demo_library: Path, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    whole = sorted(demo_library.iterdir())
    for piece in whole:
        # Cut off in the middle of the sound, and so early that none is left.
        content = piece.read_bytes()
        (music / f"half-{piece.name}").write_bytes(content[: len(content) // 2])
        (music / f"stub-{piece.name}").write_bytes(content[:100])
    good = Path(shutil.copy2(whole[0], music))
    (music / "empty.flac").touch()
    (music / "text.mp3").write_text("This is a shopping list.\n" * 100)
    os.mkfifo(music / "pipe.ogg")
    (music / "folder.mp3").mkdir()
    (music / "dangling.mp3").symlink_to(music / "nowhere.mp3")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(music / "s.mp3"))
    write_wav(music / "silence.wav", 10, level=0)

    fine = {
        good.name,
        write_wav(music / "half-second.wav", 0.5).name,
        write_wav(music / "8 kHz mono.wav", 12, rate=8000).name,
        write_wav(music / "192 kHz 24 bit.wav", 4, rate=192_000, channels=2, width=3).name,
        write_wav(music / "six channels.wav", 6, channels=6).name,
    }

    answer = program("scan", music, "--json")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    failed = reasons(answer.document)
    for name, words in {
        "empty.flac": "empty",
        "text.mp3": "not an audio file",
        "pipe.ogg": "named pipe",
        "folder.mp3": "folder",
        "dangling.mp3": "not there",
        "s.mp3": "socket",
        "silence.wav": "silen",
    }.items():
        assert words in failed.pop(name).lower(), name
    stubs = {name for name in failed if name.startswith("stub-")}
    assert len(stubs) == len(whole)
    # Half a file is listened to as far as it goes; only an MP4 has its index at its end.
    assert {Path(name).suffix for name in failed if name not in stubs} <= {".m4a"}
    assert all(reason.endswith(".") and reason[0].isupper() for reason in failed.values()), failed

    status = program("status", "--json").document
    assert status["analysed"] == status["tracks"] - status["failed"]
    for name in fine:
        assert program("labels", music / name).code == 0, name
    assert program("doctor").code == 0

    again = program("scan", music, "--json").document
    assert again["failed"] == []
    assert again["added"] == again["updated"] == again["removed"] == 0


def test_a_three_hour_file_costs_as_much_as_a_song(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    write_wav(music / "three hours.wav", 3 * 3600, rate=8000)
    report = program("scan", music, "--json").document
    assert report["failed"] == []
    assert program("status", "--json").document["analysed"] == 1


@needs_posix
@pytest.mark.skipif(
    sys.platform != "linux", reason="changes the user of a subprocess the Linux way"
)
def test_an_unreadable_file_and_folder(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "closed").mkdir(parents=True)
    write_wav(music / "open.wav", 5)
    write_wav(music / "closed" / "inside.wav", 5)
    write_wav(music / "secret.wav", 5).chmod(0)
    (music / "closed").chmod(0)
    user: dict[str, int] = {}
    if os.geteuid() == 0:  # root may read everything: do it as nobody
        user = {"user": 65534, "group": 65534}
        program.data_dir.mkdir()
        os.chown(program.data_dir, 65534, 65534)
        for folder in (tmp_path, *tmp_path.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
    probe = subprocess.run([sys.executable, "-c", ""], check=False, **user)  # type: ignore[call-overload]
    if probe.returncode:
        pytest.skip("another user may not run this interpreter here")
    try:
        answer = program("scan", music, "--json", **user)
    finally:
        (music / "closed").chmod(0o700)
    assert answer.code == 1, answer.err
    failed = reasons(answer.document)
    assert "not allowed" in failed.pop("secret.wav")
    assert "permission denied" in failed.pop("closed")
    assert failed == {}


def test_a_file_that_disappears_during_the_analysis(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    files = [write_wav(music / f"{n:02}.wav", 20, pitch=200 + n) for n in range(30)]
    scan = program.start("scan", str(music), "--json")
    wait_for_analysed(program, 1)
    files[-1].unlink()
    out, err = scan.communicate(timeout=240)
    assert scan.returncode == 1, err
    assert b"no longer there" in out
    assert program("scan", "--json").document["removed"] == 1
    assert program("status", "--json").document["analysed"] == 29


@needs_posix
def test_a_worker_killed_from_outside(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(30):
        write_wav(music / f"{n:02}.wav", 20, pitch=200 + n)
    scan = program.start("scan", str(music), "--json")
    wait_for_analysed(program, 2)
    busy = max(
        psutil.Process(scan.pid).children(recursive=True), key=lambda p: sum(p.cpu_times()[:2])
    )
    os.kill(busy.pid, signal.SIGKILL)
    out, err = scan.communicate(timeout=240)
    document = program("status", "--json").document
    assert document["failed"] <= 1
    assert document["analysed"] == 30 - document["failed"], err
    if document["failed"]:  # it died of a file in its hands, and not between two
        assert scan.returncode == 1
        assert b"signal 9" in out


def wait_for_analysed(program: Program, count: int) -> None:
    """Returns once the library, read beside the running scan, has this many analysed tracks."""
    for _ in range(600):
        answer = program("status", "--json")
        if answer.code == 0 and answer.document["analysed"] >= count:
            return
        time.sleep(0.1)
    raise AssertionError("nothing was analysed in time")
