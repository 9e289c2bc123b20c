"""What every encoder must do. A new encoder is tested here without a line being added."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from msa_desktop import encoders
from msa_desktop.base import plugins, vocabulary
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import MANIFEST, Encoder, EncoderModule

MODULES = [cast(EncoderModule, module) for module in plugins.load(encoders)]
BUILT_IN = [module for module in MODULES if not module.MODELS]
MODELS = resources() / "models"
SOURCES = vocabulary.load(resources() / "labels.toml").sources


@pytest.fixture(scope="module", params=MODULES, ids=lambda module: module.ID)
def module(request: pytest.FixtureRequest) -> EncoderModule:
    return cast(EncoderModule, request.param)


@pytest.fixture(scope="module", params=BUILT_IN, ids=lambda module: module.ID)
def built_in(request: pytest.FixtureRequest) -> EncoderModule:
    """One whose model comes with the program. The others' own tests make weights for them."""
    return cast(EncoderModule, request.param)


@pytest.fixture(scope="module")
def encoder(built_in: EncoderModule) -> Encoder:
    return built_in.create(MODELS / built_in.ID, Device.CPU)


def noise(module: EncoderModule, count: int) -> FloatArray:
    shape = (count, module.SPEC.samples)
    return 0.1 * np.random.default_rng(5).standard_normal(shape, np.float32)


def test_ids_are_different() -> None:
    assert len({module.ID for module in MODULES}) == len(MODULES) > 0


def test_the_facts(module: EncoderModule) -> None:
    assert module.ID
    assert module.VERSION
    assert module.DIMENSION > 0
    assert module.SPEC.count > 0
    assert module.SPEC.samples > 0
    assert module.MEMORY > 0
    assert set(module.LABEL_SOURCES) <= set(SOURCES)


def test_reading_the_facts_loads_nothing_heavy() -> None:
    program = (
        "import sys; from msa_desktop import encoders; from msa_desktop.base import plugins;"
        "plugins.load(encoders);"
        "print(*{'onnxruntime', 'torch', 'transformers', 'librosa'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == ""


def test_the_embedding(built_in: EncoderModule, encoder: Encoder) -> None:
    heard = encoder.embed([noise(built_in, 3)])[0]
    assert (heard.encoder, heard.version) == (built_in.ID, built_in.VERSION)
    assert heard.vector.shape == (built_in.DIMENSION,)
    assert heard.vector.dtype == np.float32
    assert np.isfinite(heard.vector).all()
    assert set(heard.labels) == set(built_in.LABEL_SOURCES)
    for source, scores in heard.labels.items():
        assert scores.shape == (len(SOURCES[source].labels),)
        assert scores.dtype == np.float32
        assert ((scores >= 0) & (scores <= 1)).all()


def test_the_same_sound_gives_the_same_vector(built_in: EncoderModule, encoder: Encoder) -> None:
    windows = noise(built_in, 2)
    assert np.array_equal(encoder.embed([windows])[0].vector, encoder.embed([windows])[0].vector)


def test_other_sound_gives_another_vector(built_in: EncoderModule, encoder: Encoder) -> None:
    hum = np.sin(np.arange(built_in.SPEC.samples) * 0.1).astype(np.float32)[np.newaxis]
    one, other = encoder.embed([noise(built_in, 1)])[0].vector, encoder.embed([hum])[0].vector
    assert np.corrcoef(one, other)[0, 1] < 0.95


def test_tracks_are_heard_apart(built_in: EncoderModule, encoder: Encoder) -> None:
    """Whichever others a track is heard with, and however many windows each has."""
    assert encoder.together >= 1
    tracks = [noise(built_in, 2), 0.1 * noise(built_in, 1), noise(built_in, 3)[:, ::-1].copy()]
    for heard, windows in zip(encoder.embed(tracks), tracks, strict=True):
        (alone,) = encoder.embed([windows])
        np.testing.assert_allclose(heard.vector, alone.vector, rtol=0, atol=1e-5)
        assert heard.labels.keys() == alone.labels.keys()


@pytest.mark.parametrize("count", [1, 2])
def test_a_short_track_has_few_windows(
    built_in: EncoderModule, encoder: Encoder, count: int
) -> None:
    heard = encoder.embed([noise(built_in, count)])[0]
    assert heard.vector.shape == (built_in.DIMENSION,)
    assert np.isfinite(heard.vector).all()


def test_silence_is_listened_to(built_in: EncoderModule, encoder: Encoder) -> None:
    assert np.isfinite(encoder.embed([0 * noise(built_in, 1)])[0].vector).all()


def test_damaged_models_are_refused(built_in: EncoderModule, tmp_path: Path) -> None:
    whole = MODELS / built_in.ID
    tables = tomllib.loads((whole / MANIFEST).read_text("utf-8"))
    names = [table["file"] for table in tables.values() if isinstance(table, dict)]
    assert names
    for name in names:
        folder = tmp_path / name
        shutil.copytree(whole, folder)
        path = folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(UserError, match=name):
            built_in.create(folder, Device.CPU)


def test_missing_models_are_refused(module: EncoderModule, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(str(tmp_path))):
        module.create(tmp_path, Device.CPU)
    if module.MODELS:
        with pytest.raises(UserError, match=re.escape(str(tmp_path))):
            module.check(tmp_path)
