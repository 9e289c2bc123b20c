from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from struct import pack, unpack
from typing import Any
from uuid import UUID

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.asf import ASF

from msa_desktop.audio.encode import Form, write
from msa_desktop.base.fields import Field
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio import asf
from msa_desktop.tagio._asf import (
    CONTENT,
    EXTENDED,
    EXTENSION,
    FILE,
    HEADER,
    LIBRARY,
    METADATA,
    PADDING,
    PROTECTED,
    STREAM,
)
from msa_desktop.tagio._base import Edit, Keep, Source, TagError
from tests.tagio.corpus import RICH, SAYS, tone

Corpus = Callable[[str], Path]
Changes = Mapping[Field, tuple[str, ...]]
Value = tuple[str, int, bytes]  # name, type, value

NAMES = {
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
UNKNOWN = UUID("00112233-4455-6677-8899-aabbccddeeff").bytes_le
DATA = UUID("75B22636-668E-11CF-A6D9-00AA0062CE6C").bytes_le
INDEX = UUID("33000890-E5B1-11CF-89F4-00A0C90349CB").bytes_le
CHANGES: dict[Field, tuple[str, ...]] = {
    Field.GENRE: ("Jazz", "Dub — 曲"),
    Field.ARTIST: ("One", "Two"),
    Field.KEY: ("Am",),
    Field.TITLE: (),
}


def pcm(path: Path) -> bytes:
    """The decoded sound."""
    with av.open(str(path)) as file:
        return b"".join(frame.to_ndarray().tobytes() for frame in file.decode(audio=0))


@contextmanager
def source_of(raw: bytes) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        yield Source(file.fileno())


def read(raw: bytes) -> dict[Field, tuple[str, ...]]:
    with source_of(raw) as source:
        return asf.read(source)


def lay_out(raw: bytes, changes: Changes) -> Edit:
    with source_of(raw) as source:
        return asf.edit(source, changes)


def proof(raw: bytes, changes: Changes) -> tuple[bytes, Mapping[str, bytes]]:
    with source_of(raw) as source:
        sound = b"".join(source.read(*extent) for extent in asf.sound(source))
        return sound, asf.others(source, changes)


def tags(raw: bytes) -> list[tuple[str, Any]]:
    """What mutagen reads."""
    found: Any = ASF(BytesIO(raw)).tags
    return [(name, value) for name, value in found]


def edited(raw: bytes, changes: Changes) -> bytes:
    """The changed file, when it is sound in every respect."""
    edit = lay_out(raw, changes)
    new = b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in edit.pieces)
    assert (new != raw) == bool(edit.frames)
    before = read(raw)
    assert read(new) == {field: values for field, values in {**before, **changes}.items() if values}
    assert proof(new, changes) == proof(raw, changes)
    assert not lay_out(new, changes).frames
    asked = {NAMES[field] for field in changes} | {"date", "title", "grouping"}
    asked |= {field.value for field in changes if field in (Field.TRACK_GAIN, Field.TRACK_PEAK)}
    seen = tags(new)
    assert [tag for tag in seen if tag[0] not in asked] == [
        tag for tag in tags(raw) if tag[0] not in asked
    ]
    written = {frame.frame for frame in edit.frames}
    for field in (field for field in changes if NAMES[field] in written):
        mine = [str(value) for name, value in seen if name == NAMES[field]]
        assert tuple(value for value in mine if value) == changes[field]
    check(raw, new)
    return new


def check(raw: bytes, new: bytes) -> None:
    """The header's sizes and counts are right."""
    size, count = unpack("<QI", new[16:28])
    found = list(objects(new[30:size]))
    assert count == len(found)
    for guid, body in found:
        if guid == EXTENSION:
            assert unpack("<I", body[18:22])[0] == len(body) - 22
            list(objects(body[22:]))
        if guid == FILE:
            (said,) = unpack("<Q", raw[raw.index(FILE) + 40 :][:8])
            expected = said if len(new) == len(raw) else len(new)
            assert body[16:24] == pack("<Q", expected)


