from __future__ import annotations

import io
import os
import struct
import tracemalloc
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen import id3
from mutagen.flac import FLAC, VCFLACDict

from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import flac
from msa_desktop.tagio._base import Keep, TagError, opened
from tests.tagio.test_vorbis_comment import CHANGES, VENDOR, packed
from tests.tagio.trial import Trial, composed, heard

Blocks = list[tuple[int, bytes]]

STREAMINFO, PADDING, APPLICATION, SEEK_TABLE, COMMENTS, CUE_SHEET, PICTURE = range(7)
TRIAL = Trial(flac)

COMMENT = packed("TITLE=a", "custom=1", "GENRE=Rock", b"no sign \xff", "COMMENT=mine")
PICTURE_BODY = (
    struct.pack(">II", 3, 9) + b"image/png" + bytes(4 + 16) + struct.pack(">I", 5) + b"\xff\xd8..."
)
SEEK_POINTS = struct.pack(">QQH", 0, 0, 4096) + b"\xff" * 18
CUES = b"1234567890123".ljust(128, b"\0") + struct.pack(">Q", 88_200) + b"\x80" + bytes(258) + b"\2"
CUES += struct.pack(">QB26xBQB3x", 0, 1, 1, 0, 1)  # a track
CUES += struct.pack(">QB26xB", 10_000, 170, 0)  # the lead-out
ID3 = b"ID3\x03\0\0\0\0\0\x20TIT2\0\0\0\x06\0\0\0older".ljust(42, b"\0")
ID3V1 = b"TAG" + b"a title".ljust(30, b"\0") + bytes(94) + b"\x11"


