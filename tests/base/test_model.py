from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.model import Tags, Track, TrackId, TrackState, display_path


@given(st.binary(min_size=1))
def test_any_file_name_can_be_shown(name: bytes) -> None:
    shown = display_path(os.fsdecode(name))
    shown.encode("utf-8")
    assert not any(unicodedata.category(character) == "Cc" for character in shown)
    try:
        plain = name.decode("utf-8")
    except UnicodeDecodeError:
        assert "\ufffd" in shown
    else:
        assert len(shown) == len(plain)


@given(st.text(st.characters(categories=("Cs", "Cc", "Cf", "Ll"))))
def test_any_text_can_be_shown(text: str) -> None:
    display_path(text).encode("utf-8")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ok.mp3", "ok.mp3"),
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\x9b2Jb\x7f", "a\ufffd2Jb\ufffd"),  # C1: one character that begins a command
        ("two\nlines\t", "two\ufffdlines\ufffd"),
        ("a\u202e3pm.exe", "a\ufffd3pm.exe"),
        ("a\u2066b\u2069", "a\ufffdb\ufffd"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),  # as Windows may name a file
        ("東京\u3000夜.mp3", "東京\u3000夜.mp3"),
        ("क्\u200dष 👩\u200d🎤", "क्\u200dष 👩\u200d🎤"),  # joiners belong to the words
    ],
)
def test_what_would_act_on_a_screen_is_not_shown(name: str, shown: str) -> None:
    assert display_path(name) == shown


def test_a_track_without_title_has_its_file_name() -> None:
    track = Track(
        id=TrackId(1),
        path="/music/Ann\udcff.b.mp3",
        root_id=1,
        state=TrackState.NEW,
        tags=Tags(),
        info=None,
        size=1,
        mtime_ns=1,
        added_at=0.0,
    )
    assert track.title == "Ann\ufffd.b"


def test_audio_is_known_by_its_name() -> None:
    assert is_audio_name("A.MP3")
    assert is_audio_name("x.y.Flac")
    assert not is_audio_name("cover.jpg")
    assert not is_audio_name("mp3")
