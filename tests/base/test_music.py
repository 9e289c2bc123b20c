"""Keys and tempi by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.fields import Field, cleaned
from msa_desktop.base.music import (
    KEYS,
    Loudness,
    bpm_of,
    camelot,
    camelot_place,
    gain_of,
    gain_text,
    key_named,
    peak_text,
)


def test_the_wheel() -> None:
    wheel = {name: camelot(name) for name in KEYS}
    assert len(set(wheel.values())) == 24
    assert sorted(map(camelot_place, KEYS)) == list(range(24))
    assert [wheel[n] for n in ("C", "Am", "G", "F", "B", "G#m", "F#m", "Db", "Bbm", "E")] == [
        "8B", "8A", "9B", "7B", "1B", "1A", "11A", "3B", "3A", "12B",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C", "C"), ("F#m", "F#m"), ("Gb minor", "F#m"), ("cm", "Cm"), ("CM", "C"),
        ("Bb maj", "Bb"), ("Cb", "B"), ("A\u266d", "Ab"), ("8A", "Am"), ("12b", "E"),
        (" 01a ", "G#m"),
        ("H", None), ("", None), ("o", None), ("13A", None), ("0A", None), ("8C", None),
    ],
)  # fmt: skip
def test_keys_as_people_write_them(text: str, expected: str | None) -> None:
    assert key_named(text) == expected


@pytest.mark.parametrize("name", KEYS)
def test_a_key_by_its_place_on_the_wheel(name: str) -> None:
    assert key_named(name) == key_named(camelot(name)) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120), ("121.5", 121.5), ("121,5", 121.5), ("0", None), ("", None), ("fast", None),
        ("nan", None), ("inf", None), ("-3", None), ("0.4", None), ("1e30", None),
    ],
)  # fmt: skip
def test_tempi_as_files_tell_them(text: str, expected: float | None) -> None:
    assert bpm_of(text) == expected


def test_silence_has_no_gain() -> None:
    assert Loudness(-23, 0.5, 0, 0).gain == 5
    assert Loudness(None, 0, 3, 3).gain is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-7.52 dB", -7.52), ("+3.1 dB", 3.1), ("-7,52dB", -7.52), (" -7 DB ", -7), ("4", 4),
        ("0.00 dB", 0), ("", None), ("dB", None), ("loud", None), ("nan dB", None),
        ("inf", None), ("-7.52 dB -8.00 dB", None),
    ],
)  # fmt: skip
def test_gains_as_files_say_them(text: str, expected: float | None) -> None:
    assert gain_of(text) == expected


@given(st.floats(-99.99, 99.99))
def test_a_gain_in_words_and_back(gain: float) -> None:
    text = gain_text(gain)
    assert cleaned(Field.TRACK_GAIN, [text]) == (text,)
    said = gain_of(text)
    assert said is not None
    assert abs(said - gain) <= 0.005 + 1e-9
    assert gain_text(said) == text


@given(st.floats(0, 99.9))
def test_a_peak_in_words(peak: float) -> None:
    text = peak_text(peak)
    assert cleaned(Field.TRACK_PEAK, [text]) == (text,)
    assert abs(float(text) - peak) <= 5e-7 + 1e-9


def test_nothing_is_below_nothing() -> None:
    assert gain_text(-0.001) == "0.00 dB"
