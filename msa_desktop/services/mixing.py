"""What mixes well after what: the rule of DJs, of tempo and key. Pure; asks no library.

Beats fall together where one of two tracks is played up to 6 % faster; more is heard. They do so as
well where one is at half or double the tempo of the other, but only where one of the two may be
counted so: a ballad of 70 BPM is no quiet part of a dance track of 140.

Keys go together that are neighbours on the Camelot wheel (`base.music.camelot`): the same one, its
relative (same number) and those a fifth away (one number on or back, same letter), which differ in
one note of seven.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray, Track

FASTEST = 1.06
"""How many times as fast a track is played at most; most players' sliders go as far."""

OCTAVES = (1.0, 0.5, 2.0)
"""What a tempo may be multiplied by."""

_BEND, _OCTAVE, _OTHER_KEY = 0.1, 0.05, 0.05
"""Taken from the likeness for the full 6 %, for half or double time, and for another key: of tracks
that sound nearly as much alike, the one that needs least help comes first."""


@dataclass(frozen=True, slots=True)
class Beat:
    """How a track may be counted.

    Attributes:
        bpm: Its tempo, as its file says or else as measured.
        others: Tempi that were measured of it, in any order.
    """

    bpm: float
    others: tuple[float, ...] = ()

    def octaves(self) -> tuple[float, ...]:
        """1, and those of `OCTAVES` that another of its tempi speaks for."""
        spoken_for = (any(reaches(n * self.bpm, one) for one in self.others) for n in OCTAVES)
        return tuple(n for n, spoken in zip(OCTAVES, spoken_for, strict=True) if spoken or n == 1)


def beat_of(track: Track) -> Beat | None:
    """How a track may be counted; None where no tempo of it is known."""
    tempo = track.measures.tempo
    measured = (tempo.bpm, *(bpm for bpm, _ in tempo.alternatives)) if tempo else ()
    return None if track.bpm is None else Beat(track.bpm, measured)


def reaches(one: float, other: float) -> bool:
    """Whether one of two tempi can be played as fast as the other."""
    return max(one, other) <= FASTEST * min(one, other)


def octave(one: Beat, other: Beat) -> float | None:
    """How many times as fast as `one` the other is counted, where their beats fall together.

    Returns:
        One of `OCTAVES`; None where they cannot.
    """
    for times in OCTAVES:
        if reaches(times * one.bpm, other.bpm):
            return times if times in one.octaves() or 1 / times in other.octaves() else None
    return None


def places_after(place: int) -> tuple[int, ...]:
    """Where keys stand on the wheel that go with the one at `place`; that one first.

    Args:
        place: As `base.music.camelot_place` has it.
    """
    return place, place ^ 1, (place + 2) % 24, (place - 2) % 24


def scores(
    likeness: FloatArray,
    faster: NDArray[np.float64],
    times: NDArray[np.float64],
    is_same_key: NDArray[np.bool_],
) -> FloatArray:
    """How well tracks mix that fit: by how much they sound alike, less what is done to one.

    Args:
        likeness: Shape (n,), -1 to 1.
        faster: Shape (n,): their tempi, as multiples of the other track's.
        times: Shape (n,): what `octave` has it.
        is_same_key: Shape (n,).

    Returns:
        Shape (n,), -1 to 1.
    """
    bend = np.abs(np.log(faster / times)) / math.log(FASTEST)
    taken = _BEND * bend + _OCTAVE * (times != 1) + _OTHER_KEY * ~is_same_key
    found: FloatArray = np.maximum(likeness - taken, -1).astype(np.float32)
    return found
