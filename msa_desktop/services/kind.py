"""What kind of track it is: a song, an instrumental, a cappella. Pure decisions.

From stems, by how much of a track is voice; else from labels, less surely.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.llm import rules
from msa_desktop.stems.record import INSTRUMENTAL, VOCALS

_NEGLIGIBLE = 0.01  # mean RMS (-40 dB) below which a stem is what the model let through
_NOTHING = 1e-4  # mean RMS (-80 dB) that is no share of anything
_BOTH = 0.2  # the share that voice and instruments each need for a song
_ONE = 0.5  # the share that one of them needs to be all that counts
_SUREST = 0.95
_SUREST_LABELS = 0.75
_LIKELY = 0.5  # what labels say less surely is no evidence
_UNHEARD = 0.1  # a label less sure than this says that there is nothing of it
VOICE = "vocals"
VOICES = (VOICE, "female vocals", "male vocals", "choir", "opera")
"""The vocabulary's words that mean a voice; `VOICE` says nothing of whose."""
NO_VOICE = "no vocals"


class Kind(StrEnum):
    """Kinds of tracks."""

    SONG = "song"
    INSTRUMENTAL = "instrumental"
    A_CAPPELLA = "a cappella"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KindOfTrack:
    """The kind of a track, and why.

    Attributes:
        confidence: 0 to 1; 0 where the kind is unknown.
        vocal_share: Of the loudness of voice and instruments; None where there are no stems.
        instrumental_share: The same.
        negligible: The stems that hold as good as nothing.
    """

    kind: Kind
    confidence: float
    vocal_share: float | None = None
    instrumental_share: float | None = None
    negligible: tuple[str, ...] = ()

    @property
    def by_stems(self) -> bool:
        """Whether it is known by stems; otherwise by labels."""
        return self.vocal_share is not None


def is_negligible(rms: float) -> bool:
    """Whether a stem holds as good as nothing; `rms` as in `stems.record.Level`."""
    return rms < _NEGLIGIBLE


def from_stems(levels: Mapping[str, float]) -> KindOfTrack:
    """By the loudness of voice and instruments.

    Args:
        levels: The `stems.record.Level.rms` of each stem.
    """
    negligible = tuple(
        name for name, rms in levels.items() if name != INSTRUMENTAL and is_negligible(rms)
    )
    if VOCALS not in levels or INSTRUMENTAL not in levels:
        return KindOfTrack(Kind.UNKNOWN, 0.0, negligible=negligible)
    voice, rest = (
        rms if rms >= _NOTHING else 0.0 for rms in (levels[VOCALS], levels[INSTRUMENTAL])
    )
    if not voice + rest:
        return KindOfTrack(Kind.UNKNOWN, 0.0, 0.0, 0.0, negligible)
    share = voice / (voice + rest)
    kind = _by_shares(share, 1 - share)
    # A share at the border of two kinds is as good as a guess; one well within is not.
    border = min(abs(share - _BOTH), abs(share - (1 - _BOTH)))
    confidence = _SUREST - (_SUREST - 0.5) * max(0.0, 1 - border / _BOTH)
    return KindOfTrack(kind, confidence, share, 1 - share, negligible)


def _by_shares(voice: float, instruments: float) -> Kind:
    if voice > _BOTH and instruments > _BOTH:
        return Kind.SONG
    if voice > _ONE:
        return Kind.A_CAPPELLA
    return Kind.INSTRUMENTAL if instruments > _ONE else Kind.UNKNOWN


def from_labels(
    heard: Mapping[str, float], usual: Mapping[str, float], instruments: Collection[str]
) -> KindOfTrack:
    """By what the labels say of voices.

    Args:
        heard: Scores in the vocabulary's words, opposites settled (`Vocabulary.merged`).
        usual: Each word's probability over all kinds of music (`Vocabulary.usual`).
        instruments: The words for instruments.
    """

    def sure(names: Collection[str]) -> float:
        known = [name for name in names if name in heard]
        return max((rules.confidence(heard[name], usual[name]) for name in known), default=0.0)

    voice, none = sure(VOICES), sure([NO_VOICE])
    confidence = min(max(voice, none), _SUREST_LABELS)
    if confidence < _LIKELY:
        return KindOfTrack(Kind.UNKNOWN, 0.0)
    if none > voice:
        return KindOfTrack(Kind.INSTRUMENTAL, confidence)
    alone = bool(instruments) and sure(instruments) < _UNHEARD
    return KindOfTrack(Kind.A_CAPPELLA if alone else Kind.SONG, confidence)
