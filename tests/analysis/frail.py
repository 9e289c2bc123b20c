"""An encoder that a person installed; its folder's name says how it fails."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts

SPEC = WindowSpec(8_000, 0.5, 2)
MODELS = ("frail",)
LOUD = 0.75
FULL = "CUDA out of memory. Tried to allocate 20.00 MiB."
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device\nand so on"
SECONDS = 0.3  # that a batch takes on the "card" and the "processor"


class Frail:
    def __init__(self, way: str) -> None:
        self.way = way
        self.together = 4 if way == "card" else 1

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """The vector: the process that heard it."""
        value = float(os.getpid())
        if self.way in ("card", "processor"):
            time.sleep(SECONDS)
        elif self.way == "running":
            raise RuntimeError(NO_KERNEL)
        elif self.way == "memory":
            raise UserError("There is not enough memory for this model (cuda).")
        elif self.way == "loud" and max(abs(track).max() for track in tracks) > LOUD:
            raise ValueError("too loud")
        elif self.way == "nan":
            value = np.nan
        return [Embedding("some", "own", np.array([value, 1], np.float32)) for _ in tracks]


def create(folder: Path, _device: Device) -> Frail:
    if folder.name == "loading":
        raise RuntimeError(FULL)
    return Frail(folder.name)


def facts(way: str) -> EncoderFacts:
    return EncoderFacts("frail", "1", 2, __name__, way)
