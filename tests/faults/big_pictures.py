"""Music files with pictures of 50 MB, put together by hand: tag editors take minutes for some."""

from __future__ import annotations

import base64
import io
import random
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mutagen.flac import Picture
from mutagen.ogg import OggPage
from mutagen.oggopus import OggOpus

from tests.tagio import id3_bytes as id3
from tests.tagio.corpus import CASES, RICH, form, mp3
from tests.tagio.ingredients import chunk
from tests.tagio.ogg_bytes import pages_of

SIZE = 50_000_000


@cache
def _noise() -> bytes:
    """What no history can make small, if it had to hold it."""
    return random.Random(50).randbytes(SIZE)


def _picture(data: bytes) -> bytes:
    found = Picture()
    found.type, found.mime, found.data = 3, "image/jpeg", data
    return bytes(found.write())


def _id3() -> bytes:
    picture = ("APIC", b"\0image/jpeg\0\3big\0" + _noise())
    return id3.tag(3, [*id3.fields(3, RICH), picture])


def _mp3(folder: Path) -> Path:
    return mp3(folder, front=_id3)


def _aiff(folder: Path) -> Path:
    path = CASES["aiff-none"](folder)
    path.write_bytes(form(path.read_bytes(), back=chunk(b"ID3 ", _id3(), big=True)))
    return path


def _flac(folder: Path) -> Path:
    """In four blocks: one has room for 16 MB."""
    path = CASES["flac"](folder)
    raw, part = path.read_bytes(), SIZE // 4
    blocks = [_picture(_noise()[at : at + part]) for at in range(0, SIZE, part)]
    coded = b"".join(b"\6" + len(block).to_bytes(3, "big") + block for block in blocks)
    path.write_bytes(raw[:42] + coded + raw[42:])  # behind "fLaC" and STREAMINFO
    return path


def _mp4(folder: Path) -> Path:
    """One more among its covers; behind the sound, so that nothing points at what moves."""
    path = CASES["m4a-aac-moov-last"](folder)
    raw = bytearray(path.read_bytes())
    data = struct.pack(">I4sII", 16 + SIZE, b"data", 13, 0) + _noise()
    end = 0
    for name in (b"moov", b"udta", b"meta", b"ilst", b"covr"):
        at = raw.rindex(name) - 4
        (size,) = struct.unpack_from(">I", raw, at)
        struct.pack_into(">I", raw, at, size + len(data))
        end = at + size
    path.write_bytes(raw[:end] + data + raw[end:])
    return path


def _opus(folder: Path) -> Path:
    path = CASES["opus"](folder)
    first, *rest = pages_of(path.read_bytes())
    sound = [page for page in rest if page.position > 0]
    tags: Any = OggOpus(path).tags
    coded = base64.b64encode(_picture(_noise())).decode("ascii")
    tags.append(("METADATA_BLOCK_PICTURE", coded))
    packet = b"OpusTags" + tags.write(framing=False)
    pages = [first]
    most = 255 * 255
    for at in range(0, len(packet), most):
        page = OggPage()
        page.serial, page.continued = first.serial, at > 0
        page.packets, page.complete = [packet[at : at + most]], at + most >= len(packet)
        page.position = 0 if page.complete else -1
        pages.append(page)
    whole = io.BytesIO()
    for number, page in enumerate([*pages, *sound]):
        page.sequence = number
        whole.write(page.write())
    path.write_bytes(whole.getvalue())
    return path


BIG: Mapping[str, Callable[[Path], Path]] = {
    "mp3": _mp3,
    "aiff": _aiff,
    "flac": _flac,
    "m4a": _mp4,
    "opus": _opus,
}
"""Format to what builds the file in a folder."""
