from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.id3 import ParseID3v1

from msa_desktop.base.fields import Field
from msa_desktop.base.history import FrameChange
from msa_desktop.tagio._apev2 import NAMES
from msa_desktop.tagio._base import Edit, Keep, Source, TagError
from msa_desktop.tagio._tail import Tail, find

Item = tuple[str, int, bytes]
Changes = Mapping[Field, tuple[str, ...]]

SOUND = bytes(range(1, 251)) * 4
RICH: list[Item] = [
    ("Title", 0, "Ünï — 曲".encode()),
    ("Cover Art (Front)", 2, b"a.jpg\0\xff\xd8" + bytes(500)),
    ("GENRE", 0, b"Rock\0Pop"),
    ("Related", 4, b"http://example.org"),
    ("broken", 0, b"\xff\xfe not UTF-8"),
    ("Comment", 1, b"read only"),
    ("Comment", 0, b"the same key again"),
    ("InitialKey", 0, b"Am"),
]
LYRICS_2 = b"LYRICSBEGININD0000210LYR00005words" + b"000034LYRICS200"
LYRICS_1 = b"LYRICSBEGINwords and more of themLYRICSEND"
ENHANCED = b"TAG+" + bytes(223)


def edge(size: int, count: int, flags: int, version: int) -> bytes:
    return struct.pack("<8s4I8s", b"APETAGEX", version, size, count, flags, bytes(8))


def ape(
    items: list[Item],
    *,
    header: bool = True,
    footer: bool = True,
    version: int = 2000,
    count: int | None = None,
    rest: bytes = b"",
) -> bytes:
    body = b"".join(
        struct.pack("<II", len(value), flags) + key.encode("latin-1") + b"\0" + value
        for key, flags, value in items
    )
    body += rest
    size = len(body) + (32 if footer else 0)
    number = len(items) if count is None else count
    flags = header << 31 | (not footer) << 30
    parts = [edge(size, number, flags | 1 << 29, version)] if header else []
    return b"".join([*parts, body, *([edge(size, number, flags, version)] if footer else [])])


def id3v1(
    title: bytes = b"Title",
    artist: bytes = b"Artist",
    year: bytes = b"1999",
    comment: bytes = b"comment",
    track: int = 3,
    genre: int = 17,
) -> bytes:
    packed = struct.pack("30s30s30s4s28s", title, artist, b"Album", year, comment)
    return b"TAG" + packed + bytes([0, track, genre])


@contextmanager
def tail_of(raw: bytes, begin: int = 0) -> Iterator[Tail]:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        yield find(Source(file.fileno()), begin)


def made(raw: bytes, begin: int, edit: Edit) -> bytes:
    pieces = (raw[p.offset : p.end] if isinstance(p, Keep) else p for p in edit.pieces)
    return raw[:begin] + b"".join(pieces)


def edited(raw: bytes, changes: Changes, *, create: bool = False) -> bytes:
    """The changed file. What is not asked for must be the same, and what is must read back."""
    with tail_of(raw) as tail:
        edit = tail.edit(changes, create=create)
        others, before, begin = tail.others(changes), tail.read(), tail.begin
    new = made(raw, begin, edit)
    assert (new != raw) == bool(edit.frames)
    with tail_of(new) as tail:
        assert tail.begin == begin
        assert tail.others(changes) == others
        says = tail.read()
        assert tail.edit(changes, create=create).frames == ()
    assert {f: v for f, v in says.items() if f not in changes} == {
        f: v for f, v in before.items() if f not in changes
    }
    return new


def items_of(tag: bytes) -> list[Item]:
    """The items of a tag with header and footer, which must agree."""
    _, version, size, count, flags, _ = struct.unpack("<8s4I8s", tag[:32])
    assert tag[-32:] == edge(size, count, flags & ~(1 << 29), version)
    assert size == len(tag) - 32
    body, found = tag[32:-32], []
    while body:
        length, flags = struct.unpack("<II", body[:8])
        key, _, rest = body[8:].partition(b"\0")
        found.append((key.decode("latin-1"), flags, rest[:length]))
        body = rest[length:]
    assert len(found) == count
    return found


def test_a_file_without_tags() -> None:
    with tail_of(SOUND) as tail:
        assert tail.begin == len(SOUND)
        assert tail.read() == {}
        assert tail.others({}) == {}
        assert tail.edit({Field.GENRE: ("Rock",)}) == Edit((), ())
        assert tail.edit({Field.GENRE: ()}, create=True) == Edit((), ())


