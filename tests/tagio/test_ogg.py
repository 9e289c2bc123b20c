from __future__ import annotations

import base64
import io
import struct
from contextlib import suppress
from itertools import pairwise

import mutagen
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.flac import Picture
from mutagen.ogg import OggPage

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio import ogg
from msa_desktop.tagio._base import Edit, Keep, TagError
from tests.tagio.changes import possible
from tests.tagio.ogg_bytes import (
    KINDS,
    Pages,
    comment_packet,
    pages_of,
    plain,
    serial_of,
    with_packets,
    written,
)
from tests.tagio.test_vorbis_comment import CHANGES, packed
from tests.tagio.trial import Trial, composed, heard

TRIAL = Trial(ogg)


def proved(old: bytes, changes: FieldValues, *, sounds: bool = True) -> bytes:
    """The file after a change; mutagen and FFmpeg see it as it should be."""
    opus = b"OpusHead" in old[:64]
    changes = possible(changes, opus=opus)
    new = TRIAL.changed(old, changes)
    before, after = pages_of(old), pages_of(new)
    assert [page.sequence for page in after] == list(range(len(after)))
    for page, following in pairwise(after):
        assert following.continued == (not page.complete)
    for page in after:
        ends = len(page.packets) - (not page.complete)
        assert (page.position == -1) == (ends == 0)
    packets, old_packets = OggPage.to_packets(after), OggPage.to_packets(before)
    assert packets[:1] + packets[2:] == old_packets[:1] + old_packets[2:]
    # Sound begins on a page of its own, and lies on its pages as it did.
    sound, old_sound = ([p for p in pages if p.position > 0] for pages in (after, before))
    assert [page.write()[26:] for page in sound] == [page.write()[26:] for page in old_sound]
    assert [page.first for page in after] == [True] + [False] * (len(after) - 1)
    assert after[-1].last == before[-1].last

    witness, former = (mutagen.File(io.BytesIO(data)) for data in (new, old))
    for field, values in changes.items():
        key = {Field.SUMMARY: "description", Field.TRACK: "tracknumber"}.get(field, field.value)
        if opus and field is Field.TRACK_GAIN:
            steps = map(int, witness.tags.get("r128_track_gain", ()))
            assert tuple(f"{number / 256 + 5:.2f} dB" for number in steps) == values
        elif field not in (Field.DISC, Field.TRACK):
            assert tuple(witness.tags.get(key, ())) == values
    assert witness.info.length == former.info.length
    assert witness.tags.vendor == former.tags.vendor
    assert [pair for pair in witness.tags if pair[0] == "custom"] == [("custom", "1")]
    if sounds:
        assert heard(new) == heard(old)
    return new


