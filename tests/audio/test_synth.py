from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from msa_desktop.audio import instruments
from msa_desktop.audio.pieces import PIECES, DemoPiece
from msa_desktop.audio.synth import RATE, Stage, chord, filtered, hertz, note
from msa_desktop.base.model import FloatArray


def spectrum(sound: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Frequencies in Hz and their strengths."""
    size = 1 << 20
    strengths = np.abs(np.fft.rfft(sound[: size // 2] * np.hanning(sound[: size // 2].size), size))
    return np.fft.rfftfreq(size, 1 / RATE).astype(np.float32), strengths.astype(np.float32)


def pitch(sound: FloatArray, near: float) -> float:
    """The strongest frequency within a semitone of `near`, Hz."""
    bins, strengths = spectrum(sound)
    close = (bins > near / 1.06) & (bins < near * 1.06)
    return float(bins[close][strengths[close].argmax()])


def test_notes_and_chords() -> None:
    assert [note(name) for name in ("A4", "C4", "Bb2", "F#3")] == [69, 60, 46, 54]
    assert chord("Am7", 3) == [57, 60, 64, 67]
    assert chord("Bb", 2) == [46, 50, 53]
    assert hertz(69) == 440
    assert hertz(57) == 220


@pytest.mark.parametrize(
    "play",
    [
        instruments.piano,
        instruments.plucked,
        instruments.double_bass,
        instruments.electric_piano,
        instruments.strings,
        instruments.brass,
        instruments.flute,
        instruments.choir,
        instruments.triangle,
        instruments.pulse,
        instruments.saw,
    ],
)
@pytest.mark.parametrize("name", ["E2", "A3", "G4"])
def test_instruments_are_in_tune(play: Callable[[int, float], FloatArray], name: str) -> None:
    number = note(name)
    sound = play(number, 2.0)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    cents = 1200 * np.log2(pitch(sound, hertz(number)) / hertz(number))
    assert abs(cents) < 15  # a section's players are apart by as much


def test_a_filter_keeps_what_it_should() -> None:
    tones = [np.sin(2 * np.pi * hz * np.arange(RATE) / RATE) for hz in (50, 1_000, 12_000)]
    heard = filtered(np.sum(tones, axis=0), 300, 4_000)
    levels = np.abs(np.fft.rfft(heard))[[50, 1_000, 12_000]] / (RATE / 2)
    assert levels[1] > 0.8
    assert levels[0] < 0.1
    assert levels[2] < 0.15


def test_the_stage_puts_sounds_in_time_and_space() -> None:
    stage = Stage(8, 120)
    click = np.full(100, 0.5, np.float32)
    stage.play(click, 2, pan=-1, hall=0)
    stage.play(click, 5, pan=1, hall=0)
    stage.play(click, 100)  # behind the end
    sound = stage.finish()
    for side, beat in ((0, 2), (1, 5)):
        loudest = int(np.abs(sound[side]).argmax())
        assert loudest / RATE == pytest.approx(beat * 0.5, abs=0.01)


def beat_period(sound: FloatArray, bpm: float) -> float:
    """Seconds between beats: the strongest rhythm within 6 % of `bpm`."""
    hop = 256
    frames = np.lib.stride_tricks.sliding_window_view(sound.mean(axis=0), 1024)[::hop]
    strengths = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(1024).astype(np.float32))))
    onsets = np.maximum(np.diff(strengths, axis=0), 0).sum(axis=1)
    onsets -= onsets.mean()
    size = 4 * onsets.size
    rhythm = np.fft.irfft(np.abs(np.fft.rfft(onsets, size)) ** 2)
    # Eight beats at once, for a finer scale.
    lags = np.arange(
        round(8 * 60 / bpm * 0.94 * RATE / hop), round(8 * 60 / bpm * 1.06 * RATE / hop)
    )
    return float(lags[rhythm[lags].argmax()] * hop / RATE / 8)


RHYTHMIC = [piece for piece in PIECES if "drum" in " ".join(piece.instruments)]


@pytest.fixture(scope="module")
def sounds() -> dict[str, FloatArray]:
    return {piece.title: piece.sound() for piece in PIECES}


def test_there_are_a_dozen_pieces_in_every_format() -> None:
    assert len(PIECES) == 12
    assert {piece.extension for piece in PIECES} == {
        ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav",
    }  # fmt: skip
    for fact in ("title", "artist", "genre"):
        assert len({getattr(piece, fact) for piece in PIECES}) == 12


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.title)
def test_pieces_sound_well(piece: DemoPiece, sounds: dict[str, FloatArray]) -> None:
    sound = sounds[piece.title]
    assert 20 < sound.shape[1] / RATE < 30
    assert np.abs(sound).max() < 0.96
    assert 0.1 < np.sqrt((sound**2).mean()) < 0.2
    assert abs(sound.mean()) < 0.01
    seconds = sound[:, : 20 * RATE].reshape(2, 20, RATE)
    assert (seconds.std(axis=2) > 0.01).all()  # no gaps, and both sides sound
    assert not np.allclose(sound[0], sound[1])
    assert np.abs(sound[:, -100:]).max() < 0.01  # it ends softly


# How well each note fits a key, from the tonic up (Krumhansl & Kessler 1982).
_FIT = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def likeliest_keys(sound: FloatArray) -> list[str]:
    """All 24 keys, the best fitting first."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.mean(axis=0), 16_384)[::8_192]
    strengths = np.abs(np.fft.rfft(frames * np.hanning(16_384).astype(np.float32)))
    bins = np.fft.rfftfreq(16_384, 1 / RATE)
    middle = strengths[:, 1:-1]
    peaks = (middle > strengths[:, :-2]) & (middle > strengths[:, 2:])
    heard = np.sqrt(np.where(peaks, middle, 0)).sum(axis=0)
    pitched = (bins[1:-1] > 100) & (bins[1:-1] < 1_500)
    numbers = np.round(69 + 12 * np.log2(bins[1:-1][pitched] / 440)).astype(int)
    chroma = np.bincount(numbers % 12, heard[pitched], 12)
    names = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
    fits = {
        f"{name} {mode}": np.corrcoef(np.roll(fit, k), chroma)[0, 1]
        for mode, fit in _FIT.items()
        for k, name in enumerate(names)
    }
    return sorted(fits, key=lambda key: -fits[key])


# Distortion adds tones that no key has.
CLEAR = [piece for piece in PIECES if "electric guitar" not in piece.instruments]


@pytest.mark.parametrize("piece", CLEAR, ids=lambda piece: piece.title)
def test_pieces_are_in_their_key(piece: DemoPiece, sounds: dict[str, FloatArray]) -> None:
    assert piece.key in likeliest_keys(sounds[piece.title])[:2]


@pytest.mark.parametrize("piece", RHYTHMIC, ids=lambda piece: piece.title)
def test_pieces_are_in_their_tempo(piece: DemoPiece, sounds: dict[str, FloatArray]) -> None:
    assert 60 / beat_period(sounds[piece.title], piece.bpm) == pytest.approx(piece.bpm, rel=0.01)


def test_the_same_piece_sounds_the_same_each_time(sounds: dict[str, FloatArray]) -> None:
    for piece in (PIECES[0], PIECES[6]):  # played exactly, and loosely
        assert np.array_equal(piece.sound(), sounds[piece.title])
