"""The supervised worker processes: each file is given to one, and no file can take more than one.

Loads neither FFmpeg nor an encoder: those live in the worker processes alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from msa_desktop.analysis import worker
from msa_desktop.analysis.task_queue import TaskQueue
from msa_desktop.analysis.worker import (
    Broken,
    Finished,
    Outcome,
    Signal,
    Started,
    Task,
    Work,
)
from msa_desktop.base import processes
from msa_desktop.base.model import TrackId, display_path

if TYPE_CHECKING:
    from msa_desktop.encoders._base import EncoderFacts

_log = logging.getLogger(__name__)

_MOST_WORKERS = 60  # Windows waits for at most 63 things at once
_MOST_ON_A_CARD = 2  # one prepares sounds while the card works for the other
_START_LIMIT = 120.0  # seconds for a process to come up and load its models, from a slow disk too
_FAILED_STARTS = 2  # in a row, after which starting is given up
_REAP_EVERY = 0.2  # seconds between looks at killed processes that have not ended yet
_TICK = 2.0  # seconds: the supervisor's longest sleep while processes live
_DOING = {
    Work.READ: "Reading",
    Work.LISTEN: "Listening",
    Work.MEASURE: "Measuring",
    Work.PEAKS: "Drawing the waveform",
}


class _State(Enum):
    STARTING = 1  # the process comes up
    IDLE = 2
    LOADING = 3  # has tasks, and loads what it needs for them
    WORKING = 4  # the file's own time runs


@dataclass(slots=True, eq=False)
class _Worker:
    """One process as its supervisor sees it.

    Attributes:
        tasks: What it was given and has not answered yet.
        together: Tracks its encoders would rather hear at once.
        outdated: It is to go once it rests.
    """

    process: multiprocessing.process.BaseProcess
    connection: Connection[Any, Any]
    state: _State = _State.STARTING
    tasks: list[Task] = field(default_factory=list)
    together: int = 1
    outdated: bool = False
    since: float = field(default_factory=time.monotonic)

    def enter(self, state: _State) -> None:
        """Notes a new state and when it began."""
        self.state = state
        self.since = time.monotonic()


class Pool:
    """Hands tasks to worker processes and their outcomes to `on_outcome`.

    Processes are started when there is work and end when there was none for a while. One that hangs
    on a file or dies of it is replaced, and the file's outcome is a failure that says why; no other
    task is touched. Everything here is thread-safe.

    The first that listens with some encoders shows where they run, and until then no other listens.
    Each process on a graphics card takes its own part of the card's memory: two share it at most.

    Args:
        workers: How many processes at most.
        time_limit: Seconds for one file, from the moment a process that has loaded its models
            begins with it.
        on_outcome: Called once for each task, from the supervisor thread. To be quick.
        on_error: Called with a sentence when no process can be started. The tasks keep waiting;
            `resume` tries again.
        device: Where encoders run that can run on more than the processor.
        memory: Megabytes that a process comes to need; all together they get half of the machine's.
        idle_limit: Seconds after which a process without work gives its memory back.
    """

    def __init__(
        self,
        workers: int,
        time_limit: float,
        on_outcome: Callable[[Outcome], None],
        *,
        on_error: Callable[[str], None],
        device: str,
        memory: int = 0,
        idle_limit: float = 60.0,
    ) -> None:
        self._on_outcome = on_outcome
        self._on_error = on_error
        self._device = device
        self._affordable = _affordable(memory)
        self._idle_limit = idle_limit
        self._context = multiprocessing.get_context("spawn")
        self._queue = TaskQueue()
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._ending: list[multiprocessing.process.BaseProcess] = []
        self._failed_starts = 0
        # Tracks that encoders would rather hear at once, of those that were loaded.
        self._together: dict[tuple[EncoderFacts, ...], int] = {}
        self._closing = False
        self._awake = False
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)
        self.set_limits(workers, time_limit)
        self._thread = threading.Thread(target=self._supervise, name="analysis pool", daemon=True)

    def start(self) -> None:
        """Starts the supervisor. Processes start with the first task."""
        self._thread.start()

    def set_limits(self, workers: int, time_limit: float) -> None:
        """Changes how many processes there are at most, and the seconds for one file."""
        self._most = max(1, min(workers, self._affordable))
        self._time_limit = time_limit
        self._wake()

    def renew(self, memory: int, device: str) -> None:
        """Lets processes go once they rest: what they have loaded is not what is wanted now.

        Args:
            memory: Megabytes that a process comes to need from now on; `set_limits` heeds it.
            device: Where encoders run from now on.
        """
        self._affordable = _affordable(memory)
        with self._lock:
            self._device = device
            self._together.clear()
            for living in self._workers:
                living.outdated = True
        self._failed_starts = 0
        self._wake()

    def submit(self, task: Task, urgent: bool = False) -> None:
        """Queues a task. One that already waits for the same work on the same track is replaced."""
        self._queue.put(task, urgent=urgent)
        self._wake()

    def prioritise(self, track_id: TrackId) -> None:
        """Everything that waits for this track goes before all else."""
        self._queue.prioritise(track_id)

    def pause(self) -> None:
        """Begins no more files; those being worked on are finished.

        Urgent waveforms are drawn all the same: the person plays that file now.
        """
        self._queue.paused = True

    def resume(self) -> None:
        """Goes on after `pause`, and tries again after `on_error`."""
        self._queue.paused = False
        self._failed_starts = 0
        self._wake()

    def drop(self, ids: Iterable[TrackId], works: Collection[Work] = tuple(Work)) -> None:
        """Drops every task of these tracks, or only of some works, that was not begun."""
        self._queue.drop(ids, works)

    def cancel_pending(self, work: Work | None = None) -> list[Task]:
        """Drops every task that was not begun, or those of one work, and returns them."""
        return self._queue.clear(work)

    @property
    def paused(self) -> bool:
        """Whether `pause` is in force."""
        return self._queue.paused

    @property
    def pending(self) -> int:
        """How many tasks wait."""
        return len(self._queue)

    @property
    def current(self) -> tuple[str, ...]:
        """The paths of the files being worked on."""
        with self._lock:
            return tuple(task.path for w in self._workers for task in w.tasks)

    def close(self, timeout: float = 5.0) -> None:
        """Ends every process at once; tasks not finished have no outcome.

        Args:
            timeout: Seconds to wait for the processes' end.
        """
        self._closing = True
        self._wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    # The rest runs in the supervisor thread, which alone changes the list of workers.

    def _supervise(self) -> None:
        try:
            while not self._closing:
                self._hand_out()
                self._hear()
                self._enforce_limits()
        except Exception as error:
            _log.exception("the supervisor of the analysis failed")
            self._on_error(f"The analysis stopped ({error}). Please report it, and start again.")
        finally:
            self._end_all()

    @property
    def _broken(self) -> bool:
        return self._failed_starts >= _FAILED_STARTS

    def _hand_out(self) -> None:
        """Gives waiting tasks to idle processes, and starts processes for what is left."""
        if self._broken:
            return
        for old in [w for w in self._workers if w.outdated and w.state is _State.IDLE]:
            self._dismiss(old)
        resting = [w for w in self._workers if w.state is _State.IDLE]
        too_many = max(0, len(self._workers) - self._most)
        for spare in resting[:too_many]:  # the person has asked for fewer
            self._dismiss(spare)
        for idle in resting[too_many:]:
            tasks = self._queue.take(idle.together, self._room)
            if not tasks:
                return
            self._give(idle, tasks)
        starting = sum(w.state is _State.STARTING for w in self._workers)
        room = self._most - max(len(self._workers), len(self._ending))
        for _ in range(min(self._queue.takeable(self._room) - starting, room)):
            if not self._broken:
                self._start_worker()

    def _room(self, task: Task) -> int:
        """How many more processes may begin to listen with a task's encoders."""
        most = 1  # until it is known where they run
        if task.encoders in self._together:
            # Only a graphics card would rather hear several tracks at once.
            most = _MOST_ON_A_CARD if self._together[task.encoders] > 1 else _MOST_WORKERS
        listening = sum(bool(w.tasks) and w.tasks[0].work is Work.LISTEN for w in self._workers)
        return max(0, most - listening)

    def _give(self, idle: _Worker, tasks: tuple[Task, ...]) -> None:
        with self._lock:
            idle.tasks = list(tasks)
        idle.enter(_State.LOADING)
        with suppress(OSError):  # it has died; that is heard as the connection's end
            idle.connection.send(tasks)

    def _start_worker(self) -> None:
        try:
            processes.shield_from_ctrl_c()
            ours, theirs = multiprocessing.Pipe()
            process = self._context.Process(
                target=worker.main, args=(theirs, self._device), name="analysis", daemon=True
            )
            # With `theirs` closed here, the process has the only other end: its death is heard.
            with theirs:
                process.start()
        except OSError as error:
            self._start_failed(f"the system started no process ({error.strerror or error})")
            return
        with self._lock:
            self._workers.append(_Worker(process, ours))

    def _start_failed(self, reason: str) -> None:
        _log.warning("an analysis process did not start: %s", reason)
        self._failed_starts += 1
        if self._failed_starts == _FAILED_STARTS:
            reason = reason.rstrip(".")
            self._on_error(f"The analysis cannot work: {reason}. The files keep waiting for it.")

    def _hear(self) -> None:
        """Acts on the processes' messages; waits for one, a limit, or `_wake`."""
        before = time.monotonic()
        limits = [self._limit(w) - before for w in self._workers]
        if self._ending:
            limits.append(_REAP_EVERY)
        timeout = max(0.0, min(_TICK, *limits)) if limits else None
        speakers = {w.connection: w for w in self._workers}
        for ready in wait([self._wake_reader, *speakers], timeout):
            if ready is self._wake_reader:
                self._wake_reader.recv_bytes()
                self._awake = False
                continue
            speaker = speakers[ready]  # type: ignore[index]  # only connections were waited for
            try:
                message = speaker.connection.recv()
            except (EOFError, OSError):
                self._bury(speaker)
                continue
            self._heed(speaker, message)
        if timeout is not None:
            overslept = time.monotonic() - before - timeout
            if overslept > _TICK:
                # The computer was suspended, or the program stopped by Ctrl-Z, and its processes
                # with it: that time does not count.
                for living in self._workers:
                    living.since += overslept

    def _heed(self, speaker: _Worker, message: Signal | Started | Finished | Broken) -> None:
        """Acts on one message of a process."""
        match message:
            case Signal.READY:
                speaker.enter(_State.IDLE)
            case Started(together):
                self._failed_starts = 0
                speaker.together = together
                speaker.enter(_State.WORKING)
                if speaker.tasks[0].work is Work.LISTEN and not speaker.outdated:
                    self._together[speaker.tasks[0].encoders] = together
            case Finished(outcome, trace):
                if trace:
                    _log.error("failed on %s\n%s", display_path(outcome.task.path), trace)
                with self._lock:
                    speaker.tasks.remove(outcome.task)
                speaker.enter(_State.WORKING if speaker.tasks else _State.IDLE)
                self._tell(outcome)
            case Broken(reason, trace):
                if trace:
                    _log.error("an analysis process cannot work\n%s", trace)
                self._dismiss(speaker)
                self._not_begun(speaker, reason)

    def _bury(self, dead: _Worker) -> None:
        """A process ended of itself: the file it worked on failed, any other tasks go back."""
        dead.process.join(1)
        how = f"process {processes.how_it_ended(dead.process.exitcode)}"
        self._dismiss(dead)
        if dead.state is _State.WORKING:
            self._fail(dead, f"The analysis {how}.")
        elif dead.state is not _State.IDLE:
            self._not_begun(dead, f"its {how}")

    def _enforce_limits(self) -> None:
        """Kills processes that take too long, lets idle ones go, and reaps those that ended."""
        now = time.monotonic()
        for late in [w for w in self._workers if now >= self._limit(w)]:
            self._dismiss(late)
            if late.state is _State.WORKING:
                doing = _DOING[late.tasks[0].work]
                limit = f"{self._time_limit:g} s"
                self._fail(late, f"{doing} took longer than {limit}; the file was given up.")
            elif late.state is not _State.IDLE:
                self._not_begun(late, f"its process was not ready within {_START_LIMIT:g} s")
        for ended in [p for p in self._ending if p.exitcode is not None]:
            self._ending.remove(ended)
            ended.close()

    def _limit(self, living: _Worker) -> float:
        """When a process's time in its present state is over (monotonic seconds)."""
        allowed = {
            _State.WORKING: self._time_limit * len(living.tasks),
            _State.IDLE: self._idle_limit,
        }
        return living.since + allowed.get(living.state, _START_LIMIT)

    def _dismiss(self, living: _Worker) -> None:
        """Kills a process and takes it off the list.

        Its end is not waited for: it may hang in the kernel as long as a dead network share does.
        """
        with self._lock:
            self._workers.remove(living)
        living.process.kill()
        living.connection.close()
        self._ending.append(living.process)

    def _not_begun(self, gone: _Worker, reason: str) -> None:
        """A process was lost before it began with files: its tasks, if any, are not to blame."""
        self._put_back(gone)
        self._start_failed(reason)

    def _fail(self, gone: _Worker, reason: str) -> None:
        if len(gone.tasks) > 1:
            self._put_back(gone)  # each is then given alone: that will tell which is to blame
            return
        for task in gone.tasks:
            _log.warning("%s: %s", display_path(task.path), reason)
            self._tell(Outcome(task, failure=reason))

    def _put_back(self, gone: _Worker) -> None:
        for task in reversed(gone.tasks):
            self._queue.put_back(task)

    def _tell(self, outcome: Outcome) -> None:
        try:
            self._on_outcome(outcome)
        except Exception:
            _log.exception("the outcome of %s was not taken", display_path(outcome.task.path))

    def _wake(self) -> None:
        """Makes the supervisor look at the queue."""
        with self._lock:
            if not self._awake:
                self._awake = True
                self._wake_writer.send_bytes(b"\0")

    def _end_all(self) -> None:
        for living in list(self._workers):
            self._dismiss(living)
        for ended in self._ending:
            ended.join(1)
        with self._lock:
            self._awake = True  # nobody reads the wake-up pipe any more
            self._wake_reader.close()
            self._wake_writer.close()


def _affordable(memory: int) -> int:
    """How many processes of so many megabytes there may be."""
    if not memory:
        return _MOST_WORKERS
    import psutil  # noqa: PLC0415 - start-up cost: only who listens needs it

    half = int(psutil.virtual_memory().total) // 2
    return min(_MOST_WORKERS, half // (memory * 2**20))
