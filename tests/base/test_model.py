from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.model import Tags, Track, TrackId, TrackState, display_path


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_file_name_can_be_shown(name: bytes) -> None:
    shown = display_path(os.fsdecode(name))
    shown.encode("utf-8")
    try:
        assert shown == name.decode("utf-8")
    except UnicodeDecodeError:
        assert "\ufffd" in shown


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
