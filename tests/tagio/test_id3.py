from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from random import Random

import av
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3

from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.base.fields import Field
from msa_desktop.base.model import FloatArray
from msa_desktop.tagio import id3
from msa_desktop.tagio._base import Edit, Keep, TagError, opened
from tests.tagio.corpus import tone
from tests.tagio.id3_bytes import tag, version_1

V1 = version_1("Title", "Ada Ace", "The Album", "1999", 3, 17)
V2 = tag(3, [("TIT2", b"\0Title"), ("TCON", b"\0Rock")])
NEW: Mapping[Field, tuple[str, ...]] = {Field.GENRE: ("Jazz",), Field.MOOD: ("calm", "dark")}
MPEG = {
    "mp3": Form("mp3", "libmp3lame", bit_rate=128_000),
    "mp3 24 kHz": Form("mp3", "libmp3lame", bit_rate=64_000),
    "mp3 8 kHz": Form("mp3", "libmp3lame", bit_rate=16_000),
    "mp2": Form("mp2", "mp2", bit_rate=128_000),
    "mp2 24 kHz": Form("mp2", "mp2", bit_rate=64_000),
}


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Sound in every form that this format knows, without tags."""
    folder = tmp_path_factory.mktemp("sounds")
    forms = {**MPEG, "aac": Form("adts", "aac", bit_rate=96_000), "tta": Form("tta", "tta")}
    found = {}
    for name, form in forms.items():
        rate = int(name.split()[1]) * 1000 if " " in name else 44_100
        path = folder / "sound"
        write(path, tone(rate), rate, form)
        raw = path.read_bytes()
        if raw.startswith(b"ID3"):
            raw = raw[10 + int.from_bytes(raw[6:10], "big") :]  # shorter than 128 bytes
        found[name] = raw.partition(b"APETAGEX")[0]  # FFmpeg's, in True Audio
    return found


def saved(folder: Path, raw: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(raw)
    return path


def known(folder: Path, raw: bytes) -> bool:
    with opened(str(saved(folder, raw))) as source:
        return id3.knows(source)


def read(path: Path) -> dict[Field, tuple[str, ...]]:
    with opened(str(path)) as source:
        return id3.read(source)


def laid_out(path: Path, changes: Mapping[Field, tuple[str, ...]]) -> Edit:
    with opened(str(path)) as source:
        return id3.edit(source, changes)


def facts(path: Path, changes: Mapping[Field, tuple[str, ...]]) -> tuple[bytes, dict[str, bytes]]:
    """The sound, and everything that a change leaves alone."""
    raw = path.read_bytes()
    with opened(str(path)) as source:
        stretches = list(id3.sound(source))
        return b"".join(raw[at : at + n] for at, n in stretches), id3.others(source, changes)


def change(path: Path, changes: Mapping[Field, tuple[str, ...]]) -> list[str]:
    """Edits a file in its place; gives the frames that differ."""
    raw, before = path.read_bytes(), facts(path, changes)
    edit = laid_out(path, changes)
    path.write_bytes(
        b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in edit.pieces)
    )
    assert facts(path, changes) == before
    assert laid_out(path, changes) == Edit((Keep(0, path.stat().st_size),), ())
    return [frame.frame for frame in edit.frames]


def test_every_kind_of_sound_is_known(sounds: Mapping[str, bytes], tmp_path: Path) -> None:
    for name, sound in sounds.items():
        assert known(tmp_path, sound), name
        assert known(tmp_path, sound + V1), name
        assert known(tmp_path, V2 + sound), name
        assert known(tmp_path, sound[: len(sound) * 2 // 3]), name
    for name in (*MPEG, "aac"):
        assert known(tmp_path, bytes(3000) + sounds[name]), name
        assert known(tmp_path, b"\xff\xfb left by something" + sounds[name]), name
    assert known(tmp_path, V2 + bytes(100) + sounds["mp3"])
    assert known(tmp_path, V2)
    assert known(tmp_path, V2 + V2)
    assert known(tmp_path, V2[:50])  # cut off: to be said, not overlooked


def test_a_single_frame_is_known(sounds: Mapping[str, bytes], tmp_path: Path) -> None:
    length = 144 * 128_000 // 44_100
    frames = sounds["mp3"].index(b"\xff\xfb")
    first = sounds["mp3"][frames : frames + length + (sounds["mp3"][frames + 2] >> 1 & 1)]
    assert known(tmp_path, first)
    assert not known(tmp_path, first[:-1])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"ID3",
        b"\xff\xfb",
        b"\xff\xfb\x90\x00",
        b"These words are no music.\n" * 500,
        b"ID3 is a format of tags.\n" * 500,
        "\ufeffÿþ Text".encode("utf-16") * 500,
        b"\xff" * 5000,
        b"\xff\xfb\x90\x00" * 2000,
        bytes(5000),
        *(V2 + magic + bytes(100) for magic in (b"fLaC", b"OggS", b"RIFF", b"wvpk", b"MAC ")),
        *(V2 + magic + bytes(100) for magic in (b"MPCK", b"MP+\7", b"\0\0\0\x20ftypM4A ")),
        *(Random(seed).randbytes(20_000) for seed in range(20)),
    ],
)
def test_other_files_are_not(tmp_path: Path, raw: bytes) -> None:
    assert not known(tmp_path, raw)


def test_other_formats_are_not(tmp_path: Path) -> None:
    sound: FloatArray = tone()
    for form in (*FORMS.values(), Form("aiff", "pcm_s16be"), Form("wv", "wavpack")):
        path = tmp_path / "other"
        write(path, sound, 44_100, form)
        assert known(tmp_path, path.read_bytes()) == (form.codec == "libmp3lame")


@pytest.mark.parametrize("name", [*MPEG, "aac", "tta"])
def test_a_file_without_tags_gets_an_id3v2_tag(
    sounds: Mapping[str, bytes], tmp_path: Path, name: str
) -> None:
    path = saved(tmp_path, sounds[name])
    assert laid_out(path, dict.fromkeys(Field, ())).frames == ()
    assert change(path, NEW) == ["TCON", "TMOO"]
    assert read(path) == NEW
    assert path.read_bytes().endswith(sounds[name])
    tags = ID3(path, translate=False)
    assert (tags.version, tags["TCON"].text, tags["TMOO"].text) == (
        (2, 4, 0),
        ["Jazz"],
        ["calm", "dark"],
    )
    with av.open(str(path)) as container:
        assert container.metadata["genre"] == "Jazz"


def test_a_new_tag_says_what_readers_would_no_longer_look_for(
    sounds: Mapping[str, bytes], tmp_path: Path
) -> None:
    """FFmpeg, for one, reads no ID3v1 where there is an ID3v2 tag."""
    path = saved(tmp_path, sounds["mp3"] + V1)
    before = read(path)
    assert before[Field.TITLE] == ("Title",)
    assert before[Field.GENRE] == ("Rock",)
    change(path, NEW)
    assert read(path) == {**before, **NEW}
    with av.open(str(path)) as container:
        told = container.metadata
    assert (told["title"], told["artist"], told["date"], told["genre"], told["comment"]) == (
        "Title",
        "Ada Ace",
        "1999",
        "Jazz",
        "A comment",
    )
    assert ID3(path, load_v1=False)["COMM::eng"].text == ["A comment"]
    assert path.read_bytes()[-128:-1] == V1[:-1]
    assert path.read_bytes()[-1] == 8  # Jazz


@pytest.mark.parametrize(
    "comment", ["", "Thirty characters, to the last", "Twenty-eight, to the end: é."]
)
def test_the_comment_of_id3v1_goes_into_a_new_tag(
    sounds: Mapping[str, bytes], tmp_path: Path, comment: str
) -> None:
    """Version 1.0 has two characters more, where 1.1 has the track's number."""
    slot = comment.encode("latin-1").ljust(28, b"\0")
    behind = V1[:97] + (slot if len(slot) == 30 else slot + b"\0\3") + V1[127:]
    path = saved(tmp_path, sounds["mp3"] + behind)
    assert change(path, {Field.GENRE: ()}) == ["ID3v1 genre"]  # nothing to say: no new tag
    change(path, {Field.MOOD: ("calm",), Field.SUMMARY: ("Slow.",)})
    comments = [frame.text for frame in ID3(path, load_v1=False).getall("COMM") if not frame.desc]
    assert comments == ([[comment]] if comment else [])
    assert read(path)[Field.SUMMARY] == ("Slow.",)


