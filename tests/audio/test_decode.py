from __future__ import annotations

import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TCON, TIT2
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.audio.source import broken
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray, WindowSpec

Sweep = Callable[..., FloatArray]

SPEC = WindowSpec(sample_rate=16_000, seconds=3.0, count=4)
DATA = Path(__file__).parents[1] / "data" / "audio"
TAGS = {
    "title": "Ünï — 曲",
    "artist": "Ada",
    "album": "Album",
    "genre": "Rock; Pop",
    "date": "1999-03-04",
    "track": "3/12",
}
ALL_FORMS = {
    **FORMS,
    ".alac.m4a": Form("ipod", "alac"),
    ".24bit.flac": Form("flac", "flac", "s32"),
    ".24bit.wav": Form("wav", "pcm_s24le"),
    ".float.wav": Form("wav", "pcm_f32le"),
    ".aiff": Form("aiff", "pcm_s16be"),
    ".wma": Form("asf", "wmav2", bit_rate=128_000),
    ".wv": Form("wv", "wavpack"),
    ".tta": Form("tta", "tta"),
    ".aac": Form("adts", "aac", bit_rate=96_000),
    ".oga": Form("oga", "flac", "s16"),
}
WITHOUT_TAGS = {".aac", ".aiff"}  # FFmpeg writes none, or the title alone, there


def heard_at(window: FloatArray, rate: int = 16_000) -> float:
    """The time in the sweep, in seconds, of a window's middle."""
    spectrum = np.abs(np.fft.rfft(window * np.hanning(window.size)))
    centre = (spectrum**2 * np.arange(spectrum.size)).sum() / (spectrum**2).sum()
    return float((centre * rate / window.size - 300) / 20)


@pytest.mark.parametrize("extension", ALL_FORMS)
def test_every_format_is_read_and_heard(tmp_path: Path, sweep: Sweep, extension: str) -> None:
    path = tmp_path / f"sweep{extension}"
    write(path, sweep(30), 44_100, ALL_FORMS[extension], TAGS)

    reading = read(str(path))
    assert reading.info.duration == pytest.approx(30, abs=0.06)
    assert reading.info.channels == 2
    if extension not in WITHOUT_TAGS:
        tags = reading.tags
        assert (tags.title, tags.artist, tags.album) == ("Ünï — 曲", "Ada", "Album")
        assert (tags.genre, tags.year, tags.track_number) == (("Rock", "Pop"), 1999, 3)

    heard = windows(str(path), SPEC)
    assert heard.shape == (4, 48_000)
    assert heard.dtype == np.float32
    assert [heard_at(window) for window in heard] == pytest.approx(
        [3.75, 11.25, 18.75, 26.25], abs=0.15
    )
    # The mean of two equal channels is as loud as each (the MP3 encoder takes off 3 %).
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.354, rel=0.04)


def test_speex_and_musepack() -> None:
    """Sweeps of 4 s, made by libspeex and mpcenc: PyAV cannot write these formats."""
    for name, codec in (("sweep.spx", "speex"), ("sweep.mpc", "musepack8")):
        path = str(DATA / name)
        assert read(path).info.codec == codec
        assert read(path).tags.title.endswith("sweep")
        heard = windows(path, SPEC)
        assert heard_at(heard[0]) == pytest.approx(2, abs=0.5)
        assert np.sqrt((heard**2).mean()) == pytest.approx(0.354, rel=0.1)


def write_dsf(path: Path, tone: FloatArray) -> None:
    """A DSD64 file: first-order sigma-delta modulation of a mono tone at 44.1 kHz."""
    rate = 2_822_400
    at = np.arange(tone.size * 64) / 64
    steps = np.floor(np.cumsum((np.interp(at, np.arange(tone.size), tone) + 1) / 2))
    bits = np.diff(steps, prepend=0).astype(np.uint8)
    data = np.packbits(bits, bitorder="little").tobytes()
    data += bytes(-len(data) % 4096)

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    fields = (1, 0, 1, 1, rate, 1)  # version, raw DSD, mono, one channel, rate, bits a sample
    head = b"fmt " + number(52, 8) + b"".join(number(field, 4) for field in fields)
    head += number(bits.size, 8) + number(4096, 4) + number(0, 4)
    body = head + b"data" + number(12 + len(data), 8) + data
    path.write_bytes(b"DSD " + number(28, 8) + number(28 + len(body), 8) + number(0, 8) + body)


