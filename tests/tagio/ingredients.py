"""What the files of the corpus are made of: a sound, pictures, and all kinds of rich tags."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.flac import Picture
from mutagen.mp4 import MP4, AtomDataType, MP4Cover, MP4FreeForm

from msa_desktop.audio.encode import Form, write
from msa_desktop.base.fields import Field
from msa_desktop.base.model import FloatArray
from tests.tagio import id3_bytes as id3

Values = Mapping[Field, tuple[str, ...]]

RICH: Values = {
    Field.TITLE: ("Ünï — 曲",),
    Field.ARTIST: ("Ada Ace",),
    Field.ALBUM: ("The Album",),
    Field.ALBUM_ARTIST: ("Ada and others",),
    Field.COMPOSER: ("Clara Composer",),
    Field.DATE: ("1999-03-04",),
    Field.TRACK: ("3/12",),
    Field.DISC: ("1/2",),
    Field.GENRE: ("Rock", "Dream Pop"),
    Field.MOOD: ("calm", "dark"),
    Field.BPM: ("122",),
    Field.KEY: ("F#m",),
    Field.GROUPING: ("Evening",),
    Field.SUMMARY: ("Calm piano over slow drums.",),
    Field.TRACK_GAIN: ("-7.25 dB",),
    Field.TRACK_PEAK: ("0.988553",),
}
"""What a file says whose format can hold all of it."""


def tone(rate: int = 44_100, channels: int = 2, seconds: float = 1.2) -> FloatArray:
    """Tones and a little noise, so that no two stretches of it are alike."""
    time = np.arange(round(rate * seconds)) / rate
    noise = np.random.default_rng(7).uniform(-0.02, 0.02, (channels, time.size))
    return (0.3 * np.sin(2 * np.pi * (300 * time + 200 * time**2)) + noise).astype(np.float32)


@cache
def picture(codec: str, pixels: str) -> bytes:
    """A real picture of about 20 KB: noise, which no codec can make small."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width = encoder.height = 88
    encoder.pix_fmt = pixels
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": "1", "qmax": "2"} if codec == "mjpeg" else {}
    noise = np.random.default_rng(5).integers(0, 256, (88, 88, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pixels)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def jpeg() -> bytes:
    return picture("mjpeg", "yuvj444p")


def png() -> bytes:
    return picture("png", "rgb24")


def sounding(folder: Path, name: str, form: Form) -> Path:
    """The tone in some form, with no tags but those that FFmpeg cannot leave out."""
    path = folder / name
    write(path, tone(), 44_100, form)
    return path


def rich_id3(version: int, values: Values = RICH, **options: bool | int) -> bytes:
    frames = id3.fields(version, values) + id3.rest(version, jpeg(), png())
    return id3.tag(version, frames, **options)  # type: ignore[arg-type]


def id3v1() -> bytes:
    return id3.version_1("Title", "Ada Ace", "The Album", "1999", 3, 17)


def vorbis_comments(values: Values = RICH) -> list[tuple[str, str]]:
    names = {
        Field.TRACK: "TRACKNUMBER",
        Field.DISC: "DISCNUMBER",
        Field.SUMMARY: "DESCRIPTION",
        Field.TRACK_GAIN: "REPLAYGAIN_TRACK_GAIN",
        Field.TRACK_PEAK: "replaygain_track_peak",
    }
    own = [
        (names.get(field, field.name.replace("_", "")), v)
        for field, many in values.items()
        for v in many
    ]
    return [
        ("custom_lower", "first"),
        *own,
        ("custom_lower", "second, of the same name"),
        ("Comment", "An unnamed comment"),
        ("replaygain_album_gain", "-6.50 dB"),
        ("MUSICBRAINZ_TRACKID", "a1b2c3d4-0000-4000-8000-000000000000"),
        ("RATING", "80"),
        ("LYRICS", "All the words\nof the song"),
        ("CHAPTER001", "00:00:00.000"),
        ("CHAPTER001NAME", "First part"),
        ("EMPTY", ""),
    ]


def front_picture() -> Picture:
    found = Picture()
    found.type, found.mime, found.desc, found.data = 3, "image/jpeg", "front", jpeg()
    found.width = found.height = 88
    found.depth = 24
    return found


def fill_mp4(path: Path) -> None:
    file = MP4(path)
    tags: Any = file.tags  # there: FFmpeg has written its own name
    own = "----:com.apple.iTunes:"
    tags.update(
        {
            "©nam": list(RICH[Field.TITLE]),
            "©ART": list(RICH[Field.ARTIST]),
            "©alb": list(RICH[Field.ALBUM]),
            "aART": list(RICH[Field.ALBUM_ARTIST]),
            "©wrt": list(RICH[Field.COMPOSER]),
            "©day": list(RICH[Field.DATE]),
            "trkn": [(3, 12)],
            "disk": [(1, 2)],
            "©gen": list(RICH[Field.GENRE]),
            own + "MOOD": [word.encode() for word in RICH[Field.MOOD]],
            "tmpo": [122],
            own + "initialkey": [b"F#m"],
            "©grp": list(RICH[Field.GROUPING]),
            "desc": list(RICH[Field.SUMMARY]),
            "©cmt": ["An unnamed comment"],
            "©lyr": ["All the words\nof the song"],
            "cpil": True,
            "rtng": [2],
            "sonm": ["sorted title"],
            own + "replaygain_track_gain": [b"-7.25 dB"],
            own + "REPLAYGAIN_TRACK_PEAK": [b"0.988553"],
            own + "replaygain_album_gain": [b"-6.50 dB"],
            own + "MusicBrainz Track Id": [b"a1b2c3d4-0000-4000-8000-000000000000"],
            own + "custom": [b"first", b"second"],
            "----:org.example:mood": [b"another program's"],
            own + "binary": [MP4FreeForm(bytes(range(64)), AtomDataType.IMPLICIT)],
            "covr": [
                MP4Cover(jpeg(), MP4Cover.FORMAT_JPEG),
                MP4Cover(png(), MP4Cover.FORMAT_PNG),
            ],
        }
    )
    file.save()


def fill_ape(path: Path) -> None:
    tags = APEv2()
    names = {
        Field.ALBUM_ARTIST: "Album Artist",
        Field.DATE: "Year",
        Field.SUMMARY: "Description",
        Field.TRACK_GAIN: "REPLAYGAIN_TRACK_GAIN",
        Field.TRACK_PEAK: "replaygain_track_peak",
    }
    for field, values in RICH.items():
        name = names.get(field, field.value.title())
        tags["BPM" if field is Field.BPM else "KEY" if field is Field.KEY else name] = list(values)
    tags["Comment"] = "An unnamed comment"
    tags["custom_lower"] = ["first", "second"]
    tags["REPLAYGAIN_ALBUM_GAIN"] = "-6.50 dB"
    tags["MUSICBRAINZ_TRACKID"] = "a1b2c3d4-0000-4000-8000-000000000000"
    tags["Lyrics"] = "All the words\nof the song"
    tags["Cover Art (Front)"] = APEValue(b"front.jpg\0" + jpeg(), BINARY)
    tags["Private"] = APEValue(bytes(range(256)), BINARY)
    tags.save(path)


def chunk(name: bytes, content: bytes, *, big: bool = False) -> bytes:
    size = len(content).to_bytes(4, "big" if big else "little")
    return name + size + content + bytes(len(content) % 2)


def info() -> bytes:
    """A list of all that INFO can say, each zero-terminated, odd sizes padded."""
    entries = (
        (b"INAM", "Ünï — 曲"),
        (b"IART", "Ada Ace"),
        (b"ISFT", "Some editor"),
        (b"IPRD", "The Album"),
        (b"ICRD", "1999-03-04"),
        (b"ITRK", "3"),
        (b"IGNR", "Rock; Dream Pop"),
        (b"ICMT", "An unnamed comment"),
    )
    body = b"".join(chunk(name, words.encode() + b"\0") for name, words in entries)
    return chunk(b"LIST", b"INFO" + body)


def wav_id3(version: int = 4, name: bytes = b"id3 ", padding: int = 0) -> bytes:
    return chunk(name, rich_id3(version, padding=padding))


def broadcast() -> bytes:
    """Chunks of the studio: all to survive, some of odd size."""
    cue = struct.pack("<III4sIII", 1, 1, 0, b"data", 0, 0, 800)
    label = chunk(b"labl", struct.pack("<I", 1) + b"Bar\0")
    return (
        chunk(b"bext", b"Description".ljust(603, b"\0"))
        + chunk(b"cue ", cue)
        + chunk(b"LIST", b"adtl" + label)
        + chunk(b"iXML", b"<BWFXML/>\n!")
        + chunk(b"Zzz9", bytes(range(255)))
    )
