"""MP4 files taken apart and put together by hand, and changed and heard by others."""

from __future__ import annotations

import hashlib
import io
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from mutagen.mp4 import MP4, AtomDataType, MP4Cover, MP4FreeForm, MP4Tags

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import mp4
from msa_desktop.tagio._base import Edit, Keep, Source

OWN = "----:com.apple.iTunes:"
CONTAINERS = b"moov trak mdia minf dinf stbl udta meta ilst moof traf mfra".split()


@dataclass
class Box:
    """One atom: its content, or what stands before its children, and these.

    Attributes:
        form: 32 or 64 bits of size, or 0 for an atom that ends with the file.
        origin: Where its content began in the file it comes from.
    """

    kind: bytes
    body: bytes = b""
    children: list[Box] = field(default_factory=list)
    form: int = 32
    origin: int = 0

    def __bytes__(self) -> bytes:
        content = self.body + b"".join(map(bytes, self.children))
        if self.form == 64:
            return struct.pack(">I4sQ", 1, self.kind, len(content) + 16) + content
        return struct.pack(">I4s", (len(content) + 8) * (self.form > 0), self.kind) + content

    def walk(self) -> Iterator[Box]:
        yield self
        for child in self.children:
            yield from child.walk()


def parsed(data: bytes, origin: int = 0) -> list[Box]:
    found = []
    at = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        box = Box(kind, data[at + 8 : at + size], origin=origin + at + 8)
        if kind in CONTAINERS:
            box.body, inner = (box.body[:4], 4) if kind == b"meta" else (b"", 0)
            box.children = parsed(data[at + 8 + inner : at + size], origin + at + 8 + inner)
        found.append(box)
        at += size
    return found


def one(boxes: list[Box], *path: bytes) -> Box:
    """The first atom by its path."""
    found = next(box for box in boxes if box.kind == path[0])
    return one(found.children, *path[1:]) if path[1:] else found


def joined(boxes: list[Box]) -> bytes:
    """The file, its tables pointing at where its sound is now."""
    moved = []
    at = 0
    for box in boxes:
        head = 16 if box.form == 64 else 8
        length = len(bytes(box))
        kept = length - head if box.kind == b"mdat" else 1
        moved.append((box.origin, box.origin + kept, at + head))
        at += length

    def place(old: int, header: int = 0) -> int:
        for begin, end, new in moved:
            if begin <= old + header < end:
                return new + old - begin
        raise AssertionError(f"nothing at {old}")

    for box in (inner for outer in boxes for inner in outer.walk()):
        if box.kind in (b"stco", b"co64"):
            form = "I" if box.kind == b"stco" else "Q"
            count = int.from_bytes(box.body[4:8], "big")
            old = struct.unpack(f">{count}{form}", box.body[8:])
            box.body = box.body[:8] + struct.pack(f">{count}{form}", *map(place, old))
        elif box.kind == b"tfhd" and box.body[3] & 1:
            base = place(int.from_bytes(box.body[8:16], "big"), 8)
            box.body = box.body[:8] + base.to_bytes(8, "big") + box.body[16:]
    return b"".join(map(bytes, boxes))


def data(kind: int, value: bytes) -> Box:
    return Box(b"data", struct.pack(">II", kind, 0) + value)


def item(kind: bytes, *values: tuple[int, bytes]) -> Box:
    return Box(kind, children=[data(*value) for value in values])


def freeform(name: bytes, *values: tuple[int, bytes], mean: bytes = b"com.apple.iTunes") -> Box:
    naming = [Box(b"mean", bytes(4) + mean), Box(b"name", bytes(4) + name)]
    return Box(b"----", children=naming + item(b"", *values).children)


KINDS = {
    "aac": ("ipod", "aac", ""),
    "alac": ("ipod", "alac", ""),
    "mp4": ("mp4", "aac", ""),
    "header first": ("ipod", "aac", "faststart"),
    "fragments": ("mp4", "aac", "frag_every_frame+empty_moov"),
    "fragments that say no place": ("mp4", "aac", "frag_every_frame+empty_moov+default_base_moof"),
    "segment index": ("mp4", "aac", "dash+delay_moov+global_sidx+frag_keyframe"),
    "QuickTime": ("mov", "aac", ""),
    "keys": ("mp4", "aac", "use_metadata_tags"),
}