def objects(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    while raw:
        guid, size = unpack("<16sQ", raw[:24])
        assert 24 <= size <= len(raw)
        yield guid, raw[24:size]
        raw = raw[size:]


def wide(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def made(guid: bytes, *body: bytes) -> bytes:
    joined = b"".join(body)
    return guid + pack("<Q", 24 + len(joined)) + joined


def content(*texts: str) -> bytes:
    raws = [wide(text) if text else b"" for text in texts] + [b""] * (5 - len(texts))
    return made(CONTENT, pack("<5H", *map(len, raws)), *raws)


def extended(*values: Value) -> bytes:
    parts = [
        pack("<H", len(wide(name))) + wide(name) + pack("<HH", kind, len(value)) + value
        for name, kind, value in values
    ]
    return made(EXTENDED, pack("<H", len(parts)), *parts)


def library(*values: Value, guid: bytes = LIBRARY, stream: int = 0) -> bytes:
    parts = [
        pack("<HHHHI", 0, stream, len(wide(name)), kind, len(value)) + wide(name) + value
        for name, kind, value in values
    ]
    return made(guid, pack("<H", len(parts)), *parts)


def extension(*inner: bytes) -> bytes:
    joined = b"".join(inner)
    return made(EXTENSION, bytes(16), pack("<HI", 6, len(joined)), joined)


def properties(size: int = 0, flags: int = 2) -> bytes:
    return made(FILE, bytes(16), pack("<Q", size), bytes(range(40)), pack("<I", flags), bytes(12))


def whole(*parts: bytes, flags: int = 2, size: int | None = None) -> bytes:
    """A file: properties, the parts, a sound and its index."""
    behind = made(DATA, bytes(range(256)) * 8) + made(INDEX, b"at its end")
    stream = made(STREAM, bytes(range(1, 79)))
    length = 30 + len(properties()) + len(stream) + sum(map(len, parts)) + len(behind)
    inner = [properties(length if size is None else size, flags), stream, *parts]
    head = HEADER + pack("<QI", 30 + sum(map(len, inner)), len(inner)) + b"\1\2"
    return head + b"".join(inner) + behind


def sound_at(raw: bytes) -> int:
    return raw.index(DATA)


@pytest.mark.parametrize("name", ["wma", "wma-none"])
def test_files_of_other_programs(corpus: Corpus, name: str) -> None:
    path = corpus(name)
    raw, heard = path.read_bytes(), pcm(path)
    assert read(raw) == SAYS[name]
    path.write_bytes(edited(raw, CHANGES))
    assert pcm(path) == heard
    # Nothing large is written again.
    pieces = lay_out(raw, CHANGES).pieces
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 3500


@pytest.mark.parametrize("name", ["wma", "wma-none"])
def test_what_the_file_says_is_not_written(corpus: Corpus, name: str) -> None:
    raw = corpus(name).read_bytes()
    assert lay_out(raw, SAYS[name]) == Edit((Keep(0, len(raw)),), ())
    assert not lay_out(edited(raw, RICH), RICH).frames


def test_removing_everything(corpus: Corpus) -> None:
    raw = corpus("wma").read_bytes()
    new = edited(raw, dict.fromkeys(RICH, ()))
    assert read(new) == {}
    assert {"WM/Picture", "Copyright", "custom"} <= {name for name, _ in tags(new)}


def test_what_ffmpeg_writes(tmp_path: Path) -> None:
    path = tmp_path / "sound.wma"
    said = {"title": "T", "artist": "A", "date": "1999-03-04", "grouping": "G", "genre": "R"}
    write(path, tone(), 44_100, Form("asf", "wmav2", bit_rate=128_000), said)
    raw = path.read_bytes()
    assert read(raw) == {
        Field.TITLE: ("T",),
        Field.ARTIST: ("A",),
        Field.DATE: ("1999-03-04",),
        Field.GROUPING: ("G",),
        Field.GENRE: ("R",),
    }
    changes = {Field.TITLE: ("U",), Field.DATE: ("2001",), Field.GROUPING: ()}
    assert lay_out(raw, changes).frames == (
        FrameChange("Title", ("T",), ("U",)),
        FrameChange("title", ("T",), ()),
        FrameChange("WM/Year", (), ("2001",)),
        FrameChange("date", ("1999-03-04",), ()),
        FrameChange("grouping", ("G",), ()),
    )
    names = [name for name, _ in tags(edited(raw, changes))]
    assert {"title", "date", "grouping"}.isdisjoint(names)


def test_padding_takes_up_the_difference() -> None:
    raw = whole(extended(("WM/Genre", 0, wide("Rock"))), made(PADDING, bytes(500)), content("T"))
    for changes in (
        {Field.GENRE: ("A longer genre than before",)},
        {Field.GENRE: ()},
        {Field.GENRE: ("Rock", "Pop")},
    ):
        new = edited(raw, changes)
        assert len(new) == len(raw)
        assert sound_at(new) == sound_at(raw)


def test_padding_is_made_where_there_is_too_little() -> None:
    for padding in ([], [made(PADDING, bytes(10))]):
        raw = whole(content("T"), *padding)
        new = edited(raw, {Field.SUMMARY: ("x" * 100,)})
        assert sound_at(new) > sound_at(raw) + 2048
        again = edited(new, {Field.SUMMARY: ("x" * 900,), Field.ARTIST: ("A",)})
        assert len(again) == len(new)
    raw = whole(content("A title that is long enough"))
    assert len(edited(raw, {Field.TITLE: ()})) == len(raw)
    assert len(edited(raw, {Field.TITLE: ("A title that is long",)})) > len(raw)  # 14 bytes: none


def test_the_largest_padding_is_used_and_none_is_lost() -> None:
    parts = (made(PADDING, b"small"), content("T"), made(PADDING, bytes(99) + b"kept"))
    new = edited(whole(*parts), {Field.TITLE: ("Ten more",)})
    assert parts[0] in new
    assert bytes(85) + b"kept" in new
    assert len(new) == len(whole(*parts))


def test_the_size_of_the_file() -> None:
    """One that is wrong is corrected; a file that was streamed has none."""
    for size in (None, 0, 10**9):
        new = edited(whole(content("T"), size=size), {Field.GENRE: ("Rock",)})
        assert FILE + pack("<Q", len(properties())) + bytes(16) + pack("<Q", len(new)) in new
    streamed = whole(content("T"), flags=3, size=0)
    pieces = lay_out(streamed, {Field.GENRE: ("Rock",)}).pieces
    assert isinstance(pieces[1], Keep)
    assert pieces[1].offset == 30
    assert pieces[1].length >= len(properties())


def test_values_in_every_object_are_read_and_replaced() -> None:
    raw = whole(
        extension(
            made(UNKNOWN, b"inside"),
            library(("WM/Genre", 0, wide("Third")), guid=METADATA, stream=1),
            library(("WM/Genre", 0, wide("Fourth")), ("WM/Picture", 1, bytes(70_000))),
        ),
        made(UNKNOWN, b"outside"),
        extended(
            ("WM/Genre", 0, wide("First")),
            ("WM/TrackNumber", 3, pack("<I", 7)),
            ("WM/PartOfSet", 5, pack("<H", 2)),
            ("WM/Genre", 0, wide("Second")),
            ("WM/Mood", 1, b"binary"),
        ),
    )
    assert read(raw) == {
        Field.GENRE: ("First", "Second", "Third", "Fourth"),
        Field.TRACK: ("7",),
        Field.DISC: ("2",),
    }
    new = edited(raw, {Field.GENRE: ("One", "Two", "Three"), Field.TRACK: ("8/9",)})
    assert [str(value) for name, value in tags(new) if name == "WM/Genre"] == [
        "One",
        "Two",
        "Three",
    ]
    assert [type(value).__name__ for name, value in tags(new) if name == "WM/Mood"] == [
        "ASFByteArrayAttribute"
    ]
    for guid, body in objects(new[30 : sound_at(new)]):
        if guid == EXTENDED:
            assert unpack("<H", body[:2]) == (4,)
    assert edited(raw, {Field.MOOD: ("calm",)}).count(wide("WM/Mood")) == 1


def test_a_gain_in_small_letters_is_read_and_replaced() -> None:
    raw = whole(
        extended(
            ("replaygain_track_gain", 0, wide("+3.1 dB")),
            ("replaygain_album_gain", 0, wide("-1.00 dB")),
        )
    )
    assert read(raw) == {Field.TRACK_GAIN: ("+3.1 dB",)}
    new = edited(raw, {Field.TRACK_GAIN: ("-7.52 dB",)})
    assert [(name, str(value)) for name, value in tags(new)] == [
        ("REPLAYGAIN_TRACK_GAIN", "-7.52 dB"),
        ("replaygain_album_gain", "-1.00 dB"),
    ]


def test_the_least_file_there_is() -> None:
    new = edited(whole(), CHANGES)
    assert read(new) == {field: values for field, values in CHANGES.items() if values}
    assert not lay_out(whole(), {Field.TITLE: ()}).frames


@pytest.mark.parametrize("guid", sorted(PROTECTED))
@pytest.mark.parametrize("inside", [False, True])
def test_protected_files_are_left_alone(guid: bytes, inside: bool) -> None:
    part = made(guid, b"key")
    raw = whole(content("T"), extension(part) if inside else part)
    assert read(raw) == {Field.TITLE: ("T",)}
    with pytest.raises(TagError, match="protected"):
        lay_out(raw, CHANGES)


def test_a_file_cut_in_its_sound_can_be_tagged(corpus: Corpus) -> None:
    raw = corpus("wma").read_bytes()
    edited(raw[: sound_at(raw) + 3000], CHANGES)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (whole(content("T"))[:100], "size"),
        (whole(content("T")[:16] + pack("<Q", 9999)), "part"),
        (whole(content("T")[:16] + pack("<Q", 3)), "part"),
        (whole(made(CONTENT, pack("<5H", 100, 0, 0, 0, 0))), "cut off"),
        (whole(made(EXTENDED, pack("<H", 1), pack("<H", 100))), "cut off"),
        (whole(made(EXTENDED)), "cut off"),
        (whole(extension(made(LIBRARY, pack("<H", 9)))), "cut off"),
        (whole(made(EXTENSION, bytes(10))), "short"),
        (whole(extension(), extension()), "twice"),
        (whole(b"\0" * 9), "part"),
    ],
)
def test_damage_is_told(raw: bytes, reason: str) -> None:
    with pytest.raises(TagError, match=reason):
        lay_out(raw, CHANGES)


