from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.audio.encode import FORMS, Form, write
from msa_desktop.audio.peaks import peaks
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import FloatArray

Sweep = Callable[..., FloatArray]


def measured(path: Path, buckets: int) -> FloatArray:
    levels = np.frombuffer(peaks(str(path), buckets), np.uint8)
    assert levels.size == buckets
    return np.divide(levels, 255, dtype=np.float32)


@pytest.mark.parametrize(
    "form",
    [
        *FORMS.values(),
        Form("wav", "pcm_u8"),
        Form("wav", "pcm_s24le"),
        Form("wav", "pcm_f64le"),
        Form("wv", "wavpack"),
    ],
    ids=lambda form: f"{form.container}-{form.codec}",
)
def test_the_waveform_follows_the_sound(tmp_path: Path, sweep: Sweep, form: Form) -> None:
    path = tmp_path / "track"
    sound = sweep(20)
    sound[:, : 44_100 * 5] *= 0.2  # a quiet quarter
    sound[0] *= 0.1  # the other channel is seen all the same
    write(path, sound, 44_100, form)
    level = measured(path, 40)
    assert level[1:9] == pytest.approx(0.2, abs=0.03)
    assert level[11:39] == pytest.approx(1, abs=0.05)


def test_a_track_shorter_than_the_picture_has_points(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.flac"
    sound = sweep(0.5) * np.float32(0.01)  # a quiet track is seen as well as a loud one
    sound[:, 11_025:] = 0
    write(path, sound, 44_100, FORMS[".flac"])
    level = measured(path, 800)
    assert level[:360] == pytest.approx(1, abs=0.02)
    assert not level[420:].any()


def test_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, np.zeros((2, 44_100), np.float32), 44_100, FORMS[".flac"])
    assert not measured(path, 100).any()


def test_a_damaged_file_shows_what_is_there(tmp_path: Path, sweep: Sweep) -> None:
    path = tmp_path / "a.mp3"
    write(path, sweep(20), 44_100, FORMS[".mp3"])
    content = bytearray(path.read_bytes())
    content[100_000:130_000] = bytes(30_000)
    path.write_bytes(content[:-50_000])
    assert np.count_nonzero(measured(path, 40) > 0.9) > 30


def test_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"no music")
    with pytest.raises(AudioError, match="not an audio file"):
        peaks(str(path))