SOME: dict[str, FieldValues] = {
    "same length": {Field.GENRE: ("Jazz",)},
    "longer": {Field.GENRE: ("Jazz", "R&B"), Field.KEY: ("Am",), Field.BPM: ("120",)},
    "much longer": {Field.SUMMARY: ("ö" * 3000,)},
    "shorter": {Field.GENRE: ()},
    "several pages": {Field.GENRE: tuple(str(number) * 250 for number in range(100, 300))},
    "gain": {Field.TRACK_GAIN: ("-7.52 dB",)},
    "ten thousand": {Field.MOOD: tuple(f"mood {number}" for number in range(10_000))},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", SOME)
def test_only_the_tags_change(kind: str, change: str) -> None:
    old = plain(kind)
    new = proved(old, SOME[change])
    back = proved(new, dict.fromkeys(SOME[change], ()) | {Field.GENRE: ("Rock",)})
    assert comment_packet(back) == comment_packet(old)
    assert len(pages_of(back)) == len(pages_of(old))


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_page_changes_while_the_pages_have_room(kind: str) -> None:
    old = plain(kind)
    edit = TRIAL.edit(old, {Field.SUMMARY: ("x" * 4000,)})
    new = composed(old, edit)
    assert len(pages_of(new)) == len(pages_of(old))
    last = edit.pieces[-1]
    assert isinstance(last, Keep)
    assert last.length > len(old) - 8000
    assert sum(map(len, (piece for piece in edit.pieces if isinstance(piece, bytes)))) < 4500


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_lengths_around_those_of_segments_and_pages(kind: str) -> None:
    old = plain(kind)
    empty = len(comment_packet(composed(old, TRIAL.edit(old, {Field.MOOD: ("",)}))))
    shared = len(pages_of(old)[1].write()) - 27 - len(comment_packet(old)) > 1000
    for full in (2, 253, 254, 255, 256, 509, 510, 511):
        for extra in (-1, 0, 1):
            length = 255 * full + extra
            values = [f"{number:04}" + "x" * 196 for number in range(700)]
            kept: list[str] = []
            left = length - empty
            while left > 500:  # an entry of 4 + 5 + 200 bytes
                kept.append(values[len(kept)])
                left -= 209
            kept.append("y" * left)
            new = proved(old, {Field.MOOD: tuple(kept)}, sounds=extra == 0)
            assert len(comment_packet(new)) == length
            assert shared or kind == "opus"


@pytest.mark.parametrize("kind", KINDS)
def test_tags_on_many_small_pages(kind: str) -> None:
    """Of one segment each: pages are neither left empty nor taken away without need."""
    small = with_packets(plain(kind), {}, page_size=255)
    long = {Field.SUMMARY: ("x" * 4000,)}
    many = with_packets(TRIAL.changed(plain(kind), long), {}, page_size=255)
    assert len(pages_of(many)) >= len(pages_of(small)) + 10
    for old in (small, many):
        for changes in SOME.values():
            proved(old, changes, sounds=False)
        heard(proved(old, {Field.SUMMARY: ()}))
    grown = proved(many, {Field.SUMMARY: ("x" * 3999 + "yyyyy",)})
    assert len(pages_of(grown)) == len(pages_of(many))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_among_the_tags_is_kept_and_not_written_anew(kind: str) -> None:
    picture = Picture()
    picture.mime = "image/jpeg"
    picture.data = np.random.default_rng(1).bytes(600_000)
    coded = base64.b64encode(picture.write())
    packet = comment_packet(plain(kind))
    begin = packet[: packet.index(struct.pack("<I", len(b"TITLE=a")))]
    tags = packed(b"METADATA_BLOCK_PICTURE=" + coded, "custom=1", "GENRE=Rock", vendor=b"v")
    start = {"vorbis": 7, "opus": 8, "flac": 4, "speex": 0}[kind]
    head = begin[:start] if kind != "flac" else begin[:1] + len(tags).to_bytes(3, "big")
    old = with_packets(plain(kind), {1: head + tags + (b"\1" if kind == "vorbis" else b"")})
    for changes in (SOME["longer"], SOME["much longer"]):
        edit = TRIAL.edit(old, changes)
        fresh = sum(len(piece) for piece in edit.pieces if isinstance(piece, bytes))
        headers = 27 + 255
        assert fresh < 10_000 + headers * len(pages_of(old))
        new = proved(old, changes)
        assert mutagen.File(io.BytesIO(new))["metadata_block_picture"] == [coded.decode()]


def test_padding_of_vorbis_and_opus_takes_up_the_difference() -> None:
    for kind in ("vorbis", "opus"):
        packet = comment_packet(plain(kind))
        old = with_packets(plain(kind), {1: packet + bytes(300)})
        for length in (1, 100, 200, 280, 300, 400):
            new = proved(old, {Field.SUMMARY: ("x" * length,)})
            assert len(comment_packet(new)) == max(
                len(packet) + 300, len(packet) + length + 4 + len("DESCRIPTION=")
            )
        assert len(comment_packet(proved(old, {Field.GENRE: ()}))) == len(packet) + 300


def test_what_opus_keeps_behind_its_tags_stays() -> None:
    packet = comment_packet(plain("opus"))
    for suffix in (b"\x01kept" + bytes(50), b"\0\0not ours", b"\xff"):
        old = with_packets(plain("opus"), {1: packet + suffix})
        for changes in SOME.values():
            assert comment_packet(proved(old, changes, sounds=False)).endswith(suffix)
        assert suffix in TRIAL.others(old, {}).values()


def test_the_first_page_need_not_be_number_zero() -> None:
    for first in (5, (1 << 32) - 2, (1 << 32) - 6):
        pages = pages_of(plain("vorbis"))
        for number, page in enumerate(pages, first):
            page.sequence = number % (1 << 32)
        changed = pages_of(TRIAL.changed(written(pages), SOME["several pages"]))
        for page in changed:
            page.sequence = (page.sequence - first) % (1 << 32)
        assert written(changed) == proved(plain("vorbis"), SOME["several pages"])


def other_stream(codec: bytes, count: int) -> Pages:
    """A stream of something else, with a page for every one of `count`."""
    pages = []
    for number in range(count):
        page = OggPage()
        page.serial, page.sequence, page.position = 77, number, number
        page.packets = [codec + bytes([number % 256])]
        page.first, page.last = number == 0, number == count - 1
        pages.append(page)
    return pages


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_stream_beside_the_sound_stays(kind: str, is_before: bool) -> None:
    """One page of it between every two pages of sound, those of the tags among them."""
    small = with_packets(plain(kind), {}, page_size=255)
    sound = pages_of(small)
    beside = other_stream(b"fishead\0", len(sound))
    firsts = [beside[0], sound[0]] if is_before else [sound[0], beside[0]]
    mixed = [page for both in zip(sound[1:], beside[1:], strict=True) for page in both]
    old = written([*firsts, *mixed])
    assert TRIAL.read(old) == {Field.TITLE: ("a",), Field.GENRE: ("Rock",)}
    for changes in SOME.values():
        new = TRIAL.changed(old, changes)
        pages = pages_of(new)
        assert [p.write() for p in pages if p.serial == 77] == [p.write() for p in beside]
        alone = TRIAL.changed(small, changes)
        assert written([p for p in pages if p.serial != 77]) == alone


@pytest.mark.parametrize("is_ended", [True, False])
@pytest.mark.parametrize("is_same_serial", [True, False])
def test_of_streams_one_after_the_other_the_first_is_meant(
    is_same_serial: bool, is_ended: bool
) -> None:
    first, second = plain("vorbis"), pages_of(plain("opus"))
    for page in second:
        page.serial = serial_of(first) if is_same_serial else 99
    pages = pages_of(first)
    pages[-1].last = is_ended
    first = written(pages)
    chained = first + written(second)
    for changes in SOME.values():
        new = TRIAL.changed(chained, changes)
        assert new == TRIAL.changed(first, changes) + written(second)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_behind_or_between_pages_stays(kind: str) -> None:
    old = plain(kind)
    # What looks like a page, but has none behind it.
    lure = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 9, serial_of(old), 9, 0, 0)
    junk = b"OggS" + b"TAG" + lure + bytes(200) + b"OggS\0\0" + b"\xff" * 40
    assert TRIAL.changed(old + junk, SOME["several pages"]).endswith(junk)
    pages = pages_of(old)
    middle = len(pages) - 1
    mixed = written(pages[:middle]) + junk + written(pages[middle:])
    new = TRIAL.changed(mixed, SOME["several pages"])
    assert new.count(junk) == 1
    assert new.replace(junk, b"") == TRIAL.changed(old, SOME["several pages"])


