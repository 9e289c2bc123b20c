from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from mutagen.apev2 import APEv2

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.base.model import FloatArray, WindowSpec
from tests.support_formats import write_ape, write_dsf

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


def test_dsd(tmp_path: Path, sweep: Sweep, heard_at: HeardAt) -> None:
    path = tmp_path / "sweep.dsf"
    write_dsf(path, sweep(7, channels=1)[0])
    assert read(str(path)).info.duration == pytest.approx(7, abs=0.02)
    heard = windows(str(path), SPEC)
    assert [heard_at(window) for window in heard] == pytest.approx([1.75, 5.25], abs=0.15)


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
