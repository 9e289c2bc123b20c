#!/usr/bin/env python3
"""What each encoder costs to load and to listen with: encoders.py [ID...] [--device cpu].

Weights are random, of the true number and shapes: nothing is downloaded. Each encoder is loaded in
a process of its own, as a worker does, on one thread, and listens to noise as long as all the
windows it wants of a track; one that reads words is loaded again, in another, and reads a search.
Prints seconds and megabytes; "load" is all of it, the libraries' import included. With another
device than the processor also how far its vectors are from the processor's.
"""

# ruff: noqa: PLC0415 - loading is what is measured
from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

# One thread, as in a worker; read when numpy and torch are imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from msa_desktop import encoders
from msa_desktop.base import plugins
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderModule

T = TypeVar("T")

_TRACKS = 3
_TOKENS = 50_265  # of RoBERTa
_SEARCH = "calm piano music at night with soft rain and no vocals"
_TTMR_SETTINGS = """\
sr: 22050
n_fft: 1024
hop_size: 0.01
n_mels: 128
duration: 10
max_length: 128
n_heads: 32
"""


def modules() -> dict[str, EncoderModule]:
    """Every encoder, by its id."""
    return {module.ID: module for module in cast(list[EncoderModule], plugins.load(encoders))}


def make(name: str, folder: Path) -> None:
    """Writes an encoder's model files, with random weights."""
    import torch
    from safetensors.torch import save_file

    if name == "clap":
        from msa_desktop.encoders import _clap_net

        towers = [_clap_net.AudioTower(128, (2, 2, 12, 2)), _clap_net.TextTower()]
    else:
        from msa_desktop.encoders import _ttmr_net

        towers = [_ttmr_net.AudioTower(32, 768), _ttmr_net.TextTower()]
        (folder / "ttmrpp_resnet_roberta.yaml").write_text(_TTMR_SETTINGS)
    torch.manual_seed(5)
    tensors: dict[str, torch.Tensor] = {}
    for tower in towers:
        for key, tensor in tower.state_dict().items():
            whole = not tensor.is_floating_point()
            tensors[key] = torch.zeros_like(tensor) if whole else 0.05 * torch.randn(tensor.shape)
            if key.endswith("running_var"):
                tensors[key] = torch.ones_like(tensor)
    save_file(tensors, folder / "model.safetensors")


def make_tokenizer(folder: Path) -> None:
    """Writes a tokenizer with as many tokens as RoBERTa's."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["<s>", "<pad>", "</s>", "<unk>", *_SEARCH.split()]
    words = list(dict.fromkeys([*words, *(f"#{n}" for n in range(_TOKENS))]))[:_TOKENS]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def memory() -> float:
    """The most this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, folder: Path, tokenizer: Path | None, device: Device) -> dict[str, float]:
    """Loads an encoder and uses it, in this process; words where there is a tokenizer."""
    module = modules()[name]
    began, cpu = time.perf_counter(), time.process_time()
    if module.MODELS:
        import torch  # noqa: F401 - its import told apart from the rest

    library = time.perf_counter() - began
    if tokenizer is not None:
        reader = module.create_text(folder, tokenizer, device)
        times, together = 10, 1

        def work() -> np.ndarray:
            return reader.embed([_SEARCH])

    else:
        encoder = module.create(folder, device)
        shape = (module.SPEC.count, module.SPEC.samples)
        windows = 0.1 * np.random.default_rng(5).standard_normal(shape, np.float32)
        together = encoder.together
        times = -(-_TRACKS // together)

        def work() -> np.ndarray:
            return encoder.embed([windows] * together)[0].vector

    found = {
        "library": library,
        "load": time.perf_counter() - began,
        "load_cpu": time.process_time() - cpu,
        "loaded": memory(),
    }
    first = time.perf_counter()
    vector = work()
    found["first"] = time.perf_counter() - first
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    found["wall"] = (time.perf_counter() - began) / (times * together)
    found["cpu"] = (time.process_time() - cpu) / (times * together)
    found["peak"] = memory()
    if device is not Device.CPU and tokenizer is None:
        there = module.create(folder, Device.CPU).embed([windows])[0].vector
        found["difference"] = float(np.abs(vector - there).max())
    return found


def alone(function: Callable[..., T], *args: object) -> T:
    """Calls a function in a fresh process, whose memory is nobody else's."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *args).result()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--device", type=Device, default=Device.CPU)
    args = parser.parse_args()
    print(
        "seconds, MB             library   load  (CPU)  MB loaded  first   each  (CPU)  MB at most"
    )
    with tempfile.TemporaryDirectory() as root:
        words = Path(root, "tokenizer")
        words.mkdir()
        for name, module in modules().items():
            if args.ids and name not in args.ids:
                continue
            folder = Path(root, name) if module.MODELS else resources() / "models" / name
            if module.MODELS:
                folder.mkdir()
                alone(make, name, folder)
            if module.TOKENIZER:
                alone(make_tokenizer, words)
            for tokenizer in (None, words) if module.TOKENIZER else (None,):
                one = alone(measure, name, folder, tokenizer, args.device)
                print(
                    f"{name + (', search' if tokenizer else ', track'):24}"
                    f"{one['library']:7.2f}{one['load']:7.2f}{one['load_cpu']:7.2f}"
                    f"{one['loaded']:11.0f}{one['first']:7.2f}{one['wall']:7.3f}{one['cpu']:7.3f}"
                    f"{one['peak']:12.0f}"
                )
                if "difference" in one:
                    print(f"    furthest from the processor's vectors: {one['difference']:.1e}")


if __name__ == "__main__":
    main()
