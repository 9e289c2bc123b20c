"""MusiCNN against what the original TensorFlow graphs answer; see tests/data/musicnn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders import _mel, musicnn

GOLDEN = np.load(Path(__file__).parent.parent / "data" / "musicnn" / "golden.npz")
ORIGINAL = {"msd": "MSD_musicnn", "mtt": "MTT_musicnn"}
RATE = 16_000
SAMPLES = 10 * RATE


def wave(name: str) -> FloatArray:
    t = np.arange(SAMPLES) / RATE
    if name == "A":
        sound = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1234.5 * t)
    elif name == "B":
        sound = 0.5 * np.sin(2 * np.pi * (50 * t + 6950 / 20 * t * t))
    else:
        sound = 0.1 * np.random.Generator(np.random.PCG64(7)).standard_normal(SAMPLES)
    return sound.astype(np.float32)


def mel(name: str) -> FloatArray:
    """The whole waveform's mel, centred on zeros at both ends as the original's is."""
    frames: FloatArray = _mel.log_mel(np.pad(wave(name), _mel.FFT // 2)[np.newaxis])[0]
    return frames


@pytest.fixture(scope="module")
def encoder() -> musicnn.MusicnnEncoder:
    return musicnn.create(resources() / "models" / musicnn.ID, Device.CPU)


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_mel_is_the_original(name: str) -> None:
    frames = mel(name)
    assert frames.shape == tuple(GOLDEN[f"{name}_mel_shape"])
    np.testing.assert_allclose(frames[:8], GOLDEN[f"{name}_mel_frames"], atol=1e-3)


@pytest.mark.parametrize("source", ["msd", "mtt"])
@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_network_is_the_original(encoder: musicnn.MusicnnEncoder, name: str, source: str) -> None:
    patches = mel(name)[: 3 * musicnn.PATCH].reshape(3, musicnn.PATCH, _mel.BANDS)
    tags, penultimate = encoder.run(source, patches)
    golden = f"{name}_{ORIGINAL[source]}"
    np.testing.assert_allclose(tags, GOLDEN[f"{golden}_tags"], atol=1e-4)
    np.testing.assert_allclose(penultimate, GOLDEN[f"{golden}_penultimate"], atol=1e-3)


def test_each_model_hears_every_other_window(encoder: musicnn.MusicnnEncoder) -> None:
    windows = wave("C")[: 3 * musicnn.SPEC.samples].reshape(3, -1)
    heard = encoder.embed([windows])[0]
    patches = _mel.log_mel(windows)
    msd_tags, msd_layer = encoder.run("msd", patches[[0, 2]])
    mtt_tags, mtt_layer = encoder.run("mtt", patches[[1]])
    np.testing.assert_allclose(heard.labels["msd"], msd_tags.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(heard.labels["mtt"], mtt_tags[0], rtol=1e-5)
    vector = np.concatenate([msd_layer.mean(axis=0), mtt_layer[0]])
    np.testing.assert_allclose(heard.vector, vector, rtol=1e-5, atol=1e-6)


def test_a_single_window_is_heard_by_both(encoder: musicnn.MusicnnEncoder) -> None:
    window = wave("A")[np.newaxis, : musicnn.SPEC.samples]
    tags, layer = encoder.run("mtt", _mel.log_mel(window))
    heard = encoder.embed([window])[0]
    np.testing.assert_allclose(heard.labels["mtt"], tags[0], rtol=1e-5)
    np.testing.assert_allclose(heard.vector[musicnn.LAYER :], layer[0], rtol=1e-5)


def test_the_version_tells_the_windows() -> None:
    assert f"{musicnn.SPEC.count}x{musicnn.PATCH}" in musicnn.VERSION
    assert _mel.samples_for(musicnn.PATCH) == musicnn.SPEC.samples
