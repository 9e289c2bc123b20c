"""Numbers, times and states as short words for the screen."""

from __future__ import annotations

import os

from PySide6.QtCore import QDateTime, QLocale, Qt

from msa_desktop.base import timecode
from msa_desktop.base.model import Track, TrackState, display_path

STATE_WORDS: dict[TrackState, str] = {
    TrackState.NEW: "New",
    TrackState.QUEUED: "Waiting",
    TrackState.ANALYSED: "Analysed",
    TrackState.FAILED: "Failed",
}

_ENCODERS = {
    "musicnn": "MusiCNN",
    "clap": "CLAP",
    "clap-music-speech": "CLAP (speech)",
    "ttmrpp": "TTMR++",
    "minilm": "MiniLM",
}


def encoder(encoder_id: str) -> str:
    """An encoder's name as its authors write it."""
    return _ENCODERS.get(encoder_id, encoder_id)


def length(seconds: float) -> str:
    """Seconds as "3:05" or "1:02:03"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def span(begin: float, end: float) -> str:
    """A part of a track: "0:30 to 1:02.5"."""
    return f"{timecode.written(begin)} to {timecode.written(end)}"


def number(value: int) -> str:
    """A whole number as the person's language writes it: "1,234"."""
    return QLocale().toString(value)


def size(count_of_bytes: int) -> str:
    """Bytes as "12.3 MB"."""
    return QLocale().formattedDataSize(count_of_bytes, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def moment(seconds: float) -> str:
    """A moment, in seconds since the epoch, as the person's short date and time."""
    at = QDateTime.fromSecsSinceEpoch(int(seconds))
    return f"{date(seconds)} {at.time().toString('HH:mm')}"


def count(number: int, one: str, many: str) -> str:
    """A count with its noun: "1 track", "1,234 tracks"."""
    return f"{QLocale().toString(number)} {one if number == 1 else many}"


def date(seconds: float) -> str:
    """A moment, in seconds since the epoch, as the person's short date."""
    day = QDateTime.fromSecsSinceEpoch(int(seconds)).date()
    locale = QLocale()
    if locale.language() is QLocale.Language.C:  # no language set: Qt's own would be "22 11 2026"
        return day.toString(Qt.DateFormat.ISODate)
    return locale.toString(day, QLocale.FormatType.ShortFormat)


def state(track: Track) -> str:
    """Where a track stands, in one word."""
    return "Offline" if track.offline else STATE_WORDS[track.state]


def match(score: float) -> str:
    """A cosine (-1 to 1) as a percentage; what points away is no match at all."""
    return f"{round(100 * max(0.0, score))} %"


def folder_name(path: str) -> str:
    """The last part of a folder's path, for people."""
    return display_path(os.path.basename(path.rstrip(os.sep)) or path)


def by(track: Track) -> str:
    """A track in one line: "Title - Artist", or the title alone."""
    return f"{track.title} \N{EN DASH} {track.tags.artist}" if track.tags.artist else track.title


def stem(name: str) -> str:
    """A stem's name as a person reads it: "Drums"."""
    return name.capitalize().replace("_", " ")
