"""Tempo and beats, from where the sound's bands grow louder.

How much a rhythm resembles itself a beat, half a beat, four beats later, and how strong those
frequencies are in it, is scored for every tempo at once, and for there being no beat. The weights
were learned from music whose tempo is known (`_rhythm_weights`), so the scores are probabilities.
Loaded by worker processes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from msa_desktop.audio import _rhythm_weights as learned
from msa_desktop.base.model import FloatArray
from msa_desktop.base.music import Tempo

RATE = 22_050
"""Hz, of all samples here."""

_FRAME = 1024
_HOP = 256
_FPS = RATE / _HOP
_EDGES = np.unique((np.geomspace(32, 10_500, 33) * _FRAME / RATE).round().astype(int))
_LOW, _HIGH = 200, 2_000  # Hz
_AROUND = 87  # frames (a second): louder or quieter than what is around counts
_FAINT = 0.05  # growth a frame that is next to nothing: what a steady tone's rounding makes
_SPECTRUM = 8192

_TEMPI = np.geomspace(38, 250, 189)
_SAME = 0.04  # tempi that are no further apart are one
_LEAST_SURE = 0.3  # a tempo that is wrong more often than that is none
_LEAST_SECONDS = 4.0
_STRETCH = 30 * RATE  # samples of a track whose onsets are found at once
_TELL = 0.05  # alternatives that are less likely are not told


def tempo(windows: FloatArray) -> Tempo | None:
    """The tempo that pieces of one track have in common.

    Args:
        windows: Shape (n, samples) at `RATE`, mono. Pieces of 18 s tell more than shorter ones.

    Returns:
        None where there is no beat: speech, noise, drones, silence, or less than 4 s.
    """
    if windows.shape[1] < _LEAST_SECONDS * RATE:
        return None
    rhythms = np.stack([_swings(_onsets(window)) for window in windows])
    likeness = _likeness(rhythms)
    odds = _odds(likeness, _spectrum(rhythms))
    found: list[tuple[float, float]] = []
    left = odds[:-1].copy()
    while left.any():
        # A tempo's probability is that of all those that count as the same.
        near = np.abs(np.log(_TEMPI[:, None] / _TEMPI)) <= _SAME
        mass = near @ left
        best = int(mass.argmax())
        if mass[best] < (_TELL if found else _LEAST_SURE):
            break
        found.append((_precise(_TEMPI[best], likeness[0]), float(mass[best])))
        left[near[best]] = 0
    if not found:
        return None
    (bpm, confidence), *others = found
    return Tempo(bpm, confidence, tuple(others))


def beats(sound: Iterable[FloatArray], bpm: float) -> FloatArray:
    """Where the beats of a track fall, if its tempo is known and stays.

    The path of onsets that is strongest and steadiest (D. Ellis, Beat Tracking by Dynamic
    Programming, 2007).

    Args:
        sound: One piece after another, each of shape (samples,) at `RATE`, mono.
        bpm: From `tempo`.

    Returns:
        Seconds after the first sample, ascending; empty where nothing begins to sound.
    """
    onsets = np.concatenate([np.empty(0, np.float32), *_curve(sound)])
    spread = float(onsets.std()) if onsets.size else 0.0
    if not spread:
        return np.empty(0, np.float32)
    onsets = onsets / spread
    period = 60 * _FPS / bpm
    back = np.arange(-round(2 * period), -max(1, round(period / 2)) + 1)
    cost = -100 * np.log(-back / period) ** 2
    score = onsets.astype(np.float64)
    before = np.full(score.size, -1)
    for frame in range(-int(back[0]), score.size):
        ways = score[frame + back] + cost
        best = int(ways.argmax())
        score[frame] += ways[best]
        before[frame] = frame + back[best]
    # The last beat is where the best path ends, at most one period from the end of the sound.
    last = max(0, score.size - round(period))
    frame = last + int(score[last:].argmax())
    path = []
    while frame >= 0:
        path.append(frame)
        frame = int(before[frame])
    # What begins to sound is in the middle of the second of the two frames that were compared.
    middle = (_FRAME / 2 + _HOP) / RATE
    return np.array([frame / _FPS + middle for frame in reversed(path)], np.float32)


def _curve(sound: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """The onsets of all bands throughout a track, a stretch at a time."""
    waiting: list[FloatArray] = []
    for piece in sound:
        waiting.append(piece)
        if sum(map(len, waiting)) >= _STRETCH:
            stretch = np.concatenate(waiting)
            found = _onsets(stretch)[0]
            yield found
            waiting = [stretch[found.size * _HOP :]]
    rest = np.concatenate([np.empty(0, np.float32), *waiting])
    if rest.size >= _FRAME + 2 * _HOP:
        yield _onsets(rest)[0]


def _onsets(samples: FloatArray) -> FloatArray:
    """How much louder the bands become, shape (3, frames): all, the low ones, the high ones."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power, _EDGES[:-1], axis=1)
    mean = float(bands.sum(axis=1).mean())
    level = np.log1p(bands * np.float32(1e3 / mean if mean else 0))
    growth = np.maximum(level[2:] - level[:-2], 0)
    begin = _EDGES[:-1] * RATE / _FRAME
    low, high = begin < _LOW, begin >= _HIGH
    onsets: FloatArray = np.stack(
        [growth[:, part].sum(axis=1) for part in (slice(None), low, high)]
    )
    return onsets


