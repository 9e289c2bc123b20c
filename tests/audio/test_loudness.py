from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.audio.loudness import measure
from msa_desktop.base.errors import AudioError, Cancelled
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray

Sweep = Callable[..., FloatArray]


def sine(seconds: float, decibels: float, rate: int = 48_000, channels: int = 2) -> FloatArray:
    time = np.arange(round(seconds * rate)) / rate
    tone = 10 ** (decibels / 20) * np.sin(2 * np.pi * 997 * time)
    return np.tile(tone.astype(np.float32), (channels, 1))


@pytest.mark.parametrize("decibels", [-23.0, -33.0, -10.0])
def test_the_standards_own_tone(tmp_path: Path, decibels: float) -> None:
    # EBU Tech 3341: a sine of 1 kHz on both channels is as many LUFS as its peak is dBFS.
    path = tmp_path / "a.wav"
    write(path, sine(20, decibels), 48_000, Form("wav", "pcm_s24le"))
    found = measure(str(path))
    assert found.integrated == pytest.approx(decibels, abs=0.1)
    assert found.gain == pytest.approx(-18 - decibels, abs=0.1)
    assert found.peak_db == pytest.approx(decibels, abs=0.01)


def test_quiet_parts_are_gated(tmp_path: Path) -> None:
    # EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36.
    path = tmp_path / "a.flac"
    sound = np.concatenate([sine(10, -36), sine(60, -23), sine(10, -36)], axis=1)
    write(path, sound, 48_000, FORMS[".flac"])
    assert measure(str(path)).integrated == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("ending", FORMS)
def test_every_form(tmp_path: Path, ending: str, sweep: Sweep) -> None:
    path = tmp_path / f"a{ending}"
    sound = sweep(12)
    sound[:, : 44_100 * 2] = 0
    sound[:, -44_100 * 3 :] = 0
    write(path, sound, 44_100, FORMS[ending])
    found = measure(str(path))
    assert found.integrated == pytest.approx(-6, abs=1.5)
    assert found.peak == pytest.approx(0.5, abs=0.03)
    assert found.silence_start == pytest.approx(2, abs=0.06)
    assert found.silence_end == pytest.approx(3, abs=0.1)


def test_one_channel_is_heard_from_two_loudspeakers(tmp_path: Path) -> None:
    mono, stereo = tmp_path / "a.wav", tmp_path / "b.wav"
    write(mono, sine(5, -20, channels=1), 48_000, FORMS[".wav"])
    write(stereo, sine(5, -20), 48_000, FORMS[".wav"])
    assert measure(str(mono)).integrated == pytest.approx(measure(str(stereo)).integrated, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_rates(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    write(path, sine(5, -20, rate), rate, FORMS[".wav"])
    assert measure(str(path)).integrated == pytest.approx(-20, abs=0.2)


def test_the_last_samples_count(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = np.zeros((2, 100_001), np.float32)
    sound[1, -1] = -0.75
    write(path, sound, 44_100, FORMS[".wav"])
    found = measure(str(path))
    assert found.peak == pytest.approx(0.75, abs=0.001)
    assert found.silence_start == pytest.approx(100_000 / 44_100)
    assert found.silence_end == 0


def test_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, np.zeros((2, 44_100), np.float32), 44_100, FORMS[".flac"])
    found = measure(str(path))
    assert found.integrated is found.gain is None
    assert found.peak == 0
    assert found.peak_db == -math.inf
    assert found.silence_start == found.silence_end == pytest.approx(1)


def test_too_short_to_be_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, sine(0.2, -10), 48_000, FORMS[".wav"])
    found = measure(str(path))
    assert found.integrated is None
    assert found.peak_db == pytest.approx(-10, abs=0.1)


def test_a_cut_off_file_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    write(path, sine(20, -20, 44_100), 44_100, FORMS[".mp3"])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert measure(str(path)).integrated == pytest.approx(-20, abs=0.5)


def test_numbers_that_are_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = sine(2, -20)
    sound[1, 50_000] = np.nan
    write(path, sound, 48_000, Form("wav", "pcm_f32le"))
    with pytest.raises(AudioError, match="no sound"):
        measure(str(path))


def test_what_is_no_audio_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(AudioError):
        measure(str(path))


def test_cancel(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, sine(1, -20), 48_000, FORMS[".wav"])
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        measure(str(path), cancel)
