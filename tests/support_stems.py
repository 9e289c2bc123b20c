"""A small Demucs with random weights, saved as Demucs's own readers have it, and installed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.weights.installed import Installed, InstalledFile, Shelf, now

needs_demucs = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "demucs", "safetensors")),
    reason="torch and demucs (the extra stems) are not installed",
)
FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
SIGNATURE = "5ma11"
WEIGHTS = "955717e8.safetensors"  # as the catalogue has it
SEGMENT = Fraction(9, 10)  # seconds


def small(sources: Sequence[str] = FOUR, **arguments: Any) -> Any:
    """An HTDemucs of 80,000 numbers, always the same."""
    import torch
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(20)
    given: dict[str, Any] = {
        "sources": list(sources), "channels": 4, "bottom_channels": 16, "t_layers": 1,
        "t_heads": 2, "dconv_comp": 4, "samplerate": 44100, "segment": SEGMENT, "rescale": 0.4,
    }  # fmt: skip
    return HTDemucs(**(given | arguments)).eval()


def save_local(model: Any, folder: Path) -> Path:
    """Writes it as `demucs.states.serialize_model` does, for `demucs.repo.LocalRepo`."""
    import torch

    args, kwargs = model._init_args_kwargs
    state = {name: value.half() for name, value in model.state_dict().items()}
    held = {"klass": type(model), "args": args, "kwargs": kwargs, "state": state}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{SIGNATURE}.th"
    torch.save(held | {"training_args": {}}, path)
    return path


def facts(model: Any) -> dict[str, str]:
    """What a published file says of its network."""
    args, kwargs = model._init_args_kwargs
    plain = {
        name: {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
        if isinstance(value, Fraction)
        else value
        for name, value in kwargs.items()
    }
    kind = type(model)
    return {
        "klass": f"{kind.__module__}.{kind.__name__}",
        "args": json.dumps(args),
        "kwargs": json.dumps(plain),
    }


def save_published(model: Any, path: Path, **changed: str) -> Path:
    """Writes it as Demucs is published, for `demucs.hf.load_safetensors_model`."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, path, metadata=facts(model) | changed)
    return path


def install(model: Any, models: Path, model_id: str = "htdemucs", name: str = WEIGHTS) -> Path:
    """Puts it into a models folder, by way of a local repository of Demucs's own."""
    from demucs.repo import LocalRepo

    shelf = Shelf(models)
    folder = shelf.incoming(model_id)
    local = save_local(model, models.parent / "local-repo").parent
    path = save_published(LocalRepo(local).get_model(SIGNATURE), folder / name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = InstalledFile(name=name, size=path.stat().st_size, sha256=digest)
    shelf.publish(Installed(id=model_id, source="a test", installed_at=now(), files=(file,)))
    return shelf.folder(model_id) / name


def by_demucs(local: Path, sound: FloatArray) -> dict[str, FloatArray]:
    """What demucs.api itself makes of a sound, shape (2, n), with the model of a repository."""
    import torch
    from demucs.api import Separator

    separator = Separator(SIGNATURE, repo=local, device="cpu", shifts=0)
    _, stems = separator.separate_tensor(torch.from_numpy(sound), 44100)
    return {name: stem.numpy() for name, stem in stems.items()}


def music(seconds: float, rate: int = 44100, channels: int = 2) -> FloatArray:
    """Tones and noise that change all the time, shape (channels, n)."""
    random = np.random.default_rng(7)
    time = np.arange(round(seconds * rate)) / rate
    tones = [
        0.2 * np.sin(2 * np.pi * (110 * (k + 1) * time + 20 * np.sin(time * (k + 1))))
        for k in range(channels)
    ]
    noise = random.normal(0, 0.05, (channels, len(time))) * (1 + np.sin(3 * time))
    sound: FloatArray = (np.stack(tones) + noise).astype(np.float32)
    return sound
