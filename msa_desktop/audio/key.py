"""The key, from how strong each of the twelve notes is, in the bass and above.

Peaks of the spectrum become notes, whatever the piece is tuned to. How much each note speaks for a
key was learned from music whose key is known, and the answers are probabilities. Loaded by worker
processes only.
"""

from __future__ import annotations

import numpy as np

from msa_desktop.audio.rhythm import RATE
from msa_desktop.base.model import FloatArray
from msa_desktop.base.music import KEYS, Key

_FRAME = 8192
_LOWEST, _HIGHEST = 55, 2_100  # Hz
_WEAK = 0.003  # of a frame's strongest peak
_BASS = 53  # MIDI number of the first note that is not bass
_LEAST_SURE = 0.2
# For each mode and register the weight of each note, from the tonic upwards: a multinomial logit
# that is the same for all twelve tonics. Fitted to 129 accompaniments of the MMA generator and to
# 8,000 chord progressions put together of their chords, drawn towards Temperley's profiles.
_WEIGHTS = np.array(
    [
        [
            [0.95, -0.54, 0.05, -0.09, 0.04, 0.13, -0.77, 0.46, -0.03, -0.32, -0.29, 0.40],
            [3.49, -2.03, 0.52, -2.15, 2.53, 1.32, -2.12, 2.60, -1.12, -0.78, -3.73, 1.47],
        ],
        [
            [1.37, -1.08, 0.32, 0.48, -0.28, -0.05, -0.08, 0.58, 0.07, -1.11, -0.12, -0.10],
            [4.02, -3.71, 1.54, 3.25, -2.52, 0.12, -1.26, 1.90, -0.61, -1.97, -0.99, 0.22],
        ],
    ]
)
_BIAS = np.array([-0.07, 0.07])


def key(windows: FloatArray) -> Key | None:
    """The key of pieces of one track.

    Args:
        windows: Shape (n, samples) at `rhythm.RATE`, mono.

    Returns:
        None where none is heard: noise, speech, silence, less than 0.4 s.
    """
    pitch, strength = _notes(windows)
    if not strength.any():
        return None
    note = pitch - _tuning(pitch, strength)
    nearest = note.round()
    weight = strength * (1 - 2 * np.abs(note - nearest)).clip(0)
    registers = [
        np.bincount(nearest[part].astype(int) % 12, weight[part], 12)
        for part in (nearest < _BASS, nearest >= _BASS)
    ]
    odds = _odds(np.stack(registers))
    best = int(odds.argmax())
    if odds[best] < _LEAST_SURE:
        return None
    total = np.sum(registers, axis=0)
    return Key(KEYS[best], float(odds[best]), tuple((total / total.sum()).tolist()))


def _notes(windows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The spectrum's peaks: MIDI numbers with their fractions, and amplitudes."""
    first, last = (int(edge * _FRAME / RATE) for edge in (_LOWEST, _HIGHEST))
    shape = np.hanning(_FRAME).astype(np.float32)
    pitches, strengths = [], []
    for window in windows:
        padded = np.pad(window, (0, max(0, _FRAME - window.size)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[:: _FRAME // 2]
        level = np.abs(np.fft.rfft(frames * shape, axis=1))[:, first - 1 : last + 1]
        here, below, above = level[:, 1:-1], level[:, :-2], level[:, 2:]
        loud = here > _WEAK * here.max(axis=1, keepdims=True)
        row, place = np.nonzero((here > below) & (here >= above) & loud)
        a, b, c = (np.log(level[row, place + k] + 1e-9) for k in range(3))
        beside = (a - c) / (2 * (a - 2 * b + c) - 1e-9)  # a parabola's top
        pitches.append(69 + 12 * np.log2((place + first + beside) * RATE / _FRAME / 440))
        strengths.append(here[row, place])
    return np.concatenate(pitches), np.concatenate(strengths)


def _tuning(pitch: FloatArray, strength: FloatArray) -> float:
    """Semitones by which the music is higher than A = 440 Hz has it, -0.5 to 0.5."""
    turn = np.sum(np.sqrt(strength) * np.exp(2j * np.pi * pitch))
    return float(np.angle(turn) / (2 * np.pi))


def _odds(registers: FloatArray) -> FloatArray:
    """Probability of each of `KEYS` from notes' strengths, shape (2, 12)."""
    share = registers / (registers.sum(axis=1, keepdims=True) + 1e-9)
    told = np.sqrt(12 * share)
    told -= told.mean(axis=1, keepdims=True)
    turned = np.stack([np.roll(told, -tonic, axis=1) for tonic in range(12)])
    score = np.einsum("trn,mrn->mt", turned, _WEIGHTS) + _BIAS[:, None]
    odds: FloatArray = np.exp(score - score.max()).ravel()
    odds /= odds.sum()
    return odds