@pytest.mark.parametrize("behind", [b"", id3v1(), LYRICS_2 + id3v1(), ENHANCED + id3v1()])
def test_a_new_tag_comes_before_the_others(behind: bytes) -> None:
    changes = {Field.MOOD: ("calm", "dark"), Field.BPM: ("120",), Field.KEY: ()}
    new = edited(SOUND + behind, changes, create=True)
    assert new.startswith(SOUND + b"APETAGEX")
    assert new.endswith(behind)
    tag = new[len(SOUND) : len(new) - len(behind)]
    assert items_of(tag) == [("Mood", 0, b"calm\0dark"), ("BPM", 0, b"120")]
    if not behind.startswith(ENHANCED):  # mutagen does not look behind one
        tags = APEv2(BytesIO(new))
        assert {key: str(tags[key]) for key in tags} == {"Mood": "calm\0dark", "BPM": "120"}


TAG = ape(RICH)


@pytest.mark.parametrize(
    "tags",
    [
        [TAG],
        [TAG, id3v1()],
        [id3v1(), TAG],
        [TAG, LYRICS_2, id3v1()],
        [TAG, LYRICS_1, id3v1()],
        [TAG, ENHANCED, id3v1()],
        [LYRICS_2, TAG],
        [ape(RICH, header=False)],
        [ape(RICH, footer=False)],
        [ape(RICH, footer=False), id3v1()],
        [ape(RICH, version=1000, header=False), id3v1()],
        [ape(RICH, count=len(RICH) + 2)],
        [ape(RICH, rest=bytes(77))],
        [ape(RICH), ape([("Artist", 0, b"One"), *RICH]), id3v1()],
    ],
)
def test_tags_in_any_order(tags: list[bytes]) -> None:
    raw = SOUND + b"".join(tags)
    with tail_of(raw) as tail:
        assert tail.begin == len(SOUND)
        says = tail.read()
    assert says[Field.TITLE] == ("Ünï — 曲",)
    assert says[Field.GENRE] == ("Rock", "Pop")
    assert says[Field.KEY] == ("Am",)

    new = edited(raw, {Field.GENRE: ("Jazz", "Dub"), Field.TITLE: (), Field.KEY: ("F#m",)})
    with tail_of(new) as tail:
        found = tail.read()
    assert found[Field.GENRE] == ("Jazz", "Dub")
    assert found[Field.KEY] == ("F#m",)
    assert Field.TITLE not in found
    for kept in (LYRICS_1, LYRICS_2, ENHANCED):
        assert (kept in new) == (kept in tags)
    assert b"Am" not in new[len(SOUND) :]  # no stale value under another name


def test_items_stay_in_their_places() -> None:
    changes = {Field.GENRE: ("Jazz",), Field.KEY: ("Em",), Field.ALBUM: ("New",)}
    new = edited(SOUND + ape(RICH), changes, create=True)
    expected = list(RICH)
    expected[2] = ("GENRE", 0, b"Jazz")
    expected[7] = ("KEY", 0, b"Em")
    assert items_of(new[len(SOUND) :]) == [*expected, ("Album", 0, b"New")]


def test_a_tag_of_another_system_gets_no_new_fields() -> None:
    raw = SOUND + ape(RICH) + id3v1(genre=255)
    with tail_of(raw) as tail:
        edit = tail.edit({Field.MOOD: ("calm",), Field.ALBUM_ARTIST: ("A",)})
        assert edit == Edit((Keep(len(SOUND), len(raw) - len(SOUND)),), ())
    new = edited(raw, {Field.GENRE: ("Rock",)})
    assert new.endswith(id3v1(genre=255))


def test_two_tags() -> None:
    """The last one is read. A field is changed wherever it is, and added to the last alone."""
    first = ape([("Genre", 0, b"Rock"), ("Mood", 0, b"dark")])
    last = ape([("Genre", 0, b"Pop")])
    with tail_of(SOUND + first + last) as tail:
        assert tail.read() == {Field.GENRE: ("Pop",)}
    changes = {Field.GENRE: ("Jazz",), Field.BPM: ("99",)}
    new = edited(SOUND + first + last, changes, create=True)
    assert new == SOUND + ape([("Genre", 0, b"Jazz"), ("Mood", 0, b"dark")]) + ape(
        [("Genre", 0, b"Jazz"), ("BPM", 0, b"99")]
    )


def test_what_is_there_already_is_not_written() -> None:
    raw = SOUND + ape(RICH) + id3v1(title=b"A title that has more than thi", genre=17)
    changes = {Field.GENRE: ("Rock", "Pop"), Field.TITLE: ("Ünï — 曲",), Field.MOOD: ()}
    with tail_of(raw) as tail:
        frames = tail.edit(changes, create=True).frames
        assert [frame.frame for frame in frames] == ["ID3v1 title"]  # another one than the APE's
        assert not tail.edit({Field.GENRE: ("Rock", "Pop")}, create=True).frames