def test_pages_are_found_behind_any_length_of_something_else() -> None:
    pages = pages_of(plain("vorbis"))
    changed = pages_of(TRIAL.changed(plain("vorbis"), SOME["several pages"]))
    for length in range((1 << 16) - 6, (1 << 16) + 6):
        old = written(pages[:-1]) + b"?" * length + written(pages[-1:])
        new = TRIAL.changed(old, SOME["several pages"])
        assert new == written(changed[:-1]) + b"?" * length + written(changed[-1:])


def test_a_stream_without_sound_keeps_its_end() -> None:
    for kind in ("opus", "vorbis"):
        pages = [page for page in pages_of(plain(kind)) if page.position <= 0]
        pages[1].last = pages[1].position == 0
        pages[-1].last = True
        pages[-1].position = 5  # as no program should write it
        for changes in SOME.values():
            last = pages_of(TRIAL.changed(written(pages), changes))[-1]
            assert (last.last, last.position) == (True, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_that_is_cut_off_is_kept_as_it_is(kind: str) -> None:
    old = plain(kind)
    last = len(pages_of(old)[-1].write())
    for end in (len(old) - 1, len(old) - last // 2, len(old) - last + 20, len(old) - last):
        cut = old[:end]
        new = TRIAL.changed(cut, SOME["several pages"])
        assert new.endswith(cut[len(old) - last :])
        pages_of(new[: len(new) - (end - (len(old) - last))])


def test_a_damaged_page_of_sound_does_not_pass_for_a_whole_one() -> None:
    old = bytearray(plain("vorbis"))
    old[-100] ^= 1
    new = TRIAL.changed(bytes(old), SOME["several pages"])
    with pytest.raises(AssertionError):
        pages_of(new)
    healed = bytearray(new)
    healed[-100] ^= 1
    assert bytes(healed) == TRIAL.changed(plain("vorbis"), SOME["several pages"])


@pytest.mark.parametrize("kind", KINDS)
def test_headers_that_are_cut_off_are_refused(kind: str) -> None:
    old = plain(kind)
    pages = pages_of(old)
    headers = sum(len(page.write()) for page in pages if page.position <= 0)
    for end in range(28, headers, 7):
        with pytest.raises(TagError):
            TRIAL.read(old[:end])
        with pytest.raises(TagError):
            TRIAL.edit(old[:end], SOME["longer"])


def renumbered_tags(pages: Pages) -> None:
    pages[1].sequence = 7


def of_another_version(pages: Pages) -> None:
    pages[1].version = 1


def continued_tags(pages: Pages) -> None:
    pages[1].continued = True


def unframed(pages: Pages) -> None:
    assert pages[1].packets[0][-1] == 1
    pages[1].packets[0] = pages[1].packets[0][:-1] + b"\0"


def without_begin(pages: Pages) -> None:
    pages[1].packets[0] = b"\x03vorbjs" + pages[1].packets[0][7:]


def two_on_the_first(pages: Pages) -> None:
    pages[0].packets.append(b"more")


def without_codec(pages: Pages) -> None:
    pages[0].packets[0] = b"\x80theora" + bytes(30)


@pytest.mark.parametrize(
    "spoil",
    [
        renumbered_tags,
        of_another_version,
        continued_tags,
        unframed,
        without_begin,
        two_on_the_first,
        without_codec,
    ],
)
def test_headers_that_are_not_as_they_should_be_are_refused(spoil: object) -> None:
    assert callable(spoil)
    pages = pages_of(plain("vorbis"))
    spoil(pages)
    with pytest.raises(TagError):
        TRIAL.read(written(pages))
    with pytest.raises(TagError):
        TRIAL.edit(written(pages), SOME["longer"])


def test_tags_whose_checksum_is_wrong_are_read_but_not_changed() -> None:
    old = bytearray(plain("vorbis"))
    old[old.index(b"TITLE=a") + 6] = ord("b")
    assert TRIAL.read(bytes(old))[Field.TITLE] == ("b",)
    with pytest.raises(TagError, match="checksum"):
        TRIAL.edit(bytes(old), SOME["longer"])


def test_tags_that_flac_cannot_hold_are_refused() -> None:
    packet = comment_packet(plain("flac"))
    room = (1 << 24) - 1 - len(packed("custom=1", "TITLE=", "LYRICS=", vendor=b""))
    tags = packed("custom=1", "TITLE=", "LYRICS=" + "x" * (room - 100), vendor=b"")
    packet = packet[:1] + len(tags).to_bytes(3, "big") + tags
    old = with_packets(plain("flac"), {1: packet}, page_size=60_000)
    new = TRIAL.changed(old, {Field.TITLE: ("t" * 100,)})
    assert comment_packet(new)[1:4] == b"\xff\xff\xff"
    with pytest.raises(TagError, match="longer"):
        TRIAL.edit(old, {Field.TITLE: ("t" * 101,)})


@pytest.mark.parametrize("shared", [0, 1, 2, 253, 254])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 254, 255, 256, 257, 509, 510, 511, 1000])
def test_segments_are_spread_over_as_many_pages_as_there_were(count: int, shared: int) -> None:
    for pages in [*range(1, 10), *range(254, 260)]:
        counts = ogg._segments(count, shared, pages)
        assert sum(counts) == count
        filled = [*counts[:-1], counts[-1] + shared]
        assert min(filled) >= 1
        assert max(filled) <= 255
        can_stay = pages <= count + (shared > 0) and count + shared <= 255 * pages
        assert len(counts) == (pages if can_stay else -(-(count + shared) // 255))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_already_is_not_written(kind: str) -> None:
    old = plain(kind)
    changes: FieldValues = {Field.GENRE: ("Rock",), Field.TITLE: ("a",), Field.MOOD: ()}
    assert TRIAL.edit(old, changes) == Edit((Keep(0, len(old)),), ())


@pytest.mark.parametrize("kind", KINDS)
def test_sound_tells_every_difference_but_that_of_tags(kind: str) -> None:
    old = plain(kind)
    packet = comment_packet(old)
    begin = old.index(packet)
    numbers = {
        at + place
        for at in range(len(old))
        if old[at : at + 4] == b"OggS"
        for place in range(18, 26)
    }
    header = range(old.index(b"OggS", 1), begin)  # of the page with the tags
    whole = TRIAL.sound(old)
    for at in [*range(0, begin + len(packet) + 60), *range(begin + len(packet), len(old), 397)]:
        if at in numbers or at in header or begin <= at < begin + len(packet):
            continue
        spoiled = bytearray(old)
        spoiled[at] ^= 0x10
        with suppress(TagError):
            assert TRIAL.sound(bytes(spoiled)) != whole


def test_knows_it_by_its_content() -> None:
    assert all(TRIAL.knows(plain(kind)) for kind in KINDS)
    for other in (b"", b"Ogg", b"fLaC" + bytes(50)):
        assert not TRIAL.knows(other)


@settings(max_examples=25, deadline=None)
@given(kind=st.sampled_from(KINDS), changes=CHANGES, more=CHANGES, size=st.integers(1, 20))
def test_any_changes(kind: str, changes: FieldValues, more: FieldValues, size: int) -> None:
    old = with_packets(plain(kind), {}, page_size=255 * size)
    proved(proved(old, changes, sounds=False), more, sounds=False)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    places=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_damage_is_survived(kind: str, places: list[tuple[int, int]]) -> None:
    """Whatever the bytes are: laid out so that all proofs hold, or refused."""
    spoiled = bytearray(plain(kind))
    for at, byte in places:
        spoiled[at % len(spoiled)] = byte
    data = bytes(spoiled)
    try:
        TRIAL.edit(data, SOME["longer"])
    except TagError:
        return
    TRIAL.changed(data, SOME["longer"])


@pytest.mark.parametrize(
    ("bound", "told"), [("_LONGEST", "longer than"), ("_MOST_PAGES", "damaged")]
)
def test_tags_beyond_all_bounds_are_refused(
    monkeypatch: pytest.MonkeyPatch, bound: str, told: str
) -> None:
    data = proved(plain("vorbis"), SOME["ten thousand"])  # some 190 KB on several pages
    monkeypatch.setattr(ogg, bound, 1 << 17 if bound == "_LONGEST" else 2)
    with pytest.raises(TagError, match=told):
        TRIAL.read(data)
    TRIAL.read(plain("vorbis"))
