"""Small real files of every format whose tags the program writes, with all that must survive."""

from __future__ import annotations

import base64
import shutil
import struct
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from av.audio.stream import AudioStream
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.asf._attrs import ASFByteArrayAttribute, ASFDWordAttribute, ASFUnicodeAttribute
from mutagen.flac import FLAC, CueSheet, CueSheetTrack, CueSheetTrackIndex, VCFLACDict
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from msa_desktop.audio.encode import FORMS, Form
from msa_desktop.base.fields import Field
from tests.support import write_wav
from tests.support_formats import write_ape, write_dsf
from tests.tagio.ingredients import (
    RICH,
    Values,
    broadcast,
    chunk,
    fill_ape,
    fill_mp4,
    front_picture,
    id3v1,
    info,
    jpeg,
    rich_id3,
    sounding,
    tone,
    vorbis_comments,
    wav_id3,
)

__all__ = ["CASES", "RICH", "SAYS", "tone"]

Builder = Callable[[Path], Path]

DATA = Path(__file__).parents[1] / "data" / "audio"

CASES: dict[str, Builder] = {}
"""Name to what builds the file in a folder."""

SAYS: dict[str, Values] = {}
"""Name to what the file says of the program's tags."""


def add(name: str, builder: Builder, says: Values = RICH) -> None:
    CASES[name] = builder
    SAYS[name] = says


# MP3 and ADTS AAC: hand-written ID3 around the frames of sound.


def mp3(
    folder: Path, front: Callable[[], bytes] = bytes, back: Callable[[], bytes] = bytes
) -> Path:
    path = sounding(folder, "sound.mp3", FORMS[".mp3"])
    raw = path.read_bytes()
    assert raw[:3] == b"ID3"
    sound = raw[10 + int.from_bytes(raw[6:10], "big") :]  # FFmpeg's own tag is shorter than 128
    path.write_bytes(front() + sound + back())
    return path


def mp3_with_ape(folder: Path, front: Callable[[], bytes], *, v1: bool) -> Path:
    path = mp3(folder, front)
    fill_ape(path)
    if v1:
        path.write_bytes(path.read_bytes() + id3v1())
    return path


def aac(folder: Path, front: Callable[[], bytes] = bytes) -> Path:
    path = sounding(folder, "sound.aac", Form("adts", "aac", bit_rate=96_000))
    path.write_bytes(front() + path.read_bytes())
    return path


V1_SAYS: Values = {
    Field.TITLE: ("Title",),
    Field.ARTIST: ("Ada Ace",),
    Field.ALBUM: ("The Album",),
    Field.DATE: ("1999",),
    Field.TRACK: ("3",),
    Field.GENRE: ("Rock",),
}
add("mp3-none", mp3, {})
add("mp3-2.2", partial(mp3, front=partial(rich_id3, 2)))
add("mp3-2.3", partial(mp3, front=partial(rich_id3, 3)))
add("mp3-2.4", partial(mp3, front=partial(rich_id3, 4)))
add("mp3-2.4-v1-ape", partial(mp3_with_ape, front=partial(rich_id3, 4), v1=True))
add("mp3-2.3-v1", partial(mp3, front=partial(rich_id3, 3), back=id3v1))
add("mp3-2.2-unsynchronised", partial(mp3, front=partial(rich_id3, 2, unsync=True)))
add("mp3-2.3-unsynchronised", partial(mp3, front=partial(rich_id3, 3, unsync=True)))
add("mp3-2.4-unsynchronised", partial(mp3, front=partial(rich_id3, 4, unsync=True)))
add("mp3-2.3-extended", partial(mp3, front=partial(rich_id3, 3, extended=True)))
add("mp3-2.4-extended", partial(mp3, front=partial(rich_id3, 4, extended=True)))
add("mp3-2.4-footer", partial(mp3, front=partial(rich_id3, 4, footer=True)))
add("mp3-2.4-plain-sizes", partial(mp3, front=partial(rich_id3, 4, plain_sizes=True)))
add("mp3-2.3-no-padding", partial(mp3, front=partial(rich_id3, 3, padding=0)))
add("mp3-2.4-no-padding", partial(mp3, front=partial(rich_id3, 4, padding=0)))
add("mp3-2.4-1mb-padding", partial(mp3, front=partial(rich_id3, 4, padding=1 << 20)))
add("mp3-ape", partial(mp3_with_ape, front=bytes, v1=False))
add("mp3-v1", partial(mp3, back=id3v1), V1_SAYS)
add("aac-none", aac, {})
add("aac-2.4", partial(aac, front=partial(rich_id3, 4)))
add("aac-2.3", partial(aac, front=partial(rich_id3, 3)))