def test_frames_are_told() -> None:
    raw = SOUND + ape([("date", 0, b"2001"), ("Year", 0, b"2000")]) + id3v1()
    with tail_of(raw) as tail:
        assert tail.edit({Field.DATE: ("1999-03-04",)}).frames == (
            FrameChange("Year", ("2000",), ("1999-03-04",)),
            FrameChange("date", ("2001",), ()),
        )  # version 1 has "1999" already
        assert tail.edit({Field.TRACK: ("12/13",)}).frames == (
            FrameChange("ID3v1 track", ("3",), ("12",)),
        )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({Field.TITLE: ("Another",)}, id3v1(title=b"Another")),
        ({Field.TITLE: ("é" * 40,)}, id3v1(title=b"\xe9" * 30)),
        ({Field.TITLE: ("曲 a",)}, id3v1(title=b"? a")),
        ({Field.TITLE: ()}, id3v1(title=b"")),
        ({Field.ARTIST: ("One", "Two")}, id3v1(artist=b"One; Two")),
        ({Field.ARTIST: ("Artist", "Two")}, id3v1()),
        ({Field.DATE: ("2001-02-03",)}, id3v1(year=b"2001")),
        ({Field.TRACK: ("12/300",)}, id3v1(track=12)),
        ({Field.TRACK: ("300",)}, id3v1(track=0)),
        ({Field.GENRE: ("no such genre", "JAZZ")}, id3v1(genre=8)),
        ({Field.GENRE: ("no such genre",)}, id3v1(genre=255)),
        ({Field.GENRE: ()}, id3v1(genre=255)),
        ({Field.MOOD: ("calm",)}, id3v1()),
    ],
)
def test_version_1_of_id3(changes: Changes, expected: bytes) -> None:
    assert edited(SOUND + id3v1(), changes) == SOUND + expected
    with tail_of(SOUND + expected) as tail:
        says = tail.read()
    frames = ParseID3v1(expected)
    names = {Field.TITLE: "TIT2", Field.ARTIST: "TPE1", Field.DATE: "TDRC", Field.TRACK: "TRCK"}
    for field, name in names.items():
        seen = tuple(map(str, frames[name].text)) if name in frames else ()
        assert says.get(field, ()) == seen
    assert says.get(Field.GENRE, ()) == tuple(frames["TCON"].genres if "TCON" in frames else ())


def test_version_1_0_has_no_track() -> None:
    raw = SOUND + id3v1()[:97] + b"thirty characters of a comment" + b"\x11"
    with tail_of(raw) as tail:
        assert Field.TRACK not in tail.read()
    assert edited(raw, {Field.TRACK: ("5",)}) == raw


def test_latin_1_in_an_ape_tag_is_read() -> None:
    with tail_of(SOUND + ape([("Title", 0, b"\xc9t\xe9")], version=1000, header=False)) as tail:
        assert tail.read() == {Field.TITLE: ("Été",)}


def test_a_binary_item_says_nothing() -> None:
    raw = SOUND + ape([("Genre", 2, b"Rock"), ("Mood", 0, b"calm")])
    with tail_of(raw) as tail:
        assert tail.read() == {Field.MOOD: ("calm",)}
    new = edited(raw, {Field.GENRE: ("Pop",)}, create=True)
    assert items_of(new[len(SOUND) :]) == [("Genre", 0, b"Pop"), ("Mood", 0, b"calm")]


def test_a_read_only_item_stays_one() -> None:
    new = edited(SOUND + ape([("Genre", 1, b"Rock")]), {Field.GENRE: ("Pop",)})
    assert items_of(new[len(SOUND) :]) == [("Genre", 1, b"Pop")]


def test_version_1_has_no_flags() -> None:
    tag = bytearray(ape([("Genre", 0, b"Rock")], version=1000, header=False))
    tag[-12:-8] = b"\xff\xff\xff\xff"
    with tail_of(SOUND + tag) as tail:
        assert tail.read() == {Field.GENRE: ("Rock",)}


@pytest.mark.parametrize(
    "lyrics", [LYRICS_2[:-15] + b"999999LYRICS200", b"letters?LYRICS200", LYRICS_1[11:]]
)
def test_lyrics_that_do_not_begin_are_no_tag(lyrics: bytes) -> None:
    with tail_of(SOUND + lyrics + id3v1()) as tail:
        assert tail.begin == len(SOUND + lyrics)


