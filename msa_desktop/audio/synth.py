"""What instruments are made of, and a stage to play them on.

Sounds are mono samples at `RATE`, the same ones each time. Notes are numbered as in MIDI (69 is the
A of 440 Hz).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray

_P = ParamSpec("_P")
Samples = NDArray[np.floating[Any]]  # numbers on their way to becoming a sound

RATE = 44_100
_TABLE = 4096  # samples of one round of a wave

_NOTES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
}


def note(name: str) -> int:
    """The number of a note such as "A4" (69) or "Bb2"."""
    step = _NOTES[name[0]] + name.count("#") - name[1:].count("b")
    return 12 * (int(name.lstrip("ABCDEFG#b")) + 1) + step


def chord(name: str, octave: int) -> list[int]:
    """The notes of a chord such as "Am7" or "Bbmaj7", its root in the given octave."""
    root = name[:2] if name[1:2] in {"#", "b"} else name[:1]
    base = note(f"{root}{octave}")
    return [base + step for step in _QUALITIES[name[len(root) :]]]


def hertz(number: float) -> float:
    """The frequency of a note."""
    return float(440.0 * 2.0 ** ((number - 69) / 12))


def time_of(seconds: float) -> FloatArray:
    """The time of each sample, in seconds."""
    return np.arange(round(seconds * RATE), dtype=np.float32) / np.float32(RATE)


def noise(seconds: float, seed: int = 1) -> FloatArray:
    """White noise of deviation 1, the same for the same seed."""
    count = round(seconds * RATE)
    return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)


def shaped(sound: Samples, attack: float, release: float, decay: float | None = None) -> FloatArray:
    """A note with a beginning and an end.

    Args:
        sound: Samples.
        attack: Seconds until it is at its loudest.
        release: Seconds in which it fades at its end.
        decay: Seconds in which it falls to a third while it lasts; None to stay as loud.
    """
    time = time_of(sound.size / RATE)
    level = np.minimum(time / max(attack, 1e-4), 1)
    level *= np.minimum(time[::-1] / max(release, 1e-4), 1)
    if decay is not None:
        level *= np.exp(-time / decay)
    note_with_ends: FloatArray = (sound * level).astype(np.float32, copy=False)
    return note_with_ends


def filtered(
    sound: Samples, low: float = 0.0, high: float = RATE, slope: float = 2.0
) -> FloatArray:
    """A smooth band pass.

    Args:
        sound: Samples.
        low: Hz below which it grows quieter.
        high: Hz above which it grows quieter.
        slope: How steep: 2 falls by 12 dB an octave.
    """
    size = _fft_size(sound.size)
    bins = np.fft.rfftfreq(size, 1 / RATE).astype(np.float32)
    gain = 1 / (1 + (bins / high) ** (2 * slope)) ** 0.5
    if low:
        gain *= 1 - 1 / (1 + (bins / low) ** (2 * slope)) ** 0.5
    return np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: sound.size].astype(np.float32)


def _fft_size(least: int) -> int:
    """The next number that FFT likes: 2, 3 or 5 times a power of two."""
    power = 1 << max(0, (least - 1).bit_length() - 2)
    return next(power * factor for factor in (2, 3, 4, 5, 6, 8) if power * factor >= least)


def harmonics(
    number: float,
    seconds: float,
    amplitudes: Sequence[float] | Samples,
    vibrato: float = 0.0,
    cents: float = 0.0,
) -> FloatArray:
    """A steady tone of sine waves at the multiples of a frequency.

    Args:
        number: The note.
        seconds: Its length.
        amplitudes: Of each multiple, from the first on; those above 16 kHz are left out.
        vibrato: How far the pitch swings at 5.3 Hz, as a fraction.
        cents: Out of tune by so many hundredths of a semitone.
    """
    base = hertz(number + cents / 100)
    time = time_of(seconds)
    phase = np.arange(time.size) * (base / RATE)  # in rounds; float32 would grow rough with time
    if vibrato:
        # It sets in gently, as players' does.
        depth = vibrato * base / (2 * np.pi * 5.3) * np.minimum(time * 2, 1)
        phase += depth * np.sin(2 * np.pi * 5.3 * time + cents)
    # One round in a table: a lookup a sample, however many harmonics there are.
    heard = np.arange(1, 1 + min(len(amplitudes), int(16_000 / base)))
    spectrum = np.zeros(_TABLE // 2 + 1, np.complex64)
    spectrum[heard] = np.asarray(amplitudes)[: heard.size] * np.exp(1j * (heard**2 - np.pi / 2))
    table = np.fft.irfft(spectrum * (_TABLE / 2)).astype(np.float32)
    tone: FloatArray = table[(phase * _TABLE).astype(np.int32) & (_TABLE - 1)]
    return tone


class Stage:
    """Where sounds are put in time and space.

    Args:
        beats: Length of the piece.
        bpm: Beats a minute.
        loose: Seconds by which the players miss the beat, as people do.
    """

    def __init__(self, beats: int, bpm: float, loose: float = 0.0) -> None:
        self.beats = beats
        self.beat = 60 / bpm
        self._loose = loose
        self._chance = np.random.default_rng(beats)
        self._memory: dict[object, FloatArray] = {}
        self._dry = np.zeros((2, round((beats * self.beat + 0.1) * RATE)), np.float32)
        self._hall = np.zeros(self._dry.shape[1], np.float32)

    def note(
        self, instrument: Callable[_P, FloatArray], *how: _P.args, **also: _P.kwargs
    ) -> FloatArray:
        """What an instrument plays; made once, however often it is wanted."""
        key = (instrument, how, tuple(also.items()))
        if key not in self._memory:
            self._memory[key] = instrument(*how, **also)
        return self._memory[key]

    def play(
        self, sound: FloatArray, beat: float, gain: float = 1.0, pan: float = 0.0, hall: float = 0.2
    ) -> None:
        """Puts a sound at a beat.

        Args:
            sound: Mono samples.
            beat: When, in beats from the start; what lies behind the end is cut.
            gain: How loud.
            pan: -1 left, 1 right.
            hall: How much of it the room answers.
        """
        late = abs(self._chance.normal(0, self._loose)) if self._loose else 0.0
        start = round((beat * self.beat + late) * RATE)
        piece = sound[: max(0, self._hall.size - start)]
        if not piece.size:
            return
        angle = (pan + 1) * np.pi / 4
        end = start + piece.size
        self._dry[0, start:end] += piece * np.float32(gain * np.cos(angle))
        self._dry[1, start:end] += piece * np.float32(gain * np.sin(angle))
        self._hall[start:end] += piece * np.float32(gain * hall)

    def finish(self, room: float = 1.2, fade: float = 1.5, loudness: float = 0.16) -> FloatArray:
        """The finished piece.

        Args:
            room: Seconds until the room's answer has fallen by 60 dB.
            fade: Seconds in which the end fades.
            loudness: Root mean square aimed at; peaks beyond full scale are rounded off.

        Returns:
            Shape (2, samples), float32, -1 to 1.
        """
        size = _fft_size(self._hall.size + round(room * RATE))
        sent = np.fft.rfft(self._hall, size)
        decay = np.exp(-6.9 * time_of(room) / room)
        sides = []
        for side, dry in enumerate(self._dry):
            answer = filtered(noise(room, 20 + side) * decay, 150, 5_000)
            answer /= np.sqrt((answer**2).sum())
            wet = np.fft.irfft(sent * np.fft.rfft(answer, size), size)[: dry.size]
            sides.append(dry + wet.astype(np.float32))
        sound = np.stack(sides)
        sound *= np.float32(loudness / max(1e-9, float(np.sqrt((sound**2).mean()))))
        end = round(fade * RATE)
        sound[:, -end:] *= np.linspace(1, 0, end, dtype=np.float32) ** 2
        # Straight up to a half, then bent so that nothing exceeds 0.95.
        over = np.abs(sound) > 0.5
        bent = np.sign(sound) * (0.5 + 0.45 * np.tanh((np.abs(sound) - 0.5) / 0.45))
        return np.where(over, bent, sound).astype(np.float32)
