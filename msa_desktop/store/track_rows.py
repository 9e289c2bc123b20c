"""Rows of the library as tracks."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from msa_desktop.base.model import AudioInfo, Tags, Track
from msa_desktop.base.music import Key, Loudness, Measures, Tempo
from msa_desktop.store.schema import SEPARATOR, STATES

TRACK_SQL = """
    SELECT tracks.id, folders.path, name, root_id, state, size, mtime_ns, added_at, reason, online,
        title, artist, album, album_artist, genre, year, track_number,
        codec, duration, sample_rate, channels, bit_rate,
        mood, bpm, tracks.musical_key, grouping, summary, track_gain, track_peak,
        tempo, tempo_confidence, other_tempi, measures.musical_key, key_confidence,
        loudness, peak, silence_start, silence_end
    FROM tracks JOIN folders ON folders.id = folder_id JOIN roots ON roots.id = root_id
    LEFT JOIN measures ON measures.track_id = tracks.id
"""
"""What `track` makes tracks of; to be followed by a condition."""


def track(row: Sequence[Any]) -> Track:
    """The track of one row that `TRACK_SQL` gives."""
    (
        track_id, folder, name, root_id, state, size, mtime_ns, added_at, reason, online,
        title, artist, album, album_artist, genre, year, track_number,
        codec, duration, sample_rate, channels, bit_rate,
        mood, bpm, musical_key, grouping, summary, track_gain, track_peak,
        *measured,
    ) = row  # fmt: skip
    return Track(
        id=track_id,
        path=os.path.join(os.fsdecode(folder), os.fsdecode(name)),
        root_id=root_id,
        state=STATES[state],
        tags=Tags(
            title,
            artist,
            album,
            album_artist,
            several(genre),
            year,
            track_number,
            several(mood),
            bpm,
            musical_key,
            several(grouping),
            summary,
            track_gain,
            track_peak,
        ),
        info=AudioInfo(duration, codec, sample_rate, channels, bit_rate)
        if codec is not None
        else None,
        size=size,
        mtime_ns=mtime_ns,
        added_at=added_at,
        reason=reason,
        offline=not online,
        measures=_measures(*measured),
    )


def _measures(
    tempo: float | None,
    tempo_confidence: float,
    other_tempi: str,
    key: str | None,
    key_confidence: float,
    loudness: float | None,
    peak: float | None,
    silence_start: float,
    silence_end: float,
) -> Measures:
    """What was measured; a row's columns, all None for a track that was not measured."""
    others = () if tempo is None else tuple((bpm, sure) for bpm, sure in json.loads(other_tempi))
    return Measures(
        None if tempo is None else Tempo(tempo, tempo_confidence, others),
        None if key is None else Key(key, key_confidence),
        None if peak is None else Loudness(loudness, peak, silence_start, silence_end),
    )


def several(joined: str) -> tuple[str, ...]:
    """The values of a column that holds several."""
    return tuple(joined.split(SEPARATOR)) if joined else ()
