"""Segments in a stream give what Demucs gives with the whole track at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.stems.separate import Net, measure, separate
from tests.support_stems import by_demucs, music, needs_demucs, save_local, save_published, small

SEGMENT = 400


def cut(sound: FloatArray, length: int) -> Iterator[FloatArray]:
    for begin in range(0, sound.shape[1], length):
        yield sound[:, begin : begin + length]


def joined(net: Net, sound: FloatArray, segment: int, length: int = 1000) -> FloatArray:
    extent = measure(cut(sound, length))
    return np.concatenate([*separate(net, cut(sound, length), extent, segment)], axis=2)


@needs_demucs
@pytest.mark.parametrize("seconds", [0.02, 0.5, 0.9, 1.0, 4.3])
def test_what_demucs_itself_gives(tmp_path: Path, seconds: float) -> None:
    from msa_desktop.stems.model import Demucs

    sound = music(seconds)
    expected = by_demucs(save_local(small(), tmp_path / "repo").parent, sound)
    net = Demucs(save_published(small(), tmp_path / "a.safetensors"), Device.CPU)
    stems = joined(net, sound, net.segment)
    assert tuple(expected) == net.sources
    assert stems.shape == (4, *sound.shape)
    for stem, name in zip(stems, net.sources, strict=True):
        np.testing.assert_allclose(stem, expected[name], atol=2e-6)
        assert np.abs(stem).max() > 0.01
    np.testing.assert_allclose(stems.sum(axis=0), sum(expected.values()), atol=5e-6)


def centred(seconds: float) -> FloatArray:
    """Music without an offset: Demucs gives what there is of one to every stem."""
    sound = music(seconds)
    sound -= sound.mean()
    return sound


def two_parts(sound: FloatArray) -> FloatArray:
    return np.stack([0.25 * sound, 0.75 * sound])


@pytest.mark.parametrize("samples", [1, 2, 299, 300, 301, 399, 400, 401, 700, 5001])
@pytest.mark.parametrize("piece", [7, 100_000])
def test_the_length_is_kept_to_the_sample_and_the_sum_is_the_mix(samples: int, piece: int) -> None:
    sound = centred(samples / 44100)
    stems = joined(two_parts, sound, SEGMENT, piece)
    assert stems.shape == (2, 2, samples)
    np.testing.assert_allclose(stems.sum(axis=0), sound, atol=1e-6)
    np.testing.assert_allclose(3 * stems[0], stems[1], atol=1e-6)


def test_a_segment_of_odd_length() -> None:
    sound = centred(0.1)
    np.testing.assert_allclose(joined(two_parts, sound, 401).sum(axis=0), sound, atol=1e-6)


def test_silence_stays_silence() -> None:
    assert not joined(two_parts, np.zeros((2, 5000), np.float32), SEGMENT).any()


def test_the_measure_is_that_of_the_whole() -> None:
    sound = music(2) + np.float32(0.3)
    extent = measure(cut(sound, 777))
    assert extent.samples == sound.shape[1]
    assert extent.mean == pytest.approx(sound.mean(axis=0).mean(), abs=1e-6)
    assert extent.deviation == pytest.approx(sound.mean(axis=0).std(ddof=1), rel=1e-5)


def test_a_net_that_computes_nonsense() -> None:
    sound = music(0.1)

    def broken(sound: FloatArray) -> FloatArray:
        return np.full((2, *sound.shape), np.nan, np.float32)

    with pytest.raises(UserError, match="no sound"):
        joined(broken, sound, SEGMENT)


def test_a_file_that_became_shorter() -> None:
    sound = music(0.1)
    extent = measure([sound])
    with pytest.raises(UserError, match="became shorter"):
        list(separate(two_parts, cut(sound[:, :2000], 500), extent, SEGMENT))


def test_little_is_held_at_once() -> None:
    """An hour of sound passes through a window of a few segments."""
    held = most = 0

    def pieces() -> Iterator[FloatArray]:
        nonlocal held, most
        for _ in range(1000):
            held += 100
            most = max(most, held)
            yield np.zeros((2, 100), np.float32)

    extent = measure(np.zeros((2, 100), np.float32) for _ in range(1000))
    for stems in separate(two_parts, pieces(), extent, SEGMENT):
        held -= stems.shape[2]
    assert held == 0
    assert most <= 2 * SEGMENT
