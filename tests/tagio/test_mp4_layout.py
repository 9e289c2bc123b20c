from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.mp4 import MP4, MP4Tags

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import mp4
from msa_desktop.tagio._base import TagError, opened
from tests.tagio.mp4_bytes import (
    Box,
    at,
    boxes,
    by_ffmpeg,
    by_mutagen,
    composed,
    edited,
    heard,
    item,
    items_of,
    joined,
    laid_out,
    made,
    one,
    others,
    parsed,
    read,
    rich,
    sound,
    source_of,
)

GENRE: FieldValues = {Field.GENRE: ("Ambient",)}
LONG: FieldValues = {Field.SUMMARY: ("x" * 3000,)}
LONG_BYTES = len(bytes(item(b"desc", (1, b"x" * 3000))))
ALL: FieldValues = {
    Field.TITLE: ("T",),
    Field.ARTIST: ("A", "B"),
    Field.BPM: ("99",),
    Field.MOOD: ("calm",),
    Field.GENRE: (),
}


@pytest.mark.parametrize("size", [0, 8, 9, 40, 200, 5000, 1 << 20])
@pytest.mark.parametrize("where", ["behind the list", "before it", "header", "behind the header"])
def test_padding_keeps_the_sound_where_it_is(where: str, size: int) -> None:
    file = [box for box in boxes("header first") if box.kind != b"free"]
    padding = [Box(b"free", b"\x11" * (size - 8))] if size else []
    meta = one(file, b"moov", b"udta", b"meta")
    match where:
        case "behind the list":
            meta.children[2:] = padding
        case "before it":
            meta.children[1:1] = padding
        case "header":
            one(file, b"moov").children[-1:-1] = padding
        case _:
            file[2:2] = padding
    data = joined(file)
    for changes, moves in (
        (LONG, size < LONG_BYTES + 8),
        ({Field.TITLE: (), Field.ARTIST: ()}, False),  # what becomes free is padding
        ({Field.TITLE: ("Ol",)}, size == 0),  # no padding is as short as one byte
        ({Field.TITLE: ("New",)}, False),
    ):
        new = edited(data, changes)
        assert heard(new) == heard(data)
        assert (at(new, b"mdat") != at(data, b"mdat")) == moves
        if moves:  # from now on there is room
            again = edited(new, {Field.GROUPING: ("y" * 900,)})
            assert at(again, b"mdat") == at(new, b"mdat")
        new_bytes = [piece for piece in laid_out(data, changes).pieces if isinstance(piece, bytes)]
        assert sum(map(len, new_bytes)) < LONG_BYTES + 2048 + 200


def test_padding_is_used_to_its_last_byte() -> None:
    file = boxes("header first")
    file[2] = Box(b"skip", bytes(LONG_BYTES - 8))
    data = joined(file)
    new = edited(data, LONG)
    assert at(new, b"mdat") == at(data, b"mdat")
    assert [box.kind for box in parsed(new)] == [b"ftyp", b"moov", b"mdat"]


def test_a_header_at_the_end_needs_no_padding() -> None:
    data = made("aac")
    assert len(edited(data, LONG)) == len(data) + LONG_BYTES


@pytest.mark.parametrize("kind", ["aac", "header first"])
def test_several_tracks_with_their_sound_between_each_other(kind: str) -> None:
    data = made(kind, tracks=3)
    new = edited(data, LONG)
    assert (at(new, b"mdat") > at(data, b"mdat")) == (kind == "header first")
    assert heard(new) == heard(data)
    assert len({time for time, _ in heard(data)}) < len(heard(data)) / 5  # three tracks indeed


def test_sound_before_and_behind_the_header() -> None:
    """Only what lies behind the header moves; atoms that nobody knows stay where they are."""
    file = boxes("header first", tracks=2)
    ftyp, moov, _, mdat = file
    stbl = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    places = struct.unpack(">I", one([stbl], b"stbl", b"stco").body[-4:])[0] - mdat.origin
    first = Box(b"mdat", mdat.body[:places], origin=mdat.origin)
    second = Box(b"mdat", mdat.body[places:], origin=mdat.origin + places)
    front = [ftyp, Box(b"wide"), first, Box(b"uuid", b"u" * 30)]
    data = joined([*front, moov, Box(b"what", b"unknown"), second, Box(b"skip", b"x" * 5)])
    new = edited(data, LONG)
    assert heard(new) == heard(data) == heard(made("header first", tracks=2))
    assert new.startswith(joined(front[:2]))
    assert at(new, b"uuid") == at(data, b"uuid")
    assert at(new, b"what") > at(data, b"what")


