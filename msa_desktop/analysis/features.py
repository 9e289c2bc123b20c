"""One file to its features. Loaded in worker processes only: it joins audio, tags and encoders."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from msa_desktop.analysis.worker import Outcome, Task, Work
from msa_desktop.audio import decode, metadata, peaks
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, Reading, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import Encoder, EncoderFacts
from msa_desktop.tagio import _files as tag_files
from msa_desktop.tagio._base import TagError


class Features:
    """Everything the program finds out about a file.

    Args:
        device: Where encoders run that can run on more than the processor.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._encoders: dict[EncoderFacts, tuple[WindowSpec, Encoder]] = {}
        self._unusable: dict[EncoderFacts, str] = {}

    def prepare(self, task: Task) -> None:
        """Loads what the task needs and is not loaded yet; a worker that only reads loads nothing.

        An encoder that was installed and cannot be loaded is passed over; the outcome says so.

        Raises:
            UserError: The model of an encoder that comes with the program is missing or damaged.
        """
        for wanted in task.encoders:
            if wanted in self._encoders or wanted in self._unusable:
                continue
            module = wanted.load()
            try:
                encoder = module.create(Path(wanted.folder), self._device)
            except UserError as error:
                if not module.MODELS:
                    raise
                self._unusable[wanted] = str(error)
            else:
                self._encoders[wanted] = module.SPEC, encoder

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
                return self._listen(task)

    def _listen(self, task: Task) -> Outcome:
        """Every encoder's answer; those that want the same windows share one decoding."""
        windows: dict[WindowSpec, FloatArray] = {}
        embeddings = []
        for wanted in task.encoders:
            if wanted in self._unusable:
                continue
            spec, encoder = self._encoders[wanted]
            if spec not in windows:
                windows[spec] = decode.windows(task.path, spec)
            heard = encoder.embed(windows[spec])
            embeddings.append(replace(heard, version=wanted.version))
        unusable = {
            wanted: self._unusable[wanted] for wanted in task.encoders if wanted in self._unusable
        }
        return Outcome(task, embeddings=tuple(embeddings), unusable=unusable)


def _read(path: str) -> Reading:
    """The first look at a file. Its tags are `tagio`'s; FFmpeg knows a few formats more."""
    begun_at = time.time()
    reading = replace(decode.read(path), begun_at=begun_at)
    try:
        fields = tag_files.read(path)
    except (TagError, OSError):
        return reading
    return replace(reading, tags=metadata.from_fields(fields, reading.tags))
