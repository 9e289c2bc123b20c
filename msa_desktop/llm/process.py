"""The supervised process of a language model: whatever happens to it costs one answer.

Loads neither llama.cpp nor a model: those live in the process alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from multiprocessing.connection import Connection
from typing import Any

from msa_desktop.base import processes
from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken
from msa_desktop.llm import _engine
from msa_desktop.llm._engine import (
    Broken,
    Options,
    Question,
    Ready,
    Reply,
    Stop,
    Stopped,
    TooLong,
)
from msa_desktop.llm._rest import ModelError, Rest

_log = logging.getLogger(__name__)

_LOAD_LIMIT = 300.0  # seconds for a model to come up, of several gigabytes from a slow disk too
_STOP_LIMIT = 5.0  # seconds in which an unwanted answer is given up, before the process is killed
_TICK = 0.1  # seconds between looks at what may end an answer early


class ModelProcess:
    """Answers questions with a model in a process of its own. Thread-safe.

    The process is started by the first question, and ended when there was none for a while. One
    that crashes, hangs or takes too much memory is killed, and its question is a `ModelError`; the
    next one starts it again, after a growing pause where that happens over and over (`Rest`).

    Args:
        options: What to run.
        answer_limit: Seconds for one answer, once the model is loaded.
        idle_limit: Seconds without a question after which the model's memory is given back.
        memory_limit: Bytes that the process may take; 0 for no limit.
        main: What the process does.
    """

    def __init__(
        self,
        options: Options,
        *,
        answer_limit: float = 120.0,
        idle_limit: float = 300.0,
        memory_limit: int = 0,
        main: Callable[[Connection[Any, Any], Options], None] = _engine.main,
    ) -> None:
        self._options = options
        self._answer_limit = answer_limit
        self._idle_limit = idle_limit
        self._memory_limit = memory_limit
        self._main = main
        self._context = multiprocessing.get_context("spawn")
        self._jobs: queue.SimpleQueue[_Job | _Order] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._child: _Child | None = None
        self._rest = Rest()

    def ask(self, question: Question, cancel: CancelToken | None = None) -> Reply | TooLong:
        """The model's answer.

        Raises:
            ModelError: There is none; the message says why.
            Cancelled: The token was set, or the program is closing.
        """
        self._rest.wait(cancel, self._closing)
        job = _Job(question, cancel or CancelToken())
        with self._lock:
            if self._closing.is_set():
                raise Cancelled
            if self._thread is None:
                # A thread that lasts: on Linux, the process ends with the thread that started it.
                self._thread = threading.Thread(target=self._supervise, name="llm", daemon=True)
                self._thread.start()
            self._jobs.put(job)
        return job.answer.result()

    @property
    def pid(self) -> int | None:
        """The process's number; None while there is none."""
        child = self._child
        return child.process.pid if child else None

    def unload(self) -> None:
        """Ends the process once the questions at hand are answered; the next one starts another."""
        self._jobs.put(_Order.UNLOAD)

    def close(self) -> None:
        """Ends the process at once; a question at hand is cancelled."""
        with self._lock:
            self._closing.set()
            self._jobs.put(_Order.CLOSE)
        if self._thread is not None:
            self._thread.join(10)

    # The rest runs in the supervisor thread.

    def _supervise(self) -> None:
        processes.shield_from_ctrl_c()
        while True:
            try:
                job = self._jobs.get(timeout=self._idle_limit if self._child else None)
            except queue.Empty:
                job = _Order.UNLOAD
            if job is _Order.CLOSE:
                break
            if job is _Order.UNLOAD:
                self._dismiss()
                continue
            try:
                job.answer.set_result(self._answer(job))
            except BaseException as error:
                job.answer.set_exception(error)
        self._dismiss()
        with suppress(queue.Empty):
            while True:
                if isinstance(job := self._jobs.get_nowait(), _Job):
                    job.answer.set_exception(Cancelled())

    def _answer(self, job: _Job) -> Reply | TooLong:
        if job.cancel.cancelled or self._closing.is_set():
            raise Cancelled
        child = self._child or self._start(job)
        with suppress(OSError):  # it has died; that is heard as the connection's end
            child.connection.send(job.question)
        message = self._hear(child, job, self._answer_limit)
        if isinstance(message, Stopped):
            raise Cancelled
        if not isinstance(message, (Reply, TooLong)):
            raise self._failed(_why(message))
        self._rest.succeeded()
        return message

    def _start(self, job: _Job) -> _Child:
        try:
            ours, theirs = multiprocessing.Pipe()
            process = self._context.Process(
                target=self._main, args=(theirs, self._options), name="llm", daemon=True
            )
            # With `theirs` closed here, the process has the only other end: its death is heard.
            with theirs:
                process.start()
        except OSError as error:
            reason = f"The system started no process ({error.strerror or error})."
            raise self._failed(reason, load=True) from error
        child = self._child = _Child(process, ours)
        message = self._hear(child, job, _LOAD_LIMIT, load=True)
        if not isinstance(message, Ready):
            raise self._failed(_why(message), load=True)
        _log.info("language model %s is loaded", message.name)
        return child

    def _hear(self, child: _Child, job: _Job, limit: float, *, load: bool = False) -> object:
        """The process's next message.

        Raises:
            ModelError: The process ended, took too long or too much memory.
            Cancelled: The answer is not wanted any more.
        """
        left, stopping = limit, False
        while left > 0:
            began = time.monotonic()
            try:
                if child.connection.poll(min(_TICK, left)):
                    return child.connection.recv()
            except (EOFError, OSError):
                child.process.join(1)
                how = processes.how_it_ended(child.process.exitcode)
                # Whatever killed it, a full memory for one, may be over at the next try.
                raise self._failed(f"The language model's process {how}.") from None
            if self._closing.is_set():
                raise Cancelled
            if job.cancel.cancelled and not stopping:
                if load:  # nothing listens yet
                    self._dismiss()
                    raise Cancelled
                stopping, left = True, _STOP_LIMIT
                with suppress(OSError):
                    child.connection.send(Stop())
            if self._memory_limit and child.memory() > self._memory_limit:
                megabytes = self._memory_limit // 10**6
                raise self._failed(
                    f"The language model took more than the {megabytes} MB of memory it is "
                    'allowed (the setting "llm_memory_megabytes").',
                    load=load,
                )
            # A computer that was suspended, or a program stopped by Ctrl-Z, loses no time by it.
            left -= min(time.monotonic() - began, 2 * _TICK)
        if stopping:
            self._dismiss()
            raise Cancelled
        doing = "was not loaded" if load else "gave no answer"
        raise self._failed(f"The language model {doing} within {limit:g} s.", load=load)

    def _failed(self, reason: str, *, load: bool = False) -> ModelError:
        """Ends the process; returns what to raise.

        One that was loaded is started again at once. One that does not even load is unlikely to do
        so a moment later.
        """
        _log.warning("language model: %s", reason)
        self._dismiss()
        error = ModelError(reason, lasting=load)
        self._rest.failed(error)
        return error

    def _dismiss(self) -> None:
        if self._child is not None:
            self._child.process.kill()
            self._child.connection.close()
            self._child.process.join(1)
            self._child = None


class _Order(Enum):
    """What is asked of the supervisor besides answers."""

    UNLOAD = auto()
    CLOSE = auto()


@dataclass(slots=True)
class _Job:
    """A question, and where its answer goes."""

    question: Question
    cancel: CancelToken
    answer: Future[Reply | TooLong] = field(default_factory=Future)


@dataclass(slots=True)
class _Child:
    """The process as its supervisor sees it."""

    process: multiprocessing.process.BaseProcess
    connection: Connection[Any, Any]

    def memory(self) -> int:
        """Bytes of memory it takes; 0 where it has ended."""
        import psutil  # noqa: PLC0415 - start-up cost, and only wanted where there is a limit

        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0


def _why(message: object) -> str:
    """The sentence for a message that is no answer."""
    if isinstance(message, Broken):
        if message.trace:
            _log.error("the language model's process failed\n%s", message.trace)
            return f"The program stumbled over the language model ({message.reason})."
        return message.reason
    return f"The language model's process said something unexpected ({type(message).__name__})."
