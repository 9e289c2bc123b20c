"""Every kind of bad file: a clear reason for each, and the rest of the library analysed."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
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
        # Cut off before its end, and so early that no sound is left.
        content = piece.read_bytes()
        (music / f"cut-{piece.name}").write_bytes(content[: len(content) * 7 // 10])
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
    # A cut file is listened to as far as it goes; only an MP4 has its index at its end.
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


def be_refused() -> None:
    """In a new process: takes root's right to read everything, which its next program lacks."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP


@pytest.mark.skipif(sys.platform != "linux", reason="takes rights away the Linux way")
def test_an_unreadable_file_and_folder(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "closed").mkdir(parents=True)
    write_wav(music / "open.wav", 5)
    write_wav(music / "closed" / "inside.wav", 5)
    write_wav(music / "secret.wav", 5).chmod(0)
    (music / "closed").chmod(0)
    try:
        answer = program("scan", music, "--json", preexec_fn=be_refused)
    finally:
        (music / "closed").chmod(0o700)
    assert answer.code == 1, answer.err
    failed = reasons(answer.document)
    assert "may not be read" in failed.pop("secret.wav")
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
