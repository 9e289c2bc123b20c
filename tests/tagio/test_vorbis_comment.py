from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen._vorbis import VCommentDict

from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import _vorbis_comment as vorbis_comment
from msa_desktop.tagio._base import Keep, TagError
from msa_desktop.tagio._pieces import named
from tests.tagio.changes import possible

Fields = dict[Field, tuple[str, ...]]
VENDOR = "Xiph.Org libVorbis — ü".encode()


def packed(*entries: str | bytes, vendor: bytes = VENDOR) -> bytes:
    raw = [entry.encode() if isinstance(entry, str) else entry for entry in entries]
    parts = [struct.pack("<I", len(part)) + part for part in (vendor, *raw)]
    return parts[0] + struct.pack("<I", len(raw)) + b"".join(parts[1:])


def entries_of(data: bytes) -> list[bytes]:
    """All entries, read by other means than the program's."""
    (at,) = struct.unpack_from("<I", data)
    (count,) = struct.unpack_from("<I", data, at + 4)
    at += 8
    found = []
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    assert at == len(data)
    return found


def read(data: bytes, *, opus: bool = False) -> Fields:
    return vorbis_comment.read(vorbis_comment.parse(data, opus=opus))


def edited(
    data: bytes, changes: FieldValues, *, opus: bool = False
) -> tuple[bytes, tuple[FrameChange, ...]]:
    pieces, frames = vorbis_comment.edited(vorbis_comment.parse(data, opus=opus), changes)
    new = b"".join(data[p.offset : p.end] if isinstance(p, Keep) else p for p in pieces)
    return new, frames


def others(data: bytes, changes: FieldValues, *, opus: bool = False) -> dict[str, bytes]:
    return named(vorbis_comment.others(vorbis_comment.parse(data, opus=opus), changes))


@pytest.mark.parametrize(
    ("entries", "values"),
    [
        (["GENRE=Rock", "Genre=Pop"], {Field.GENRE: ("Rock", "Pop")}),
        (["mood=calm"], {Field.MOOD: ("calm",)}),
        (["TEMPO=120"], {Field.BPM: ("120",)}),
        (["TEMPO=120", "bpm=121"], {Field.BPM: ("121",)}),
        (["InitialKey=Am"], {Field.KEY: ("Am",)}),
        (["INITIALKEY=Am", "KEY=C"], {Field.KEY: ("C",)}),
        (["INITIALKEY=Am", "KEY="], {Field.KEY: ("Am",)}),
        (["DESCRIPTION=A = B"], {Field.SUMMARY: ("A = B",)}),
        (["COMMENT=no summary", "SUMMARY=nor this"], {}),
        (["CONTENTGROUP=Work"], {Field.GROUPING: ("Work",)}),
        (["ALBUM ARTIST=Ada"], {Field.ALBUM_ARTIST: ("Ada",)}),
        (["album_artist=Ada"], {Field.ALBUM_ARTIST: ("Ada",)}),
        (["YEAR=1999"], {Field.DATE: ("1999",)}),
        (["DATE=1999-03-04", "YEAR=1999"], {Field.DATE: ("1999-03-04",)}),
        (["TRACKNUMBER=3"], {Field.TRACK: ("3",)}),
        (["TRACKNUMBER=3/12"], {Field.TRACK: ("3/12",)}),
        (["TRACKTOTAL=12", "TRACKNUMBER=3"], {Field.TRACK: ("3/12",)}),
        (["TRACKNUMBER=3", "TOTALTRACKS=12"], {Field.TRACK: ("3/12",)}),
        (["TRACKNUMBER=3/12", "TRACKTOTAL=13"], {Field.TRACK: ("3/12",)}),
        (["TRACKTOTAL=12"], {}),
        (["DISCNUMBER=1", "DISCTOTAL=2"], {Field.DISC: ("1/2",)}),
        (["DISCNUMBER=1", "TOTALDISCS=2"], {Field.DISC: ("1/2",)}),
        (["TITLE= ", "TITLE", "=TITLE", ""], {}),
        ([b"TITLE=caf\xe9"], {Field.TITLE: ("caf\ufffd",)}),
        (["replaygain_track_gain=+2.0 dB"], {Field.TRACK_GAIN: ("+2.0 dB",)}),
        (["REPLAYGAIN_TRACK_PEAK=0.9"], {Field.TRACK_PEAK: ("0.9",)}),
        (["REPLAYGAIN_ALBUM_GAIN=-6.50 dB", "R128_TRACK_GAIN=-512"], {}),
    ],
)
def test_reads_every_common_way(entries: list[str | bytes], values: Fields) -> None:
    assert read(packed(*entries)) == values


