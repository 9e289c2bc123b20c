"""Files of the Ogg formats, taken apart and put together by mutagen."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mutagen.ogg import OggPage
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from msa_desktop.audio.encode import FORMS, Form, write

DATA = Path(__file__).parents[1] / "data" / "audio"
FORM_OF: dict[str, tuple[Form | None, type]] = {
    "vorbis": (FORMS[".ogg"], OggVorbis),
    "opus": (FORMS[".opus"], OggOpus),
    "flac": (Form("oga", "flac", "s16"), OggFLAC),
    "speex": (None, OggSpeex),
}
KINDS = list(FORM_OF)

Pages = list[OggPage]


@cache
def plain(kind: str) -> bytes:
    """Some sound, with a few tags."""
    form, witness = FORM_OF[kind]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sound.ogg"
        if form is None:
            path.write_bytes((DATA / "sweep.spx").read_bytes())
        else:
            noise = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 120_000)).astype(np.float32)
            write(path, noise, 48_000, form)
        file: Any = witness(path)
        file.tags.clear()
        file.tags.extend([("TITLE", "a"), ("custom", "1"), ("COMMENT", "mine"), ("GENRE", "Rock")])
        file.save(padding=lambda _: 0)
        return path.read_bytes()


def pages_of(data: bytes) -> Pages:
    """All pages, by mutagen; every checksum is checked."""
    file, found = io.BytesIO(data), []
    while file.tell() < len(data):
        at = file.tell()
        page = OggPage(file)
        assert page.write() == data[at : file.tell()]
        found.append(page)
    return found


def written(pages: Pages) -> bytes:
    return b"".join(page.write() for page in pages)


def with_packets(data: bytes, change: dict[int, bytes], *, page_size: int = 4096) -> bytes:
    """The file with other header packets (behind the first), laid out by mutagen."""
    pages = pages_of(data)
    count = {b"\x01vorbis": 3, b"Speex  ": 2, b"OpusHea": 2}.get(pages[0].packets[0][:7], 2)
    size, ended = 1, len(pages[0].packets)
    while ended < count:
        ended += len(pages[size].packets) - (not pages[size].complete)
        size += 1
    packets = OggPage.to_packets(pages[:size])
    assert len(packets) == count
    for number, packet in change.items():
        packets[number] = packet
    new = OggPage.from_packets(packets[1:], 1, page_size, page_size // 2)
    for page in new:
        page.position = 0 if len(page.packets) > 1 or page.complete else -1
    rest = pages[size:]
    for number, page in enumerate(rest, len(new) + 1):
        page.sequence = number
    for page in new:
        page.serial = pages[0].serial
    return written([pages[0], *new, *rest])


def comment_packet(data: bytes) -> bytes:
    packet: bytes = OggPage.to_packets(pages_of(data))[1]
    return packet


def serial_of(data: bytes) -> int:
    return OggPage(io.BytesIO(data)).serial
