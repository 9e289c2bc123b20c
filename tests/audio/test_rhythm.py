from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio import hearing, rhythm
from msa_desktop.audio.decode import windows
from msa_desktop.audio.encode import FORMS, write
from msa_desktop.audio.pieces import PIECES
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray, WindowSpec
from msa_desktop.services.demo import file_name

RATE = rhythm.RATE


def hit(seconds: float, pitch: float, loudness: float, rng: np.random.Generator) -> FloatArray:
    """A drum: noise and a falling tone that die away; a pitch of 0 has no tone."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * pitch * time * (1 + np.exp(-40 * time))) if pitch else 0
    sound = (tone + 0.3 * rng.standard_normal(time.size)) * np.exp(-5 * time / seconds)
    return np.asarray(loudness * sound, np.float32)


def played(times: list[tuple[float, FloatArray]], seconds: float) -> FloatArray:
    sound = np.zeros(round(seconds * RATE), np.float32)
    for at, one in times:
        begin = round(at * RATE)
        if 0 <= begin < sound.size:
            sound[begin : begin + one.size] += one[: sound.size - begin]
    return sound


def groove(
    bpm: float, seconds: float = 18.0, swing: float = 0.5, loose: float = 0.0, seed: int = 1
) -> FloatArray:
    """Kick, snare and hi-hat in 4/4, eighths swung so far, players missing so many seconds."""
    rng = np.random.default_rng(seed)
    kick, snare, hat = hit(0.3, 55, 0.8, rng), hit(0.15, 180, 0.6, rng), hit(0.04, 0, 0.5, rng)
    beat = 60 / bpm
    hits = []
    for number in range(round(seconds / beat) + 1):
        hits.append((number * beat, kick if number % 2 == 0 else snare))
        hits += [(number * beat, hat), ((number + swing) * beat, hat)]
    return played([(at + rng.normal() * loose, one) for at, one in hits], seconds)


def reverberant(sound: FloatArray) -> FloatArray:
    """As in a hall of two seconds."""
    rng = np.random.default_rng(9)
    time = np.arange(2 * RATE) / RATE
    tail = rng.standard_normal(time.size) * np.exp(-3.5 * time) * 0.02
    size = 1 << (sound.size + tail.size).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: sound.size]
    return sound + wet.astype(np.float32)


def irregular(seconds: float, seed: int) -> FloatArray:
    """Bursts of noise as irregular as syllables."""
    rng = np.random.default_rng(seed)
    at, hits = 0.0, []
    while at < seconds:
        hits.append((at, hit(rng.uniform(0.08, 0.3), 0, rng.uniform(0.2, 0.9), rng)))
        at += rng.gamma(3, 0.08) + (rng.uniform(0.3, 0.9) if rng.random() < 0.15 else 0.0)
    return played(hits, seconds)


@pytest.mark.parametrize("bpm", [64, 73.5, 88, 97, 104, 119, 126.4, 133, 148, 171])
def test_a_plain_beat(bpm: float) -> None:
    tempo = rhythm.tempo(groove(bpm)[None])
    assert tempo is not None
    told = {tempo.bpm, *(other for other, _ in tempo.alternatives)}
    assert any(one == pytest.approx(bpm, rel=0.01) for one in told)
    # What is told first may be the double or the half of it, never anything else.
    assert min(abs(tempo.bpm / (bpm * octave) - 1) for octave in (0.5, 1, 2)) < 0.01
    total = tempo.confidence + sum(chance for _, chance in tempo.alternatives)
    assert tempo.confidence <= total <= 1


@pytest.mark.parametrize(
    "sound",
    [
        groove(118, swing=2 / 3),
        groove(118, loose=0.012),
        groove(118) + np.random.default_rng(4).normal(0, 0.1, 18 * RATE).astype(np.float32),
        reverberant(groove(118)),
        groove(118) * np.float32(0.001),
    ],
    ids=["swing", "loose", "noise", "hall", "quiet"],
)
def test_a_beat_that_is_not_plain(sound: FloatArray) -> None:
    tempo = rhythm.tempo(sound[None])
    assert tempo is not None
    assert tempo.bpm == pytest.approx(118, rel=0.01)


def test_pieces_are_heard_together() -> None:
    one, other = groove(105, seed=1), groove(105, seed=2)
    tempo = rhythm.tempo(np.stack([one, irregular(18, 3), other]))
    assert tempo is not None
    assert tempo.bpm == pytest.approx(105, rel=0.01)


@pytest.mark.parametrize(
    "sound",
    [
        irregular(18, 1),
        irregular(18, 2),
        irregular(18, 3),
        np.random.default_rng(1).normal(0, 0.2, 18 * RATE).astype(np.float32),
        np.sin(np.arange(18 * RATE) * np.float32(0.05)),
        np.zeros(18 * RATE, np.float32),
        groove(120, seconds=3.0),
        np.zeros(200, np.float32),
    ],
    ids=["irregular 1", "irregular 2", "irregular 3", "noise", "tone", "silence", "3 s", "10 ms"],
)
def test_no_number_is_made_up(sound: FloatArray) -> None:
    assert rhythm.tempo(sound[None]) is None


@pytest.mark.parametrize("bpm", [72, 120, 165])
def test_beats(bpm: float) -> None:
    seconds, late = 15.0, 0.3
    sound = np.concatenate([np.zeros(round(late * RATE), np.float32), groove(bpm, seconds)])
    found = rhythm.beats([sound], bpm)
    beat = 60 / bpm
    off = (found - late) / beat
    assert np.abs(off - off.round()).max() * beat < 0.035
    assert np.diff(found) == pytest.approx(beat, abs=0.04)
    assert found.size >= seconds / beat - 3


@pytest.mark.parametrize("samples", [0, 100, 5 * RATE])
def test_silence_has_no_beats(samples: int) -> None:
    assert rhythm.beats([np.zeros(samples, np.float32)], 120).size == 0
    assert rhythm.beats([], 120).size == 0


def test_beats_go_on_from_stretch_to_stretch(tmp_path: Path) -> None:
    sound = groove(120, 100.0)
    whole = rhythm.beats([sound], 120)
    apart = rhythm.beats(np.array_split(sound, 37), 120)
    assert np.diff(apart) == pytest.approx(0.5, abs=0.04)
    assert apart.size == whole.size
    np.testing.assert_allclose(apart, whole, atol=0.03)
    path = tmp_path / "a.wav"
    write(path, sound[None], RATE, FORMS[".wav"])
    np.testing.assert_allclose(hearing.beats(str(path), 120), apart, atol=0.03)


def test_the_demo_library_is_heard_right(demo_library: Path) -> None:
    right = beatless = 0
    for number, piece in enumerate(PIECES, 1):
        tempo = hearing.hear(str(demo_library / file_name(piece, number))).tempo
        if piece.title == "Slow Light":  # a drone
            beatless += tempo is None
        else:
            right += tempo is not None and tempo.bpm == pytest.approx(piece.bpm, rel=0.04)
    assert beatless == 1
    assert right >= 8


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (96_000, 2)])
def test_files_of_any_rate(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    sound = groove(112, 40)
    at = np.arange(40 * rate) * (RATE / rate)
    resampled = np.interp(at, np.arange(sound.size), sound).astype(np.float32)
    write(path, np.tile(resampled, (channels, 1)), rate, FORMS[".wav"])
    tempo = hearing.hear(str(path)).tempo
    assert tempo is not None
    assert tempo.bpm == pytest.approx(112, rel=0.01)


def test_a_second_is_not_repeated_into_a_rhythm(
    tmp_path: Path, sweep: Callable[..., FloatArray]
) -> None:
    path = tmp_path / "a.flac"
    write(path, sweep(0.5), 44_100, FORMS[".flac"])
    assert hearing.hear(str(path)).tempo is None


def test_silence_and_what_is_no_sound_say_so(tmp_path: Path) -> None:
    silent = tmp_path / "a.flac"
    write(silent, np.zeros((2, 44_100), np.float32), 44_100, FORMS[".flac"])
    with pytest.raises(AudioError, match="silent"):
        hearing.hear(str(silent))
    text = tmp_path / "b.flac"
    text.write_bytes(b"nothing to hear")
    with pytest.raises(AudioError):
        hearing.hear(str(text))


def test_windows_are_what_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sound = groove(96, 60)
    write(path, sound[None], RATE, FORMS[".flac"])
    alone = rhythm.tempo(windows(str(path), WindowSpec(RATE, 18, 3)))
    heard = hearing.hear(str(path)).tempo
    assert alone is not None
    assert heard is not None
    assert heard.bpm == pytest.approx(alone.bpm, rel=0.005)
