"""WAV and AIFF whose sizes are odd, unknown or wrong; what holds for all formats: test_contract."""

from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import riff
from msa_desktop.tagio._base import Keep, Source, TagError, opened
from msa_desktop.tagio._chunks import container
from tests.tagio.corpus import form, wav
from tests.tagio.ingredients import chunk, info, rich_id3, wav_id3
from tests.tagio.witness import heard

MOOD: FieldValues = {Field.MOOD: ("calm",)}


def edit(path: Path, changes: FieldValues = MOOD) -> bytes:
    """Edits a file in its place, and proves that sound and everything else stay."""
    raw = path.read_bytes()
    with opened(str(path)) as source:
        sound = b"".join(raw[at : at + length] for at, length in riff.sound(source))
        others = riff.others(source, changes)
        laid = riff.edit(source, changes)
    new = b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in laid.pieces)
    path.write_bytes(new)
    with opened(str(path)) as source:
        assert b"".join(new[at : at + length] for at, length in riff.sound(source)) == sound
        assert riff.others(source, changes) == others
        said = riff.read(source)
        assert {field: said.get(field, ()) for field in changes} == dict(changes)
        assert riff.edit(source, changes).frames == ()
    return new


def read(path: Path) -> dict[Field, tuple[str, ...]]:
    with opened(str(path)) as source:
        return riff.read(source)


def names(path: Path) -> list[bytes]:
    with opened(str(path)) as source:
        return [part.name for part in container(source).chunks]


def claimed(raw: bytes) -> int:
    return int.from_bytes(raw[4:8], "little")


def with_claim(raw: bytes, size: int) -> bytes:
    return raw[:4] + struct.pack("<I", size) + raw[8:]


def with_data_size(raw: bytes, size: int) -> bytes:
    at = raw.index(b"data") + 4
    return raw[:at] + struct.pack("<I", size) + raw[at + 4 :]


def test_a_new_tag_stands_behind_all_chunks_and_the_sizes_are_right(tmp_path: Path) -> None:
    path = wav(tmp_path, back=lambda: chunk(b"Zzz9", b"odd"))
    raw = edit(path)
    assert names(path) == [b"fmt ", b"data", b"Zzz9", b"id3 "]
    assert claimed(raw) == len(raw) - 8
    assert mutagen.File(path).tags["TMOO"].text == ["calm"]
    with wave.open(str(path)) as file:
        assert file.getnframes() == 19_200


def test_a_tag_that_grows_keeps_its_place_and_gets_its_padding_byte(tmp_path: Path) -> None:
    for words in ("x", "xx"):
        path = wav(tmp_path, front=lambda: wav_id3() + chunk(b"Zzz9", b"z"), back=info)
        raw = edit(path, {Field.MOOD: (words,)})
        assert names(path) == [b"id3 ", b"Zzz9", b"fmt ", b"data", b"LIST"]
        assert claimed(raw) == len(raw) - 8
        assert len(raw) % 2 == 0


def test_info_follows_where_it_holds_the_field(tmp_path: Path) -> None:
    path = wav(tmp_path, front=info, back=wav_id3)
    raw = edit(path, {Field.TITLE: ("New é",), Field.GENRE: ("Jazz", "Blues"), Field.MOOD: ("m",)})
    assert chunk(b"INAM", "New é".encode() + b"\0") in raw
    assert chunk(b"IGNR", b"Jazz; Blues\0") in raw
    assert chunk(b"ISFT", b"Some editor\0") in raw
    assert b"IMUS" not in raw
    raw = edit(path, {Field.TITLE: ()})
    assert b"INAM" not in raw
    assert names(path) == [b"LIST", b"fmt ", b"data", b"id3 "]


