"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from msa_desktop.base.model import FloatArray
from msa_desktop.services.demo import make_demo
from tests.support import Program

# The same examples in every run, so that a change fails by its own doing alone; new ones are looked
# for with pytest --hypothesis-profile explore.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("same")


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the demo library, made once for all test processes. Read only, please."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "demo-library"
    with FileLock(shared / "demo-library.lock"):
        make_demo(folder)
    return folder


@pytest.fixture(scope="session")
def sweep() -> Callable[..., FloatArray]:
    """Makes a tone that rises by 20 Hz a second from 300 Hz, so a piece of it tells its time."""
    import numpy as np

    def make(seconds: float, rate: int = 44_100, channels: int = 2) -> FloatArray:
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.5 * np.sin(2 * np.pi * (300 * time + 10 * time**2))
        return np.tile(tone.astype(np.float32), (channels, 1))

    return make


@pytest.fixture(scope="session")
def language_model(pytestconfig: pytest.Config) -> Path:
    """A real GGUF: the one that MSA_TEST_GGUF names, or Gemma 3 270M as the program installs it."""
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is not installed")
    if named := os.environ.get("MSA_TEST_GGUF"):
        return Path(named)
    return next(_installed(pytestconfig, "gemma-3-270m").glob("*.gguf"))


@pytest.fixture(scope="session")
def sentence_model(pytestconfig: pytest.Config) -> Path:
    """The folder of all-MiniLM-L6-v2, as the program installs it."""
    for library in ("torch", "tokenizers", "safetensors"):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed (the extra text brings it)")
    return _installed(pytestconfig, "all-minilm-l6-v2")


def _installed(config: pytest.Config, model: str) -> Path:
    """The folder of a real model, installed once for all runs."""
    folder = config.cache.mkdir("models")
    with FileLock(folder / ".lock"):
        done = Program(folder / "state")("models", "install", model, "--yes")
    if done.code:
        pytest.skip(f"{model} cannot be had here: {done.err}")
    return folder / "state" / "models" / model


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program's command line on an empty data folder."""
    return Program(tmp_path / "state")
