"""One file to its features. Loaded in worker processes only: it joins audio, tags and encoders."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msa_desktop.analysis.worker import Outcome, Task, Work
from msa_desktop.audio import decode, hearing, metadata, peaks
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, Reading, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import Encoder, EncoderFacts, heard, try_out
from msa_desktop.tagio import _files as tag_files
from msa_desktop.tagio._base import TagError

Sound = dict[WindowSpec, FloatArray]
"""The windows of one track, by what asked for them."""


@dataclass(frozen=True, slots=True)
class _Ear:
    """An encoder that was loaded.

    Attributes:
        optional: The person installed its model: the others can do without it.
    """

    spec: WindowSpec
    encoder: Encoder
    optional: bool


class Features:
    """Everything the program finds out about a file.

    An encoder whose model was installed may fail in any way, as graphics cards and their drivers
    do: that costs what it would have said, and nothing that others say.

    Args:
        device: Where encoders run that can run on more than the processor.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._encoders: dict[EncoderFacts, _Ear] = {}
        self._unusable: dict[EncoderFacts, str] = {}
        self._trace = ""

    def prepare(self, task: Task) -> int:
        """Loads what the task needs and is not loaded yet; a worker that only reads loads nothing.

        An encoder that was installed and cannot be loaded is passed over; the outcome says so.

        Returns:
            How many tracks its encoders would rather hear at once.

        Raises:
            UserError: The model of an encoder that comes with the program is missing or damaged.
        """
        for wanted in task.encoders:
            if wanted in self._encoders or wanted in self._unusable:
                continue
            module = wanted.load()
            try:
                encoder = module.create(Path(wanted.folder), self._device)
            except Exception as error:
                if not module.MODELS:
                    raise
                self._do_without(wanted, error)
            else:
                spec = wanted.spec or module.SPEC
                self._encoders[wanted] = _Ear(spec, encoder, optional=bool(module.MODELS))
        return max((ear.encoder.together for _, ear in self._listening(task)), default=1)

    def run(self, task: Task) -> Outcome:
        """Does one task other than listening.

        Raises:
            AudioError: The file's sound could not be read.
            OSError: The system could not read the file.
        """
        match task.work:
            case Work.READ:
                return Outcome(task, reading=_read(task.path))
            case Work.MEASURE:
                return Outcome(task, measures=hearing.measure(task.path))
            case Work.PEAKS:
                return Outcome(task, peaks=peaks.peaks(task.path))
            case Work.LISTEN:
                raise ValueError("listening takes two steps: sound, hear")

    def sound(self, task: Task) -> Sound:
        """The windows that a task's encoders want; those alike but for their rate decoded once.

        Raises:
            AudioError: The file's sound could not be read.
            OSError: The system could not read the file.
        """
        alike: dict[tuple[float, int], list[WindowSpec]] = {}
        for _, ear in self._listening(task):
            group = alike.setdefault((ear.spec.seconds, ear.spec.count), [])
            if ear.spec not in group:
                group.append(ear.spec)
        sound: Sound = {}
        for specs in alike.values():
            rates = [spec.sample_rate for spec in specs]
            sound |= zip(specs, decode.windows_at(task.path, specs[0], rates), strict=True)
        return sound

    def hear(self, sounds: Mapping[Task, Sound]) -> list[Outcome]:
        """What encoders say of tracks.

        Args:
            sounds: The windows of each; all tasks name the same encoders.

        Raises:
            Exception: An encoder failed on several tracks at once, and each alone will tell on
                which; or one failed that comes with the program.
        """
        tasks = list(sounds)
        said: dict[Task, list[Embedding]] = {task: [] for task in tasks}
        for wanted, ear in list(self._listening(tasks[0])):
            try:
                each = heard(ear.encoder, [sounds[task][ear.spec] for task in tasks])
            except Exception as error:
                if len(tasks) > 1 or not ear.optional:
                    raise
                self._look_into(wanted, ear, error)
                continue
            for task, embedding in zip(tasks, each, strict=True):
                own = replace(embedding, encoder=wanted.id, version=wanted.version)
                said[task].append(own)
        unusable = {
            wanted: self._unusable[wanted]
            for wanted in tasks[0].encoders
            if wanted in self._unusable
        }
        return [Outcome(task, embeddings=tuple(said[task]), unusable=unusable) for task in tasks]

    def take_trace(self) -> str:
        """The traces of what encoders raised since the last time this was asked; mostly ""."""
        trace, self._trace = self._trace, ""
        return trace

    def _look_into(self, wanted: EncoderFacts, ear: _Ear, error: Exception) -> None:
        """An encoder failed on a track: does it fail on others? Then it is done without."""
        try:
            try_out(ear.encoder, ear.spec)
        except Exception:
            del self._encoders[wanted]
            self._do_without(wanted, error)
        else:
            self._note(error)

    def _do_without(self, wanted: EncoderFacts, error: Exception) -> None:
        self._unusable[wanted] = wanted.trouble(error)
        if not isinstance(error, UserError):
            self._note(error)

    def _note(self, error: Exception) -> None:
        self._trace += "".join(traceback.format_exception(error))

    def _listening(self, task: Task) -> Iterator[tuple[EncoderFacts, _Ear]]:
        """Those of a task's encoders that work."""
        for wanted in task.encoders:
            if wanted in self._encoders:
                yield wanted, self._encoders[wanted]


def _read(path: str) -> Reading:
    """The first look at a file. Its tags are `tagio`'s; FFmpeg knows a few formats more."""
    begun_at = time.time()
    reading = replace(decode.read(path), begun_at=begun_at)
    try:
        fields = tag_files.read(path)
    except (TagError, OSError):
        return reading
    return replace(reading, tags=metadata.from_fields(fields, reading.tags))
