"""What mutagen, which has no part in the writing, sees in a file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import av
import mutagen
from av.audio.frame import AudioFrame
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, Frame, ID3NoHeaderError, ParseID3v1
from mutagen.mp4 import MP4

from msa_desktop.base.fields import Field
from tests.tagio.id3_bytes import NAMES

Seen = dict[str, tuple[str, ...]]
"""Texts, or hashes of what is none, by the tag system and the name of each frame in it."""

_VORBIS = {
    Field.TRACK: "TRACKNUMBER",
    Field.DISC: "DISCNUMBER",
    Field.SUMMARY: "DESCRIPTION",
}
_MP4 = {
    Field.TITLE: "©nam",
    Field.ARTIST: "©ART",
    Field.ALBUM: "©alb",
    Field.ALBUM_ARTIST: "aART",
    Field.COMPOSER: "©wrt",
    Field.DATE: "©day",
    Field.TRACK: "trkn",
    Field.DISC: "disk",
    Field.GENRE: "©gen",
    Field.MOOD: "----:com.apple.iTunes:MOOD",
    Field.BPM: "tmpo",
    Field.KEY: "----:com.apple.iTunes:initialkey",
    Field.GROUPING: "©grp",
    Field.SUMMARY: "desc",
    Field.TRACK_GAIN: "----:com.apple.iTunes:replaygain_track_gain",
    Field.TRACK_PEAK: "----:com.apple.iTunes:replaygain_track_peak",
}
_APE = {
    Field.ALBUM_ARTIST: "Album Artist",
    Field.DATE: "Year",
    Field.SUMMARY: "Description",
}
_ASF = {
    Field.TITLE: "Title",
    Field.ARTIST: "Author",
    Field.ALBUM: "WM/AlbumTitle",
    Field.ALBUM_ARTIST: "WM/AlbumArtist",
    Field.COMPOSER: "WM/Composer",
    Field.DATE: "WM/Year",
    Field.TRACK: "WM/TrackNumber",
    Field.DISC: "WM/PartOfSet",
    Field.GENRE: "WM/Genre",
    Field.MOOD: "WM/Mood",
    Field.BPM: "WM/BeatsPerMinute",
    Field.KEY: "WM/InitialKey",
    Field.GROUPING: "WM/ContentGroupDescription",
    Field.SUMMARY: "WM/SubTitleDescription",
    Field.TRACK_GAIN: "REPLAYGAIN_TRACK_GAIN",
    Field.TRACK_PEAK: "REPLAYGAIN_TRACK_PEAK",
}
OPUS_GAIN = "vorbis:R128_TRACK_GAIN"


def names_of(field: Field) -> set[str]:
    """Every name a field has in any tag system, as `seen` gives them."""
    return {
        *(f"id3:{names[field]}" for names in NAMES.values() if field in names),
        *({"id3:TDAT", "id3:TDA"} if field is Field.DATE else ()),
        *({"id3:TXXX:mood", "id3:TXX:mood", "id3:TMOO"} if field is Field.MOOD else ()),
        *({"id3:COMM:msa:eng", "id3:COM:msa:eng"} if field is Field.SUMMARY else ()),
        f"v1:{NAMES[4].get(field)}",
        *({"v1:TDRC"} if field is Field.DATE else ()),
        f"vorbis:{_VORBIS.get(field, field.value.upper())}",
        *({"vorbis:TRACKTOTAL", "vorbis:TOTALTRACKS"} if field is Field.TRACK else ()),
        *({"vorbis:DISCTOTAL", "vorbis:TOTALDISCS"} if field is Field.DISC else ()),
        f"mp4:{_MP4[field]}",
        f"ape:{_APE.get(field, field.value).lower()}",
        f"asf:{_ASF[field]}",
        *({OPUS_GAIN} if field is Field.TRACK_GAIN else ()),
        *(_replaygain(field) if field in (Field.TRACK_GAIN, Field.TRACK_PEAK) else ()),
    }


def _replaygain(field: Field) -> set[str]:
    """The names that files write in capitals and in small letters alike."""
    places = ("id3:TXXX:", "id3:TXX:", "vorbis:", "asf:", "mp4:----:com.apple.iTunes:")
    return {place + name for place in places for name in (field.value, field.value.upper())}


def seen(path: Path) -> Seen:
    """Everything mutagen reads of a file, whatever its tag systems."""
    found: Seen = {}
    name = path.suffix
    if name in (".mp3", ".aac", ".flac", ".tta", ".wav", ".aiff", ".aif", ".aifc", ".dsf"):
        found |= _id3(path)
    if name in (".mp3", ".aac", ".ape", ".wv", ".mpc", ".tta"):
        found |= _ape(path)
    if name in (".mp3", ".aac", ".ape", ".tta"):
        tail = path.read_bytes()[-128:]
        # mutagen takes a "TAG" anywhere in it for one that was cut short: that of "APETAGEX" too.
        frames = (ParseID3v1(tail) or {}) if tail.startswith(b"TAG") else {}
        found |= {f"v1:{key}": _texts(frame) for key, frame in frames.items()}
    if name in (".flac", ".ogg", ".oga", ".opus", ".spx"):
        file = mutagen.File(path)
        for key, value in file.tags or ():
            found[f"vorbis:{key}"] = (*found.get(f"vorbis:{key}", ()), value)
        if isinstance(file, FLAC):
            for number, block in enumerate(b for b in file.metadata_blocks if b.code not in (1, 4)):
                found[f"block:{number} {block.code}"] = (_hash(block.write()),)
    elif name in (".m4a", ".m4b", ".mp4"):
        for key, value in dict(MP4(path).tags or {}).items():
            values: list[Any] = value if isinstance(value, list) else [value]
            found[f"mp4:{key}"] = tuple(_mp4_text(one) for one in values)
    elif name == ".wma":
        for key, value in ASF(path).tags or ():
            text = value.value if isinstance(value.value, str) else repr(value.value)
            found[f"asf:{key}"] = (*found.get(f"asf:{key}", ()), text)
    return found


def _id3(path: Path) -> Seen:
    try:
        if path.suffix in (".mp3", ".aac", ".flac", ".tta"):
            tags = ID3(path, translate=False, load_v1=False)
        else:
            # As the file has them, where mutagen would make 2.4 of all; and it reads no RF64.
            raw = path.read_bytes()
            at = raw.find(b"ID3", raw.lower().find(b"id3 ") + 8 if path.suffix != ".dsf" else 28)
            if at < 0:
                return {}
            if path.suffix != ".wav" or raw[:4] == b"RIFF":
                assert mutagen.File(path).tags is not None  # it finds it there too
            tags = ID3(io.BytesIO(raw[at:]), translate=False, load_v1=False)
    except ID3NoHeaderError:
        return {}
    found = {f"id3:{key}": _texts(frame) for key, frame in tags.items()}
    found["id3:version"] = (str(tags.version),)
    for number, unknown in enumerate(sorted(tags.unknown_frames)):
        found[f"id3:unknown {number}"] = (_hash(unknown),)
    return found


def _ape(path: Path) -> Seen:
    try:
        tags = APEv2(path)
    except APENoHeaderError:
        return {}
    return {
        f"ape:{key.lower()}": tuple(value) if value.kind == 0 else (_hash(value.value),)
        for key, value in tags.items()
    }


def _texts(frame: Frame) -> tuple[str, ...]:
    if not hasattr(frame, "text"):
        return (repr(frame),)
    return tuple(map(str, frame.text)) if isinstance(frame.text, list) else (str(frame.text),)


def _mp4_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(str(number) for number in value if number)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _hash(raw: bytes | Any) -> str:
    return hashlib.sha256(bytes(raw)).hexdigest()


def differing(before: Seen, after: Seen, changed: Iterable[Field]) -> Mapping[str, object]:
    """What differs but should not, where only some fields were changed.

    A first ID3v2 tag says the other fields and the comment, too: readers that find one look no
    further.
    """
    named = {name.lower() for field in changed for name in names_of(field)}
    if "id3:version" not in before:
        named |= {name.lower() for field in Field for name in names_of(field) if name[:3] == "id3"}
        named.add("id3:comm::eng")
    both_keys = before.keys() | after.keys()
    keys = {key for key in both_keys if key.lower() not in named} - {"id3:version"}
    unequal = {key: (before.get(key), after.get(key)) for key in keys}
    found: dict[str, object] = {key: both for key, both in unequal.items() if both[0] != both[1]}
    versions = before.get("id3:version"), after.get("id3:version")
    if versions[0] is not None and versions[0] != versions[1]:
        found["id3:version"] = versions
    return found


def heard(path: Path) -> str:
    """A hash of every decoded sample.

    Of MP3 only the first second: FFmpeg takes an APEv2 tag behind the sound for more of it.
    """
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            if path.suffix == ".mp3" and frame.time is not None and frame.time > 1:
                break
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()