# Vorbis comments: FLAC and the Ogg formats.


def flac(
    folder: Path,
    *,
    tags: bool = True,
    blocks: bool = False,
    padding: int = 4096,
    front: Callable[[], bytes] = bytes,
) -> Path:
    path = sounding(folder, "sound.flac", FORMS[".flac"])
    file = FLAC(path)
    file.clear()
    if tags:
        assert isinstance(file.tags, VCFLACDict)
        file.tags.extend(vorbis_comments())
        file.add_picture(front_picture())
    if blocks:
        sheet = CueSheet(None)
        sheet.media_catalog_number = b"1234567890123"
        sheet.lead_in_samples = 88_200
        sheet.compact_disc = True
        start = CueSheetTrack(1, 0)
        start.indexes = [CueSheetTrackIndex(1, 0)]
        sheet.tracks = [start, CueSheetTrack(170, 52_920)]
        file.cuesheet = sheet
        file.metadata_blocks.append(sheet)
    file.save(padding=lambda _: padding)
    raw = path.read_bytes()
    if blocks:
        more = ((2, b"riff" + bytes(range(200))), (77, b"unknown to all"))
        head = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in more)
        raw = raw[:42] + head + raw[42:]  # behind "fLaC" and STREAMINFO
    path.write_bytes(front() + raw)
    return path


def ogg(folder: Path, name: str, kind: type, form: Form | None, *, tags: bool = True) -> Path:
    path = folder / name
    if form is None:
        shutil.copyfile(DATA / f"sweep{path.suffix}", path)
    else:
        sounding(folder, name, form)
    file = kind(path)
    file.tags.clear()
    if tags:
        opus = kind is OggOpus
        left_out = (Field.TRACK_GAIN, Field.TRACK_PEAK) if opus else ()
        file.tags.extend(vorbis_comments({f: RICH[f] for f in RICH if f not in left_out}))
        coded = base64.b64encode(front_picture().write()).decode("ascii")
        file.tags.append(("METADATA_BLOCK_PICTURE", coded))
        if opus:  # 12.25 dB below R128's -23 LUFS, 7.25 below ReplayGain's -18
            file.tags.extend([("R128_TRACK_GAIN", "-3136"), ("R128_ALBUM_GAIN", "-512")])
    file.save()
    return path


OGG_FLAC = Form("oga", "flac", "s16")
add("flac", flac)
add("flac-none", partial(flac, tags=False), {})
add("flac-blocks", partial(flac, blocks=True))
add("flac-no-padding", partial(flac, padding=0))
add("flac-id3", partial(flac, front=partial(rich_id3, 3)))
add("ogg-vorbis", partial(ogg, name="sound.ogg", kind=OggVorbis, form=FORMS[".ogg"]))
add(
    "ogg-vorbis-none",
    partial(ogg, name="s.ogg", kind=OggVorbis, form=FORMS[".ogg"], tags=False),
    {},
)
add("ogg-flac", partial(ogg, name="sound.oga", kind=OggFLAC, form=OGG_FLAC))
add(
    "opus",
    partial(ogg, name="sound.opus", kind=OggOpus, form=FORMS[".opus"]),
    {field: values for field, values in RICH.items() if field is not Field.TRACK_PEAK},
)
add("opus-none", partial(ogg, name="s.opus", kind=OggOpus, form=FORMS[".opus"], tags=False), {})
add("speex", partial(ogg, name="sound.spx", kind=OggSpeex, form=None))


# MP4.


