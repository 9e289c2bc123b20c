from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from mutagen.apev2 import APEv2

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.base.model import FloatArray, WindowSpec

Sweep = Callable[..., FloatArray]
HeardAt = Callable[[FloatArray], float]

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


@pytest.mark.parametrize("extension", ALL_FORMS)
def test_every_format_is_read_and_heard(
    tmp_path: Path, sweep: Sweep, extension: str, heard_at: HeardAt
) -> None:
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


def test_speex_and_musepack(heard_at: HeardAt) -> None:
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


def test_dsd(tmp_path: Path, sweep: Sweep, heard_at: HeardAt) -> None:
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


def test_monkeys_audio(tmp_path: Path, sweep: Sweep, heard_at: HeardAt) -> None:
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


def test_the_sound_is_chosen_where_a_picture_comes_first(
    tmp_path: Path, sweep: Sweep, heard_at: HeardAt
) -> None:
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
