"""An encoder that hears several tracks at once, as on a graphics card; it dies where it is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts

SPEC = WindowSpec(8_000, 0.5, 2)
MODELS = ()
DEADLY, BAFFLING = 0.75, 0.5
"""Loudness (peak) at which its process ends, and at which it raises."""


class Choir:
    together = 4

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """The vector: how many tracks were heard together, and how loud this one is."""
        loudest = [float(np.abs(windows).max()) for windows in tracks]
        if any(abs(peak - DEADLY) < 0.05 for peak in loudest):
            os._exit(7)
        if any(abs(peak - BAFFLING) < 0.05 for peak in loudest):
            raise ValueError("this is not music")
        return [
            Embedding("choir", "own", np.array([len(tracks), peak], np.float32)) for peak in loudest
        ]


def create(_folder: Path, _device: Device) -> Choir:
    return Choir()


FACTS = EncoderFacts("choir", "1", 2, __name__)
