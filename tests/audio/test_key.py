from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio import hearing, instruments, synth
from msa_desktop.audio.encode import FORMS, write
from msa_desktop.audio.key import key
from msa_desktop.audio.rhythm import RATE
from msa_desktop.base.model import FloatArray
from msa_desktop.base.music import KEYS, Key

# Chords as their bass note above the tonic and whether they are minor.
CADENCES = {"": ((0, 0), (5, 0), (7, 0), (0, 0)), "m": ((0, 1), (5, 1), (7, 0), (0, 1))}


def tone(pitch: float, seconds: float, harmonics: int) -> FloatArray:
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    waves = [np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, harmonics + 1)]
    return np.asarray(np.sum(waves, axis=0) * np.exp(-1.5 * time), np.float32)


def cadence(tonic: int, mode: str, harmonics: int = 4, cents: float = 0.0) -> FloatArray:
    chords = []
    for step, minor in CADENCES[mode]:
        root = 48 + (tonic + step) % 12 + cents / 100
        third = root + (3 if minor else 4)
        notes = (root - 12, root, third, root + 7, third + 12)
        chords.append(np.sum([tone(note, 1.0, harmonics) for note in notes], axis=0))
    return np.tile(np.concatenate(chords), 2).astype(np.float32) * np.float32(0.1)


def heard(sound: FloatArray) -> Key:
    found = key(sound[None])
    assert found is not None
    return found


@pytest.mark.parametrize("harmonics", [1, 8])
@pytest.mark.parametrize("name", KEYS)
def test_a_cadence_tells_its_key(name: str, harmonics: int) -> None:
    mode = "m" if name.endswith("m") else ""
    tonic = KEYS.index(name) % 12
    found = heard(cadence(tonic, mode, harmonics))
    assert found.name == name
    assert found.confidence > 0.5
    assert sum(found.chroma) == pytest.approx(1)
    assert int(np.argmax(found.chroma)) in {tonic, (tonic + 7) % 12}


@pytest.mark.parametrize("cents", [-40, -20, 25, 45])
def test_other_tunings(cents: float) -> None:
    assert heard(cadence(9, "m", cents=cents)).name == "Am"


def test_noise_and_drums_do_not_hide_it() -> None:
    rng = np.random.default_rng(3)
    sound = cadence(6, "m") + rng.normal(0, 0.03, 8 * RATE).astype(np.float32)
    assert heard(sound).name == "F#m"


def test_real_instruments(tmp_path: Path) -> None:
    notes = [
        play
        for chord in ("Ebmaj7", "Cm", "Bb7", "Eb")
        for play in [
            np.sum([instruments.piano(n, 1.0)[: synth.RATE] for n in synth.chord(chord, 3)], axis=0)
        ]
    ]
    path = tmp_path / "a.flac"
    sound = 0.1 * np.tile(np.concatenate(notes), 3)
    write(path, sound[None].astype(np.float32), synth.RATE, FORMS[".flac"])
    found = hearing.hear(str(path)).key
    assert found is not None
    assert (found.name, found.camelot) == ("Eb", "5B")


@pytest.mark.parametrize(
    "sound",
    [
        np.random.default_rng(1).normal(0, 0.2, 10 * RATE).astype(np.float32),
        np.zeros(10 * RATE, np.float32),
        np.zeros(50, np.float32),
        np.zeros(0, np.float32),
    ],
    ids=["noise", "silence", "2 ms", "nothing"],
)
def test_no_key_is_made_up(sound: FloatArray) -> None:
    assert key(sound[None]) is None


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (48_000, 2)])
def test_files_of_any_rate(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    sound = cadence(2, "")
    at = np.arange(8 * rate) * (RATE / rate)
    resampled = np.interp(at, np.arange(sound.size), sound).astype(np.float32)
    write(path, np.tile(resampled, (channels, 1)), rate, FORMS[".wav"])
    found = hearing.hear(str(path)).key
    assert found is not None
    assert found.name == "D"


def test_half_a_second(tmp_path: Path, sweep: Callable[..., FloatArray]) -> None:
    path = tmp_path / "a.flac"
    write(path, sweep(0.5), 44_100, FORMS[".flac"])
    hearing.hear(str(path))  # whatever it says: nothing is known, nothing breaks