@pytest.mark.parametrize(
    ("entries", "changes", "after"),
    [
        # In the place of the first old one; what is beside it stays, whatever it is.
        (
            ["A=1", "genre=Rock", b"\xff\xfe", "GENRE=Pop", "no sign", "A=1", b"b=\xff", "=", ""],
            {Field.GENRE: ("Jazz", "R&B")},
            ["A=1", "GENRE=Jazz", "GENRE=R&B", b"\xff\xfe", "no sign", "A=1", b"b=\xff", "=", ""],
        ),
        (["A=1"], {Field.MOOD: ("calm",)}, ["A=1", "MOOD=calm"]),
        (["MOOD=calm", "A=1"], {Field.MOOD: ()}, ["A=1"]),
        ([], {Field.BPM: ()}, []),
        # Another name for a tag goes when the tag is written,
        (["a=1", "TEMPO=90", "b=2"], {Field.BPM: ("91",)}, ["a=1", "BPM=91", "b=2"]),
        (["TEMPO=90", "BPM=90"], {Field.BPM: ("90",)}, ["BPM=90"]),
        # but that of DJs' programs, which know no other.
        (
            ["a=1", "InitialKey=Am", "b=2"],
            {Field.KEY: ("Cm",)},
            ["a=1", "KEY=Cm", "INITIALKEY=Cm", "b=2"],
        ),
        (
            ["INITIALKEY=Am", "a=1", "initialkey=A", "KEY=C"],
            {Field.KEY: ("C",)},
            ["INITIALKEY=C", "a=1", "KEY=C"],
        ),
        (["KEY=Am", "b=2"], {Field.KEY: ("Cm",)}, ["KEY=Cm", "b=2"]),
        (["InitialKey=Am", "KEY=Am"], {Field.KEY: ("Am",)}, ["InitialKey=Am", "KEY=Am"]),
        (["INITIALKEY=Am", "a=1", "KEY=Am"], {Field.KEY: ()}, ["a=1"]),
        (["YEAR=1999", "DATE=1999"], {Field.DATE: ()}, []),
        # Where a file keeps totals apart they stay apart, and where they are.
        (
            ["TRACKTOTAL=12", "A=1", "TRACKNUMBER=3", "totaltracks=12"],
            {Field.TRACK: ("4/13",)},
            ["TRACKTOTAL=13", "A=1", "TRACKNUMBER=4", "TOTALTRACKS=13"],
        ),
        (
            ["tracktotal=12", "TRACKNUMBER=3"],
            {Field.TRACK: ("4/12",)},
            ["tracktotal=12", "TRACKNUMBER=4"],
        ),
        (["DISCTOTAL=2", "A=1"], {Field.DISC: ("1/2",)}, ["DISCNUMBER=1", "DISCTOTAL=2", "A=1"]),
        (["TRACKNUMBER=3", "TRACKTOTAL=12"], {Field.TRACK: ("3",)}, ["TRACKNUMBER=3"]),
        (["TRACKNUMBER=3/12"], {Field.TRACK: ("4/12",)}, ["TRACKNUMBER=4/12"]),
        (["TRACKNUMBER=3", "TRACKTOTAL=12"], {Field.TRACK: ()}, []),
        # What is said already is not said anew.
        (["track=9", "genre=Rock"], {Field.GENRE: ("Rock",)}, ["track=9", "genre=Rock"]),
        (
            ["TRACKNUMBER=3/12", "TRACKTOTAL=12"],
            {Field.TRACK: ("3/12",)},
            ["TRACKNUMBER=3/12", "TRACKTOTAL=12"],
        ),
    ],
)
def test_changes_entries_in_place(
    entries: list[str | bytes], changes: FieldValues, after: list[str | bytes]
) -> None:
    data = packed(*entries)
    new, frames = edited(data, changes)
    assert new == packed(*after)
    assert bool(frames) == (new != data)