def test_others_tells_of_every_difference() -> None:
    seen = []
    for raw in (
        ape(RICH) + id3v1(),
        ape([*RICH, RICH[-2]]) + id3v1(),
        ape([(k, f, v + b"!" if k == "Comment" else v) for k, f, v in RICH]) + id3v1(),
        ape([(k, f ^ (k == "Comment"), v) for k, f, v in RICH]) + id3v1(),
        ape(RICH, rest=b"?") + id3v1(),
        ape(RICH, version=1000) + id3v1(),
        ape(RICH) + id3v1(comment=b"another"),
        ape(RICH) + LYRICS_2 + id3v1(),
        ape([*RICH, ("large", 2, bytes(1 << 17))]),
        ape([*RICH, ("large", 2, bytes((1 << 17) - 1) + b"!")]),
    ):
        with tail_of(SOUND + raw) as tail:
            seen.append(tail.others({Field.TITLE: ()}))
    assert all(a != b for place, a in enumerate(seen) for b in seen[:place])
    assert len(seen[0]["APE Comment (2)"]) == 8 + len("Comment") + 1 + len("the same key again")
    assert len(seen[-1]["APE large"]) == 32


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        (ape(RICH)[40:], "size"),
        (edge(16, 0, 0, 2000), "size"),
        (ape(RICH, version=3000), "3000"),
        (ape(RICH, count=1 << 31), "items"),
        (ape([], rest=b"\xff" * 60, count=1), "cut off"),
        (ape([], rest=struct.pack("<II", 900, 0) + b"Title\0short", count=1), "cut off"),
    ],
)
def test_damage_is_told(tag: bytes, reason: str) -> None:
    raw = b"ab" + tag
    with pytest.raises(TagError, match=reason), tail_of(raw, 2):
        pass


def test_a_tag_is_not_looked_for_before_its_time() -> None:
    raw = SOUND + LYRICS_2 + id3v1()
    with tail_of(raw, len(raw) - 128 - 10) as tail:
        assert tail.begin == len(raw) - 128
    with tail_of(raw, len(raw) - 127) as tail:
        assert tail.begin == len(raw)


def test_a_footer_is_no_version_1() -> None:
    """A tag of 131 bytes without a footer has "TAG" just where ID3v1 would."""
    tag = ape([("Title", 0, bytes(85))], footer=False)
    assert tag[-128:].startswith(b"TAG")
    with tail_of(SOUND + tag) as tail:
        assert tail.begin == len(SOUND)


KEYS = st.one_of(
    st.sampled_from([name for names in NAMES.values() for name in names]).flatmap(
        lambda name: st.sampled_from([name, name.lower(), name.upper()])
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=2, max_size=9),
)
ITEMS = st.lists(st.tuples(KEYS, st.integers(0, 7), st.binary(max_size=20)), max_size=8)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
VALUES = st.lists(WORDS, max_size=3, unique=True).map(tuple)
CHANGES = st.dictionaries(
    st.sampled_from([f for f in Field if f not in (Field.TRACK, Field.DISC)]), VALUES, max_size=5
)


@given(ITEMS, CHANGES, st.booleans(), st.booleans())
def test_any_tag_any_change(
    items: list[Item], changes: Changes, create: bool, with_v1: bool
) -> None:
    behind = id3v1() if with_v1 else b""
    raw = SOUND + ape(items) + behind
    new = edited(raw, changes, create=create)
    found = items_of(new[len(SOUND) : len(new) - len(behind)])
    asked = {name.lower() for field in changes for name in NAMES[field]}
    assert [i for i in found if i[0].lower() not in asked] == [
        i for i in items if i[0].lower() not in asked
    ]
    for field, values in changes.items():
        names = [name.lower() for name in NAMES[field]]
        held = [item for item in found if item[0].lower() in names]
        if not values:
            assert held == []
        elif create or any(key.lower() in names for key, _, _ in items):
            assert "\0".join(values).encode() in [value for _, _, value in held]


@given(st.data())
def test_damaged_files_are_refused_or_kept(data: st.DataObject) -> None:
    raw = bytearray(SOUND[:20] + ape(RICH) + LYRICS_2 + id3v1())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(20, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[: data.draw(st.sampled_from([0, 0, 30]))]
    del raw[data.draw(st.sampled_from([len(raw), len(raw) - 5])) :]
    changes = {Field.GENRE: ("Jazz",), Field.TITLE: ()}
    try:
        edited(bytes(raw), changes)
    except TagError as error:
        assert "APE tag" in str(error)
