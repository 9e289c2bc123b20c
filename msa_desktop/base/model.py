"""The program's nouns: frozen values that pass between parts, threads and processes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.music import Measures, bpm_of, key_named
from msa_desktop.base.text import printable

TrackId = NewType("TrackId", int)
FloatArray = NDArray[np.float32]


class TrackState(StrEnum):
    """Where a track stands on its way through the analysis."""

    NEW = "new"  # seen on disk; nothing read yet
    QUEUED = "queued"  # tags and length are known; waiting to be listened to
    ANALYSED = "analysed"
    FAILED = "failed"  # `Track.reason` says why; not tried again until the file changes


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What the file system says of one file; cheap to read, compared at every scan.

    Attributes:
        path: Absolute path. Names that are not valid UTF-8 carry surrogate escapes (os.fsdecode).
        size: Bytes.
        mtime_ns: Modification time, nanoseconds since the epoch.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of itself. Empty strings and tuples where it says nothing."""

    title: str = ""
    artist: str = ""
    album: str = ""
    album_artist: str = ""
    genre: tuple[str, ...] = ()
    year: int | None = None
    track_number: int | None = None
    mood: tuple[str, ...] = ()
    bpm: str = ""
    key: str = ""
    grouping: tuple[str, ...] = ()
    summary: str = ""
    track_gain: str = ""
    track_peak: str = ""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Facts about a file's audio stream.

    Attributes:
        duration: Seconds; the container's claim where it has one.
        codec: FFmpeg's codec name, such as "mp3", "flac", "vorbis".
        sample_rate: Hz.
        channels: Count.
        bit_rate: Bits a second, or None where the container does not say.
    """

    duration: float
    codec: str
    sample_rate: int
    channels: int
    bit_rate: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One row of the library, as lists and panels show it."""

    id: TrackId
    path: str
    root_id: int
    state: TrackState
    tags: Tags
    info: AudioInfo | None
    size: int
    mtime_ns: int
    added_at: float
    reason: str = ""
    offline: bool = False
    measures: Measures = field(default_factory=Measures)

    @property
    def title(self) -> str:
        """The tagged title, or the file's name without extension."""
        return self.tags.title or os.path.splitext(display_path(os.path.basename(self.path)))[0]

    @property
    def bpm(self) -> float | None:
        """Its tempo in beats a minute: what the file says, or else what was measured."""
        tempo = self.measures.tempo
        return bpm_of(self.tags.bpm) or (tempo.bpm if tempo else None)

    @property
    def key(self) -> str | None:
        """Its key, one of `base.music.KEYS`: what the file says, or else what was measured."""
        key = self.measures.key
        return key_named(self.tags.key) or (key.name if key else None)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label heard in a track.

    Attributes:
        label: The vocabulary's name for it, such as "piano".
        score: 0 to 1, the model's mean probability over the track.
        source: Which model and training set said so, such as "msd" or "mtt".
    """

    label: str
    score: float
    source: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search.

    Attributes:
        track: The track found.
        score: -1 to 1: cosine of standardised vectors, or a weighted mean of several encoders'.
        labels: The labels both tracks share, strongest first: the reason shown beside the hit.
        encoders: Whose ears say so, by their ids.
    """

    track: Track
    score: float
    labels: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A folder the person gave the program to watch.

    Attributes:
        tracks: How many tracks the library knows under it.
        online: False while the folder is not there (an unplugged disk); its tracks are kept.
    """

    id: int
    path: str
    tracks: int = 0
    online: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """The quick first look at a file: everything that needs no listening.

    Attributes:
        sound_id: Hash of the codec parameters and the first compressed audio packets (and of some
            from all over the track, where it begins with a long silence). Two files with one
            sound_id and one duration hold the same sound, whatever their tags or names.
        begun_at: When the look began; seconds since the epoch.
    """

    info: AudioInfo
    tags: Tags
    sound_id: bytes
    begun_at: float = math.inf


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """The pieces of a track an encoder listens to, spread evenly over it.

    Attributes:
        sample_rate: Hz; the windows are mono.
        seconds: Length of one window.
        count: How many windows at most; a short track yields fewer.
    """

    sample_rate: int
    seconds: float
    count: int

    @property
    def samples(self) -> int:
        """Length of one window in samples."""
        return round(self.seconds * self.sample_rate)


@dataclass(frozen=True, slots=True)
class Embedding:
    """What one encoder heard in one track.

    Attributes:
        encoder: The encoder's id.
        version: The encoder's version; a vector of another version is not comparable.
        vector: Shape (dimension,), float32, raw: neither standardised nor normalised.
        labels: Label scores by source, each of the source's own length and order
            (see `base.vocabulary`); empty for an encoder that names nothing.
    """

    encoder: str
    version: str
    vector: FloatArray
    labels: dict[str, FloatArray] = field(default_factory=dict)


def display_path(path: str) -> str:
    """A path as text that any screen, log or database column can hold.

    Bytes that are not UTF-8, control characters and the like become U+FFFD; the result is for
    people, never for opening files.
    """
    return printable(path)
