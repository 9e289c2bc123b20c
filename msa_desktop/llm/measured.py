"""What was measured of a track, in words: as tags, tempo and key also as parts of a sentence.

Taggers add nothing to it: a language model can only name a number, and the program puts it in.
"""

from __future__ import annotations

from msa_desktop.base.fields import Field
from msa_desktop.base.music import (
    REFERENCE,
    Key,
    Measures,
    Tempo,
    bpm_of,
    gain_of,
    gain_text,
    key_named,
    peak_text,
)
from msa_desktop.base.proposals import Suggestion
from msa_desktop.llm._base import Evidence

OWN = "the file's own tags"
TEMPO, KEY = "{tempo}", "{key}"
"""What a sentence has in their place until the program puts them in."""

_LEAST_TEMPO, _LEAST_KEY = 0.7, 0.6
"""Confidence below which neither is proposed. Of held-out pieces with more, 0.91 of the tempi and
0.86 of the keys were right (scripts/bench/rhythm.py)."""

_STATED = 0.8
"""The same for a sentence, which is only as sure as the least sure of its parts."""

_UNHEARD = 0.5  # dB: gains that differ by less are the same to a listener


def suggestions(measures: Measures) -> dict[Field, tuple[Suggestion, ...]]:
    """The tempo and the key as tags, where they are sure enough."""
    found: dict[Field, tuple[Suggestion, ...]] = {}
    tempo, key = measures.tempo, measures.key
    if tempo is not None and tempo.confidence >= _LEAST_TEMPO:
        found[Field.BPM] = (_tempo(tempo),)
    if key is not None and key.confidence >= _LEAST_KEY:
        found[Field.KEY] = (_key(key),)
    return found


def replaygain(evidence: Evidence) -> dict[Field, tuple[Suggestion, ...]]:
    """ReplayGain's tags for the track, unless the file's own gain is about the same."""
    loudness = evidence.measures.loudness
    if loudness is None or loudness.integrated is None or loudness.gain is None:
        return {}
    said = gain_of(" ".join(evidence.says.get(Field.TRACK_GAIN, ())))
    if said is not None and abs(said - loudness.gain) < _UNHEARD:
        return {}
    reason = f"measured {loudness.integrated:.1f} LUFS, brought to {REFERENCE:.0f}"
    reason = reason.replace("-", "\N{MINUS SIGN}")
    gain = Suggestion(gain_text(loudness.gain), 1.0, reason=reason)
    found: dict[Field, tuple[Suggestion, ...]] = {Field.TRACK_GAIN: (gain,)}
    if evidence.codec != "opus":  # whose files have no place for a peak
        peak = Suggestion(peak_text(loudness.peak), 1.0, reason="measured: the highest sample")
        found[Field.TRACK_PEAK] = (peak,)
    return found


def stated(evidence: Evidence) -> dict[str, Suggestion]:
    """The tempo and the key in a sentence's words, by `TEMPO` and `KEY`.

    What the file says goes before what was measured.
    """
    own = {
        field: tuple(Suggestion(value, 1.0, reason=OWN) for value in evidence.says.get(field, ()))
        for field in (Field.BPM, Field.KEY)
    }
    measured = suggestions(evidence.measures)
    found: dict[str, Suggestion] = {}
    for field, name, in_words in ((Field.BPM, TEMPO, _beats), (Field.KEY, KEY, _in_full)):
        for made in (*own[field], *measured.get(field, ())):
            text = in_words(made.value)
            if text and made.confidence >= _STATED:
                found.setdefault(name, Suggestion(text, made.confidence, reason=made.reason))
    return found


def _tempo(tempo: Tempo) -> Suggestion:
    """A whole number: ID3 and MP4 hold no other, and the measuring errs by more than its rest."""
    others = " or ".join(f"{bpm:.0f}" for bpm, _ in tempo.alternatives)
    reason = f"measured: {tempo.bpm:.1f} BPM" + (f"; less likely {others}" if others else "")
    return Suggestion(f"{tempo.bpm:.0f}", tempo.confidence, reason=reason)


def _key(key: Key) -> Suggestion:
    reason = f"measured: {_in_full(key.name)}, Camelot {key.camelot}"
    return Suggestion(key.name, key.confidence, reason=reason)


def _beats(text: str) -> str:
    """A tempo that a tag tells as "99 BPM"; "" for what is none."""
    bpm = bpm_of(text)
    return "" if bpm is None else f"{bpm:.0f} BPM"


def _in_full(text: str) -> str:
    """A key that a tag tells as "F# minor"; "" for what is none."""
    name = key_named(text)
    if name is None:
        return ""
    return f"{name[:-1]} minor" if name.endswith("m") else f"{name} major"
