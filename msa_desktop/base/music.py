"""Tempo, key and loudness: what is measured of a track, and the words musicians have for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
KEYS = _MAJOR + _MINOR
"""The keys, as ID3 writes them: twelve major ones from C upwards, then twelve minor ones."""

MEASURING = 1
"""The version of what measures tracks: counts up when the same sound would give something else."""

REFERENCE = -18.0
"""LUFS that ReplayGain 2 brings every track to."""

_PITCHES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_KEY = re.compile(
    r"(?P<note>[a-g])\s*(?P<sign>#|b|\u266f|\u266d|sharp|flat)?"
    r"\s*(?P<mode>m|min|minor|maj|major)?",
    re.I,
)
_LONGEST_KEY = 20  # characters
_CAMELOT = re.compile(r"(?P<number>0?[1-9]|1[0-2])\s*(?P<letter>[AB])", re.I)


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo, and what else it might be.

    Attributes:
        bpm: Beats a minute.
        confidence: The probability that it is right within 4 %, 0 to 1.
        alternatives: Other tempi and their probabilities, likeliest first; most often the double
            or the half, where a listener could tap either.
    """

    bpm: float
    confidence: float
    alternatives: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and what it was told from.

    Attributes:
        name: One of `KEYS`.
        confidence: The probability that it is right, 0 to 1.
        chroma: How strong the notes C to B are, summing to 1; empty where that is not kept.
    """

    name: str
    confidence: float
    chroma: tuple[float, ...] = ()

    @property
    def camelot(self) -> str:
        """Its place on the wheel that DJs mix by, such as "11A"."""
        return camelot(self.name)


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a track is.

    Attributes:
        integrated: LUFS, as in EBU R128; None for a track that is silent, or shorter than the
            0.4 s that the measure needs.
        peak: The highest sample, where 1 is full scale; lossy formats go beyond. Peaks between
            samples are not looked for: they cost more than all the rest.
        silence_start: Seconds before the first sample of -60 dB or more; of a silent track, all.
        silence_end: Seconds after the last one.
    """

    integrated: float | None
    peak: float
    silence_start: float
    silence_end: float

    @property
    def gain(self) -> float | None:
        """ReplayGain 2's track gain, dB."""
        return None if self.integrated is None else REFERENCE - self.integrated

    @property
    def peak_db(self) -> float:
        """The peak in dBFS; minus infinity for digital silence."""
        return 20 * math.log10(self.peak) if self.peak else -math.inf


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of one track; None for what it has not: no beat, no key, no sound."""

    tempo: Tempo | None = None
    key: Key | None = None
    loudness: Loudness | None = None


def camelot(name: str) -> str:
    """A key's place on the Camelot wheel: 8B is C, 8A is Am, 9B is G.

    Args:
        name: One of `KEYS`.
    """
    place = camelot_place(name)
    return f"{place // 2 + 1}{'AB'[place % 2]}"


def camelot_place(name: str) -> int:
    """Where a key stands on the wheel, 0 (1A) to 23 (12B): neighbours in sound are near.

    Args:
        name: One of `KEYS`.
    """
    number = KEYS.index(name)
    minor = number >= len(_MAJOR)
    tonic = number % 12 + 3 * minor  # of the major key with the same notes
    return (7 * tonic + 7) % 12 * 2 + (not minor)


_BY_PLACE = {camelot_place(name): name for name in KEYS}


def key_named(text: str) -> str | None:
    """The one of `KEYS` that "F#m", "Gb minor", "c# min" or "11A" mean; None for other text."""
    text = text.strip()[:_LONGEST_KEY]
    if found := _CAMELOT.fullmatch(text):
        return _BY_PLACE[(int(found["number"]) - 1) * 2 + (found["letter"] in "Bb")]
    found = _KEY.fullmatch(text)
    if not found:
        return None
    sign = (found["sign"] or "").lower()
    shift = 1 if sign in ("#", "\u266f", "sharp") else -1 if sign else 0
    # "M" is major, as in jazz; everything else may be written either way.
    mode = found["mode"] or ""
    minor = mode == "m" or mode.lower() in ("min", "minor")
    return KEYS[(_PITCHES[found["note"].lower()] + shift) % 12 + 12 * minor]


def gain_text(gain: float) -> str:
    """A gain, dB, as ReplayGain's tags say it: "-7.52 dB"."""
    return f"{round(gain, 2) + 0.0:.2f} dB"  # nothing below zero is "-0.00"


def peak_text(peak: float) -> str:
    """A peak, 1 for full scale, as ReplayGain's tags say it: "0.988553"."""
    return f"{peak:.6f}"


def gain_of(text: str) -> float | None:
    """The gain that a tag tells ("-7.52 dB", "+3,2db", "-7"), in dB; None where it tells none."""
    number = text.strip().casefold().removesuffix("db").replace(",", ".")
    try:
        gain = float(number)
    except ValueError:
        return None
    return gain if math.isfinite(gain) else None


def bpm_of(text: str) -> float | None:
    """The tempo that a tag tells, in beats a minute; None where it tells none."""
    try:
        bpm = float(text.replace(",", "."))
    except ValueError:
        return None
    return bpm if 1 <= bpm < 1000 else None  # not a number is neither