def test_dsd(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "sweep.dsf"
    write_dsf(path, sweep(7, channels=1)[0])
    assert read(str(path)).info.duration == pytest.approx(7, abs=0.02)
    heard = windows(str(path), SPEC)
    assert [heard_at(window) for window in heard] == pytest.approx([1.75, 5.25], abs=0.15)


def ape_frame(samples: list[int]) -> bytes:
    """One frame of Monkey's Audio 3.87 at its fastest level, mono: prediction, then Rice codes."""
    bits = [f"{0:032b}"]  # a checksum that decoders do not look at
    k, mean = 10, 16 << 10
    weight, step, before, level = 375, 0, 0, 0
    for place, sample in enumerate(samples):
        if place < 3:
            value, new_step = sample, sample
        else:
            guess = 2 * step - before
            new_step = sample - level
            value = new_step - (guess * weight >> 9)
            weight += 1 if (value ^ guess) > 0 else -1
        before, step, level = step, new_step, sample
        code = 2 * value - 1 if value > 0 else -2 * value
        bits.append("0" * (code >> k) + "1")
        if k:
            bits.append(f"{code & ((1 << k) - 1):0{k}b}")
        mean += code - ((mean + 8) >> 4)
        if mean < (1 << (k + 4) if k else 0):
            k -= 1
        elif mean >= 1 << (k + 5):
            k += 1
    text = "".join(bits)
    text += "0" * (-len(text) % 32)
    words = np.packbits(np.array([int(bit) for bit in text], np.uint8)).view(">u4")
    return words.astype("<u4").tobytes()


def write_ape(path: Path, tone: FloatArray, rate: int) -> None:
    """No library writes Monkey's Audio; this does, in one of its older and simpler forms."""
    samples = np.round(tone * 32_767).astype(int).tolist()
    frames = [ape_frame(samples[at : at + 9_216]) for at in range(0, len(samples), 9_216)]
    last = len(samples) - 9_216 * (len(frames) - 1)
    # Version, level, flags (no WAV header), channels, rate, header and tail bytes, frames.
    head = b"MAC " + struct.pack("<HHHHIIIII", 3870, 1000, 32, 1, rate, 0, 0, len(frames), last)
    begin = len(head) + 4 * len(frames)
    places = begin + np.cumsum([0, *map(len, frames[:-1])])
    path.write_bytes(head + places.astype("<u4").tobytes() + b"".join(frames))


def test_monkeys_audio(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "sweep.ape"
    write_ape(path, sweep(14, 16_000, 1)[0], 16_000)
    tags = APEv2()
    tags.update({"Title": "Sweep", "Genre": "Rock"})
    tags.save(path)
    reading = read(str(path))
    assert reading.info.duration == 14
    assert (reading.tags.title, reading.tags.genre) == ("Sweep", ("Rock",))
    heard = windows(str(path), SPEC)
    assert [heard_at(window) for window in heard] == pytest.approx(
        [1.75, 5.25, 8.75, 12.25], abs=0.05
    )
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.354, rel=0.01)


def test_the_sound_is_chosen_where_a_picture_comes_first(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=44_100)
        for k in range(25 * 12):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), k % 256, np.uint8))
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(sweep(12), format="fltp", layout="stereo")
        sound.sample_rate = 44_100
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    assert read(str(path)).info.codec == "aac"
    assert [heard_at(window) for window in windows(str(path), SPEC)] == pytest.approx(
        [1.5, 4.5, 7.5, 10.5], abs=0.15
    )


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


def retag(path: Path) -> None:
    """Changes tags, adds a big picture and moves the padding, as a tag editor would."""
    picture = JPEG + bytes(300_000)
    match path.suffix:
        case ".mp3":
            id3 = ID3(path)
            id3.add(TIT2(encoding=3, text="Other"))
            id3.add(APIC(encoding=0, mime="image/jpeg", type=3, data=picture))
            id3.save(path, v1=2)
            ape = APEv2()
            ape["Title"] = "Other"
            ape.save(path)
        case ".flac":
            flac = FLAC(path)
            cover = Picture()
            cover.data, cover.type, cover.mime = picture, 3, "image/jpeg"
            flac.add_picture(cover)
            flac["title"] = "Other"
            flac.save(padding=lambda _: 50_000)
        case ".m4a":
            mp4 = MP4(path)
            mp4["\xa9nam"] = "Other"
            mp4["covr"] = [MP4Cover(picture)]
            mp4.save(padding=lambda _: 20_000)
        case ".wav":
            riff: Any = WAVE(path)
            riff.add_tags()
            riff.tags.add(TIT2(encoding=3, text="Other"))
            riff.save()
        case _:
            ogg = (OggOpus if path.suffix == ".opus" else OggVorbis)(path)
            ogg["title"] = "Other"
            ogg["comment"] = "x" * 100_000
            ogg.save(padding=lambda _: 10_000)


@pytest.mark.parametrize("seconds", [2, 30])
@pytest.mark.parametrize("extension", FORMS)
def test_identity_is_the_sound_s_not_the_tags(
    tmp_path: Path, sweep: Sweep, extension: str, seconds: int
) -> None:
    path = tmp_path / f"a{extension}"
    write(path, sweep(seconds), 44_100, FORMS[extension], TAGS)
    before = read(str(path))
    retag(path)
    after = read(str(path))
    assert after.tags != before.tags
    assert after.sound_id == before.sound_id
    assert after.info.duration == pytest.approx(before.info.duration, abs=0.001)

    other = tmp_path / f"b{extension}"
    write(other, sweep(seconds) * np.float32(0.9), 44_100, FORMS[extension], TAGS)
    assert read(str(other)).sound_id != before.sound_id