@cache
def plain() -> tuple[bytes, bytes]:
    """STREAMINFO and the frames of some noise."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "noise.flac"
        noise = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 10_000)).astype(np.float32)
        write(path, noise, 44_100, FORMS[".flac"])
        raw = path.read_bytes()
    blocks, frames = taken_apart(raw)
    return blocks[0][1], frames


def taken_apart(raw: bytes, begin: int = 0) -> tuple[Blocks, bytes]:
    """The blocks and the frames, by the lengths in the headers alone."""
    assert raw[begin : begin + 4] == b"fLaC"
    at, blocks, is_last = begin + 4, [], False
    while not is_last:
        is_last = raw[at] >= 128
        length = int.from_bytes(raw[at + 1 : at + 4], "big")
        blocks.append((raw[at] & 127, raw[at + 4 : at + 4 + length]))
        at += 4 + length
    return blocks, raw[at:]


def made(*blocks: tuple[int, bytes], front: bytes = b"", back: bytes = b"") -> bytes:
    info, frames = plain()
    every = [(STREAMINFO, info), *blocks]
    heads = [
        bytes([kind | 128 * (number == len(every))]) + (len(body) % (1 << 24)).to_bytes(3, "big")
        for number, (kind, body) in enumerate(every, 1)
    ]
    return (
        front
        + b"fLaC"
        + b"".join(head + body for head, (_, body) in zip(heads, every, strict=True))
        + frames
        + back
    )


REST = (
    (SEEK_TABLE, SEEK_POINTS),
    (APPLICATION, b"riff" + bytes(range(200))),
    (CUE_SHEET, CUES),
    (PICTURE, PICTURE_BODY),
    (77, b"unknown"),
    (PICTURE, PICTURE_BODY.replace(b"\xff\xd8", b"\x89P")),
)
FILES = {
    "comments alone": made((COMMENTS, COMMENT)),
    "nothing": made(),
    "padding alone": made((PADDING, bytes(100))),
    "no padding": made((COMMENTS, COMMENT), *REST),
    "padding last": made((COMMENTS, COMMENT), *REST, (PADDING, bytes(300))),
    "padding first": made((PADDING, bytes(300)), *REST, (COMMENTS, COMMENT)),
    "comments last": made(*REST, (PADDING, bytes(4)), (COMMENTS, COMMENT)),
    "several paddings": made(
        (PADDING, bytes(40)), (COMMENTS, COMMENT), (PADDING, bytes(300)), *REST, (PADDING, b"")
    ),
    "ID3 before": made((COMMENTS, COMMENT), (PADDING, bytes(300)), front=ID3),
    "ID3v1 behind": made((COMMENTS, COMMENT), (PADDING, bytes(300)), back=ID3V1),
    "bytes behind the comments": made((COMMENTS, COMMENT + b"more"), (PADDING, bytes(300))),
}
SOME: dict[str, FieldValues] = {
    "same length": {Field.GENRE: ("Jazz",)},
    "longer": {Field.GENRE: ("Jazz", "R&B"), Field.KEY: ("Am",), Field.BPM: ("120",)},
    "too long for the padding": {Field.SUMMARY: ("ö" * 2000,)},
    "shorter": {Field.GENRE: ()},
    "much shorter": {Field.GENRE: (), Field.TITLE: ()},
}


def is_kept(block: tuple[int, bytes]) -> bool:
    return block[0] not in (PADDING, COMMENTS)


def witnessed(raw: bytes, key: str) -> tuple[str, ...]:
    """What mutagen reads."""
    tags = FLAC(io.BytesIO(raw)).tags
    assert tags is None or isinstance(tags, VCFLACDict)
    return tuple(tags[key]) if tags and key in tags else ()


def test_an_id3_tag_before_the_stream_follows_in_the_fields_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(FILES["ID3 before"])
    held = id3.ID3(path)
    path.write_bytes(
        TRIAL.changed(FILES["ID3 before"], {Field.TITLE: ("New",), Field.MOOD: ("x",)})
    )
    now = id3.ID3(path)
    assert (now["TIT2"].text, witnessed(path.read_bytes(), "title")) == (["New"], ("New",))
    assert now.keys() == held.keys(), "a field that it did not hold is not put into it"
    path.write_bytes(TRIAL.changed(FILES["ID3 before"], {Field.TITLE: ()}))
    assert "TIT2" not in id3.ID3(path)


def metadata_length(raw: bytes) -> int:
    return len(raw) - len(taken_apart(raw, raw.index(b"fLaC"))[1])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", SOME)
def test_only_comments_and_padding_change(name: str, change: str) -> None:
    old, changes = FILES[name], SOME[change]
    new = TRIAL.changed(old, changes)
    begin = old.index(b"fLaC")
    if not (name == "ID3 before" and Field.TITLE in changes):
        assert new[:begin] == old[:begin]
    before, after = taken_apart(old, begin), taken_apart(new, begin)
    assert list(filter(is_kept, before[0])) == list(filter(is_kept, after[0]))
    assert after[0][0][0] == STREAMINFO
    assert after[1][:-128] == before[1][:-128]
    assert [kind for kind, _ in after[0]].count(COMMENTS) == (
        COMMENTS in dict(before[0]) or any(changes.values())
    )
    paddings = [body for kind, body in after[0] if kind == PADDING]
    assert not any(map(any, paddings))
    if change == "longer" and sum(len(b) for k, b in before[0] if k == PADDING) >= 300:
        assert len(new) == len(old)
    assert heard(new) == heard(old)
    if "bytes behind" not in name:  # mutagen takes them for the next block
        for field, values in changes.items():
            key = {Field.SUMMARY: "description"}.get(field, field.value)
            assert witnessed(new, key) == values


def test_the_frames_stay_where_they_are_while_the_padding_lasts() -> None:
    grown = {Field.TITLE: ("b" * 101,)}  # 100 bytes more
    for padding in range(130):
        old = made((COMMENTS, COMMENT), (PADDING, bytes(padding)))
        new = TRIAL.changed(old, grown)
        left = padding + 4 - 100
        assert (len(new) == len(old)) == (left == 0 or left >= 4)
        if len(new) != len(old):
            assert taken_apart(new)[0][-1] == (PADDING, bytes(4096))


def test_what_comments_give_up_becomes_padding() -> None:
    old = made((COMMENTS, packed("TITLE=a", "GENRE=" + "x" * 50)))
    for length in range(1, 50):
        new = TRIAL.changed(old, {Field.GENRE: ("y" * length,)})
        if length <= 46:
            assert len(new) == len(old)
            assert taken_apart(new)[0][-1] == (PADDING, bytes(46 - length))
    assert len(TRIAL.changed(old, {Field.GENRE: ("y" * 50,)})) == len(old)


def test_padding_has_at_most_sixteen_mebibytes() -> None:
    most = (1 << 24) - 1
    old = made((COMMENTS, packed("GENRE=" + "x" * 50)), (PADDING, bytes(most)))
    new = TRIAL.changed(old, {Field.GENRE: ()})
    assert taken_apart(new)[0][1:] == [(COMMENTS, packed()), (PADDING, bytes(most))]


def test_a_file_without_comments_gets_them_behind_its_parameters() -> None:
    old = made(*REST, (PADDING, bytes(50)))
    new = TRIAL.changed(old, {Field.MOOD: ("calm",)})
    assert [kind for kind, _ in taken_apart(new)[0]][:3] == [STREAMINFO, COMMENTS, SEEK_TABLE]
    assert taken_apart(new)[0][1] == (COMMENTS, packed("MOOD=calm", vendor=b""))
    assert len(new) == len(old)
    assert TRIAL.edit(old, {Field.MOOD: ()}).frames == ()


def test_the_first_of_several_comments_is_meant() -> None:
    old = made((COMMENTS, packed("GENRE=Rock")), (COMMENTS, packed("GENRE=Pop")))
    new = TRIAL.changed(old, {Field.GENRE: ("Jazz",)})
    assert (COMMENTS, packed("GENRE=Pop")) in taken_apart(new)[0]
    assert FLAC(io.BytesIO(new))["genre"] == ["Jazz"]


def test_a_picture_without_content() -> None:
    old = made((PICTURE, b""), (COMMENTS, COMMENT), (PICTURE, b""))
    new = TRIAL.changed(old, {Field.GENRE: ("Jazz", "Pop")})
    assert [block for block in taken_apart(new)[0] if block[0] == PICTURE] == [(PICTURE, b"")] * 2


def test_a_picture_whose_length_overflows_is_kept_and_never_read(tmp_path: Path) -> None:
    path = tmp_path / "large.flac"
    head = struct.pack(">II", 3, 9) + b"image/png" + bytes(4 + 16)
    length = 50 << 20
    first = made((COMMENTS, COMMENT), (PICTURE, head + struct.pack(">I", length)))
    info, frames = plain()
    metadata = bytearray(first[: -len(frames)])
    place = metadata.index(head) - 4
    assert metadata[place] == 128 | PICTURE
    metadata[place + 1 : place + 4] = ((len(head) + 4 + length) % (1 << 24)).to_bytes(3, "big")
    with path.open("wb") as file:  # with a hole where the picture is
        file.write(metadata)
        file.seek(length, os.SEEK_CUR)
        file.write(frames)
    whole = len(metadata) + length
    changes: FieldValues = {Field.SUMMARY: ("x" * 3000,)}
    tracemalloc.start()
    with opened(str(path)) as source:
        edit = flac.edit(source, changes)
        others = flac.others(source, changes)
        assert list(flac.sound(source)) == [(8, len(info)), (whole, len(frames))]
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert any("picture" in name for name in others)
    assert max(piece.length for piece in edit.pieces if isinstance(piece, Keep)) >= length

    path.write_bytes(composed(path.read_bytes(), edit))
    witness = FLAC(path)
    assert witness["description"] == ["x" * 3000]
    assert [len(picture.data) for picture in witness.pictures] == [length]
    with opened(str(path)) as source:
        assert flac.others(source, changes) == others
        assert [length for _, length in flac.sound(source)] == [len(info), len(frames)]


def test_what_a_picture_says_of_itself_is_not_believed_against_its_block() -> None:
    head = PICTURE_BODY[: -4 - 5] + struct.pack(">I", 17 << 20)
    filler = bytes((1 << 24) - 1)
    old = made((PICTURE, head), (PADDING, filler), (77, filler), (COMMENTS, COMMENT))
    new = TRIAL.changed(old, {Field.GENRE: ("Jazz",)})
    assert taken_apart(new)[0][1] == (PICTURE, head)


def test_more_comments_than_a_block_can_hold_are_refused() -> None:
    room = (1 << 24) - 1 - len(packed("TITLE=", "LYRICS="))
    old = made((COMMENTS, packed("TITLE=", "LYRICS=" + "x" * (room - 100))))
    TRIAL.changed(old, {Field.TITLE: ("t" * 100,)})
    with pytest.raises(TagError, match="16 MiB"):
        TRIAL.edit(old, {Field.TITLE: ("t" * 101,)})


def test_ten_thousand_values() -> None:
    values = tuple(f"genre {number}" for number in range(10_000))
    new = TRIAL.changed(FILES["padding last"], {Field.GENRE: values})
    assert FLAC(io.BytesIO(new))["genre"] == list(values)
    assert TRIAL.changed(new, {Field.GENRE: ("Rock",)})[-1000:] == FILES["padding last"][-1000:]


def test_tags_behind_the_sound_are_read_and_changed_where_they_speak() -> None:
    old = made((COMMENTS, packed("GENRE=Rock")), back=ID3V1)
    assert TRIAL.read(old) == {Field.GENRE: ("Rock",), Field.TITLE: ("a title",)}
    new = TRIAL.changed(old, {Field.TITLE: ("b",), Field.ARTIST: ("Ada",)})
    assert new[-128:] == ID3V1.replace(b"a title", b"b\0\0\0\0\0\0")
    assert heard(new) == heard(old)


def test_knows_it_by_its_content() -> None:
    assert TRIAL.knows(FILES["nothing"])
    assert TRIAL.knows(FILES["ID3 before"])
    assert TRIAL.knows(ID3 + FILES["ID3 before"])
    for other in (
        b"",
        b"fLa",
        b"OggS" + bytes(100),
        ID3,
        ID3 + b"\xff\xfb",
        b"ID3\3\0\0\x7f\0\0\0",
    ):
        assert not TRIAL.knows(other)


def test_damaged_metadata_are_refused() -> None:
    whole = FILES["comments last"]
    for length in range(5, metadata_length(whole)):
        with pytest.raises(TagError, match=r"damaged|cut off"):
            TRIAL.edit(whole[:length], {Field.GENRE: ("Jazz",)})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.replace(b"fLaC\0", b"fLaC\x02"),  # no parameters
        lambda raw: raw.replace(bytes([SEEK_TABLE]) + b"\0\0\x24", b"\x7f\0\0\x24"),
        lambda raw: raw.replace(b"\x84\0\0", b"\x04\0\0"),  # no last one
        lambda raw: raw.replace(bytes([SEEK_TABLE]) + b"\0\0\x24", b"\x83\0\0\x24"),  # too early
    ],
)
def test_blocks_that_do_not_end_at_the_sound_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    whole = FILES["comments last"]
    damaged = spoil(whole)
    assert damaged != whole
    with pytest.raises(TagError, match="damaged"):
        TRIAL.edit(damaged, {Field.GENRE: ("Jazz",)})


def test_sound_that_is_cut_off_is_kept_as_it_is() -> None:
    whole = FILES["padding last"]
    begin = metadata_length(whole)
    for end in (begin, begin + 2, begin + 1000, len(whole) - 1):
        new = TRIAL.changed(whole[:end], SOME["too long for the padding"])
        assert new.endswith(whole[begin:end])


def test_pieces_lie_in_order_and_in_the_file() -> None:
    for raw in FILES.values():
        for changes in SOME.values():
            pieces = TRIAL.edit(raw, changes).pieces
            kept = [piece for piece in pieces if isinstance(piece, Keep)]
            assert all(piece.length > 0 and piece.end <= len(raw) for piece in kept)
            assert all(one.end <= other.offset for one, other in pairwise(kept))
            assert sum(map(len, (p for p in pieces if isinstance(p, bytes)))) < 8500


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, more=CHANGES)
def test_any_changes(changes: FieldValues, more: FieldValues) -> None:
    for raw in (FILES["several paddings"], FILES["nothing"]):
        new = TRIAL.changed(TRIAL.changed(raw, changes), more)
        begin = raw.index(b"fLaC")
        assert taken_apart(new, begin)[1] == taken_apart(raw, begin)[1]
        assert witnessed(new, "custom") == (("1",) if VENDOR in raw else ())


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(list(FILES)),
    places=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_damage_is_survived(name: str, places: list[tuple[int, int]]) -> None:
    """Whatever the bytes are: laid out so that all proofs hold, or refused."""
    spoiled = bytearray(FILES[name])
    for at, byte in places:
        spoiled[at % metadata_length(FILES[name])] = byte
    data = bytes(spoiled)
    try:
        TRIAL.edit(data, SOME["longer"])
    except TagError:
        return
    TRIAL.changed(data, SOME["longer"])