def _swings(onsets: FloatArray) -> FloatArray:
    """Onsets above and below their mean over the second around."""
    even = np.full(_AROUND, 1 / _AROUND)
    swings: FloatArray = onsets - np.stack([np.convolve(band, even, "same") for band in onsets])
    return swings


def _likeness(rhythms: FloatArray) -> FloatArray:
    """Mean autocorrelation of windows (n, 3, frames), shape (3, frames): 1 is "the same"."""
    count = rhythms.shape[2]
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(rhythms, size, axis=2)
    together = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=2)[..., :count]
    together /= together[..., :1] + count * _FAINT**2
    together *= count / np.maximum(count - np.arange(count), count / 8)  # shorter overlaps
    likeness: FloatArray = together.mean(axis=0)
    return likeness


def _spectrum(rhythms: FloatArray) -> FloatArray:
    """Mean spectrum of windows (n, 3, frames), shape (3, _SPECTRUM // 2 + 1), mean about 1."""
    window = np.hanning(rhythms.shape[2])
    spectrum = np.fft.rfft(rhythms * window, _SPECTRUM, axis=2)
    strength = np.sqrt((np.abs(spectrum) ** 2).mean(axis=0))
    faint = _FAINT * np.sqrt(np.sum(window**2))
    scaled: FloatArray = strength / (strength.mean(axis=1, keepdims=True) + faint)
    return scaled


def _odds(likeness: FloatArray, spectrum: FloatArray) -> FloatArray:
    """Probability of each of `_TEMPI`, and at the end that of no beat; their sum is 1."""
    score = np.zeros(_TEMPI.size)
    beat = 60 * _FPS / _TEMPI
    for multiple, weights in zip(learned.MULTIPLES, learned.DELAYED, strict=True):
        for band, weight in zip(likeness, weights, strict=True):
            score += weight * _at(band, beat * multiple)
    steps = np.arange(spectrum.shape[1])
    for multiple, weights in zip(learned.HARMONICS, learned.SPECTRAL, strict=True):
        place = _TEMPI / 60 * multiple * _SPECTRUM / _FPS
        for band, weight in zip(spectrum, weights, strict=True):
            score += weight * (np.log1p(np.interp(place, steps, band, right=0)) - 1)
    far = np.log2(_TEMPI[:, None] / learned.USUAL_BPM) / learned.USUAL_WIDTH
    score += np.exp(-(far**2) / 2) @ learned.USUAL
    score = np.append(score, learned.NO_BEAT)
    odds: FloatArray = np.exp(score - score.max())
    odds /= odds.sum()
    return odds


def _at(likeness: FloatArray, delays: FloatArray) -> FloatArray:
    """The autocorrelation at delays of so many frames, or a little beside them."""
    places = np.arange(likeness.size)
    beside = [np.interp(delays * d, places, likeness, right=0) for d in (0.985, 1, 1.015)]
    best: FloatArray = np.max(beside, axis=0)
    return best


def _precise(bpm: float, likeness: FloatArray) -> float:
    """The tempo near `bpm` at which the beats fall together longest."""
    near = bpm * np.linspace(1 - _SAME / 2, 1 + _SAME / 2, 161)
    delays = 60 * _FPS / near[:, None] * np.arange(1, 17)
    together = np.interp(delays, np.arange(likeness.size), likeness, right=0)
    return float(near[together.sum(axis=1).argmax()])
