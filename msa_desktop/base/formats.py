"""The audio file formats a person's library may hold, declared once."""

from __future__ import annotations

import os

AUDIO_EXTENSIONS: dict[str, str] = {
    ".mp3": "MP3",
    ".flac": "FLAC",
    ".ogg": "Ogg Vorbis",
    ".oga": "Ogg Vorbis",
    ".opus": "Opus",
    ".spx": "Speex",
    ".m4a": "AAC or ALAC",
    ".m4b": "AAC",
    ".mp4": "AAC",
    ".aac": "AAC",
    ".wav": "WAV",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".aifc": "AIFF",
    ".wma": "Windows Media Audio",
    ".ape": "Monkey's Audio",
    ".wv": "WavPack",
    ".mpc": "Musepack",
    ".tta": "True Audio",
    ".dsf": "DSD",
    ".dff": "DSD",
}
"""File name extension (lower case, with its dot) to the format's name."""


def is_audio_name(name: str) -> bool:
    """Whether a file name, by its extension alone, is one of the program's audio formats."""
    return os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS
