"""ID3v2 tags written by hand, in every form that files have them in.

Sources: id3.org: id3v2-00, id3v2.3.0, id3v2.4.0-structure and -frames.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping

from msa_desktop.base.fields import Field

Frames = list[tuple[str, bytes]]

NAMES: Mapping[int, Mapping[Field, str]] = {
    4: {
        Field.TITLE: "TIT2",
        Field.ARTIST: "TPE1",
        Field.ALBUM: "TALB",
        Field.ALBUM_ARTIST: "TPE2",
        Field.COMPOSER: "TCOM",
        Field.DATE: "TDRC",
        Field.TRACK: "TRCK",
        Field.DISC: "TPOS",
        Field.GENRE: "TCON",
        Field.MOOD: "TMOO",
        Field.BPM: "TBPM",
        Field.KEY: "TKEY",
        Field.GROUPING: "TIT1",
    },
    3: {
        Field.TITLE: "TIT2",
        Field.ARTIST: "TPE1",
        Field.ALBUM: "TALB",
        Field.ALBUM_ARTIST: "TPE2",
        Field.COMPOSER: "TCOM",
        Field.DATE: "TYER",
        Field.TRACK: "TRCK",
        Field.DISC: "TPOS",
        Field.GENRE: "TCON",
        Field.BPM: "TBPM",
        Field.KEY: "TKEY",
        Field.GROUPING: "TIT1",
    },
    2: {
        Field.TITLE: "TT2",
        Field.ARTIST: "TP1",
        Field.ALBUM: "TAL",
        Field.ALBUM_ARTIST: "TP2",
        Field.COMPOSER: "TCM",
        Field.DATE: "TYE",
        Field.TRACK: "TRK",
        Field.DISC: "TPA",
        Field.GENRE: "TCO",
        Field.BPM: "TBP",
        Field.KEY: "TKE",
        Field.GROUPING: "TT1",
    },
}
"""The plain text frames of each version."""

DESCRIBED = {
    Field.MOOD: "mood",  # before 2.4
    Field.TRACK_GAIN: "REPLAYGAIN_TRACK_GAIN",
    Field.TRACK_PEAK: "replaygain_track_peak",
}
"""Frames of the person's own making, by what describes them; some programs write small letters."""


def text(version: int, words: str) -> bytes:
    """A text frame's content: Latin-1 where that holds it, or the version's Unicode."""
    try:
        return b"\0" + words.encode("latin-1")
    except UnicodeEncodeError:
        return b"\3" + words.encode() if version == 4 else b"\1" + words.encode("utf-16")


def fields(version: int, values: Mapping[Field, tuple[str, ...]]) -> Frames:
    """The frames of the program's own tags, as DESIGN's table has them."""
    found: Frames = []
    for field, many in values.items():
        words = ("\0" if version == 4 else "; ").join(many)
        if field is Field.SUMMARY:
            name = "COM" if version == 2 else "COMM"
            found.append((name, b"\0eng" + b"msa\0" + words.encode("latin-1")))
        elif field in DESCRIBED and (field is not Field.MOOD or version < 4):
            name = "TXX" if version == 2 else "TXXX"
            content = f"\0{DESCRIBED[field]}\0{words}"
            found.append((name, content.encode("latin-1")))
        elif field is Field.DATE and version < 4:
            found.append((NAMES[version][field], text(version, words[:4])))
            if len(words) == 10:
                found.append(
                    ("TDAT" if version == 3 else "TDA", text(version, words[8:] + words[5:7]))
                )
        else:
            found.append((NAMES[version][field], text(version, words)))
    return found