def test_sounds_that_differ_only_after_a_silence_are_told_apart(
    tmp_path: Path, sweep: Sweep
) -> None:
    silence = np.zeros((2, 44_100 * 8), np.float32)
    ids = set()
    for k in (1, 2):
        path = tmp_path / f"{k}.wav"
        sound = np.concatenate([silence, sweep(5) / np.float32(k)], axis=1)
        write(path, sound, 44_100, FORMS[".wav"])
        ids.add(read(str(path)).sound_id)
    assert len(ids) == 2


def test_repeated_genres(tmp_path: Path, sweep: Sweep) -> None:
    mp3, flac = tmp_path / "a.mp3", tmp_path / "a.flac"
    write(mp3, sweep(1), 44_100, FORMS[".mp3"], TAGS)
    write(flac, sweep(1), 44_100, FORMS[".flac"], TAGS)
    id3 = ID3(mp3)
    id3.add(TCON(encoding=3, text=["Jazz", "Blues"]))
    id3.save(mp3)
    vorbis = FLAC(flac)
    vorbis["genre"] = ["Jazz", "Blues", "Jazz"]
    vorbis.save()
    assert read(str(mp3)).tags.genre == ("Jazz", "Blues")
    assert read(str(flac)).tags.genre == ("Jazz", "Blues")


# Lengths and shapes of sound


def test_a_short_track_has_fewer_windows(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.flac"
    write(path, sweep(7), 44_100, FORMS[".flac"])
    heard = windows(str(path), SPEC)
    assert [heard_at(window) for window in heard] == pytest.approx([1.75, 5.25], abs=0.1)


@pytest.mark.parametrize("extension", FORMS)
@pytest.mark.parametrize("seconds", [0.5, 1.7])
def test_a_track_shorter_than_a_window_is_repeated(
    tmp_path: Path, sweep: Sweep, extension: str, seconds: float
) -> None:
    path = tmp_path / f"a{extension}"
    write(path, sweep(seconds), 44_100, FORMS[extension])
    heard = windows(str(path), SPEC)
    assert heard.shape == (1, 48_000)
    for third in np.split(heard[0], 6):  # no part is padded with silence
        assert np.sqrt((third**2).mean()) == pytest.approx(0.354, rel=0.1)


@pytest.mark.parametrize(
    ("rate", "channels", "codec"),
    [(8_000, 1, "pcm_u8"), (8_000, 1, "pcm_mulaw"), (192_000, 2, "pcm_s24le")],
)
def test_extreme_rates(tmp_path: Path, sweep: Sweep, rate: int, channels: int, codec: str) -> None:
    path = tmp_path / "a.wav"
    write(path, sweep(14, rate, channels), rate, Form("wav", codec))
    info = read(str(path)).info
    assert (info.sample_rate, info.channels) == (rate, channels)
    heard = windows(str(path), SPEC)
    assert [heard_at(window) for window in heard] == pytest.approx(
        [1.75, 5.25, 8.75, 12.25], abs=0.15
    )


def write_raw_wav(path: Path, samples: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> None:
    """A plain WAV of any number of channels; `samples` has shape (n, channels)."""
    channels = samples.shape[1]
    data = samples.astype("<i2").tobytes()

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    form = number(1, 2) + number(channels, 2) + number(44_100, 4)
    form += number(44_100 * 2 * channels, 4) + number(2 * channels, 2) + number(16, 2)
    body = b"WAVEfmt " + number(16, 4) + form + b"data" + number(len(data), 4) + data
    path.write_bytes(b"RIFF" + number(len(body), 4) + body)


@pytest.mark.parametrize("channels", [1, 3, 6, 8, 12])
def test_any_number_of_channels(tmp_path: Path, sweep: Sweep, channels: int) -> None:
    path = tmp_path / "a.wav"
    write_raw_wav(path, (sweep(4, channels=channels).T * 32767).astype(np.int16))
    assert read(str(path)).info.channels == channels
    heard = windows(str(path), SPEC)
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.354, rel=0.05)


def test_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, np.zeros((2, 44_100 * 5), np.float32), 44_100, FORMS[".flac"])
    assert read(str(path)).info.duration == 5
    with pytest.raises(AudioError, match="silent"):
        windows(str(path), SPEC)


def test_silent_parts_are_left_out(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.flac"
    sound = sweep(24)
    sound[:, : 44_100 * 11] = 0
    write(path, sound, 44_100, FORMS[".flac"])
    assert [heard_at(w) for w in windows(str(path), SPEC)] == pytest.approx([15, 21], abs=0.1)


# Files that claim what is not so


def headerless(path: Path) -> bytes:
    """An MP3 without its ID3 tag and the frame of its Xing header, which FFmpeg steps over."""
    with av.open(str(path)) as container:
        first = next(container.demux(audio=0))
        return path.read_bytes()[first.pos :]


def test_mp3_of_varying_rate_without_header(tmp_path: Path, sweep: Sweep) -> None:
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
    tmp_path: Path, sweep: Sweep, extension: str
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
def test_damage_in_the_middle_is_stepped_over(tmp_path: Path, sweep: Sweep, extension: str) -> None:
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
    import os

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