def test_says_what_differs() -> None:
    data = packed("INITIALKEY=Am", "GENRE=Rock", "genre=Pop", "BPM=120")
    _, frames = edited(data, {Field.KEY: ("C",), Field.GENRE: (), Field.BPM: ("120",)})
    assert set(frames) == {
        FrameChange("INITIALKEY", ("Am",), ("C",)),
        FrameChange("KEY", (), ("C",)),
        FrameChange("GENRE", ("Rock", "Pop"), ()),
    }


def test_keeps_pictures_and_vendor_as_stretches_of_the_original() -> None:
    picture = "METADATA_BLOCK_PICTURE=" + base64.b64encode(bytes(200_000)).decode()
    data = packed("TITLE=a", picture, "GENRE=Rock")
    pieces, _ = vorbis_comment.edited(
        vorbis_comment.parse(data), {Field.GENRE: ("Jazz",), Field.TITLE: ("b",)}
    )
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 60
    assert others(data, {})["comment METADATA_BLOCK_PICTURE"] != picture.encode()  # but a hash


def test_others_tell_every_difference() -> None:
    data = packed("A=1", "A=2", "GENRE=Rock", "x", vendor=b"v")
    changes: FieldValues = {Field.GENRE: ()}
    same = others(data, changes)
    assert same == others(packed("A=1", "GENRE=Jazz", "A=2", "x", vendor=b"v"), changes)
    for other in (
        packed("A=2", "A=1", "x", vendor=b"v"),
        packed("A=1", "x", vendor=b"v"),
        packed("A=1", "A=2", vendor=b"v"),
        packed("a=1", "A=2", "x", vendor=b"v"),
        packed("A=1", "A=2", "x", vendor=b"w"),
    ):
        assert others(other, changes) != same
    assert others(data, {}) != same


def test_ten_thousand_values() -> None:
    values = tuple(f"genre {number}" for number in range(10_000))
    new, _ = edited(packed("A=1", "GENRE=x", "B=2"), {Field.GENRE: values})
    assert read(new) == {Field.GENRE: values}
    shorter, _ = edited(new, {Field.GENRE: ("x",)})
    assert shorter == packed("A=1", "GENRE=x", "B=2")


def test_more_entries_than_any_file_has_are_refused() -> None:
    """Each would take many times its four bytes of memory."""
    most = 100_000
    entries = bytes(4) + struct.pack("<I", most) + bytes(4 * most)
    assert len(vorbis_comment.parse(entries).entries) == most
    with pytest.raises(TagError, match="more than 100000 entries"):
        vorbis_comment.parse(bytes(4) + struct.pack("<I", most + 1) + bytes(4 * most + 4))


def test_a_comment_that_is_cut_off_is_refused() -> None:
    data = packed("TITLE=a", "GENRE=Rock")
    for length in range(len(data)):
        with pytest.raises(TagError, match="damaged or cut off"):
            vorbis_comment.parse(data[:length])
    assert vorbis_comment.parse(b"???" + data + b"behind", 3).end == len(data) + 3


