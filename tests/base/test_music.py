"""Keys and tempi by their names."""

from __future__ import annotations

import pytest

from msa_desktop.base.music import KEYS, Loudness, bpm_of, camelot, camelot_place, key_named


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
        ("nan", None), ("inf", None), ("-3", None),
    ],
)  # fmt: skip
def test_tempi_as_files_tell_them(text: str, expected: float | None) -> None:
    assert bpm_of(text) == expected


def test_silence_has_no_gain() -> None:
    assert Loudness(-23, 0.5, 0, 0).gain == 5
    assert Loudness(None, 0, 3, 3).gain is None
