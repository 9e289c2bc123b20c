from __future__ import annotations

import pytest

from msa_desktop.ui import diff
from msa_desktop.ui.diff import Mark, Piece


def _marked(*words: str) -> tuple[Piece, ...]:
    marks = {"+": Mark.ADDED, "-": Mark.REMOVED, "=": Mark.KEPT}
    return tuple(Piece(marks[word[0]], word[1:]) for word in words)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), ("Jazz",), ("+Jazz",)),
        (("Rock",), (), ("-Rock",)),
        (("Rock",), ("Jazz",), ("-Rock", "+Jazz")),
        (("Rock", "Pop"), ("Rock", "Jazz"), ("=Rock", "-Pop", "+Jazz")),
        (("Rock",), ("Rock",), ("=Rock",)),
        (("calm piano piece",), ("calm guitar piece",), ("=calm", "-piano", "+guitar", "=piece")),
        (("a b",), ("a b c",), ("=a b", "+c")),
        ((), (), ()),
    ],
)
def test_every_value_is_kept_removed_or_added(
    before: tuple[str, ...], after: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert diff.pieces(before, after) == _marked(*expected)


def test_a_long_text_is_replaced_whole() -> None:
    old, new = "word " * 5000, "other " * 5000
    assert diff.pieces((old,), (new,)) == _marked("-" + old, "+" + new)


def test_it_can_be_said_in_words() -> None:
    parts = diff.pieces(("Rock", "Pop"), ("Rock", "Jazz", "Soul"))
    assert diff.in_words(parts) == "add Jazz, Soul, remove Pop, keep Rock"
    assert diff.in_words(()) == "nothing"
