"""PyTorch files: numbers become safetensors, anything else is refused and never run."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
import tomllib
from collections import OrderedDict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.paths import resources
from msa_desktop.weights import checks, pickles
from msa_desktop.weights.checks import Format

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in pickles.NEEDED),
    reason="torch and safetensors are not installed",
)


class Trap:
    """What a malicious file holds: opening it would write a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


def converted(folder: Path, held: object, **options: Any) -> dict[str, Any]:
    import torch
    from safetensors.torch import load_file

    source, target = folder / "model.pt", folder / "model.safetensors"
    torch.save(held, source, **options)
    pickles.convert(source, target, CancelToken())
    checks.check(target, Format.SAFETENSORS)
    return dict(load_file(target))


@pytest.mark.parametrize("old", [False, True])
def test_weights_beside_notes_as_training_leaves_them(tmp_path: Path, old: bool) -> None:
    import torch

    weights = OrderedDict(
        a=torch.arange(6.0).reshape(2, 3).t(),
        half=torch.ones(3, dtype=torch.float16),
        brain=torch.ones(3, dtype=torch.bfloat16),
        whole=torch.arange(4),
    )
    weights["view"] = weights["a"][0]
    held = {
        "epoch": 15,
        "name": "a run",
        "best": np.float64(0.9),
        "lr": np.float32(0.1),
        "state_dict": weights,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]},
    }
    out = converted(tmp_path, held, _use_new_zipfile_serialization=not old)
    assert out.keys() == weights.keys()
    for name, tensor in weights.items():
        assert out[name].dtype == tensor.dtype
        assert torch.equal(out[name], tensor)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell it otherwise")
def test_what_training_left_takes_no_memory(tmp_path: Path) -> None:
    import torch

    source, target = tmp_path / "model.pt", tmp_path / "model.safetensors"
    left = {"state": torch.ones(24, 1_000_000)}  # 96 MB
    torch.save({"state_dict": {"a": torch.ones(4, 1_000_000)}, "optimizer": left}, source)
    code = (
        "import re, sys, torch, safetensors.torch\n"
        "from msa_desktop.weights import pickles\n"
        "most = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = most(); assert pickles._convert(*sys.argv[1:]) == ''; print(most() - before)"
    )
    command = [sys.executable, "-c", code, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60_000  # kB
    assert target.stat().st_size > 16_000_000


def test_a_bare_table(tmp_path: Path) -> None:
    import torch

    assert converted(tmp_path, {"a": torch.ones(2)}).keys() == {"a"}


@pytest.mark.parametrize("inside", [False, True])
def test_a_trap_does_not_spring(tmp_path: Path, inside: bool) -> None:
    import torch

    trap = Trap(tmp_path / "sprung")
    held = {"state_dict": {"a": torch.ones(2)}, "args": trap} if inside else trap
    with pytest.raises(UserError, match=r"more than numbers.*mkdir"):
        converted(tmp_path, held)
    (tmp_path / "model.pt").write_bytes(pickle.dumps(trap, protocol=2))
    with pytest.raises(UserError, match="was not taken"):
        pickles.convert(tmp_path / "model.pt", tmp_path / "model.safetensors", CancelToken())
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "model.safetensors").exists()


def test_a_pytorch_that_would_run_it_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from torch.torch_version import TorchVersion

    source, target = tmp_path / "model.pt", tmp_path / "model.safetensors"
    torch.save({"a": torch.ones(2)}, source)
    assert pickles.can_convert()
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.5.1+cu124"))
    monkeypatch.setattr(metadata, "version", {"torch": "2.5.1+cu124"}.__getitem__)
    assert not pickles.can_convert()
    assert "2.6 or newer" in pickles._convert(str(source), str(target))
    assert not target.exists()
    monkeypatch.setattr(metadata, "version", {"torch": "2.6.0a0+git1"}.__getitem__)
    assert pickles.can_convert()


def test_no_extra_brings_such_a_pytorch() -> None:
    project = tomllib.loads((resources().parent / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        one
        for extra in project["optional-dependencies"].values()
        for one in extra
        if one.startswith("torch")
    }
    assert wanted == {"torch>={}.{}".format(*pickles.OLDEST_TORCH)}


@pytest.mark.parametrize("held", [[1, 2], {}, {"a": 1}, {"state_dict": {"a": "text"}}, "text"])
def test_what_holds_no_weights(tmp_path: Path, held: object) -> None:
    with pytest.raises(UserError, match="no table of weights"):
        converted(tmp_path, held)


@pytest.mark.parametrize("content", [b"", b"\x80", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_rubbish(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(UserError, match="was not taken"):
        pickles.convert(tmp_path / "model.pt", tmp_path / "model.safetensors", CancelToken())


def test_cancelled(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    (tmp_path / "model.pt").write_bytes(b"\x80")
    with pytest.raises(Cancelled):
        pickles.convert(tmp_path / "model.pt", tmp_path / "model.safetensors", cancel)
    assert os.listdir(tmp_path) == ["model.pt"]
