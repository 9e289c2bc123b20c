"""Demucs from a file: as published, and never more than numbers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Device
from tests.support_stems import FOUR, SIX, facts, music, needs_demucs, save_published, small

pytestmark = needs_demucs


def opened(path: Path) -> Any:
    from msa_desktop.stems.model import Demucs

    return Demucs(path, Device.CPU)


@pytest.mark.parametrize("sources", [FOUR, SIX])
def test_the_published_form(tmp_path: Path, sources: tuple[str, ...]) -> None:
    """The very file that Demucs's own loader takes gives the same network."""
    import torch
    from demucs.hf import load_safetensors_model

    path = save_published(small(sources), tmp_path / "a.safetensors")
    theirs, ours = load_safetensors_model(path), opened(path)
    theirs.eval()
    assert ours.sources == sources
    assert (ours.rate, ours.channels, ours.segment) == (44100, 2, 39690)
    sound = music(0.9)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(ours(sound), expected, atol=1e-6)


def test_arguments_that_demucs_no_longer_has_are_passed_over(tmp_path: Path) -> None:
    model = small()
    kwargs = json.loads(facts(model)["kwargs"]) | {"a_former_one": True}
    path = save_published(model, tmp_path / "a.safetensors", kwargs=json.dumps(kwargs))
    assert opened(path).sources == FOUR


def test_less_at_once(tmp_path: Path) -> None:
    model = small(segment=5)
    net = opened(save_published(model, tmp_path / "a.safetensors"))
    assert net.shorten()
    assert net.segment == 110_250
    stems = net(music(2.5))
    assert stems.shape == (4, 2, 110_250)
    assert np.isfinite(stems).all()
    assert not net.shorten()


class Trap:
    sprung = False

    def __init__(self, *_: object, **__: object) -> None:
        Trap.sprung = True


@pytest.mark.parametrize("klass", ["tests.trap.Trap", "os.system", "demucs.hdemucs.HDemucs", ""])
def test_no_other_class_is_ever_loaded(
    tmp_path: Path, klass: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("tests.trap")
    module.Trap = Trap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.trap", module)
    path = save_published(small(), tmp_path / "a.safetensors", klass=klass)
    with pytest.raises(UserError, match="does not say that it is HTDemucs"):
        opened(path)
    assert not Trap.sprung


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sources", ["../../escape", "b"]),
        ("sources", ["drums", "drums"]),
        ("sources", []),
        ("sources", "drums"),
        ("sources", [["drums"]]),
        ("samplerate", 10**9),
        ("samplerate", "fast"),
        ("samplerate", 1),
        ("audio_channels", 1),
        ("segment", {"_type": "fraction", "numerator": 1, "denominator": 0}),
        ("segment", {"_type": "fraction", "numerator": "9" * 60, "denominator": 1}),
        ("segment", {"_class": "os.system"}),
        ("segment", 1e300),
        ("segment", 0.0),
        ("channels", 10**7),
        ("channels", 100_000),  # would be terabytes
        ("channels", "many"),
        ("depth", -1),
        ("t_heads", 7),
        ("nfft", [1] * 1000),
        ("t_emb", "x" * 1000),
        ("t_emb", "scaled"),
        ("t_layers", 2),
    ],
)
def test_arguments_that_cannot_be(tmp_path: Path, name: str, value: object) -> None:
    model = small()
    kwargs = json.loads(facts(model)["kwargs"]) | {name: value}
    path = save_published(model, tmp_path / "a.safetensors", kwargs=json.dumps(kwargs))
    with pytest.raises(UserError, match=r"a\.safetensors"):
        opened(path)


@pytest.mark.parametrize(
    "changed", [{"kwargs": "{"}, {"kwargs": "[]"}, {"args": "[4]"}, {"kwargs": "[" * 100_000}]
)
def test_facts_that_are_none(tmp_path: Path, changed: dict[str, str]) -> None:
    path = save_published(small(), tmp_path / "a.safetensors", **changed)
    with pytest.raises(UserError, match=r"a\.safetensors"):
        opened(path)


@pytest.mark.parametrize("keep", [0, 7, 1000, -1])
def test_a_file_that_is_cut_off(tmp_path: Path, keep: int) -> None:
    path = save_published(small(), tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="cut short, damaged"):
        opened(path)


def test_other_files(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(UserError, match="missing"):
        opened(tmp_path / "gone.safetensors")
    model = small()
    state = {name: value for name, value in model.state_dict().items() if "decoder.0" not in name}
    save_file(state, tmp_path / "a.safetensors", metadata=facts(model))
    with pytest.raises(UserError, match="missing"):
        opened(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(os.urandom(1000))
    with pytest.raises(UserError, match="damaged"):
        opened(tmp_path / "b.safetensors")


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    import torch

    from msa_desktop.stems.model import Demucs

    if torch.backends.mps.is_available():
        pytest.skip("it is there")
    path = save_published(small(), tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="finds no MPS device"):
        Demucs(path, Device.MPS)