@pytest.mark.parametrize("name", ["mp3", "mp2", "aac", "tta"])
@pytest.mark.parametrize("behind", [b"", V1])
def test_a_file_with_an_ape_tag_alone_keeps_to_it(
    sounds: Mapping[str, bytes], tmp_path: Path, name: str, behind: bytes
) -> None:
    """Readers that find an ID3v2 tag would see nothing else of what the APE tag says."""
    path = saved(tmp_path, sounds[name])
    ape = APEv2()
    rest = {"Title": "Title", "REPLAYGAIN_ALBUM_GAIN": "-7.25 dB", "Lyrics": "words", "Mine": "1"}
    ape.update({**rest, "Genre": "Rock", "BPM": "90"})
    ape.save(path)
    path.write_bytes(path.read_bytes() + behind)
    told = change(path, {**NEW, Field.BPM: ()})
    assert told == ["Genre", "Mood", "BPM", *(["ID3v1 genre"] if behind else [])]
    raw = path.read_bytes()
    assert raw.startswith(sounds[name] + b"APETAGEX")
    assert b"ID3\4" not in raw
    assert raw[len(raw) - len(behind) :] == (V1[:-1] + b"\x08" if behind else b"")
    assert dict(APEv2(path)) == {**rest, "Genre": "Jazz", "Mood": "calm\0dark"}
    if name == "tta" and not behind:  # the one where FFmpeg looks for an APE tag
        with av.open(str(path)) as container:
            assert container.metadata["Genre"] == "Jazz"
    change(path, dict.fromkeys(Field, ()))
    assert dict(APEv2(path)).keys() == rest.keys() - {"Title"}


