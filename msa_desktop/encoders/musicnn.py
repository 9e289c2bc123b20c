"""MusiCNN: two small convolutional networks that hear timbre and rhythm.

The published models, trained on the Million Song Dataset ("msd") and on MagnaTagATune ("mtt"), run
on ONNX Runtime; scripts/export_musicnn.py made the files and describes the network. A track's
vector is the mean of the MSD model's penultimate layer over its windows, then the MTT model's.

Each model hears every other window. For the same work, on 195 tracks of 14 games' soundtracks, the
two together find similar tracks better than either alone (mean average precision 0.03 above MSD,
0.015 above MTT), and better than when both hear the same, half as many windows (0.01). Ten windows
do: twenty add less than 0.01. Shorter patches, standard deviations beside the means and 8 bit
weights gained nothing or cost more than they saved.

Source: Pons & Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
ISMIR 2019 late-breaking demo; https://github.com/jordipons/musicnn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.encoders import _mel
from msa_desktop.encoders._base import read_model

PATCH = 187  # frames; what the models were trained on
LAYER = 200  # units of the penultimate layer

_REVISION = 1  # counts up when the same windows would give another vector

SPEC = WindowSpec(_mel.SAMPLE_RATE, _mel.samples_for(PATCH) / _mel.SAMPLE_RATE, 10)
ID = "musicnn"
VERSION = f"0.1.0-{_REVISION}-{SPEC.count}x{PATCH}"
MEMORY = 120
LABEL_SOURCES = ("msd", "mtt")
MODELS = ()
TOKENIZER = ""
DIMENSION = LAYER * len(LABEL_SOURCES)


class MusicnnEncoder:
    """Both models, each on one thread: the worker processes are the parallelism.

    Args:
        folder: Holds the models and their manifest.
    """

    together = 1

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - start-up cost: only a worker process pays it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._sessions: dict[str, Any] = {
            source: onnxruntime.InferenceSession(
                read_model(folder, source), options, providers=["CPUExecutionProvider"]
            )
            for source in LABEL_SOURCES
        }

    def run(self, source: str, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """One model's answers.

        Args:
            source: "msd" or "mtt".
            patches: Shape (n, 187, 96), from `_mel.log_mel`.

        Returns:
            Label probabilities (n, 50) and the penultimate layer (n, 200).
        """
        session = self._sessions[source]
        # One patch at a time: a batch is no quicker on one thread, and its memory grows with it.
        answers = [session.run(["tags", "penultimate"], {"mel": one[None]}) for one in patches]
        tags, penultimate = zip(*answers, strict=True)
        return np.concatenate(tags), np.concatenate(penultimate)

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """See `encoders._base.Encoder`; label scores are means over a model's windows."""
        return [self._embed(windows) for windows in tracks]

    def _embed(self, windows: FloatArray) -> Embedding:
        patches = _mel.log_mel(windows)
        labels: dict[str, FloatArray] = {}
        layers = []
        for number, source in enumerate(LABEL_SOURCES):
            own = patches[number :: len(LABEL_SOURCES)]
            tags, penultimate = self.run(source, own if len(own) else patches)
            labels[source] = tags.mean(axis=0)
            layers.append(penultimate.mean(axis=0))
        return Embedding(ID, VERSION, np.concatenate(layers), labels)


def create(folder: Path, _device: Device) -> MusicnnEncoder:
    """See `encoders._base.EncoderModule`."""
    return MusicnnEncoder(folder)
