"""The child process that takes one track apart, and how it is spoken with.

The program loads neither FFmpeg nor PyTorch for it. Whatever becomes of the process (a crash, no
memory, cancelled in the middle of a segment), it costs one track, and its memory is given back.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msa_desktop.base import processes
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import StemsStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import Reading, display_path
from msa_desktop.base.settings import Device
from msa_desktop.stems.cache import stem_file
from msa_desktop.stems.record import Level, Meter, Record, check_stems
from msa_desktop.stems.separate import Extent, measure
from msa_desktop.stems.separate import separate as separated
from msa_desktop.stems.wave import SAMPLE, WaveWriter

if TYPE_CHECKING:
    from msa_desktop.base.model import FloatArray
    from msa_desktop.stems.model import Demucs

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Task:
    """One track, or a part of it, to be taken apart.

    Attributes:
        path: The track.
        model: The model's id.
        weights: Its file.
        device: Where it runs.
        folder: Where the stems go; it is there.
        begin: Seconds.
        end: Seconds; None for the end of the track.
        wanted: Stems that the model must give, or nothing is done.
    """

    path: str
    model: str
    weights: Path
    device: Device
    folder: Path
    begin: float = 0.0
    end: float | None = None
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `done` seconds of `total`; both 0 where that is not known."""

    step: StemsStep
    done: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Needs:
    """How many bytes the stems will take; said before the first is written."""

    size: int


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be done. `trace` is not empty where the program itself is at fault."""

    reason: str
    trace: str = ""


class Trouble(Exception):  # noqa: N818 - a bug that another process had
    """The child process stumbled; the message is its trace."""


def read(path: str, cancel: CancelToken) -> Reading:
    """Reads a file's tags, length and identity in a process of its own.

    Raises:
        UserError: It cannot be read.
        Cancelled: The person ended it.
    """
    with _answers(_reader, path, cancel=cancel) as said:
        reading = next(said)
    assert isinstance(reading, Reading)  # noqa: S101 - it says nothing else
    return reading


def separate(
    task: Task, cancel: CancelToken, tell: Callable[[Progress], None], room: Callable[[int], None]
) -> Record:
    """Takes a track apart; blocks until its stems are in the folder.

    Args:
        task: What is to be done.
        cancel: Heard in every phase.
        tell: Told of progress.
        room: Told how many bytes will be written; what it raises ends the work.

    Raises:
        UserError: It cannot be done; the message says why.
        Cancelled: The person ended it.
    """
    with _answers(_separator, task, cancel=cancel) as said:
        for message in said:
            if isinstance(message, Progress):
                tell(message)
            elif isinstance(message, Needs):
                room(message.size)
            elif isinstance(message, Record):
                return message
    raise AssertionError  # the messages end with an error or a record


@contextmanager
def _answers(
    main: Callable[..., None], *arguments: object, cancel: CancelToken
) -> Iterator[Iterator[Any]]:
    """What a process says, with its failure raised here."""

    def checked(said: Iterator[Any]) -> Iterator[Any]:
        for message in said:
            if isinstance(message, Failed):
                raise Trouble(message.trace) if message.trace else UserError(message.reason)
            yield message

    try:
        with processes.messages(main, *arguments, cancel=cancel) as said:
            yield checked(said)
    except processes.Died as died:
        raise UserError(
            f"The process that listened {died}. Try again; where memory is short, close other "
            "programs first."
        ) from died


# The rest runs in the child process.


def _reader(path: str, say: Connection[Any, Any]) -> None:
    with _settled(say):
        from msa_desktop.audio import decode  # noqa: PLC0415 - FFmpeg: only ever here

        say.send(decode.read(path))


def _separator(task: Task, say: Connection[Any, Any]) -> None:
    with _settled(say):
        say.send(Progress(StemsStep.LOAD))
        # PyTorch: some seconds and hundreds of megabytes, only ever here.
        from msa_desktop.stems.model import Demucs  # noqa: PLC0415

        net = Demucs(task.weights, task.device)
        check_stems(task.wanted, net.sources, task.model)
        say.send(_separate(task, net, say.send))


@contextmanager
def _settled(say: Connection[Any, Any]) -> Iterator[None]:
    """Around the process's work: whatever goes wrong is said."""
    processes.settle_in()
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        pass  # nobody listens any more
    except UserError as error:
        say.send(Failed(str(error)))
    except OSError as error:
        say.send(Failed(_words(error)))
    except MemoryError:
        say.send(Failed("There was not enough memory for it. Close other programs and try again."))
    except Exception as error:
        say.send(Failed(str(error), traceback.format_exc()))


def _words(error: OSError) -> str:
    if error.errno in _FULL:
        return "The disk of the stems is full. Make room, or move the data folder (--data-dir)."
    name = f"{display_path(str(error.filename))}: " if error.filename else ""
    return f"{name}{error.strerror or error}."


def _separate(task: Task, net: Demucs, send: Callable[[object], None]) -> Record:
    from msa_desktop.audio import stream  # noqa: PLC0415 - FFmpeg
    from msa_desktop.encoders._torch import is_full  # noqa: PLC0415 - beside PyTorch
    from msa_desktop.stems.model import NO_MEMORY  # noqa: PLC0415

    begin = round(task.begin * net.rate)
    end = None if task.end is None else round(task.end * net.rate)

    def sound() -> Iterator[FloatArray]:
        return stream.part(stream.pieces(task.path, net.rate), begin, end)

    send(Progress(StemsStep.MEASURE))
    extent = measure(sound())
    if not extent.samples:
        raise UserError(
            f"The track ends before {task.begin:g} s: there is nothing to take apart."
            if begin
            else "The file is cut off or damaged: none of its sound can be decoded."
        )
    send(Needs(SAMPLE * extent.samples * net.channels * len(net.sources)))
    while True:
        try:
            levels = _write(task.folder, net, sound(), extent, send)
        except (RuntimeError, MemoryError) as error:
            if not is_full(error):
                raise
        else:
            return Record(
                model=task.model,
                rate=net.rate,
                channels=net.channels,
                samples=extent.samples,
                begin=begin,
                sources=net.sources,
                levels=levels,
            )
        # Here, not above: as long as the error is handled, its trace holds the segment's memory.
        if not net.shorten():
            raise UserError(NO_MEMORY)


def _write(
    folder: Path,
    net: Demucs,
    pieces: Iterator[FloatArray],
    extent: Extent,
    send: Callable[[object], None],
) -> dict[str, Level]:
    """Writes the stems as they come; returns how loud they are."""
    meter = Meter(net.sources, net.rate)
    done, total = 0, extent.samples / net.rate
    send(Progress(StemsStep.SEPARATE, 0.0, total))
    with ExitStack() as stack:
        writers = [
            stack.enter_context(WaveWriter(stem_file(folder, name), net.channels, net.rate))
            for name in net.sources
        ]
        for stems in separated(net, pieces, extent, net.segment):
            for writer, sound in zip(writers, stems, strict=True):
                writer.write(sound)
            meter.add(stems)
            done += stems.shape[2]
            send(Progress(StemsStep.SEPARATE, done / net.rate, total))
    return meter.levels()
