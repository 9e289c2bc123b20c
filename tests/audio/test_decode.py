from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TIT2
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from msa_desktop.audio.decode import read, windows
from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray, WindowSpec

Sweep = Callable[..., FloatArray]
HeardAt = Callable[[FloatArray], float]

SPEC = WindowSpec(sample_rate=16_000, seconds=3.0, count=4)
TAGS = {
    "title": "Ünï — 曲",
    "artist": "Ada",
    "album": "Album",
    "genre": "Rock; Pop",
    "date": "1999-03-04",
    "track": "3/12",
}


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


def test_a_silence_longer_than_what_is_read_at_the_beginning(tmp_path: Path, sweep: Sweep) -> None:
    rate = 96_000
    silence = np.zeros((2, rate * 8), np.float32)
    ids = set()
    for k in (1, 2):
        path = tmp_path / f"{k}.wav"
        sound = np.concatenate([silence, sweep(4, rate) / np.float32(k)], axis=1)
        write(path, sound, rate, Form("wav", "pcm_s24le"))
        before = read(str(path))
        retag(path)
        after = read(str(path))
        assert after.tags != before.tags
        assert after.sound_id == before.sound_id
        ids.add(before.sound_id)
    assert len(ids) == 2


def test_repeated_genres(tmp_path: Path, sweep: Sweep) -> None:
    flac = tmp_path / "a.flac"
    write(flac, sweep(1), 44_100, FORMS[".flac"], TAGS)
    vorbis = FLAC(flac)
    vorbis["genre"] = ["Jazz", "Blues", "Jazz"]
    vorbis.save()
    assert read(str(flac)).tags.genre == ("Jazz", "Blues")


# Lengths and shapes of sound


def test_a_short_track_has_fewer_windows(tmp_path: Path, sweep: Sweep, heard_at: HeardAt) -> None:
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
def test_extreme_rates(
    tmp_path: Path, sweep: Sweep, rate: int, channels: int, codec: str, heard_at: HeardAt
) -> None:
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


def test_silent_parts_are_left_out(tmp_path: Path, sweep: Sweep, heard_at: HeardAt) -> None:
    path = tmp_path / "a.flac"
    sound = sweep(24)
    sound[:, : 44_100 * 11] = 0
    write(path, sound, 44_100, FORMS[".flac"])
    assert [heard_at(w) for w in windows(str(path), SPEC)] == pytest.approx([15, 21], abs=0.1)
