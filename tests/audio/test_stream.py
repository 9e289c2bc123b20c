"""Whole tracks decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio import encode, stream
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray
from msa_desktop.stems.wave import WaveWriter
from tests.support import write_wav
from tests.support_stems import music


def whole(path: Path, rate: int = 44100) -> FloatArray:
    return np.concatenate(list(stream.pieces(str(path), rate)), axis=1)


def test_not_a_sample_is_lost_or_changed(tmp_path: Path) -> None:
    sound = music(1.234)
    with WaveWriter(tmp_path / "a.wav", 2, 44100) as writer:
        writer.write(sound)
    np.testing.assert_array_equal(whole(tmp_path / "a.wav"), sound)


def test_mono_is_as_loud_on_both_sides(tmp_path: Path) -> None:
    sound = music(0.5, channels=1)
    with WaveWriter(tmp_path / "a.wav", 1, 44100) as writer:
        writer.write(sound)
    np.testing.assert_array_equal(whole(tmp_path / "a.wav"), np.repeat(sound, 2, axis=0))


@pytest.mark.parametrize("rate", [8000, 48000, 96000])
def test_other_rates(tmp_path: Path, rate: int) -> None:
    path = write_wav(tmp_path / "a.wav", 2, rate=rate, channels=2)
    sound = whole(path)
    assert abs(sound.shape[1] - 88200) <= 32
    expected = whole(write_wav(tmp_path / "b.wav", 2, rate=44100, channels=2))
    middle = slice(4000, 84000)
    np.testing.assert_allclose(sound[:, middle], expected[:, middle], atol=5e-3)


def test_more_channels_than_two(tmp_path: Path) -> None:
    sound = whole(write_wav(tmp_path / "a.wav", 1, rate=44100, channels=6, level=0.2))
    assert sound.shape == (2, 44100)
    assert 0.05 < np.abs(sound).max() < 1


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a", ".opus", ".flac"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    encode.write(path, music(2), 44100, encode.FORMS[suffix])
    sound = whole(path)
    assert sound.shape[0] == 2
    assert abs(sound.shape[1] - 88200) < 4000


def test_numbers_that_are_no_sound(tmp_path: Path) -> None:
    sound = music(0.2)
    sound[:, 100:110] = np.nan
    sound[:, 200] = np.inf
    with WaveWriter(tmp_path / "a.wav", 2, 44100) as writer:
        writer.write(sound)
    assert np.isfinite(whole(tmp_path / "a.wav")).all()


def test_what_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("no music")
    with pytest.raises(AudioError):
        whole(tmp_path / "a.mp3")


@pytest.mark.parametrize(("begin", "end"), [(0, None), (0, 10), (95, 105), (250, None), (999, 99)])
def test_a_part(begin: int, end: int | None) -> None:
    sound = np.arange(600, dtype=np.float32).reshape(2, 300)
    found = list(stream.part((sound[:, i : i + 100] for i in (0, 100, 200)), begin, end))
    got = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.float32)
    np.testing.assert_array_equal(got, sound[:, begin:end])