@cache
def made(kind: str, tracks: int = 1) -> bytes:
    """Half a second of noise, as FFmpeg writes it."""
    container_format, codec, flags = KINDS[kind]
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 22_050)).astype(np.float32)
    options = {"movflags": flags} if flags else {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.m4a"
        with av.open(str(path), "w", format=container_format, options=options) as container:
            container.metadata.update({"title": "Old", "artist": "Who", "genre": "Rock"})
            streams = [
                cast(AudioStream, container.add_stream(codec, rate=44_100)) for _ in range(tracks)
            ]
            for at in range(0, 22_050, 2205):  # so that the tracks' chunks lie between each other
                for stream in streams:
                    part = np.ascontiguousarray(noise[:, at : at + 2205])
                    frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                    frame.sample_rate, frame.pts = 44_100, at
                    container.mux(stream.encode(frame))
            for stream in streams:
                container.mux(stream.encode(None))
        return path.read_bytes()


def boxes(kind: str, tracks: int = 1) -> list[Box]:
    return parsed(made(kind, tracks))


def items_of(file: list[Box]) -> list[Box]:
    return one(file, b"moov", b"udta", b"meta", b"ilst").children


@cache
def rich(kind: str) -> bytes:
    """The same with tags of all sorts, by mutagen and, where it cannot, by hand."""
    file = io.BytesIO(made("aac"))
    tagged = MP4(file)
    tags = cast(MP4Tags, tagged.tags)
    tags.update(
        {
            "©gen": ["Jazz", "Blues"],
            "©cmt": ["a comment of mine"],
            "ldes": ["long description"],
            "cpil": True,
            "rtng": [2],
            "plID": [123456789012],
            "covr": [
                MP4Cover(random.Random(1).randbytes(5000), MP4Cover.FORMAT_JPEG),
                MP4Cover(b"\x89PNG" + bytes(200), MP4Cover.FORMAT_PNG),
            ],
            OWN + "replaygain_track_gain": [MP4FreeForm(b"-6.5 dB")],
            OWN + "MusicBrainz Artist Id": [MP4FreeForm(b"one"), MP4FreeForm(b"two")],
            "----:com.serato.dj:m": [MP4FreeForm(bytes(range(256)), AtomDataType.IMPLICIT)],
            "----:org.example:MOOD": [MP4FreeForm(b"not ours")],
        }
    )
    tagged.save(file, padding=lambda _: 0)
    items = items_of(parsed(file.getvalue()))
    items[1:1] = [Box(b"xyz1", b"what"), Box(b"rate"), freeform(b"no data")]
    found = boxes(kind)
    items_of(found)[:] = items
    return joined(found)


@contextmanager
def source_of(data: bytes) -> Iterator[Source]:
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield Source(file.fileno())


def read(data: bytes) -> dict[Field, tuple[str, ...]]:
    with source_of(data) as source:
        return mp4.read(source)


def laid_out(data: bytes, changes: FieldValues) -> Edit:
    with source_of(data) as source:
        return mp4.edit(source, changes)


def composed(data: bytes, edit: Edit) -> bytes:
    return b"".join(
        data[piece.offset : piece.end] if isinstance(piece, Keep) else piece
        for piece in edit.pieces
    )


def sound(data: bytes) -> bytes:
    with source_of(data) as source:
        return b"".join(source.read(offset, length) for offset, length in mp4.sound(source))


def others(data: bytes, changes: FieldValues) -> dict[str, bytes]:
    with source_of(data) as source:
        return dict(mp4.others(source, changes))


def edited(data: bytes, changes: FieldValues) -> bytes:
    """The changed file, after everything that shall be equal was found equal."""
    edit = laid_out(data, changes)
    new = composed(data, edit)
    assert bool(edit.frames) == (new != data)
    assert sound(new) == sound(data)
    assert others(new, changes) == others(data, changes)
    said, before = read(new), read(data)
    for tag in Field:
        assert said.get(tag, ()) == changes.get(tag, before.get(tag, ()))
    assert laid_out(new, changes) == Edit((Keep(0, len(new)),), ())
    return new


def heard(data: bytes) -> list[tuple[int | None, str]]:
    """Every packet's and every frame's time and hash, of all tracks."""
    found: list[tuple[int | None, str]] = []
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux(container.streams.audio):
            found.append((packet.pts, hashlib.sha256(bytes(packet)).hexdigest()))
            for frame in packet.decode():
                assert isinstance(frame, AudioFrame)
                found.append((frame.pts, hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()))
    return found


def by_mutagen(data: bytes) -> dict[str, object]:
    return dict(MP4(io.BytesIO(data)).tags or {})


def by_ffmpeg(data: bytes) -> dict[str, str]:
    with av.open(io.BytesIO(data)) as container:
        return dict(container.metadata)


def at(data: bytes, kind: bytes) -> int:
    """Where the content of an outermost atom begins."""
    return next(box.origin for box in parsed(data) if box.kind == kind)
