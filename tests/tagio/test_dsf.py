"""DSD stream files; what holds for all formats is in test_contract."""

from __future__ import annotations

import struct
from pathlib import Path

import mutagen
import pytest

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import dsf
from msa_desktop.tagio._base import Keep, TagError, opened
from tests.tagio import corpus as files

MOOD: FieldValues = {Field.MOOD: ("calm",)}


def edit(path: Path, changes: FieldValues = MOOD) -> bytes:
    """Edits a file in its place, and proves that sound and everything else stay."""
    raw = path.read_bytes()
    with opened(str(path)) as source:
        sound = b"".join(raw[at : at + length] for at, length in dsf.sound(source))
        others = dsf.others(source, changes)
        laid = dsf.edit(source, changes)
    new = b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in laid.pieces)
    path.write_bytes(new)
    with opened(str(path)) as source:
        assert b"".join(new[at : at + length] for at, length in dsf.sound(source)) == sound
        assert dsf.others(source, changes) == others
    return new


def pointers(raw: bytes) -> tuple[int, int]:
    """What the header says of the file's size and of where the tag begins."""
    size, begin = struct.unpack("<QQ", raw[12:28])
    return size, begin


def with_pointer(raw: bytes, begin: int) -> bytes:
    return raw[:20] + struct.pack("<Q", begin) + raw[28:]


def test_a_first_tag_stands_behind_the_sound(tmp_path: Path) -> None:
    path = files.dsf(tmp_path, tags=False)
    end = path.stat().st_size
    raw = edit(path)
    assert pointers(raw) == (len(raw), end)
    assert raw[end : end + 4] == b"ID3\4"
    assert mutagen.File(path).tags["TMOO"].text == ["calm"]


def test_a_tag_keeps_its_place_and_version(tmp_path: Path) -> None:
    path = files.dsf(tmp_path)
    _, begin = pointers(path.read_bytes())
    for changes in (MOOD, {Field.SUMMARY: ("words " * 600,)}, dict.fromkeys(Field, ())):
        raw = edit(path, changes)
        assert pointers(raw) == (len(raw), begin)
        assert raw[begin : begin + 4] == b"ID3\3"
        assert mutagen.File(path).info.length == 1


def test_bytes_behind_sound_and_tag_stay(tmp_path: Path) -> None:
    path = files.dsf(tmp_path)
    path.write_bytes(path.read_bytes() + b"something")
    raw = edit(path)
    assert raw.endswith(b"something")
    assert pointers(raw)[0] == len(raw)

    path = files.dsf(tmp_path, tags=False)
    path.write_bytes(path.read_bytes() + b"something")
    end = path.stat().st_size
    raw = edit(path)
    assert pointers(raw) == (len(raw), end)
    assert raw[end - 9 : end + 3] == b"somethingID3"


def test_a_damaged_file_is_left_alone(tmp_path: Path) -> None:
    raw = files.dsf(tmp_path).read_bytes()
    _, begin = pointers(raw)
    path = tmp_path / "damaged.dsf"
    for number, broken in enumerate(
        (
            raw[:100_000],  # in the sound
            raw[: begin + 5_000],  # in the tag
            raw[:40],
            with_pointer(raw, 50),
            with_pointer(raw, begin - 1),
            with_pointer(raw, 1 << 60),
            with_pointer(raw[:begin], 0)[:-1],
            raw[:begin] + b"no tag" * 100,
            raw[:32] + b"\xff" * 8 + raw[40:],
            raw[:80] + b"atad" + raw[84:],
        )
    ):
        path.write_bytes(broken)
        with opened(str(path)) as source, pytest.raises(TagError):
            pytest.fail(f"{number}: {dsf.edit(source, MOOD).frames}")


def test_other_files_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "other"
    for raw in (b"", b"DSD ", b"DSD " + bytes(100)):
        path.write_bytes(raw)
        with opened(str(path)) as source:
            assert not dsf.knows(source)