def test_which_files_are_known() -> None:
    for raw, known in ((whole(), True), (b"RIFF" + bytes(90), False), (b"", False)):
        with source_of(raw) as source:
            assert asf.knows(source) is known


ANY_NAME = st.sampled_from(
    [*NAMES.values(), "date", "title", "replaygain_track_gain", "Description", "custom"]
)
KINDS = st.one_of(
    st.text(st.characters(exclude_categories=["C"]), max_size=12).map(lambda t: (0, wide(t))),
    st.binary(max_size=12).map(lambda raw: (1, raw)),
    st.integers(0, 2**32 - 1).map(lambda number: (3, pack("<I", number))),
    st.integers(0, 2**16 - 1).map(lambda number: (5, pack("<H", number))),
)
VALUES = st.lists(st.tuples(ANY_NAME, KINDS).map(lambda pair: (pair[0], *pair[1])), max_size=5)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    content=st.one_of(st.none(), st.lists(WORDS | st.just(""), max_size=5)),
    lists=st.lists(st.tuples(st.sampled_from([EXTENDED, METADATA, LIBRARY]), VALUES), max_size=4),
    padding=st.one_of(st.none(), st.integers(0, 300)),
    changes=st.dictionaries(
        st.sampled_from(sorted(Field)),
        st.lists(WORDS, max_size=3, unique=True).map(tuple),
        max_size=4,
    ),
)
def test_any_tags_any_change(
    content: list[str] | None,
    lists: list[tuple[bytes, list[Value]]],
    padding: int | None,
    changes: Changes,
) -> None:
    parts = [] if content is None else [globals()["content"](*content)]
    parts += [extended(*values) for guid, values in lists if guid == EXTENDED]
    inner = [library(*values, guid=guid) for guid, values in lists if guid != EXTENDED]
    parts += [extension(*inner)] if inner else []
    parts += [] if padding is None else [made(PADDING, bytes(padding))]
    edited(whole(*parts), changes)


@given(st.data())
def test_damaged_files_are_refused_or_kept(data: st.DataObject) -> None:
    raw = bytearray(
        whole(
            content("T", "A"),
            extended(("WM/Genre", 0, wide("Rock")), ("WM/Year", 3, pack("<I", 1999))),
            extension(library(("WM/Genre", 0, wide("Pop")))),
            made(PADDING, bytes(9)),
        )
    )
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, sound_at(whole()) + 400))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.sampled_from([len(raw), 400]))]
    try:
        edit = lay_out(bytes(raw), CHANGES)
    except TagError:
        return
    new = b"".join(raw[p.offset : p.end] if isinstance(p, Keep) else p for p in edit.pieces)
    assert proof(new, CHANGES) == proof(bytes(raw), CHANGES)
