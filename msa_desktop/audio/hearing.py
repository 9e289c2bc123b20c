"""A file's tempo and key, heard in pieces of it that are reached by seeking; and its beats.

Longer pieces than encoders want, and fewer: the beat of three seconds is anybody's guess. Loaded by
worker processes only.
"""

from __future__ import annotations

from dataclasses import dataclass

from msa_desktop.audio import decode, rhythm, stream
from msa_desktop.audio import key as keys
from msa_desktop.audio.source import Source
from msa_desktop.base.model import FloatArray, WindowSpec
from msa_desktop.base.music import Key, Tempo

_SECONDS = 18.0
_COUNT = 5
_WHOLE = 0.99  # of a short track: its length as told is not always quite there


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard; None where there is no beat, or no key."""

    tempo: Tempo | None
    key: Key | None


def hear(path: str) -> Heard:
    """Tempo and key of a track, in 90 s of it at most.

    Args:
        path: As from `os.fsdecode`.

    Raises:
        AudioError: Not an audio file, damaged, silent or too short.
    """
    with Source(path) as source:
        length = source.claimed_duration or source.measured_duration()
    # A track that is shorter than a piece would be repeated, and be heard to have that rhythm.
    seconds = min(_SECONDS, max(_WHOLE * length, 1 / rhythm.RATE))
    windows = decode.windows(path, WindowSpec(rhythm.RATE, seconds, _COUNT))
    return Heard(rhythm.tempo(windows), keys.key(windows))


def beats(path: str, bpm: float) -> FloatArray:
    """Where a track's beats fall, if its tempo stays; decodes all of it.

    Args:
        path: As from `os.fsdecode`.
        bpm: Its tempo.

    Returns:
        Seconds, ascending.

    Raises:
        AudioError: Not an audio file.
    """
    return rhythm.beats((both.mean(axis=0) for both in stream.pieces(path, rhythm.RATE)), bpm)
