from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.store.text import clean, indexed_words, match_expression, sort_key, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Björk", ["bjork"]),
        ("Łódź Ørsted Ægir", ["lodz", "orsted", "aegir"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ＡＢＣ　ﬁ", ["abc", "fi"]),  # noqa: RUF001 - full-width letters and a ligature
        ("Bjo\u0308rk", ["bjork"]),  # the accent as a character of its own
        ("Ёлка Чайковский", ["елка", "чаиковскии"]),
        ("さくら夜", ["さ", "く", "ら", "夜"]),
        ("song 夜の道 2", ["song", "夜", "の", "道", "2"]),
        ("한국 노래", ["한국", "노래"]),
        ("01_-_some.file", ["01", "some", "file"]),
        ("!!!", []),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_indexed_words_hold_joined_forms() -> None:
    assert indexed_words("AC/DC don't R.E.M.").split() == [
        "ac", "dc", "acdc", "don", "t", "dont", "r", "e", "m", "rem",
    ]  # fmt: skip
    assert "-" not in indexed_words("a-very-long-name-of-something")


@pytest.mark.parametrize(
    "ordered",
    [
        ["No. 2", "No. 10", "No. 010a", "No. 100"],
        ["abba", "Ábba 2", "ABBA 3", "Zebra", "Østen"][:4],
        ["…And Justice", '"Before"', "(Coda)"],
        ["2 Unlimited", "10cc", "alpha"],
    ],
)
def test_sort_key_orders_as_a_person_does(ordered: list[str]) -> None:
    mixed = ordered[::-1]
    assert sorted(mixed, key=lambda text: sort_key(text) or "") == ordered


def test_sort_key_of_blank_text_and_of_bare_punctuation() -> None:
    assert sort_key("") is None
    assert sort_key("  ") is None
    assert sort_key("...") == "..."


@given(st.text())
def test_clean_text_can_be_stored(text: str) -> None:
    cleaned = clean(text + "\ud800\0")
    cleaned.encode("utf-8")
    assert "\0" not in cleaned


@given(st.text())
def test_match_expression_holds_only_quoted_words(text: str) -> None:
    for part in match_expression(text).split(" "):
        assert part == "" or re.fullmatch(r'"[^"\s*()]+"\*', part)
