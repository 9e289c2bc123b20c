from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.audio.source import broken
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray, WindowSpec

Sweep = Callable[..., FloatArray]
HeardAt = Callable[[FloatArray], float]

SPEC = WindowSpec(sample_rate=16_000, seconds=3.0, count=4)
ALL_FORMS = {
    **FORMS,
    ".aiff": Form("aiff", "pcm_s16be"),
    ".wma": Form("asf", "wmav2", bit_rate=128_000),
    ".wv": Form("wv", "wavpack"),
    ".aac": Form("adts", "aac", bit_rate=96_000),
}


# Files that claim what is not so


def headerless(path: Path) -> bytes:
    """An MP3 without its ID3 tag and the frame of its Xing header, which FFmpeg steps over."""
    with av.open(str(path)) as container:
        first = next(container.demux(audio=0))
        return path.read_bytes()[first.pos :]


def test_mp3_of_varying_rate_without_header(
    tmp_path: Path, sweep: Sweep, heard_at: HeardAt
) -> None:
    path = tmp_path / "a.mp3"
    sound = sweep(30)
    sound[:, : 44_100 * 5] = 0  # coded at the lowest rate, so the first guess is far off
    sound += np.random.default_rng(0).normal(0, 0.02, sound.shape).astype(np.float32) * (sound != 0)
    write(path, sound, 44_100, Form("mp3", "libmp3lame", options={"q": "2", "flags": "+qscale"}))
    path.write_bytes(headerless(path))
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 30) > 3  # what FFmpeg alone believes
    assert read(str(path)).info.duration == pytest.approx(30, abs=0.1)
    heard = [heard_at(window) for window in windows(str(path), SPEC)]
    assert heard == sorted(heard)
    assert heard[-1] - heard[0] > 12


def cut(path: Path, part: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".ogg", ".opus", ".wav", ".aiff", ".wv"])
def test_a_file_cut_short_is_heard_as_far_as_it_goes(
    tmp_path: Path, sweep: Sweep, extension: str, heard_at: HeardAt
) -> None:
    path = tmp_path / f"a{extension}"
    write(path, sweep(60), 44_100, ALL_FORMS[extension])
    cut(path, 0.7)
    heard = [heard_at(window) for window in windows(str(path), SPEC)]
    assert len(heard) >= 2
    assert heard == sorted(heard)
    assert 20 < heard[-1] < 43


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".wv"])
def test_a_file_of_which_little_is_left(tmp_path: Path, sweep: Sweep, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    write(path, sweep(60), 44_100, ALL_FORMS[extension])
    cut(path, 0.2)
    read(str(path))
    with pytest.raises(AudioError, match=r"cut off: 1\d\.\d s of its 60 s"):
        windows(str(path), SPEC)


def test_an_mp4_without_its_index(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.m4a"
    write(path, sweep(20), 44_100, FORMS[".m4a"])
    cut(path, 0.7)
    with pytest.raises(AudioError, match="index at its end is missing"):
        read(str(path))


@pytest.mark.parametrize("extension", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wma", ".aac"])
def test_damage_in_the_middle_is_stepped_over(
    tmp_path: Path, sweep: Sweep, extension: str, heard_at: HeardAt
) -> None:
    path = tmp_path / f"a{extension}"
    write(path, sweep(40), 44_100, ALL_FORMS[extension])
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(3)
    for at in random.integers(len(content) // 10, len(content) * 9 // 10, 20):
        content[at : at + 50] = random.bytes(50)
    path.write_bytes(content)
    heard = [heard_at(window) for window in windows(str(path), SPEC)]
    assert len(heard) >= 2
    assert all(2 < time < 38 for time in heard)


# What is no music at all


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp3", b"", "empty"),
        ("text.mp3", b"Dear diary, today I wrote a text.\n" * 50, "not an audio file"),
        ("picture.flac", b"\x89PNG\r\n\x1a\n" + bytes(500), "not an audio file"),
        ("list.mp3", b"#EXTM3U\n#EXTINF:3\nother.mp3\n", "not an audio file"),
        ("concat.mp3", b"ffconcat version 1.0\nfile 'other.wav'\n", "not an audio file"),
        ("head.flac", b"fLaC\0\0\0\x22", "cut off or damaged"),
        ("head.mp3", b"ID3\x04\0\0\0\0\0\0", "cut off or damaged"),
        ("noise.mp3", np.random.default_rng(0).bytes(20_000), "not an audio file|damaged"),
    ],
)
def test_what_is_no_music_says_so(
    tmp_path: Path, sweep: Sweep, name: str, content: bytes, reason: str
) -> None:
    write(tmp_path / "other.wav", sweep(5), 44_100, FORMS[".wav"])
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AudioError, match=reason):
        read(str(path))
    with pytest.raises(AudioError, match=reason):
        windows(str(path), SPEC)


def test_a_sound_too_short(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.wav"
    write(path, sweep(0.2), 44_100, FORMS[".wav"])
    with pytest.raises(AudioError, match=r"too short: it has 0\.2 s"):
        windows(str(path), SPEC)


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        container.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(video.encode(None))
    with pytest.raises(AudioError, match="holds no sound"):
        read(str(path))


def test_a_folder_a_missing_file_and_a_name_that_is_not_utf8(tmp_path: Path, sweep: Sweep) -> None:
    with pytest.raises(AudioError, match="not there any more"):
        read(str(tmp_path / "gone.mp3"))
    (tmp_path / "folder.mp3").mkdir()
    with pytest.raises(AudioError, match="not a file"):
        read(str(tmp_path / "folder.mp3"))
    odd = f"{tmp_path}/caf\udce9 http:%20?#.flac"
    write(Path(odd), sweep(4), 44_100, FORMS[".flac"])
    assert windows(odd, SPEC).shape == (1, 48_000)
    assert read(odd).info.duration == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mp3"
    os.mkfifo(path)
    with pytest.raises(AudioError, match="pipe"):
        read(str(path))


def test_a_disk_that_fails_is_not_taken_for_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "there.mp3").write_bytes(b"x")
    assert (
        str(broken(str(tmp_path / "there.mp3"), "The file is cut off.")) == "The file is cut off."
    )
    error = broken(str(tmp_path / "gone.mp3"), "The file is cut off.")
    assert "cannot be read" in str(error)
    assert isinstance(error.__cause__, FileNotFoundError)


# Cost

MEASURE = """
import sys, time
from pathlib import Path
from msa_desktop.audio.decode import read, windows
from msa_desktop.base.model import WindowSpec
begin = time.process_time()
for path in sys.argv[1:]:
    assert read(path).info.duration > 10_000
    assert windows(path, WindowSpec(16_000, 3.0, 12)).shape == (12, 48_000)
status = Path("/proc/self/status")  # the peak of resident memory, where there is one to read
lines = status.read_text().splitlines() if status.exists() else []
peak = next((line.split()[1] for line in lines if line.startswith("VmHWM")), "0")
print(time.process_time() - begin, int(peak) / 1024)
"""


def test_three_hours_take_bounded_time_and_memory(tmp_path: Path, sweep: Sweep) -> None:
    mp3, wav = tmp_path / "a.mp3", tmp_path / "a.wav"
    minute = sweep(60, 8_000, 1)
    write(mp3, minute, 8_000, Form("mp3", "libmp3lame", bit_rate=16_000))
    mp3.write_bytes(headerless(mp3) * 180)
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        content = (minute[0] * 127 + 128).astype(np.uint8).tobytes()
        for _ in range(180):
            file.writeframes(content)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, mp3, wav], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 3
    assert megabytes < 150
