from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base import timecode


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("0", 0.0),
        ("235", 235.0),
        ("83.5", 83.5),
        (" 1:23.5 ", 83.5),
        ("1:23.", 83.0),
        ("1:23,5", 83.5),
        ("1:02:03", 3723.0),
        ("90:00", 5400.0),
    ],
)
def test_it_is_read_as_people_write_it(words: str, seconds: float) -> None:
    assert timecode.read(words) == seconds


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-1",
        "1:",
        "a",
        "1:2:3:4",
        "1e3",
        "nan",
        "1,2,3",
        "٣",
        "1:99",
        "1:60:00",
        "1:235",
        "9" * 400,
    ],
)
def test_what_is_no_time_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        timecode.read(words)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0:00"),
        (9.999, "0:10"),
        (83.5, "1:23.5"),
        (83.05, "1:23.05"),
        (600.0, "10:00"),
        (3723.0, "1:02:03"),
        (-1.0, "0:00"),
    ],
)
def test_it_is_written_short(seconds: float, words: str) -> None:
    assert timecode.written(seconds) == words


@given(st.floats(0, 1e6))
def test_what_is_written_is_read_the_same(seconds: float) -> None:
    assert timecode.read(timecode.written(seconds)) == pytest.approx(seconds, abs=0.0051)
