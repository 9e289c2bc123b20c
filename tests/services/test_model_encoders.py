"""What is added as an encoder's model must be one that the encoder can run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.paths import resources
from msa_desktop.services.models import ModelState
from tests.encoders import recipe
from tests.encoders.test_ttmrpp import SETTINGS
from tests.services.models_house import House

TABLE = (resources() / "models.toml").read_text("utf-8")
CAN_LOOK = all(importlib.util.find_spec(name) for name in ("torch", "safetensors", "tokenizers"))
needs_torch = pytest.mark.skipif(not CAN_LOOK, reason="PyTorch is not installed (extra clap)")


def safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Writes a file of zeros, of which the disk holds the names alone."""
    entries, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)
    return path


def clap() -> dict[str, tuple[int, ...]]:
    """The tensors of a small LAION-CLAP, whose tower for words comes in one size."""
    data = recipe.DATA / "clap"
    keys = [key for key in recipe.keys(data / "tiny_keys.json") if key.name.startswith("audio_")]
    keys += [key for key in recipe.keys(data / "base_keys.json") if key.name.startswith("text_")]
    return {key.name: key.shape for key in keys if "extractor." not in key.name}


@needs_torch
@pytest.mark.parametrize(
    ("more", "less", "told"),
    [
        ({"alien.x": (3,)}, "audio_branch.norm.bias", r"1 missing \(audio_.*1 unknown \(alien\.x"),
        ({}, "text_projection.0.bias", r"1 missing \(text_projection\.0\.bias\)"),
        ({"module.audio_branch.patch_embed.mel_conv2d.bias": (3,)}, "", "fusion .*not supported"),
    ],
)
def test_another_models_weights_are_refused(
    tmp_path: Path, more: dict[str, tuple[int, ...]], less: str, told: str
) -> None:
    house = House(tmp_path, TABLE)
    begins = "" if less.startswith("text_") else "audio_"  # the other tower's are far more bytes
    shapes = {name: shape for name, shape in clap().items() if name.startswith(begins)} | more
    shapes.pop(less, None)
    path = safetensors(tmp_path / "mine.safetensors", shapes)
    with pytest.raises(UserError, match=told) as error:
        house.models.add("clap-music", [path])
    assert "LAION-CLAP, music was not taken in: model.safetensors " in str(error.value)
    assert house.state("clap-music") is ModelState.MISSING
    assert house.files() == set()
    assert path.exists()


@needs_torch
def test_the_encoders_own_are_taken(tmp_path: Path) -> None:
    house = House(tmp_path, TABLE)
    path = safetensors(tmp_path / "mine.safetensors", clap())
    house.models.add("clap-music", [path])
    assert house.state("clap-music") is ModelState.READY
    assert os.path.samefile(house.models.status("clap-music").file, path)


@needs_torch
def test_a_file_that_the_catalogue_knows_is_not_looked_at(tmp_path: Path) -> None:
    """It may be a large one: a check that fails for want of memory must not throw it away."""
    import torch

    path = tmp_path / "music_audioset_epoch_15_esc_90.14.pt"
    torch.save({"a": torch.ones(2)}, path)
    known = "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd"
    assert known in TABLE
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    house = House(tmp_path, TABLE.replace(known, digest))
    house.models.add("clap-music", [path])
    assert house.state("clap-music") is ModelState.READY


@needs_torch
def test_settings_belong_to_the_weights(tmp_path: Path) -> None:
    house, mine = House(tmp_path, TABLE), tmp_path / "mine"
    mine.mkdir()
    keys = recipe.keys(recipe.DATA / "ttmr/keys_768.json")
    safetensors(mine / "model.safetensors", {key.name: key.shape for key in keys})
    settings = mine / "ttmrpp_resnet_roberta.yaml"
    settings.write_text(SETTINGS.replace("max_length: 8", "max_length: 1"))
    with pytest.raises(UserError, match=r"TTMR\+\+ was not taken in: ttmr.*says max_length 1"):
        house.models.add("ttmr-pp", [mine])
    settings.write_text(SETTINGS)
    house.models.add("ttmr-pp", [mine])
    assert house.state("ttmr-pp") is ModelState.READY


def test_what_cannot_be_looked_at_yet_is_taken(tmp_path: Path) -> None:
    house = House(tmp_path, TABLE.replace('clap = ["torch"', 'clap = ["no_such_module_anywhere"'))
    house.models.add("clap-music", [safetensors(tmp_path / "a.safetensors", {"x": (1,)})])
    assert house.state("clap-music") is ModelState.NEEDS_EXTRA


def test_what_reads_words_needs_a_tokenizer(tmp_path: Path) -> None:
    models = House(tmp_path, TABLE).models
    for name in ("clap-music", "clap-music-speech", "ttmr-pp"):
        assert [status.model.id for status in models.needs(name)] == ["roberta-base"]
    for name in ("musicnn", "roberta-base", "all-minilm-l6-v2", "htdemucs"):
        assert models.needs(name) == ()


@needs_torch
def test_another_checkpoint_is_told_in_the_right_words(tmp_path: Path) -> None:
    house = House(tmp_path, TABLE)
    (path := tmp_path / "630k-fusion-best.pt").write_bytes(b"\x80")
    told = r"630k-fusion-best\.pt is not the music_audioset.*with fusion, are not supported.*"
    with pytest.raises(UserError, match=told + "models install clap-music") as error:
        house.models.add("clap-music", [path])
    assert "language model" not in str(error.value)


def test_so_is_another_file_of_stems(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "mine.safetensors", {"x": (1,)})
    with pytest.raises(UserError, match=r"another file.*models install htdemucs") as error:
        House(tmp_path, TABLE).models.add("htdemucs", [path])
    assert "fusion" not in str(error.value)
