"""One file to its features. Loaded in worker processes only: it joins audio, tags and encoders."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msa_desktop.encoders
from msa_desktop.analysis.worker import Outcome, Task, Work
from msa_desktop.audio import decode, metadata, peaks
from msa_desktop.base import plugins
from msa_desktop.base.model import Embedding, FloatArray, Reading, WindowSpec
from msa_desktop.encoders._base import Encoder
from msa_desktop.tagio import _files as tag_files
from msa_desktop.tagio._base import TagError


class Features:
    """Everything the program finds out about a file.

    Args:
        models: The folder of the encoders' models.
    """

    def __init__(self, models: Path) -> None:
        self._models = models
        self._encoders: list[tuple[WindowSpec, Encoder]] = []

    def prepare(self, work: Work) -> None:
        """Loads what `work` needs and is not loaded yet; a worker that only reads loads nothing.

        Raises:
            UserError: A model is missing or damaged.
        """
        if work is Work.LISTEN and not self._encoders:
            self._encoders = [
                (module.SPEC, module.create(self._models))
                for module in plugins.load(msa_desktop.encoders)
            ]

    def run(self, task: Task) -> Outcome:
        """Does one task.

        Raises:
            AudioError: The file's sound could not be read.
            OSError: The system could not read the file.
        """
        match task.work:
            case Work.READ:
                return Outcome(task, reading=_read(task.path))
            case Work.PEAKS:
                return Outcome(task, peaks=peaks.peaks(task.path))
            case Work.LISTEN:
                return Outcome(task, embeddings=self._listen(task.path))

    def _listen(self, path: str) -> tuple[Embedding, ...]:
        """Every encoder's answer; those that want the same windows share one decoding."""
        windows: dict[WindowSpec, FloatArray] = {}
        embeddings = []
        for spec, encoder in self._encoders:
            if spec not in windows:
                windows[spec] = decode.windows(path, spec)
            embeddings.append(encoder.embed(windows[spec]))
        return tuple(embeddings)


def _read(path: str) -> Reading:
    """The first look at a file. Its tags are `tagio`'s; FFmpeg knows a few formats more."""
    begun_at = time.time()
    reading = replace(decode.read(path), begun_at=begun_at)
    try:
        fields = tag_files.read(path)
    except (TagError, OSError):
        return reading
    return replace(reading, tags=metadata.from_fields(fields, reading.tags))
