"""MusiCNN's front end, log-compressed mel bands; and the mel filters of all front ends.

As librosa computes them, in numpy alone.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from msa_desktop.base.model import FloatArray

SAMPLE_RATE = 16_000
FFT = 512
HOP = 256
BANDS = 96


def samples_for(frames: int) -> int:
    """How many samples give exactly `frames` frames."""
    return FFT + (frames - 1) * HOP


def log_mel(waves: FloatArray) -> FloatArray:
    """Log-compressed mel power of waveforms.

    Frames lie wholly inside the waveform: pad it by 256 zeros on both sides for the centred frames
    librosa makes by default. Everything stays in float32; the original package's float16
    overflows where the music is loud.

    Args:
        waves: Shape (n, samples), 16 kHz mono.

    Returns:
        Shape (n, 1 + (samples - 512) // 256, 96): log10(1 + 10000 * power), bands on the Slaney
        scale from 0 to 8000 Hz, each filter of equal area.
    """
    # One at a time: what a single waveform needs stays in the processor's cache.
    return np.stack([_log_mel(wave) for wave in waves])


def _log_mel(wave: FloatArray) -> FloatArray:
    window, filters = _tables()
    frames = sliding_window_view(wave, FFT)[::HOP]
    spectrum = np.fft.rfft(frames * window)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel: FloatArray = np.log10(np.float32(10_000) * (power @ filters) + np.float32(1))
    return mel


@cache
def _tables() -> tuple[FloatArray, FloatArray]:
    """The Hann window (512,) and the mel filters (257, 96)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    filters = mel_filters(SAMPLE_RATE, FFT, BANDS, 0, SAMPLE_RATE / 2)
    return window.astype(np.float32), np.ascontiguousarray(filters.T)


def mel_filters(
    sample_rate: int, fft: int, bands: int, lowest: float, highest: float
) -> FloatArray:
    """Filters of equal area on the Slaney scale: `librosa.filters.mel`, bit for bit.

    Args:
        sample_rate: Hz.
        fft: Length of the Fourier transform.
        bands: How many filters.
        lowest: Where the first begins, Hz; below 1000.
        highest: Where the last ends, Hz; above 1000.

    Returns:
        Shape (bands, fft // 2 + 1).
    """
    first = lowest * _KNEE_MEL / _KNEE_HERTZ  # below its knee the scale is linear
    edges = _slaney_hertz(np.linspace(first, _slaney_mel(highest), bands + 2))
    away = np.subtract.outer(edges, np.fft.rfftfreq(fft, 1 / sample_rate))
    steps = np.diff(edges)[:, np.newaxis]
    slopes = np.minimum(-away[:-2] / steps[:-1], away[2:] / steps[1:])
    # Rounded before it is scaled and after, as librosa does it.
    filters: FloatArray = np.maximum(0, slopes).astype(np.float32)
    filters *= (2 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    return filters


# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, 15 mels there, 27 steps a factor of 6.4.
_KNEE_HERTZ = 1000.0
_KNEE_MEL = 15.0
_LOG_STEP = np.log(6.4) / 27


def _slaney_mel(hertz: float) -> float:
    """Above the knee only, which is all that is asked for."""
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HERTZ) / _LOG_STEP)


def _slaney_hertz(mels: np.ndarray) -> np.ndarray:
    linear = mels * (_KNEE_HERTZ / _KNEE_MEL)
    return np.where(mels < _KNEE_MEL, linear, _KNEE_HERTZ * np.exp(_LOG_STEP * (mels - _KNEE_MEL)))