def test_true_audio_of_ffmpeg_keeps_its_ape_tag(tmp_path: Path) -> None:
    path = tmp_path / "sound.tta"
    write(path, tone(), 44_100, Form("tta", "tta"), {"title": "T", "genre": "R"})
    change(path, {Field.GENRE: ("S",)})
    assert read(path) == {Field.TITLE: ("T",), Field.GENRE: ("S",)}
    assert path.read_bytes().startswith(b"TTA1")
    assert APEv2(path)["genre"] == "S"


def test_tags_behind_the_sound_follow_but_get_nothing_new(
    sounds: Mapping[str, bytes], tmp_path: Path
) -> None:
    path = saved(tmp_path, V2 + sounds["mp3"] + V1)
    assert change(path, NEW) == ["TCON", "TXXX:mood", "ID3v1 genre"]
    assert path.read_bytes().endswith(sounds["mp3"] + V1[:-1] + b"\x08")
    assert ID3(path, translate=False)["TCON"].text == ["Jazz"]
    change(path, {Field.GENRE: (), Field.TITLE: ()})
    assert read(path).keys() == {Field.ARTIST, Field.ALBUM, Field.DATE, Field.TRACK, Field.MOOD}


def test_the_sound_does_not_move(sounds: Mapping[str, bytes], tmp_path: Path) -> None:
    path = saved(tmp_path, V2 + sounds["mp3"])
    change(path, NEW)
    assert path.read_bytes().index(sounds["mp3"]) == len(V2)


def test_of_two_id3v2_tags_the_first_changes(sounds: Mapping[str, bytes], tmp_path: Path) -> None:
    second = tag(4, [("TIT2", b"\3Second"), ("TPE1", b"\3Somebody")])
    path = saved(tmp_path, V2 + second + sounds["mp3"])
    assert read(path) == {Field.TITLE: ("Title",), Field.GENRE: ("Rock",)}
    change(path, {Field.TITLE: ("New " * 500,)})
    raw = path.read_bytes()
    assert raw.endswith(second + sounds["mp3"])
    with opened(str(path)) as source:
        assert list(id3.sound(source)) == [(len(raw) - len(sounds["mp3"]), len(sounds["mp3"]))]


def test_a_file_cut_off_in_its_sound(sounds: Mapping[str, bytes], tmp_path: Path) -> None:
    path = saved(tmp_path, V2 + sounds["mp3"][:5000])
    change(path, NEW)
    assert path.read_bytes().endswith(sounds["mp3"][:5000])
    assert ID3(io.BytesIO(path.read_bytes()))["TCON"].text == ["Jazz"]


def test_a_file_cut_off_in_its_tag(tmp_path: Path) -> None:
    path = saved(tmp_path, V2[:200])
    for action in (read, lambda path: laid_out(path, NEW)):
        with pytest.raises(TagError, match="longer than the file"):
            action(path)


def test_a_tag_and_no_sound(tmp_path: Path) -> None:
    path = saved(tmp_path, V2)
    change(path, NEW)
    assert read(path)[Field.GENRE] == ("Jazz",)
    with opened(str(path)) as source:
        assert list(id3.sound(source)) == []


def test_frames_of_every_version_and_layer(tmp_path: Path) -> None:
    cases = [
        (0xFF, 0xC0, 416),  # version 1, layer I: 4 * (12 * 384 kbit/s / 44.1 kHz)
        (0xFD, 0xA4, 576),  # layer II: 144 * 192 kbit/s / 48 kHz
        (0xFB, 0x94, 384),  # layer III: 144 * 128 kbit/s / 48 kHz
        (0xF3, 0x84, 192),  # version 2: 72 * 64 kbit/s / 24 kHz
        (0xE3, 0x88, 576),  # version 2.5: 72 * 64 kbit/s / 8 kHz
    ]
    for second, third, length in cases:
        frame = bytes([0xFF, second, third, 0]) + bytes(length - 4)
        assert known(tmp_path, frame * 3), hex(second)
        assert not known(tmp_path, (frame + b"\0") * 3), hex(second)
    adts = struct.pack(">HBI", 0xFFF1, 0x50, 0x80_00_00_00 | 200 << 13 | 0x1FFC)
    frame = adts + bytes(193)
    assert known(tmp_path, frame * 3)
