"""Reads the words of a search with the encoders that read, in a process of its own.

Loading them takes seconds and hundreds of megabytes, which neither the window nor a command that
needs none should pay: the process starts with the first sentence and ends when none came for long.
`services.summaries` has it read the library's own sentences between two searches.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from msa_desktop.base import processes
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, Notice
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts, TextEncoder

_PATIENCE = 60.0  # seconds for an answer, the loading of the encoders included
_IDLE = 300.0  # seconds without a sentence after which the process ends

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why an encoder did not read; the trace is "" where that says all."""

    text: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Vectors, and what went wrong; each by the encoder's id."""

    vectors: dict[str, FloatArray] = field(default_factory=dict)
    problems: dict[str, _Problem] = field(default_factory=dict)


class Reading:
    """Vectors of sentences, by encoder. Thread-safe; one call at a time.

    An encoder that fails, in whatever way, costs its own answer and no other's.

    Args:
        encoders: Those that are ready now; the ones that read no words are passed over.
        device: Where they run, from `encoders_changed` on.
        events: Where it is told, once, that one cannot read.
        idle: Seconds without a sentence after which the memory is given back.
    """

    def __init__(
        self,
        encoders: Callable[[], Sequence[EncoderFacts]],
        device: Callable[[], Device],
        events: EventBus,
        *,
        idle: float = _IDLE,
    ) -> None:
        self._find = encoders
        self._encoders, self._mute = self._readers()
        self._device = device
        self._events = events
        self._idle = idle
        self._told: set[str] = set()
        self._stopped = threading.Event()
        self._connection: Connection[Any, Any] | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        # One thread that lasts: on Linux, a process ends with the thread that started it.
        self._thread = ThreadPoolExecutor(1, "reading")

    def __call__(self, sentence: str) -> dict[str, FloatArray]:
        """The sentence's vector by each encoder's id, of unit length; {} where none can read."""
        if self._mute:
            self._thread.submit(self._tell, self._mute).result()
        read = self._submit([sentence]) if self._encoders else {}
        return {encoder: vectors[0] for encoder, vectors in read.items()}

    def embed(self, encoder: str, texts: Sequence[str]) -> FloatArray | None:
        """Vectors of several sentences by one encoder, as `encoders._base.TextEncoder` has them.

        Returns:
            None where it cannot read them; why is told as for a search.
        """
        return self._submit(texts, encoder).get(encoder)

    def _submit(self, texts: Sequence[str], encoder: str = "") -> dict[str, FloatArray]:
        return self._thread.submit(self._read, texts, encoder).result()

    def encoders_changed(self) -> None:
        """Encoders came or went, or run elsewhere: the next sentence is read by them as they are.

        What went wrong before is told again, should it go wrong again.
        """
        self._encoders, self._mute = self._readers()
        self._thread.submit(self._end)
        self._thread.submit(self._told.clear)

    def _readers(self) -> tuple[tuple[EncoderFacts, ...], dict[str, _Problem]]:
        """The encoders that can read, and why those cannot that could."""
        found = self._find()
        lacking = {one.id: one.load().TOKENIZER for one in found if not one.tokenizer}
        mute = {
            name: _Problem(
                f"The encoder {name} hears, but cannot read the words of a search: {needed} is "
                f"missing or damaged. Install it: msa-desktop models install {needed}"
            )
            for name, needed in lacking.items()
            if needed
        }
        return tuple(one for one in found if one.tokenizer), mute

    def stop(self) -> None:
        """No more answers: one that is waited for, even while encoders are loaded, ends at once."""
        self._stopped.set()
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Ends the process."""
        self.stop()
        self._thread.submit(self._end)
        self._thread.shutdown()

    # The rest runs in the thread.

    def _read(self, texts: Sequence[str], encoder: str) -> dict[str, FloatArray]:
        if self._stopped.is_set():
            return {}
        try:
            answer = self._ask(texts, encoder)
        except (EOFError, OSError, TimeoutError):
            self._end()
            if self._stopped.is_set():
                return {}
            _log.exception("the words of a search could not be read")
            text = (
                "The words of this search were not read by the encoders: their process ended. "
                "Labels and tags answer alone; try again, or see the log."
            )
            answer = _Answer(problems={"": _Problem(text)})
        self._tell(answer.problems)
        return answer.vectors

    def _tell(self, problems: Mapping[str, _Problem]) -> None:
        """Says, once, why an encoder cannot read."""
        for of, problem in problems.items():
            if of not in self._told:
                self._told.add(of)
                _log.warning("%s\n%s", problem.text, problem.trace)
                self._events.publish(Notice(problem.text, is_error=True))

    def _ask(self, texts: Sequence[str], encoder: str) -> _Answer:
        connection = self._connection
        if connection is None or self._process is None or not self._process.is_alive():
            self._end()
            connection = self._start()
            if self._stopped.is_set():  # too late to have been seen by `stop`
                raise EOFError
        connection.send((texts, encoder))
        if not connection.poll(_PATIENCE):
            raise TimeoutError
        answer: _Answer = connection.recv()
        return answer

    def _start(self) -> Connection[Any, Any]:
        processes.shield_from_ctrl_c()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        with theirs:  # closed here, the process has the only other end: its death is heard
            self._process = context.Process(
                target=_main,
                args=(theirs, self._encoders, self._device(), self._idle),
                name="reading",
                daemon=True,
            )
            self._process.start()
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._connection = self._process = None


def _main(
    connection: Connection[Any, Any],
    encoders: Sequence[EncoderFacts],
    device: Device,
    idle: float,
) -> None:
    processes.settle_in()
    readers: dict[EncoderFacts, TextEncoder] = {}
    unusable: dict[str, _Problem] = {}
    for facts in encoders:
        with _isolated(facts, unusable):
            made = facts.load().create_text(Path(facts.folder), Path(facts.tokenizer), device)
            readers[facts] = made
    with suppress(EOFError, OSError):  # the program has ended
        while connection.poll(idle):
            texts, only = connection.recv()  # "" for all encoders
            answer = _Answer(problems=dict(unusable))
            for facts, reader in readers.items():
                if only in ("", facts.id):
                    with _isolated(facts, answer.problems):
                        answer.vectors[facts.id] = _read(reader, texts)
            connection.send(answer)


@contextmanager
def _isolated(facts: EncoderFacts, problems: dict[str, _Problem]) -> Iterator[None]:
    """Whatever an encoder raises becomes its problem: a graphics card's driver raises anything."""
    try:
        yield
    except Exception as error:
        trace = "" if isinstance(error, UserError) else traceback.format_exc()
        problems[facts.id] = _Problem(facts.trouble(error), trace)


def _read(reader: TextEncoder, texts: Sequence[str]) -> FloatArray:
    vectors = reader.embed(texts)
    if not np.isfinite(vectors).all():
        raise ValueError("what it read is no row of finite numbers")
    return vectors
