"""WAV files of floats, as this program reads them and as others read them."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.stems import wave
from msa_desktop.stems.wave import HEADER, WaveWriter, samples
from tests.support_stems import music


def decoded(path: Path) -> FloatArray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1).astype(np.float32).reshape(-1, 2)


def test_others_read_what_was_written(tmp_path: Path) -> None:
    sound = 3 * music(0.7)  # beyond full scale
    path = tmp_path / "a.wav"
    with WaveWriter(path, 2, 44100) as writer:
        for begin in range(0, sound.shape[1], 999):
            writer.write(sound[:, begin : begin + 999])
    assert path.stat().st_size == HEADER + 8 * sound.shape[1]
    np.testing.assert_array_equal(samples(path, 2), sound.T)
    np.testing.assert_array_equal(samples(path, 2, 1000, 3000), sound.T[1000:3000])
    np.testing.assert_array_equal(samples(path, 2, 30_000, 10**6), sound.T[30_000:])
    np.testing.assert_array_equal(decoded(path), sound.T)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].sample_rate == 44100


def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    """The header alone, with the sound's beginning behind it: FFmpeg believes its length."""
    size = 5_000_000_000 // 8 * 8
    path = tmp_path / "a.wav"
    path.write_bytes(wave._header(2, 44100, size) + bytes(80_000))
    assert path.read_bytes()[:4] == b"RF64"
    assert struct.unpack_from("<Q", path.read_bytes(), 28) == (size,)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].duration == size // 8


def test_a_file_that_is_not_finished_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(RuntimeError), WaveWriter(path, 2, 44100) as writer:
        writer.write(music(0.1))
        raise RuntimeError
    assert not path.read_bytes()[:HEADER].strip(b"\0")
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="ends early"):
        samples(tmp_path / "b.wav", 2)
