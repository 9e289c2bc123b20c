"""What is measured of a file: its tempo, key and loudness; and its beats.

Tempo and key are heard in pieces that are reached by seeking, longer ones than encoders want, and
fewer: the beat of three seconds is anybody's guess. Loaded by worker processes only.
"""

from __future__ import annotations

from dataclasses import dataclass

from msa_desktop.audio import decode, loudness, rhythm, stream
from msa_desktop.audio import key as keys
from msa_desktop.audio.source import Source
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray, WindowSpec
from msa_desktop.base.music import Key, Measures, Tempo

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


def measure(path: str) -> Measures:
    """Tempo, key and loudness, each on its own: what has too little sound for one may have another.

    Args:
        path: As from `os.fsdecode`.

    Raises:
        AudioError: Not an audio file, or damaged so that nothing can be measured.
        OSError: The system could not read the file.
    """
    level = trouble = None
    try:
        level = loudness.measure(path)
    except AudioError as error:
        trouble = error
    try:
        heard = hear(path)
    except AudioError:
        if trouble is not None:
            raise trouble from None
        return Measures(loudness=level)
    return Measures(heard.tempo, heard.key, level)


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
