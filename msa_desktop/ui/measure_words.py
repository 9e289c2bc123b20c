"""Tempo, key and loudness of a track in words: for cells, tooltips and the panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from PySide6.QtCore import QLocale

from msa_desktop.base.model import Track
from msa_desktop.base.music import Loudness, Measures, bpm_of, camelot, key_named
from msa_desktop.ui import text

_DOT = " \N{MIDDLE DOT} "
_AUDIBLE = 0.5  # seconds of silence that a listener notices
_SAME = 0.04  # tempi that differ by less are one


class Fact(NamedTuple):
    """One thing known of a track: what it is called, what it is, and what more there is to say."""

    name: str
    value: str
    note: str = ""


def bpm(track: Track) -> str:
    """Its tempo: "128", or "127.5" where the file says so; a measured one is not that exact."""
    if track.bpm is None:
        return ""
    whole = not has_bpm_tag(track) or round(track.bpm, 1) == round(track.bpm)
    return _number(track.bpm, 0 if whole else 1)


def key(track: Track) -> str:
    """Its key: "F#m", and the Camelot code."""
    return f"{track.key}{_DOT}{camelot(track.key)}" if track.key else ""


def loudness(track: Track) -> str:
    """How loud it is: "-9.5 LUFS"."""
    level = track.measures.loudness
    return "" if level is None or level.integrated is None else f"{_number(level.integrated)} LUFS"


def has_bpm_tag(track: Track) -> bool:
    """Whether the file tells its tempo."""
    return bpm_of(track.tags.bpm) is not None


def has_key_tag(track: Track) -> bool:
    """Whether the file tells its key."""
    return key_named(track.tags.key) is not None


def tempo_tip(track: Track) -> str:
    """Who says which tempo, and how sure the program is of its own."""
    said = f"In the file: {bpm(track)} BPM" if has_bpm_tag(track) else ""
    tempo = track.measures.tempo
    if tempo:
        heard = f"Measured: {_number(tempo.bpm, 0)} BPM, {_sure_of_tempo(track)}"
    else:
        heard = "No beat was heard" if track.measures != Measures() else ""
    return "\n".join(filter(None, (said, heard)))


def key_tip(track: Track) -> str:
    """Who says which key, and how sure the program is of its own."""
    said = f"In the file: {key(track)}" if has_key_tag(track) else ""
    found = track.measures.key
    if found:
        heard = f"Measured: {found.name}{_DOT}{found.camelot}, {_sure(found.confidence)}"
    else:
        heard = "No key was heard" if track.measures != Measures() else ""
    return "\n".join(filter(None, (said, heard)))


def loudness_tip(track: Track) -> str:
    """What ReplayGain makes of it."""
    level = track.measures.loudness
    return "" if level is None else ", ".join(filter(None, _level(level)[1:]))


def brief(track: Track) -> str:
    """Tempo and key in a few words, as far as they are known."""
    tempo = f"{bpm(track)} BPM" if track.bpm else ""
    return _DOT.join(filter(None, (tempo, key(track))))


def facts(track: Track) -> Iterator[Fact]:
    """All that was measured of a track, and what its file says of the same; or nothing."""
    measures = track.measures
    heard = measures != Measures()
    if track.bpm:
        yield Fact("Tempo", f"{bpm(track)} BPM", _tempo_note(track))
    elif heard:
        yield Fact("Tempo", "No beat")
    if track.key:
        yield Fact("Key", key(track), _key_note(track))
    elif heard:
        yield Fact("Key", "None heard")
    level = measures.loudness
    if level:
        yield _level(level)
        at_start = _seconds(level.silence_start, "at the start")
        at_end = _seconds(level.silence_end, "at the end")
        if level.peak and (at_start or at_end):
            yield Fact("Silence", at_start or at_end, at_end if at_start else "")


def _tempo_note(track: Track) -> str:
    tempo = track.measures.tempo
    if not has_bpm_tag(track):
        return _sure_of_tempo(track)
    if tempo and track.bpm and abs(tempo.bpm - track.bpm) > _SAME * track.bpm:
        return f"in the file; measured {_number(tempo.bpm, 0)}"
    return "in the file"


def _key_note(track: Track) -> str:
    found = track.measures.key
    if not has_key_tag(track):
        return _sure(found.confidence) if found else ""
    if found and found.name != track.key:
        return f"in the file; measured {found.name}"
    return "in the file"


def _level(level: Loudness) -> Fact:
    if not level.peak:
        return Fact("Loudness", "Silent")
    peak = f"peak {_number(level.peak_db)} dB"
    if level.integrated is None or level.gain is None:
        return Fact("Loudness", "Too short or quiet", peak)
    value = f"{_number(level.integrated)} LUFS"
    return Fact("Loudness", value, f"gain {_number(level.gain)}, {peak}")


def _sure_of_tempo(track: Track) -> str:
    """How sure the program is, and of what else: "88 % sure, or 64 (12 %)"."""
    tempo = track.measures.tempo
    if tempo is None:
        return ""
    others = ", ".join(
        f"{_number(other, 0)} ({text.match(sure)})" for other, sure in tempo.alternatives
    )
    return _sure(tempo.confidence) + (f", or {others}" if others else "")


def _sure(confidence: float) -> str:
    return f"{text.match(confidence)} sure"


def _seconds(seconds: float, where: str) -> str:
    return f"{_number(seconds)} s {where}" if seconds > _AUDIBLE else ""


def _number(value: float, digits: int = 1) -> str:
    """As the person's language writes it, with a true minus."""
    return QLocale().toString(value, "f", digits).replace("-", "\N{MINUS SIGN}")