def mp4(
    folder: Path,
    name: str = "sound.m4a",
    *,
    container: str = "ipod",
    codec: str = "aac",
    flags: str = "",
    chapters: bool = False,
    tags: bool = True,
) -> Path:
    path = folder / name
    options = {"movflags": flags} if flags else {}
    with av.open(str(path), "w", format=container, container_options=options) as file:
        stream = file.add_stream(codec, rate=44_100)
        assert isinstance(stream, AudioStream)
        if chapters:
            base = Fraction(1, 1000)
            file.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 600,
                        "time_base": base,
                        "metadata": {"title": "One"},
                    },
                    {
                        "id": 2,
                        "start": 600,
                        "end": 1200,
                        "time_base": base,
                        "metadata": {"title": "Two"},
                    },
                ]
            )
        frame = av.AudioFrame.from_ndarray(tone(), format="fltp", layout="stereo")
        frame.sample_rate = 44_100
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    if tags:
        fill_mp4(path)
    return path


add("m4a-aac-moov-last", mp4)
add("m4a-aac-moov-first", partial(mp4, flags="faststart"))
add("m4a-none", partial(mp4, tags=False), {})
add("m4a-none-moov-first", partial(mp4, tags=False, flags="faststart"), {})
add("m4a-alac", partial(mp4, codec="alac"))
add("m4b-chapters", partial(mp4, name="sound.m4b", chapters=True, flags="faststart"))
add("mp4", partial(mp4, name="sound.mp4", container="mp4"))
add(
    "mp4-fragmented",
    partial(mp4, name="sound.mp4", container="mp4", tags=False, flags="empty_moov+frag_keyframe"),
    {},
)


# APEv2: Monkey's Audio, WavPack, Musepack, True Audio.


def ape(folder: Path, *, tags: bool = True, v1: bool = False) -> Path:
    path = folder / "sound.ape"
    write_ape(path, tone(16_000, 1)[0], 16_000)
    if tags:
        fill_ape(path)
    if v1:
        path.write_bytes(path.read_bytes() + id3v1())
    return path


def wavpack(folder: Path) -> Path:
    path = sounding(folder, "sound.wv", Form("wv", "wavpack"))
    fill_ape(path)
    return path


def musepack(folder: Path) -> Path:
    path = folder / "sound.mpc"
    shutil.copyfile(DATA / "sweep.mpc", path)
    fill_ape(path)
    return path


def tta(folder: Path, *, front: Callable[[], bytes] = bytes, ape_tag: bool = False) -> Path:
    path = sounding(folder, "sound.tta", Form("tta", "tta"))
    APEv2(path).delete()  # FFmpeg's own
    path.write_bytes(front() + path.read_bytes())
    if ape_tag:
        fill_ape(path)
    return path


add("ape", ape)
add("ape-none", partial(ape, tags=False), {})
add("ape-v1", partial(ape, v1=True))
add("wavpack", wavpack)
add("musepack", musepack)
add("tta-none", tta, {})
add("tta-ape", partial(tta, ape_tag=True))
add("tta-id3", partial(tta, front=partial(rich_id3, 4)))


# Windows Media.