def test_long_places_and_long_sizes() -> None:
    file = boxes("header first")
    stco = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco")
    count = int.from_bytes(stco.body[4:8], "big")
    places = struct.unpack(f">{count}I", stco.body[8:])
    stco.kind, stco.body = b"co64", stco.body[:8] + struct.pack(f">{count}Q", *places)
    for box in (file[1], one(file, b"moov", b"udta"), file[3]):
        box.form = 64
    data = joined(file)
    new = composed(data, laid_out(data, LONG))
    assert heard(new) == heard(data) == heard(made("header first"))
    assert sound(new) == sound(data)
    assert others(new, LONG) == others(data, LONG)
    assert by_mutagen(new)["desc"] == list(LONG[Field.SUMMARY])


@pytest.mark.parametrize("kind", ["aac", "header first"])
def test_an_atom_that_ends_with_the_file(kind: str) -> None:
    file = boxes(kind)
    file[-1].form = 0
    data = joined(file)
    new = composed(data, laid_out(data, LONG))
    assert heard(new) == heard(data) == heard(made(kind))
    assert sound(new) == sound(data)
    assert by_ffmpeg(new).items() >= {"title": "Old", "description": "x" * 3000}.items()


def test_fragments_are_found_where_they_go() -> None:
    data = made("fragments")
    new = edited(data, LONG)
    fragments = [box for box in parsed(new) if box.kind == b"moof"]
    assert fragments[0].origin > at(data, b"moof")
    entries = one(parsed(new), b"mfra", b"tfra").body[16:]
    size = len(entries) // len(fragments)
    said = [struct.unpack(">QQ", entries[k : k + 16])[1] for k in range(0, len(entries), size)]
    assert said == [box.origin - 8 for box in fragments]
    for box in fragments:
        tfhd = one(box.children, b"traf", b"tfhd").body
        assert int.from_bytes(tfhd[8:16], "big") == box.origin - 8


def test_side_information_is_found_where_it_goes() -> None:
    file = boxes("header first")
    stbl = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    place = file[-1].origin + 100
    short = struct.pack(">4xII", 1, place)
    long = struct.pack(">B3s4sIIQ", 1, b"\0\0\1", b"abcd", 0, 1, place)
    stbl.children += [Box(b"saio", short), Box(b"saio", long)]
    moved = len(bytes(stbl.children[-1])) + len(bytes(stbl.children[-2]))
    for box, width in zip(stbl.children[-2:], (4, 8), strict=True):
        box.body = box.body[:-width] + (place + moved).to_bytes(width, "big")
    data = joined(file)
    new = edited(data, LONG)
    by = at(new, b"mdat") - at(data, b"mdat")
    assert by > 0
    stbl = one(parsed(new), b"moov", b"trak", b"mdia", b"minf", b"stbl")
    assert [int.from_bytes(box.body[-4:], "big") for box in stbl.children[-2:]] == (
        [place + moved + by] * 2
    )


# What is refused


def test_a_table_too_small_for_the_new_place() -> None:
    file = boxes("header first")
    data = joined(file)
    stco = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco")
    data = data.replace(stco.body, stco.body[:-4] + (0xFFFFFFF0).to_bytes(4, "big"))
    with pytest.raises(TagError, match="4 GB"):
        laid_out(data, LONG)
    laid_out(data, {Field.TITLE: ("New",)})  # nothing moves


def _items(file: list[Box]) -> None:
    file.append(Box(b"meta", bytes(4), [Box(b"iloc", bytes(8))]))


def _compressed(file: list[Box]) -> None:
    one(file, b"moov").children.append(Box(b"cmov", bytes(8)))