def rest(version: int, jpeg: bytes, png: bytes) -> Frames:
    """Everything else a well-kept file has, to survive every change."""
    old = version == 2
    found: Frames = [
        ("TXX" if old else "TXXX", b"\0REPLAYGAIN_ALBUM_GAIN\0-6.50 dB"),
        ("TXX" if old else "TXXX", b"\0replaygain_album_peak\0001.000000"),
        ("TXX" if old else "TXXX", b"\0MusicBrainz Album Id\0a1b2c3d4-0000-4000-8000-000000000000"),
        (
            "TXX" if old else "TXXX",
            b"\1" + "custom".encode("utf-16") + b"\0\0" + "曲".encode("utf-16"),
        ),
        ("UFI" if old else "UFID", b"http://musicbrainz.org\0" + b"0123-recording-id"),
        ("POP" if old else "POPM", b"user@example.org\0\xc4\0\0\0\x2a"),
        ("ULT" if old else "USLT", b"\0engwords\0All the words\nof the song"),
        ("COM" if old else "COMM", b"\0eng\0An unnamed comment"),
        ("COM" if old else "COMM", b"\0engiTunNORM\0 000003E8 000003E8"),
        (
            "GEO" if old else "GEOB",
            b"\0application/octet-stream\0cues\0Serato\0" + bytes(range(256)),
        ),
        ("TSS" if old else "TSSE", b"\0LAME"),
        ("WXX" if old else "WXXX", b"\0site\0https://example.org/"),
        ("TCP" if old else "TCMP", b"\x001"),
        ("XYZ" if old else "XYZW", b"unknown to all \xff\xe0\xff\x00"),
    ]
    if old:
        found += [("PIC", b"\0JPG\3front\0" + jpeg), ("PIC", b"\0PNG\4\0" + png)]
        return found
    chapter = b"c1\0" + struct.pack(">4I", 0, 600, 0xFFFFFFFF, 0xFFFFFFFF)
    title = b"\0First part"
    chapter += b"TIT2" + struct.pack(">IH", len(title), 0) + title
    found += [
        ("APIC", b"\0image/jpeg\0\3front\0" + jpeg),
        ("APIC", b"\0image/png\0\4\0" + png),
        ("PRIV", b"WM/MediaClassPrimaryID\0" + bytes(range(16))),
        ("PRIV", b"TRAKTOR4\0" + b"\xff\xe0" * 300),
        ("CHAP", chapter),
        ("CTOC", b"toc\0\3\1c1\0"),
    ]
    if version == 4:
        found.append(("RVA2", b"track\0\1" + struct.pack(">hBH", -3712, 16, 31000)))
        found.append(("TIPL", b"\3producer\0Eve"))
        found.append(("TDRL", b"\0002001"))
    return found


def synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def unsynchronised(raw: bytes) -> bytes:
    """A zero behind every 0xFF that could be taken for the beginning of MPEG sound."""
    found = bytearray()
    for at, byte in enumerate(raw):
        found.append(byte)
        behind = raw[at + 1 : at + 2]
        if byte == 0xFF and (not behind or behind[0] >= 0xE0 or behind[0] == 0):
            found.append(0)
    return bytes(found)


def tag(
    version: int,
    frames: Iterable[tuple[str, bytes]],
    *,
    padding: int = 1024,
    unsync: bool = False,
    extended: bool = False,
    footer: bool = False,
    plain_sizes: bool = False,
) -> bytes:
    """A whole tag.

    Args:
        version: 2, 3 or 4.
        frames: Names and contents.
        padding: Zeros behind the frames.
        unsync: Unsynchronised: the whole tag, or in 2.4 each frame.
        extended: With an extended header; in 2.3 that has a CRC of the frames.
        footer: 2.4 with a footer (and then no padding).
        plain_sizes: 2.4 with frame sizes of 8 bits a byte, as old iTunes wrote them.
    """
    body = b""
    for name, plain in frames:
        content, flags = plain, b"\0\0"
        if version == 4 and unsync:
            content, flags = synchsafe(len(plain)) + unsynchronised(plain), b"\0\3"
        if version == 2:
            body += name.encode() + len(content).to_bytes(3, "big") + content
        else:
            wide = version == 3 or plain_sizes
            size = len(content).to_bytes(4, "big") if wide else synchsafe(len(content))
            body += name.encode() + size + flags + content
    flag = 0x80 if unsync else 0
    if extended:
        flag |= 0x40
        if version == 3:
            head = struct.pack(">IHII", 10, 0x8000, padding, zlib.crc32(body))
        else:
            head = synchsafe(6) + b"\1\0"
        body = head + body
    body += bytes(0 if footer else padding)
    if version < 4 and unsync:
        body = unsynchronised(body)
    if footer:
        flag |= 0x10
    facts = bytes([version, 0, flag]) + synchsafe(len(body))
    return b"ID3" + facts + body + (b"3DI" + facts if footer else b"")


def version_1(title: str, artist: str, album: str, year: str, track: int, genre: int) -> bytes:
    """An ID3v1.1 tag."""
    slots = ((title, 30), (artist, 30), (album, 30), (year, 4), ("A comment", 28))
    raw = b"".join(
        words.encode("latin-1", "replace")[:size].ljust(size, b"\0") for words, size in slots
    )
    return b"TAG" + raw + bytes([0, track, genre])