def test_a_first_id3_tag_says_what_info_says(tmp_path: Path) -> None:
    """Readers that find ID3 look at no INFO: the title would be gone for them."""
    path = wav(tmp_path, back=info)
    before = read(path)
    edit(path)
    tags = mutagen.File(path).tags
    assert tags["TIT2"].text == ["Ünï — 曲"]
    assert tags["TCON"].genres == ["Rock", "Dream Pop"]
    assert tags["COMM::eng"].text == ["An unnamed comment"]
    assert chunk(b"ICMT", b"An unnamed comment\0") in path.read_bytes()
    assert read(path) == {**before, **MOOD}
    edit(path, {Field.SUMMARY: ("Slow.",)})
    assert mutagen.File(path).tags["COMM::eng"].text == ["An unnamed comment"]
    path = wav(tmp_path, back=info)
    edit(path, {Field.TITLE: ()})  # nothing to say: no tag
    assert names(path) == [b"fmt ", b"data", b"LIST"]


def test_info_of_windows_and_with_careless_ends(tmp_path: Path) -> None:
    body = b"INFO" + chunk(b"INAM", "Café".encode("cp1252")) + chunk(b"IGNR", b"17\0\0junk")
    path = wav(tmp_path, back=lambda: chunk(b"LIST", body + b"\0\0\0"))
    assert read(path) == {Field.TITLE: ("Café",), Field.GENRE: ("Rock",)}
    raw = edit(path, {Field.TITLE: ("Tea",)})
    assert chunk(b"INAM", b"Tea\0") in raw
    assert chunk(b"IGNR", b"17\0\0junk") in raw


def test_changes_are_named_as_the_file_names_them(tmp_path: Path) -> None:
    path = wav(tmp_path, back=info)
    with opened(str(path)) as source:
        frames = riff.edit(source, {Field.TITLE: ("New",)}).frames
    assert FrameChange("INAM", ("Ünï — 曲",), ("New",)) in frames
    assert "TIT2" in [frame.frame for frame in frames]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_streamed_file_gets_its_tag_before_the_sound(tmp_path: Path, size: int) -> None:
    """Its sound lasts to the file's end: a tag there would be heard."""
    path = wav(tmp_path)
    path.write_bytes(with_data_size(with_claim(path.read_bytes(), size), size))
    before = heard(path)
    raw = edit(path)
    assert names(path) == [b"fmt ", b"id3 ", b"data"]
    assert claimed(raw) == size
    assert heard(path) == before


def test_a_cut_off_file_gets_its_tag_before_the_sound(tmp_path: Path) -> None:
    path = wav(tmp_path)
    path.write_bytes(path.read_bytes()[:50_001])
    before, claim = heard(path), claimed(path.read_bytes())
    raw = edit(path)
    assert names(path) == [b"fmt ", b"id3 ", b"data"]
    assert claimed(raw) - claim == len(raw) - 50_001
    assert heard(path) == before


def test_a_wrong_size_of_the_file_is_put_right(tmp_path: Path) -> None:
    for size in (0, 36, 0xFFFFFFFF, 76_844, 5_000_000):
        path = wav(tmp_path, back=wav_id3)
        path.write_bytes(with_claim(path.read_bytes(), size))
        assert read(path)[Field.MOOD] == ("calm", "dark")
        raw = edit(path, {Field.MOOD: ("other",)})
        assert claimed(raw) == len(raw) - 8


def test_what_lies_behind_the_file_stays_there(tmp_path: Path) -> None:
    path = wav(tmp_path)
    path.write_bytes(path.read_bytes() + b"TAG not part of it")
    raw = edit(path)
    assert raw.endswith(b"TAG not part of it")
    assert claimed(raw) == len(raw) - 8 - 18


def test_forgotten_padding_is_understood(tmp_path: Path) -> None:
    path = wav(tmp_path)
    unpadded = b"Zzz9" + struct.pack("<I", 3) + b"odd"
    raw = path.read_bytes()
    path.write_bytes(form(raw, back=unpadded + wav_id3()))
    assert names(path) == [b"fmt ", b"data", b"Zzz9", b"id3 "]
    edit(path, {Field.MOOD: ("other",)})
    path.write_bytes(form(raw, back=unpadded))  # at the very end
    edit(path)
    assert names(path) == [b"fmt ", b"data", b"Zzz9", b"id3 "]
    assert mutagen.File(path).tags["TMOO"].text == ["calm"]