def wma(folder: Path, *, tags: bool = True) -> Path:
    path = sounding(folder, "sound.wma", Form("asf", "wmav2", bit_rate=128_000))
    if not tags:
        return path
    file = ASF(path)
    names = {
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
    for field, values in RICH.items():
        file[names[field]] = [ASFUnicodeAttribute(value) for value in values]
    image = b"\3" + struct.pack("<I", len(jpeg()))
    image += "image/jpeg\0front\0".encode("utf-16-le") + jpeg()
    file["WM/Picture"] = [ASFByteArrayAttribute(image)]
    file["Copyright"] = [ASFUnicodeAttribute("Nobody")]
    file["Description"] = [ASFUnicodeAttribute("An unnamed comment")]
    file["WM/Lyrics"] = [ASFUnicodeAttribute("All the words\nof the song")]
    file["WM/SharedUserRating"] = [ASFDWordAttribute(75)]
    file["MusicBrainz/Track Id"] = [ASFUnicodeAttribute("a1b2c3d4-0000-4000-8000-000000000000")]
    file["replaygain_album_gain"] = [ASFUnicodeAttribute("-6.50 dB")]
    file["custom"] = [ASFUnicodeAttribute("first"), ASFUnicodeAttribute("second")]
    file["Private"] = [ASFByteArrayAttribute(bytes(range(256)))]
    file.save()
    return path


add("wma", wma)
add("wma-none", partial(wma, tags=False), {})


# WAV, AIFF and DSD.


def form(raw: bytes, *, front: bytes = b"", back: bytes = b"") -> bytes:
    """A file of chunks with some more of them before and behind the others."""
    body = raw[8:12] + front + raw[12:] + back
    return raw[:4] + len(body).to_bytes(4, "big" if raw[:4] == b"FORM" else "little") + body


INFO_SAYS: Values = {
    Field.TITLE: ("Ünï — 曲",),
    Field.ARTIST: ("Ada Ace",),
    Field.ALBUM: ("The Album",),
    Field.DATE: ("1999-03-04",),
    Field.TRACK: ("3",),
    Field.GENRE: ("Rock", "Dream Pop"),
}


def wav(
    folder: Path,
    *,
    front: Callable[[], bytes] = bytes,
    back: Callable[[], bytes] = bytes,
    width: int = 2,
) -> Path:
    path = write_wav(folder / "sound.wav", 1.2, width=width, channels=2)
    path.write_bytes(form(path.read_bytes(), front=front(), back=back()))
    return path


def extensible(folder: Path) -> Path:
    path = sounding(folder, "sound.wav", Form("wav", "pcm_s24le"))
    raw = path.read_bytes()
    assert raw[20:22] == b"\xfe\xff"
    path.write_bytes(form(raw, back=wav_id3()))
    return path


def rf64(folder: Path) -> Path:
    path = wav(folder)
    raw = path.read_bytes()
    at = raw.index(b"data")
    size = int.from_bytes(raw[at + 4 : at + 8], "little")
    rest = raw[12 : at + 4] + b"\xff" * 4 + raw[at + 8 :] + info() + wav_id3()
    sizes = struct.pack("<QQQI", 4 + 36 + len(rest), size, size // 4, 0)
    path.write_bytes(b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", sizes) + rest)
    return path


def aiff(folder: Path, name: str, codec: str, *, tags: bool = True, old: bool = False) -> Path:
    path = sounding(folder, name, Form("aiff", codec))
    big = partial(chunk, big=True)
    front = back = b""
    if old:
        front = big(b"NAME", b"A title") + big(b"AUTH", b"Ada Ace") + big(b"ANNO", b"A comment")
        back = big(b"MARK", b"\0\1\0\1\0\0\0\x10\4Mark\0") + big(b"APPL", b"stoc\3odd")
    if tags:
        back += big(b"ID3 ", rich_id3(3, padding=0))
    path.write_bytes(form(path.read_bytes(), front=front, back=back))
    return path


def dsf(folder: Path, *, tags: bool = True) -> Path:
    path = folder / "sound.dsf"
    write_dsf(path, tone(channels=1, seconds=1.0)[0])
    if tags:
        raw = path.read_bytes()
        back = rich_id3(3)
        sizes = struct.pack("<QQ", len(raw) + len(back), len(raw))
        path.write_bytes(raw[:12] + sizes + raw[28:] + back)
    return path


add("wav-none", wav, {})
add("wav-id3", partial(wav, back=wav_id3))
add("wav-id3-2.3-upper", partial(wav, back=partial(wav_id3, 3, b"ID3 ")))
add("wav-id3-first", partial(wav, front=partial(wav_id3, 4, b"id3 ", 512)))
add("wav-info", partial(wav, back=info), INFO_SAYS)
add("wav-info-first", partial(wav, front=info), INFO_SAYS)
add("wav-both", partial(wav, front=info, back=wav_id3))
add("wav-24bit", partial(wav, width=3), {})
add("wav-extensible", extensible)
add("wav-broadcast", partial(wav, front=broadcast, back=lambda: chunk(b"Zzz9", b"odd")), {})
add("wav-rf64", rf64)
add("aiff", partial(aiff, name="sound.aiff", codec="pcm_s16be"))
add("aiff-none", partial(aiff, name="sound.aif", codec="pcm_s16be", tags=False), {})
add(
    "aiff-old",
    partial(aiff, name="sound.aiff", codec="pcm_s24be", tags=False, old=True),
    {Field.TITLE: ("A title",), Field.ARTIST: ("Ada Ace",)},
)
add("aiff-both", partial(aiff, name="sound.aiff", codec="pcm_s16be", old=True))
add("aifc", partial(aiff, name="sound.aifc", codec="pcm_s16le"))
add("dsf", dsf)
add("dsf-none", partial(dsf, tags=False), {})
