from __future__ import annotations

import random
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.tagio._base import Keep, Piece, Source, TagError
from msa_desktop.tagio._delta import Changed, restore, reverse
from msa_desktop.tagio._pieces import CHUNK, chunks


@contextmanager
def source_of(content: bytes) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield Source(file.fileno())


def made(original: bytes, pieces: tuple[Piece, ...]) -> bytes:
    return b"".join(original[p.offset : p.end] if isinstance(p, Keep) else p for p in pieces)


def delta_of(original: bytes, pieces: tuple[Piece, ...]) -> bytes:
    with source_of(original) as source:
        return reverse(source, pieces)


def restored(delta: bytes, new: bytes) -> bytes:
    with source_of(new) as source:
        return b"".join(restore(delta, source))


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, tuple[Piece, ...]]:
    """A file and pieces in any order: stretches left out, moved, or kept several times."""
    original = draw(st.binary(max_size=200))

    def keep(ends: tuple[int, int]) -> Keep:
        low, high = sorted(end % (len(original) + 1) for end in ends)
        return Keep(low, high - low)

    numbers = st.integers(0, 200)
    piece = st.one_of(st.binary(max_size=20), st.tuples(numbers, numbers).map(keep))
    return original, tuple(draw(st.lists(piece, max_size=12)))


@given(edits())
def test_any_edit_can_be_taken_back(edit: tuple[bytes, tuple[Piece, ...]]) -> None:
    original, pieces = edit
    assert restored(delta_of(original, pieces), made(original, pieces)) == original


@given(edits(), st.data())
def test_damage_is_an_error_never_garbage(
    edit: tuple[bytes, tuple[Piece, ...]], data: st.DataObject
) -> None:
    original, pieces = edit
    delta = bytearray(delta_of(original, pieces))
    place = data.draw(st.integers(0, len(delta) - 1))
    if data.draw(st.booleans()):
        del delta[place:]
    else:
        delta[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TagError, match="damaged"):
        restored(bytes(delta), made(original, pieces))


TAGGED = b"tags" + bytes(range(256)) * 40
RETAGGED: tuple[Piece, ...] = (b"other tags", Keep(4, len(TAGGED) - 4))


def test_a_delta_is_small() -> None:
    sound = random.Random(1).randbytes(3 * CHUNK)
    pieces: tuple[Piece, ...] = (b"ID3", Keep(100, len(sound) - 100))
    delta = delta_of(sound, pieces)
    assert len(delta) < 300
    assert restored(delta, made(sound, pieces)) == sound


def test_it_is_read_in_bounded_chunks() -> None:
    with source_of(bytes(3 * CHUNK + 7)) as source:
        sizes = [len(chunk) for chunk in chunks(source, [Keep(0, source.size)])]
    assert sizes == [CHUNK] * 3 + [7]


@pytest.mark.parametrize("changed", [b"other tagS" + TAGGED[4:], b"other tags" + TAGGED, b""])
def test_a_file_written_again_since_is_noticed(changed: bytes) -> None:
    delta = delta_of(TAGGED, RETAGGED)
    with pytest.raises(Changed):
        restored(delta, changed)


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ([(0, 20)], b""),  # beyond the changed file
        ([(2**64 - 1, 10)], b"short"),
        ([(2**64 - 1, 2**64 - 1)], b"endless"),
        ([(0, 5), (2**64 - 1, 5)], b"too many bytes"),
        ([(0, 5)], b""),  # less than the original
    ],
)
def test_a_delta_that_lies_is_refused(steps: list[tuple[int, int]], held: bytes) -> None:
    size = 10 if steps[0][1] <= 20 else steps[0][1]
    table = b"".join(struct.pack("<QQ", *step) for step in steps)
    head = struct.pack("<QQ16sI", size, 10, bytes(16), len(steps))
    body = head + zlib.compress(table + held)
    with pytest.raises(TagError, match="damaged"):
        restored(struct.pack("<BI", 1, zlib.crc32(body)) + body, b"0123456789")


def test_a_delta_of_a_later_version_is_refused() -> None:
    delta = delta_of(TAGGED, RETAGGED)
    with pytest.raises(TagError, match="damaged"):
        restored(b"\x02" + delta[1:], made(TAGGED, RETAGGED))
