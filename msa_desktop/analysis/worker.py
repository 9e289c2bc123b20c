"""A worker process: takes one task after another and answers each, whatever the file holds.

Imported by the program itself for its messages, so nothing here may load FFmpeg, an encoder or
even numpy: `features`, loaded inside the process, does.
"""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msa_desktop.base import processes
from msa_desktop.base.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from multiprocessing.connection import Connection

    from msa_desktop.analysis.features import Features, Sound
    from msa_desktop.base.model import Embedding, Reading, TrackId
    from msa_desktop.base.music import Measures
    from msa_desktop.encoders._base import EncoderFacts


class Work(StrEnum):
    """What is to be done with a file; in the order in which the pool prefers them."""

    READ = "read"  # tags, length, sound id
    LISTEN = "listen"  # every encoder's embedding
    MEASURE = "measure"  # tempo, key, loudness
    PEAKS = "peaks"  # the waveform the player draws


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work on one file.

    Attributes:
        encoders: For Work.LISTEN: those that are to hear it.
    """

    track_id: TrackId
    path: str
    work: Work
    encoders: tuple[EncoderFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended: with the one thing it was to find out, or with a failure.

    Attributes:
        reading: Of Work.READ.
        embeddings: Of Work.LISTEN; one an encoder, but for those in `unusable` and those that
            could not hear this one track.
        unusable: Of Work.LISTEN: encoders that do not work, and why.
        measures: Of Work.MEASURE.
        peaks: Of Work.PEAKS.
        failure: A sentence for the person, or None.
        passing: Of a failure: it says nothing of the file itself, which was gone, or could not be
            read for now.
    """

    task: Task
    reading: Reading | None = None
    embeddings: tuple[Embedding, ...] = ()
    unusable: Mapping[EncoderFacts, str] = field(default_factory=dict)
    measures: Measures | None = None
    peaks: bytes | None = None
    failure: str | None = None
    passing: bool = False


class Signal(Enum):
    """What a worker tells the pool besides its answers."""

    READY = 1  # the process is up


@dataclass(frozen=True, slots=True)
class Started:
    """The encoders are loaded; the files' own time begins.

    Attributes:
        together: Tracks that those encoders would rather hear at once.
    """

    together: int = 1


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker's answer.

    `trace` is not empty where the program itself, or an encoder, is at fault.
    """

    outcome: Outcome
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The worker cannot work at all, whatever the file: a model or a library does not load."""

    reason: str
    trace: str


def main(connection: Connection[Any, Any], device: str) -> None:
    """The process's life: answers tasks until the pool closes the connection.

    Args:
        connection: Tuples of tasks come in; `Signal`, `Started`, a `Finished` for each task, and
            `Broken` go out.
        device: The setting of that name.
    """
    _settle_in()
    try:
        # Heavy (FFmpeg, encoders), and only ever wanted in this process.
        from msa_desktop.analysis.features import Features  # noqa: PLC0415
        from msa_desktop.base.settings import Device  # noqa: PLC0415

        features = Features(Device(device))
        connection.send(Signal.READY)
        while True:
            tasks: tuple[Task, ...] = connection.recv()
            connection.send(Started(features.prepare(tasks[0])))
            for answer in _work(features, tasks):
                connection.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the pool has no more work, or is gone
    except UserError as error:
        connection.send(Broken(str(error), ""))
    except Exception as error:
        connection.send(Broken(f"{type(error).__name__}: {error}", traceback.format_exc()))


def _settle_in() -> None:
    """Makes the process a modest one that never outlives the program."""
    processes.settle_in()
    # One thread a process: the pool already keeps every core busy that it may. OpenBLAS reads this
    # when numpy is first imported, which is why this module does not import it.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"


def _work(features: Features, tasks: Iterable[Task]) -> Iterator[Finished]:
    """Does tasks that begin alike. Never raises: every fault of a file becomes a sentence."""
    sounds: dict[Task, Sound] = {}
    for task in tasks:
        try:
            if task.work is Work.LISTEN:
                sounds[task] = features.sound(task)
            else:
                yield Finished(features.run(task))
        except Exception as error:
            yield _failed(task, error)
    if sounds:
        yield from _heard(features, sounds)


def _heard(features: Features, sounds: Mapping[Task, Sound]) -> Iterator[Finished]:
    try:
        outcomes = features.hear(sounds)
    except Exception as error:
        if len(sounds) == 1:
            yield _failed(next(iter(sounds)), error)
            return
        # One of them is to blame: each on its own will tell which.
        for task, sound in sounds.items():
            yield from _heard(features, {task: sound})
    else:
        for outcome in outcomes:
            yield Finished(outcome, features.take_trace())


def _failed(task: Task, error: Exception) -> Finished:
    if isinstance(error, UserError | OSError | MemoryError):
        passing = not isinstance(error, UserError) or _is_gone(task.path)
        return Finished(Outcome(task, failure=_reason(task, error), passing=passing))
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    failure = f"The program stumbled over this file ({what}). Please report it."
    return Finished(Outcome(task, failure=failure), "".join(traceback.format_exception(error)))


def _reason(task: Task, error: UserError | OSError | MemoryError) -> str:
    """The sentence for an error that is not the program's fault."""
    if isinstance(error, MemoryError):
        return "There was not enough memory for this file."
    if _is_gone(task.path):
        return "The file is no longer there."
    return str(error) if isinstance(error, UserError) else _os_words(error)


def _is_gone(path: str) -> bool:
    """Whether nothing is there, which is another thing than not being allowed to look."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _os_words(error: OSError) -> str:
    """What the system said, for a person."""
    if isinstance(error, PermissionError):
        return "The program is not allowed to read this file. Change its permissions."
    if isinstance(error, IsADirectoryError):
        return "This is a folder, not a file."
    if error.errno == errno.EIO:
        return "The disk failed while this file was read (input/output error). Check the disk."
    return f"The system could not read this file ({error.strerror or error})."
