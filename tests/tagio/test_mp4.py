from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import mp4
from msa_desktop.tagio._base import Edit, Keep, TagError
from tests.tagio.mp4_bytes import (
    KINDS,
    OWN,
    Box,
    boxes,
    by_ffmpeg,
    by_mutagen,
    composed,
    edited,
    freeform,
    heard,
    item,
    items_of,
    joined,
    laid_out,
    made,
    one,
    parsed,
    read,
    rich,
    source_of,
)

ALL: FieldValues = {
    Field.TITLE: ("Ünï — 曲",),
    Field.ARTIST: ("Ada", "Bob"),
    Field.ALBUM: ("Album",),
    Field.ALBUM_ARTIST: ("Ada",),
    Field.COMPOSER: ("Clara",),
    Field.DATE: ("1999-03-04",),
    Field.TRACK: ("3/12",),
    Field.DISC: ("1/2",),
    Field.GENRE: ("Rock", "Post-Rock"),
    Field.MOOD: ("calm", "dark"),
    Field.BPM: ("122",),
    Field.KEY: ("F#m",),
    Field.GROUPING: ("Evening",),
    Field.SUMMARY: ("A piano, alone. " * 20,),
    Field.TRACK_GAIN: ("-7.52 dB",),
    Field.TRACK_PEAK: ("0.988553",),
}
AS_MUTAGEN_READS: dict[str, object] = {
    "©nam": ["Ünï — 曲"],
    "©ART": ["Ada", "Bob"],
    "©alb": ["Album"],
    "aART": ["Ada"],
    "©wrt": ["Clara"],
    "©day": ["1999-03-04"],
    "trkn": [(3, 12)],
    "disk": [(1, 2)],
    "©gen": ["Rock", "Post-Rock"],
    OWN + "MOOD": [b"calm", b"dark"],
    "tmpo": [122],
    OWN + "initialkey": [b"F#m"],
    "©grp": ["Evening"],
    "desc": ["A piano, alone. " * 20],
    OWN + "replaygain_track_gain": [b"-7.52 dB"],
    OWN + "replaygain_track_peak": [b"0.988553"],
}
NONE: FieldValues = dict.fromkeys(Field, ())
GENRE: FieldValues = {Field.GENRE: ("Ambient",)}
WITH_LIST = [kind for kind in KINDS if kind not in ("QuickTime", "keys")]


@pytest.mark.parametrize("kind", WITH_LIST)
def test_every_tag_is_written_and_all_else_stays(kind: str) -> None:
    data = rich(kind)
    assert len(heard(data)) > 10
    before = by_mutagen(data)
    new = edited(data, ALL)
    assert heard(new) == heard(data)
    assert by_mutagen(new) == before | AS_MUTAGEN_READS
    emptied = edited(new, NONE)
    assert heard(emptied) == heard(data)
    rest = {name: values for name, values in before.items() if name not in AS_MUTAGEN_READS}
    assert by_mutagen(emptied) == rest
    raw = [bytes(one) for one in items_of(parsed(emptied))]
    assert [one for one in map(bytes, items_of(parsed(data))) if one in raw] == raw