def _elsewhere(file: list[Box]) -> None:
    dref = one(file, b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
    dref.body = struct.pack(">II", 0, 1) + bytes(Box(b"url ", bytes(4) + b"file:///a.mov\0"))


def _indexed(file: list[Box]) -> None:
    file.insert(1, Box(b"sidx", bytes(24)))


@pytest.mark.parametrize("spoil", [_items, _compressed, _elsewhere, _indexed])
def test_sound_that_cannot_move(spoil: Callable[[list[Box]], None]) -> None:
    file = boxes("header first")
    spoil(file)
    data = joined(file)
    with pytest.raises(TagError, match="more room"):
        laid_out(data, LONG)
    edited(data, {Field.TITLE: ("New",)})


def test_two_lists() -> None:
    file = boxes("aac")
    twice = [*file, file[-1]]
    assert read(joined(twice))[Field.TITLE] == ("Old",)
    with pytest.raises(TagError, match="two"):
        laid_out(joined(twice), GENRE)
    udta = one(file, b"moov", b"udta")
    udta.children *= 2
    with pytest.raises(TagError, match="two"):
        laid_out(joined(file), GENRE)


def test_a_file_that_is_cut_off() -> None:
    data = rich("header first")
    cut = data[: at(data, b"mdat") + 1000]
    new = edited(cut, LONG)
    assert new.endswith(cut[at(data, b"mdat") :])
    assert read(new)[Field.SUMMARY] == LONG[Field.SUMMARY]
    edited(rich("fragments")[:-5000], LONG)
    for end in (30, 100, 700, at(data, b"mdat") - 20):
        with pytest.raises(TagError, match=r"damaged|cut off"):
            read(data[:end])
    with pytest.raises(TagError, match="cut off"):
        laid_out(made("aac")[:-10], GENRE)
    with pytest.raises(TagError, match="no header"):
        read(made("aac")[:1000])


def test_tags_behind_the_file_stay() -> None:
    data = rich("aac") + b"TAG" + bytes(125)
    assert edited(data, GENRE).endswith(b"TAG" + bytes(125))


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ((b"moov",), 7),
        ((b"moov",), 0xFFFFFFFF),
        ((b"moov", b"udta"), 4),
        ((b"moov", b"udta", b"meta"), 0x7FFFFFFF),
        ((b"moov", b"udta", b"meta", b"ilst"), 3),
        ((b"moov", b"udta", b"meta", b"ilst", b"\xa9nam"), 200),
        ((b"moov", b"udta", b"meta", b"ilst", b"\xa9nam", b"data"), 100),
        ((b"moov", b"trak"), 1),
    ],
)
def test_sizes_that_cannot_be(path: tuple[bytes, ...], size: int) -> None:
    data = bytearray(made("aac"))
    place = 0
    for kind in path:
        place = data.index(kind, place)
    data[place - 4 : place] = size.to_bytes(4, "big")
    with pytest.raises(TagError), source_of(bytes(data)) as source:
        mp4.read(source)
        list(mp4.sound(source))


def test_atoms_in_atoms_without_end() -> None:
    nest = Box(b"trak")
    for _ in range(5000):
        nest = Box(b"trak", bytes(nest))
    data = bytes(Box(b"ftyp", b"M4A ")) + bytes(Box(b"moov", bytes(nest)))
    with source_of(data) as source, pytest.raises(TagError, match="nested"):
        list(mp4.sound(source))


def test_a_table_that_points_at_the_same_sound_for_ever() -> None:
    file = boxes("header first")
    stbl = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    one([stbl], b"stbl", b"stsz").body = struct.pack(">4xII", 1 << 30, 1 << 30)
    one([stbl], b"stbl", b"stsc").body = struct.pack(">4xIIII", 1, 1, 1, 1)
    one([stbl], b"stbl", b"stco").body = struct.pack(">4xI4000I", 4000, *[40] * 4000)
    data = b"".join(map(bytes, file))
    with source_of(data) as source, pytest.raises(TagError, match="table"):
        list(mp4.sound(source))


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["header first", "fragments"]),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_headers_never_crash(kind: str, flips: list[tuple[float, int]]) -> None:
    begin, end = at(rich(kind), b"moov") - 8, at(rich(kind), b"mdat")
    data = bytearray(rich(kind))
    for where, value in flips:
        data[begin + round(where * (end - begin - 1))] = value
    with source_of(bytes(data)) as source:
        for step in (
            lambda: mp4.read(source),
            lambda: mp4.edit(source, ALL),
            lambda: list(mp4.sound(source)),
            lambda: mp4.others(source, ALL),
        ):
            try:
                step()
            except TagError as error:
                assert str(error).endswith(".")


# Sizes


def test_a_large_picture_is_not_read(tmp_path: Path) -> None:
    """50 MB in front of the sound, as a hole in the file: it moves, and nobody looks at it."""
    file = boxes("header first")
    picture = Box(b"covr", children=[Box(b"data", struct.pack(">II", 13, 0))])
    items_of(file).append(picture)
    data = bytearray(joined(file))
    size = 50_000_000
    hole = data.index(b"covr") + 20
    for kind in (b"moov", b"udta", b"meta", b"ilst", b"covr", b"data"):
        place = data.index(kind, 0 if kind != b"data" else hole - 16) - 4
        grown = int.from_bytes(data[place : place + 4], "big") + size
        data[place : place + 4] = grown.to_bytes(4, "big")
    path = tmp_path / "large.m4a"
    with path.open("wb") as out:
        out.write(data[:hole])
        out.seek(size, 1)
        out.write(data[hole:])
    stco = one(file, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco").body
    with path.open("r+b") as out:
        out.seek(data.index(stco) + 8)
        count = len(stco) // 4 - 2
        places = struct.unpack(f">{count}I", stco[8:])
        out.write(struct.pack(f">{count}I", *(place + size for place in places)))
    assert len(cast(MP4Tags, MP4(path).tags)["covr"][0]) == size
    with opened(str(path)) as source:
        tracemalloc.start()
        edit = mp4.edit(source, {**LONG, **GENRE})
        said = mp4.read(source)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert said[Field.TITLE] == ("Old",)
    assert peak < 500_000
    assert sum(len(piece) for piece in edit.pieces if isinstance(piece, bytes)) < 10_000