@pytest.mark.parametrize("lie", [0x7FFFFFFF, 0xFFFFFFFF, 1000])
@pytest.mark.parametrize("place", [0, 4 + len(VENDOR), 8 + len(VENDOR)])
def test_lengths_that_lie_are_refused(place: int, lie: int) -> None:
    data = bytearray(packed("TITLE=a", "GENRE=Rock"))
    data[place : place + 4] = struct.pack("<I", lie)
    with pytest.raises(TagError, match="damaged"):
        vorbis_comment.parse(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        comments = vorbis_comment.parse(data)
    except TagError:
        return
    vorbis_comment.read(comments)
    assert comments.end <= len(data)


KEYS = [
    *vorbis_comment.NAMES.values(),
    ("TRACKTOTAL", "TOTALTRACKS", "DISCTOTAL", "TOTALDISCS"),
    ("R128_TRACK_GAIN",),
]
ENTRY = st.one_of(
    st.binary(max_size=12),
    st.builds(
        lambda key, value, lower: (key.lower() if lower else key).encode() + b"=" + value,
        st.sampled_from([*(key for keys in KEYS for key in keys), "COMMENT", "RATING", ""]),
        st.one_of(st.text(max_size=12).map(str.encode), st.sampled_from([b"1", b"2/3", b"\xff"])),
        st.booleans(),
    ),
)


def values_of(field: Field) -> st.SearchStrategy[tuple[str, ...]]:
    form = FACTS[field].form
    text = st.from_regex(form, fullmatch=True) if form else st.text(max_size=40)
    several = st.lists(text, max_size=4 if FACTS[field].many else 1)
    return several.map(lambda words: cleaned(field, words))


CHANGES = st.sets(st.sampled_from(list(Field)), max_size=4).flatmap(
    lambda some: st.fixed_dictionaries({field: values_of(field) for field in sorted(some)})
)


@given(entries=st.lists(ENTRY, max_size=12), changes=CHANGES, opus=st.booleans())
def test_any_change_of_any_comment(entries: list[bytes], changes: Fields, opus: bool) -> None:
    changes = possible(changes, opus=opus)
    data = packed(*entries)
    new, frames = edited(data, changes, opus=opus)
    before, after = read(data, opus=opus), read(new, opus=opus)
    for field in Field:
        assert after.get(field, ()) == changes.get(field, before.get(field, ()))
    assert others(new, changes, opus=opus) == others(data, changes, opus=opus)
    assert edited(new, changes, opus=opus) == (new, ())
    if not frames:
        assert new == data

    # Entries that mean none of the changed tags are the same, in the same order.
    comments = vorbis_comment.parse(data, opus=opus)
    written = {key for field in changes for key in comments.keys(field)}

    def untouched(raw: bytes) -> list[bytes]:
        return [
            entry
            for entry in entries_of(raw)
            if entry.partition(b"=")[0].upper().decode("utf-8", "replace") not in written
        ]

    assert untouched(new) == untouched(data)


@given(values=values_of(Field.GENRE), title=values_of(Field.TITLE))
def test_mutagen_reads_what_was_written(values: tuple[str, ...], title: tuple[str, ...]) -> None:
    data = packed("TITLE=a", "ARTIST=Ada", "GENRE=Rock")
    new, _ = edited(data, {Field.GENRE: values, Field.TITLE: title})
    witness = VCommentDict(new, framing=False)
    assert witness.vendor.encode() == VENDOR
    assert witness.get("artist") == ["Ada"]
    assert tuple(witness.get("genre", ())) == values
    assert tuple(witness.get("title", ())) == title


# Opus: a gain in steps of 1/256 dB towards -23 LUFS, and no peak (RFC 7845, 5.2.1).


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["R128_TRACK_GAIN=-3136"], "-7.25 dB"),
        (["r128_track_gain=0"], "5.00 dB"),
        (["R128_TRACK_GAIN=+128"], "5.50 dB"),
        (["R128_TRACK_GAIN=-1281"], "0.00 dB"),  # -0.004
        (["R128_TRACK_GAIN=-32768"], "-123.00 dB"),
        (["R128_TRACK_GAIN=32767"], "133.00 dB"),
        (["REPLAYGAIN_TRACK_GAIN=+2.5 dB"], "+2.5 dB"),
        (["REPLAYGAIN_TRACK_GAIN=-9.00 dB", "R128_TRACK_GAIN=-512"], "3.00 dB"),
        (["REPLAYGAIN_TRACK_GAIN=-9.00 dB", "R128_TRACK_GAIN=loud"], "-9.00 dB"),
        (["R128_ALBUM_GAIN=-512"], None),
        *(
            ([f"R128_TRACK_GAIN={text}"], None)
            for text in ("32768", "-32769", "-6.20 dB", " 5", "1_0", "\u0663", "9" * 5000)
        ),
    ],
)
def test_opus_has_a_gain_of_its_own(entries: list[str], said: str | None) -> None:
    assert read(packed(*entries), opus=True) == ({Field.TRACK_GAIN: (said,)} if said else {})