@pytest.mark.parametrize("missing", [b"", b"udta", b"meta", b"ilst"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_a_list_gets_one(kind: str, missing: bytes) -> None:
    file = boxes(kind)
    for box in file:
        box.children = [child for child in box.children if child.kind != missing]
        for parent in box.walk():
            if parent.kind in (b"udta", b"meta"):
                parent.children = [child for child in parent.children if child.kind != missing]
    data = joined(file)
    new = edited(data, ALL)
    assert heard(new) == heard(data) == heard(made(kind))
    said = by_mutagen(new)
    assert {name: said[name] for name in AS_MUTAGEN_READS} == AS_MUTAGEN_READS
    assert by_ffmpeg(new)["genre"] == "Rock"


def test_lists_of_another_kind_are_left_alone() -> None:
    data = made("keys")
    assert read(data) == {}
    new = edited(data, GENRE)
    assert bytes(one(parsed(data), b"moov", b"udta", b"meta")) in new
    assert by_mutagen(new) == {"©gen": ["Ambient"]}
    assert by_ffmpeg(new)["title"] == "Old"
    data = made("QuickTime")
    assert bytes(one(parsed(data), b"moov", b"udta"))[8:] in edited(data, GENRE)


def test_a_list_without_version_and_flags() -> None:
    file = boxes("aac")
    one(file, b"moov", b"udta", b"meta").body = b""
    new = edited(joined(file), GENRE)
    assert by_ffmpeg(new).items() >= {"title": "Old", "genre": "Ambient"}.items()


@pytest.mark.parametrize("emptied", [False, True])
def test_an_end_mark_stays_at_the_end(emptied: bool) -> None:
    """QuickTime ends user data with four zeros."""
    file = boxes("aac")
    udta = one(file, b"moov", b"udta")
    udta.children = udta.children[: not emptied]
    data = bytearray(joined(file) + bytes(4))
    for kind in (b"moov", b"udta"):
        place = data.rindex(kind) - 4
        data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + 4).to_bytes(4)
    new = edited(bytes(data), ALL)
    assert new.endswith(bytes(4))
    assert by_ffmpeg(new).items() >= {"title": "Ünï — 曲", "grouping": "Evening"}.items()


@pytest.mark.parametrize(
    ("items", "values"),
    [
        ([item(b"\xa9nam", (2, "Ünï 曲".encode("utf-16-be")))], {Field.TITLE: ("Ünï 曲",)}),
        ([item(b"\xa9nam", (2, "曲".encode("utf-16")))], {Field.TITLE: ("曲",)}),
        ([item(b"\xa9nam", (0, "Ünï\0".encode()))], {Field.TITLE: ("Ünï",)}),
        ([item(b"\xa9nam", (1, "Ünï".encode("latin-1")))], {Field.TITLE: ("Ünï",)}),
        ([item(b"\xa9nam", (13, b"\xff\xd8"))], {}),
        ([item(b"\xa9nam")], {}),
        ([item(b"\xa9ART", (1, b"A")), item(b"\xa9ART", (1, b"B"))], {Field.ARTIST: ("A", "B")}),
        ([item(b"\xa9ART", (1, b"A"), (1, b"B"))], {Field.ARTIST: ("A", "B")}),
        ([item(b"gnre", (0, b"\0\x12"))], {Field.GENRE: ("Rock",)}),
        ([item(b"gnre", (0, b"\x13\x88"))], {}),
        ([item(b"gnre", (0, b"\0\x12")), item(b"\xa9gen", (1, b"X"))], {Field.GENRE: ("X",)}),
        ([item(b"tmpo", (21, b"\0\x79"))], {Field.BPM: ("121",)}),
        ([item(b"tmpo", (0, b"\0\0\0\x79"))], {Field.BPM: ("121",)}),
        ([item(b"tmpo", (21, bytes(2))), freeform(b"BPM", (1, b"99.5"))], {Field.BPM: ("99.5",)}),
        ([freeform(b"Mood", (1, b"a"), (1, b"b"))], {Field.MOOD: ("a", "b")}),
        ([freeform(b"mood", (1, b"a")), freeform(b"MOOD", (1, b"b"))], {Field.MOOD: ("b",)}),
        ([freeform(b"mood", (1, b"a"), mean=b"org.example")], {}),
        ([freeform(b"key", (1, b"Am"))], {Field.KEY: ("Am",)}),
        (
            [
                freeform(b"REPLAYGAIN_TRACK_GAIN", (1, b"+3.1 dB")),
                freeform(b"Replaygain_Track_Peak", (1, b"1.0")),
            ],
            {Field.TRACK_GAIN: ("+3.1 dB",), Field.TRACK_PEAK: ("1.0",)},
        ),
        ([freeform(b"iTunNORM", (1, b" 000003E8 000003E8"))], {}),
        ([freeform(b"KEY", (1, b"A")), freeform(b"INITIALKEY", (0, b"C"))], {Field.KEY: ("C",)}),
        ([item(b"trkn", (0, b"\0\0\0\3\0\0\0\0"))], {Field.TRACK: ("3",)}),
        ([item(b"trkn", (0, bytes(8)))], {}),
        ([item(b"trkn", (0, b"\0\0\0\3\0\0"))], {Field.TRACK: ("3",)}),
        ([item(b"disk", (0, b"\0\0\0\1\0\2"))], {Field.DISC: ("1/2",)}),
        ([item(b"\xa9cmt", (1, b"never the summary"))], {}),
    ],
)
def test_every_way_of_writing_is_read_and_replaced(items: list[Box], values: FieldValues) -> None:
    file = boxes("aac")
    items_of(file)[:] = items
    data = joined(file)
    assert read(data) == values
    left = {name for name in by_mutagen(data) if name.endswith(("©cmt", "example:mood", "NORM"))}
    new = edited(data, ALL)
    assert by_mutagen(new).keys() == left | AS_MUTAGEN_READS.keys()
    assert AS_MUTAGEN_READS.items() <= by_mutagen(new).items()
    assert len(items_of(parsed(new))) == len(by_mutagen(new))
    if values:
        assert by_mutagen(edited(data, NONE)).keys() == left


def test_what_differs_is_named() -> None:
    file = boxes("aac")
    items_of(file).append(item(b"gnre", (0, b"\0\x12")))
    items_of(file).append(item(b"tmpo", (21, b"\0\x78")))
    items_of(file).append(freeform(b"Key", (1, b"C")))
    data = joined(file)
    changes = {
        Field.GENRE: ("Rock",),
        Field.BPM: ("121.5",),
        Field.KEY: ("Am",),
        Field.MOOD: ("calm",),
        Field.TITLE: (),
    }
    assert laid_out(data, changes).frames == (
        FrameChange("tmpo", ("120",), ("122",)),
        FrameChange(OWN + "initialkey", (), ("Am",)),
        FrameChange(OWN + "Key", ("C",), ()),
        FrameChange(OWN + "MOOD", (), ("calm",)),
        FrameChange("©nam", ("Old",), ()),
    )
    assert laid_out(data, {Field.GENRE: ("Jazz",)}).frames == (
        FrameChange("©gen", ("Rock",), ("Jazz",)),
        FrameChange("gnre", ("Rock",), ()),
    )
    nothing = Edit((Keep(0, len(data)),), ())
    assert laid_out(data, {}) == nothing
    assert laid_out(data, {Field.TITLE: ("Old",), Field.MOOD: ()}) == nothing


def test_a_tempo_is_rounded_and_then_not_written_again() -> None:
    data = made("aac")
    new = composed(data, laid_out(data, {Field.BPM: ("120.5",)}))
    assert by_mutagen(new)["tmpo"] == [121]
    assert laid_out(new, {Field.BPM: ("120.5",)}).frames == ()


def test_what_is_replaced_keeps_its_place() -> None:
    data = made("aac")
    new = edited(data, {Field.ARTIST: ("Somebody",), Field.MOOD: ("calm",)})
    assert list(by_mutagen(new)) == [*by_mutagen(data), OWN + "MOOD"]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["aac", "header first", "fragments"]),
    changes=st.lists(
        st.dictionaries(
            st.sampled_from([Field.ARTIST, Field.GENRE, Field.MOOD, Field.GROUPING]),
            st.lists(WORDS, max_size=3).map(tuple),
        ),
        max_size=4,
    ),
)
def test_any_changes_one_after_another(kind: str, changes: list[FieldValues]) -> None:
    data = new = rich(kind)
    for change in changes:
        new = edited(new, change)
    assert heard(new) == heard(data)


def test_ten_thousand_values() -> None:
    moods = tuple(f"mood {number}" for number in range(10_000))
    data = edited(made("header first"), {Field.MOOD: moods})
    assert len(by_mutagen(data)[OWN + "MOOD"]) == 10_000  # type: ignore[arg-type]
    edited(data, {Field.MOOD: ("calm",)})


def test_a_text_too_large_to_be_one() -> None:
    file = boxes("aac")
    items_of(file).append(item(b"desc", (1, b"x" * (1 << 24))))
    with pytest.raises(TagError, match="desc"):
        read(joined(file))


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"\0\0\0\x1cftypM4A ", True),
        (b"\0\0\0\x08wide\0\0\0\0mdat", True),
        (b"", False),
        (b"ftyp", False),
        (b"RIFF\0\0\0\0WAVE", False),
    ],
)
def test_known_by_content(head: bytes, known: bool) -> None:
    with source_of(head) as source:
        assert mp4.knows(source) == known