def test_a_second_tag_follows(tmp_path: Path) -> None:
    path = wav(tmp_path, front=lambda: wav_id3(3), back=lambda: wav_id3(4, b"ID3 "))
    changes: FieldValues = {Field.TITLE: ("New",)}
    raw = edit(path, changes)
    tags = [mutagen.id3.ID3(io.BytesIO(raw[at:])) for at in (20, raw.index(b"ID3 ") + 8)]
    assert [tag["TIT2"].text for tag in tags] == [["New"], ["New"]]
    assert names(path) == [b"id3 ", b"fmt ", b"data", b"ID3 "]


def test_big_endian_wav(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    parts = (b"fmt ", struct.pack(">HHIIHH", 1, 1, 8000, 16_000, 2, 16)), (b"data", bytes(2000))
    body = b"WAVE" + b"".join(chunk(name, content, big=True) for name, content in parts)
    path.write_bytes(b"RIFX" + struct.pack(">I", len(body)) + body)
    raw = edit(path)
    assert int.from_bytes(raw[4:8], "big") == len(raw) - 8
    assert raw[2044:2051] == b"id3 \0\0\0"
    assert raw[2052:2055] == b"ID3"


def test_a_recording_that_was_never_ended(tmp_path: Path) -> None:
    """Its header says it has no sound yet: what follows is no place for a tag."""
    path = wav(tmp_path)
    path.write_bytes(with_data_size(with_claim(path.read_bytes(), 36), 0))
    before = heard(path)
    edit(path)
    assert names(path) == [b"fmt ", b"id3 ", b"data"]
    assert heard(path) == before


def rf64(path: Path, sound: int) -> None:
    """An RF64 file with that many (sparse) bytes of sound and a LIST behind them."""
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16))
    total = 4 + 48 + len(fmt) + 8 + sound + len(info())
    sizes = chunk(b"ds64", struct.pack("<QQQI4sQ", total, sound, sound // 2, 1, b"Zzz9", 7))
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + fmt + b"data" + b"\xff" * 4
    with open(path, "wb") as file:
        file.write(head)
        file.seek(sound, os.SEEK_CUR)
        file.write(info())


def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    sound = 5 << 30
    rf64(path, sound)
    with opened(str(path)) as source:
        assert riff.read(source)[Field.ALBUM] == ("The Album",)
        assert (92, sound) in [(at, length) for at, length in riff.sound(source)]
        laid = riff.edit(source, MOOD)
        assert "ds64" not in riff.others(source, MOOD)
    assert sum(p.length for p in laid.pieces if isinstance(p, Keep)) == path.stat().st_size - 8
    new = [piece for piece in laid.pieces if isinstance(piece, bytes)]
    size = path.stat().st_size + len(new[1])
    assert new[0] == struct.pack("<Q", size - 8)
    assert new[1].startswith(b"id3 ")


def test_a_plain_form_that_is_too_large_is_left_alone(tmp_path: Path) -> None:
    path = wav(tmp_path)
    with open(path, "r+b") as file:
        file.truncate(5 << 30)
    with opened(str(path)) as source:
        assert riff.read(source) == {}
        with pytest.raises(TagError, match="4 GB"):
            riff.edit(source, MOOD)


def test_it_does_not_grow_past_four_gigabytes(tmp_path: Path) -> None:
    path = wav(tmp_path)
    size = 0xFFFFFFF0
    raw = with_data_size(with_claim(path.read_bytes(), size - 8), size - 44)
    with open(path, "wb") as file:
        file.write(raw[:44])
        file.truncate(size)
    with opened(str(path)) as source, pytest.raises(TagError, match="4 GB"):
        riff.edit(source, MOOD)


def damaged() -> dict[str, Callable[[bytes], bytes]]:
    tag = wav_id3()
    return {
        "no chunks": lambda raw: raw[:12],
        "no sound": lambda raw: form(raw[:36]),
        "cut in its tag": lambda raw: form(raw, back=tag)[:-100],
        "cut in its INFO": lambda raw: form(raw, back=info())[:-9],
        "no ID3 in its chunk": lambda raw: form(raw, back=chunk(b"id3 ", b"something else")),
        "a tag longer than its chunk": lambda raw: form(
            raw, back=chunk(b"id3 ", rich_id3(4)[:9_000])
        ),
        "more chunks than any": lambda raw: form(raw, back=chunk(b"junk", b"") * 10_001),
        "RF64 without sizes": lambda raw: b"RF64" + raw[4:],
        "a table of sizes without end": lambda raw: (
            b"RF64" + raw[4:12] + chunk(b"ds64", bytes(24) + b"\xff" * 4) + raw[12:]
        ),
    }


@pytest.mark.parametrize("what", damaged())
def test_a_damaged_file_is_left_alone(tmp_path: Path, what: str) -> None:
    path = wav(tmp_path)
    path.write_bytes(damaged()[what](path.read_bytes()))
    with opened(str(path)) as source, pytest.raises(TagError):
        riff.edit(source, MOOD)


def test_an_empty_tag_chunk_is_used(tmp_path: Path) -> None:
    path = wav(tmp_path, front=lambda: chunk(b"id3 ", b""))
    edit(path)
    assert names(path) == [b"id3 ", b"fmt ", b"data"]


def test_every_cut_is_refused_or_safe(tmp_path: Path) -> None:
    """Wherever a file ends, its sound stays and what is written is read."""
    whole = wav(tmp_path, front=info, back=wav_id3).read_bytes()
    path = tmp_path / "cut.wav"
    refused = 0
    for size in [*range(0, 400, 7), *range(400, len(whole), 1_501)]:
        path.write_bytes(whole[:size])
        with opened(str(path)) as source:
            if not riff.knows(source):
                continue
        try:
            edit(path)
        except TagError:
            refused += 1
    assert 0 < refused < 100


def test_others_are_told_apart(tmp_path: Path) -> None:
    path = wav(tmp_path, back=lambda: info() + chunk(b"Zzz9", b"1") + chunk(b"Zzz9", b"2"))
    changes: FieldValues = {Field.TITLE: ("x",)}

    def others(raw: bytes) -> dict[str, bytes]:
        path.write_bytes(raw)
        with opened(str(path)) as source:
            return dict(riff.others(source, changes))

    raw = path.read_bytes()
    before = others(raw)
    assert others(raw.replace(b"Zzz9\1\0\0\0002", b"Zzz9\1\0\0\0003")) != before
    assert others(raw.replace(b"Some editor", b"Same editor")) != before
    assert others(raw.replace(b"The Album", b"The Elbum")) != before
    assert others(raw + b"behind") != before
    assert others(raw.replace("Ünï".encode(), b"Uni??")) == before


def test_other_files_are_not_known(tmp_path: Path) -> None:
    for raw in (b"", b"RIFF", b"RIFF\4\0\0\0AVI ", b"FORM\0\0\0\4ILBM", b"RIFF\4\0\0\0WAVX"):
        path = tmp_path / "other"
        path.write_bytes(raw)
        with opened(str(path)) as source:
            assert not riff.knows(source)


def test_memory_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound is not read to lay out a change."""
    path = wav(tmp_path, back=wav_id3)
    longest = 0
    plain = Source.read

    def measured(self: Source, offset: int, length: int) -> bytes:
        nonlocal longest
        longest = max(longest, length)
        return plain(self, offset, length)

    monkeypatch.setattr(Source, "read", measured)
    with opened(str(path)) as source:
        riff.edit(source, MOOD)
    assert longest < 40_000