def test_opus_gets_no_second_gain() -> None:
    data = packed("A=1", "REPLAYGAIN_TRACK_GAIN=-9.00 dB", "R128_ALBUM_GAIN=-512", "B=2")
    new, frames = edited(data, {Field.TRACK_GAIN: ("-7.52 dB",)}, opus=True)
    assert new == packed("A=1", "R128_TRACK_GAIN=-3205", "R128_ALBUM_GAIN=-512", "B=2")
    assert frames == (
        FrameChange("R128_TRACK_GAIN", (), ("-3205",)),
        FrameChange("REPLAYGAIN_TRACK_GAIN", ("-9.00 dB",), ()),
    )
    gone, _ = edited(new, {Field.TRACK_GAIN: ()}, opus=True)
    assert gone == packed("A=1", "R128_ALBUM_GAIN=-512", "B=2")


def test_opus_has_no_place_for_a_peak() -> None:
    data = packed("REPLAYGAIN_TRACK_PEAK=0.9", "A=1")
    assert read(data, opus=True) == {Field.TRACK_PEAK: ("0.9",)}
    with pytest.raises(TagError, match="no place for a track peak"):
        edited(data, {Field.TRACK_PEAK: ("0.988553",)}, opus=True)
    assert edited(data, {Field.TRACK_PEAK: ("0.9",)}, opus=True) == (data, ())
    assert edited(data, {Field.TRACK_PEAK: ()}, opus=True)[0] == packed("A=1")


def test_what_is_opus_alone_is_not_for_other_codecs() -> None:
    data = packed("R128_TRACK_GAIN=-512", "A=1")
    new, _ = edited(data, {Field.TRACK_GAIN: ("-7.52 dB",)})
    assert new == packed("R128_TRACK_GAIN=-512", "A=1", "REPLAYGAIN_TRACK_GAIN=-7.52 dB")
    assert others(new, {Field.TRACK_GAIN: ()}) == others(data, {Field.TRACK_GAIN: ()})


@given(gain=values_of(Field.TRACK_GAIN))
def test_opus_holds_every_gain(gain: tuple[str, ...]) -> None:
    new, _ = edited(packed(), {Field.TRACK_GAIN: gain}, opus=True)
    assert read(new, opus=True).get(Field.TRACK_GAIN, ()) == gain
    for decibels in gain:
        steps = int(VCommentDict(new, framing=False)["R128_TRACK_GAIN"][0])
        assert abs(steps / 256 + 5 - float(decibels.split()[0])) <= 1 / 512
        assert -(2**15) <= steps < 2**15


@given(steps=st.integers(-(2**15), 2**15 - 1))
def test_every_gain_of_opus_can_be_put_back(steps: int) -> None:
    """As undo does where a file changed since; also one that nobody could type."""
    said = read(packed(f"R128_TRACK_GAIN={steps}"), opus=True)
    new, _ = edited(packed(), said, opus=True)
    assert read(new, opus=True) == said
    (entry,) = entries_of(new)
    assert abs(int(entry.partition(b"=")[2]) - steps) <= 1


def test_a_gain_that_is_none_is_refused() -> None:
    with pytest.raises(TagError, match='"loud" is no number'):
        edited(packed(), {Field.TRACK_GAIN: ("loud",)}, opus=True)
