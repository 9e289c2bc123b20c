"""Weights and sounds made by a rule, and nothing else: large models tested without their files.

Every tensor is drawn from a generator seeded by its name, so that a few kilobytes stand for the
hundreds of megabytes of a model: the authors' own code was run with these very weights on these
very sounds, and what it answered is stored under tests/data/. Our code, given the same, must answer
the same. The digests of the weights, stored beside the answers, say whether they are the same.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray

DATA = Path(__file__).parents[1] / "data"


class Key(NamedTuple):
    """One tensor of the authors' model; `kept` ones are not made by the rule."""

    name: str
    shape: tuple[int, ...]
    kept: bool
    digest: str


def keys(path: Path) -> list[Key]:
    rows = json.loads(path.read_text("utf-8"))["keys"]
    return [Key(name, tuple(shape), how == "keep", sha) for name, shape, _, how, sha in rows]


def weight(name: str, shape: tuple[int, ...]) -> FloatArray:
    """One tensor by the rule: of a size that keeps what flows through the network in bounds."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    rng = np.random.Generator(np.random.PCG64(seed))
    if name.endswith("running_var"):
        drawn = 0.5 + rng.random(shape)
    else:
        drawn = rng.standard_normal(shape)
        if name.endswith("running_mean"):
            drawn *= 0.1
        elif len(shape) == 1 and name.endswith("weight"):
            drawn = 1 + 0.1 * drawn
        elif len(shape) == 1:
            drawn *= 0.05
        else:
            drawn *= math.sqrt(1 / math.prod(shape[1:]))
    return drawn.astype(np.float32)


def digest(tensor: NDArray[Any]) -> str:
    little = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()[:16]


def tones(samples: int, rate: int) -> FloatArray:
    t = np.arange(samples) / rate
    both = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1234.5 * t)
    return both.astype(np.float32)


def chirp(samples: int, rate: int, begin: float, end: float) -> FloatArray:
    t = np.arange(samples) / rate
    rise = (end - begin) / (2 * samples / rate)
    return (0.5 * np.sin(2 * np.pi * (begin * t + rise * t * t))).astype(np.float32)


def noise(samples: int) -> FloatArray:
    rng = np.random.Generator(np.random.PCG64(7))
    return (0.1 * rng.standard_normal(samples)).astype(np.float32)


def swin_index(side: int) -> NDArray[np.int64]:
    """Which place of a Swin window's table of biases belongs to each two of its patches."""
    row, column = np.divmod(np.arange(side * side), side)
    down, right = (np.subtract.outer(at, at) + side - 1 for at in (row, column))
    index: NDArray[np.int64] = down * (2 * side - 1) + right
    return index


def swin_mask(across: int, side: int) -> FloatArray:
    """-100 where two patches met only because a Swin block shifts the image round its edges.

    Args:
        across: Windows side by side.
        side: Patches side by side in a window.
    """
    at = np.arange(across * side)
    strip = np.where(at < (across - 1) * side, 0, np.where(at < across * side - side // 2, 1, 2))
    region = 3 * strip[:, None] + strip
    tiles = region.reshape(across, side, across, side).swapaxes(1, 2).reshape(-1, side * side)
    apart = tiles[:, None] != tiles[:, :, None]
    return np.where(apart, np.float32(-100), np.float32(0))
