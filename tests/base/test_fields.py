from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, Field, cleaned, same

FULL_WIDTH = "\uff12\uff10\uff12\uff10"  # 2020 in other digits


def test_values_are_tidied() -> None:
    assert cleaned(Field.GENRE, [" Rock ", "Rock", "", "Hip\nHop\0", "  "]) == ("Rock", "Hip Hop")
    assert cleaned(Field.TITLE, []) == ()
    assert cleaned(Field.GENRE, ["Rock; Pop;", "Jazz"]) == ("Rock", "Pop", "Jazz")
    assert cleaned(Field.ARTIST, ["Simon; Garfunkel"]) == ("Simon; Garfunkel",)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (Field.BPM, ["120", "99.5", "1", "174.125"], ["0", "fast", "1000", "120.", "-3"]),
        (Field.KEY, ["C", "F#m", "Ebm", "o"], ["H", "c", "Cmaj", "C#mm", "8A"]),
        (
            Field.DATE,
            ["1999", "1999-03", "1999-03-04"],
            ["99", "1999-3-4", "soon", FULL_WIDTH, "2020-13-45"],
        ),
        (Field.TRACK, ["3", "3/12", "03"], ["A1", "3/", "12345"]),
        (
            Field.TRACK_GAIN,
            ["-7.52 dB", "3.10 dB", "0.00 dB", "-0.01 dB", "-23.00 dB"],
            ["-7.5 dB", "+3.10 dB", "-7.52", "-7.52dB", "-0.00 dB", "07.52 dB", "-7,52 dB", "loud"],
        ),
        (
            Field.TRACK_PEAK,
            ["0.988553", "1.000000", "1.128379", "0.000000"],
            ["1", "0.98855", "0.9885534", "-0.988553", ".988553", "00.988553"],
        ),
    ],
)
def test_forms(field: Field, good: list[str], bad: list[str]) -> None:
    for value in good:
        assert cleaned(field, [value]) == (value,)
    for value in bad:
        with pytest.raises(UserError, match="write it like"):
            cleaned(field, [value])


def test_one_value_or_many() -> None:
    with pytest.raises(UserError, match="one value only"):
        cleaned(Field.TITLE, ["a", "b"])
    assert len(cleaned(Field.GENRE, map(str, range(10_000)))) == 10_000
    with pytest.raises(UserError, match="1000 characters at most"):
        cleaned(Field.GENRE, ["x" * 1001])


@given(st.sampled_from(Field), st.lists(st.text(max_size=30), max_size=4))
def test_what_is_clean_stays_clean(field: Field, values: list[str]) -> None:
    try:
        once = cleaned(field, values)
    except UserError:
        return
    assert cleaned(field, once) == once
    assert same(field, once, once)


def test_same_to_a_person() -> None:
    assert same(Field.ARTIST, ["a  b", "c"], ["a b", "c", "c"])
    assert same(Field.GENRE, ["Foo;Bar"], ["Foo", "Bar", "Foo "])
    assert not same(Field.ARTIST, ["Foo;Bar"], ["Foo", "Bar"])
    assert same(Field.SUMMARY, ["one\ntwo", "three"], ["one two three"])
    assert not same(Field.GENRE, ["a"], ["A"])


def test_examples_are_valid() -> None:
    for field, facts in FACTS.items():
        for example in facts.example.replace(",", " or").split(" or "):
            if example:
                assert cleaned(field, [example])


def test_a_byte_order_mark_is_no_text() -> None:
    assert cleaned(Field.TITLE, ["\ufeff"]) == ()
    assert cleaned(Field.TITLE, ["\ufeffRiders on the Storm"]) == ("Riders on the Storm",)
    assert same(Field.TITLE, ["\ufeffRiders"], ["Riders"])
