from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from msa_desktop.base.paths import resources
from msa_desktop.cli.status import models_are_whole


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resources() / "models" / "musicnn", tmp_path / "musicnn"))


def test_whole_models_are_ready(models: Path) -> None:
    assert models_are_whole(models)


def test_a_damaged_model_is_not_ready(models: Path) -> None:
    model = sorted(models.glob("*.onnx"))[0]
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    assert not models_are_whole(models)


def test_missing_models_are_not_ready(models: Path) -> None:
    sorted(models.glob("*.onnx"))[0].unlink()
    assert not models_are_whole(models)
    assert not models_are_whole(models / "nowhere")
