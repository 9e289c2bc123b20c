"""Real processes, real sound, real faults: killed, stopped, orphaned, badly installed."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from msa_desktop.analysis import worker
from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Finished, Outcome, Signal, Started, Task, Work
from msa_desktop.base.model import TrackId
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders import _base, musicnn
from msa_desktop.encoders._base import EncoderFacts
from tests.analysis import choir, frail

PATIENCE = 60.0  # seconds; a test that passes takes a fraction
MODELS = resources() / "models"
READ, LISTEN, PEAKS = Work.READ, Work.LISTEN, Work.PEAKS

on_posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def ears(models: Path = MODELS) -> tuple[EncoderFacts, ...]:
    found = _base.facts(musicnn, models, lambda _: None)
    assert found is not None
    return (found,)


class Bench:
    """A pool with a record of what it told."""

    def __init__(
        self,
        *,
        workers: int = 1,
        time_limit: float = 60,
        idle_limit: float = 60,
        models: Path = MODELS,
    ) -> None:
        self.encoders = ears(models)
        self.outcomes: list[Outcome] = []
        self.errors: list[str] = []
        self.changed = threading.Condition()
        self.pool = Pool(
            workers,
            time_limit,
            self.take,
            on_error=self.complain,
            device=Device.CPU,
            idle_limit=idle_limit,
        )
        self.pool.start()

    def take(self, outcome: Outcome) -> None:
        with self.changed:
            self.outcomes.append(outcome)
            self.changed.notify()

    def complain(self, text: str) -> None:
        with self.changed:
            self.errors.append(text)
            self.changed.notify()

    def submit(
        self,
        number: int,
        path: Path,
        work: Work = READ,
        urgent: bool = False,
        ears: tuple[EncoderFacts, ...] = (),
    ) -> None:
        by = ears or self.encoders if work is LISTEN else ()
        self.pool.submit(Task(TrackId(number), str(path), work, by), urgent)

    def wait(self, count: int) -> list[Outcome]:
        with self.changed:
            arrived = self.changed.wait_for(lambda: len(self.outcomes) >= count, PATIENCE)
        assert arrived, (self.outcomes, self.errors)
        return self.outcomes

    def wait_for_error(self, count: int = 1) -> str:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.errors) >= count, PATIENCE)
        return self.errors[-1]

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The pool's processes that live now."""
        with self.pool._lock:
            workers = self.pool._workers
            return tuple(w.process.pid for w in workers if w.process.pid is not None)

    def worker_on(self, path: Path) -> psutil.Process:
        """The process that has this very file open: it works on it now."""

        def holder() -> psutil.Process | None:
            for number in self.process_ids:
                try:
                    process = psutil.Process(number)
                    if any(file.path == str(path) for file in process.open_files()):
                        return process
                except psutil.NoSuchProcess:
                    continue
            return None

        eventually(lambda: holder() is not None)
        process = holder()
        assert process is not None
        return process


def eventually(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: object) -> Bench:
        made.append(Bench(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for bench in made:
        bench.pool.close()
        assert bench.process_ids == ()


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "song.wav", 4)


@pytest.fixture
def epic(tmp_path: Path) -> Path:
    """Days of silence, which no waveform is drawn of within a test; takes no room on the disk."""
    path = tmp_path / "epic.wav"
    size = 0xFFFF_FF00
    rate = 44_100
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + form
    with path.open("wb") as file:
        file.write(head + struct.pack("<4sI", b"data", size - len(head)))
        file.truncate(size)
    return path


def write_wav(path: Path, seconds: float, rate: int = 16_000) -> Path:
    samples = (
        round(9000 * math.sin(n * 440 * math.tau / rate)) for n in range(int(seconds * rate))
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


def test_every_work_is_done(make_bench: Callable[..., Bench], song: Path) -> None:
    bench = make_bench()
    for work in Work:
        bench.submit(1, song, work)
    by_work = {outcome.task.work: outcome for outcome in bench.wait(len(Work))}
    assert {outcome.failure for outcome in by_work.values()} == {None}
    reading = by_work[READ].reading
    assert reading is not None
    assert reading.info.duration == pytest.approx(4, abs=0.01)
    (embedding,) = by_work[LISTEN].embeddings
    assert (embedding.encoder, embedding.vector.shape) == (musicnn.ID, (musicnn.DIMENSION,))
    assert by_work[PEAKS].peaks
    assert by_work[Work.MEASURE].measures is not None


def test_a_bad_file_fails_with_its_reason_and_the_rest_goes_on(
    make_bench: Callable[..., Bench], song: Path
) -> None:
    bench = make_bench()
    empty = song.with_name("empty.mp3")
    empty.touch()
    bench.submit(1, empty)
    bench.submit(2, song.with_name("gone.mp3"), LISTEN)
    bench.submit(3, song, LISTEN)
    empty_one, gone, good = bench.wait(3)
    assert empty_one.failure == "The file is empty."
    assert gone.failure == "The file is no longer there."
    assert good.failure is None


def test_pause_prioritise_resume_and_cancel(make_bench: Callable[..., Bench], song: Path) -> None:
    bench = make_bench()
    bench.pool.pause()
    for number in range(5):
        bench.submit(number, song)
    bench.submit(9, song, PEAKS, urgent=True)
    assert [outcome.task.track_id for outcome in bench.wait(1)] == [9]
    assert (bench.pool.paused, bench.pool.pending, bench.pool.current) == (True, 5, ())
    bench.pool.prioritise(TrackId(3))
    bench.pool.resume()
    assert [outcome.task.track_id for outcome in bench.wait(6)] == [9, 3, 0, 1, 2, 4]
    bench.pool.pause()
    bench.submit(6, song)
    bench.submit(7, song, LISTEN)
    assert [task.track_id for task in bench.pool.cancel_pending()] == [6, 7]
    bench.pool.resume()
    bench.submit(8, song)
    assert bench.wait(7)[-1].task.track_id == 8


def test_a_pause_lets_the_running_file_finish(
    make_bench: Callable[..., Bench], epic: Path, song: Path
) -> None:
    bench = make_bench(time_limit=1.5)
    bench.submit(1, epic, PEAKS)
    bench.worker_on(epic)
    bench.pool.pause()
    bench.submit(2, song)
    bench.wait(1)
    assert (bench.pool.current, bench.pool.pending) == ((), 1)


@on_posix
def test_a_worker_killed_from_outside_fails_its_file_only(
    make_bench: Callable[..., Bench], epic: Path, song: Path
) -> None:
    bench = make_bench()
    bench.submit(1, epic, PEAKS, urgent=True)
    for number in range(2, 5):
        bench.submit(number, song)
    bench.worker_on(epic).kill()
    killed, *others = bench.wait(4)
    assert killed.failure == (
        "The analysis process was ended by signal 9 (out of memory or killed from outside)."
    )
    assert [(other.task.track_id, other.failure) for other in others] == [
        (2, None),
        (3, None),
        (4, None),
    ]
    assert bench.errors == []


@on_posix
def test_a_worker_that_hangs_is_replaced(
    make_bench: Callable[..., Bench], epic: Path, song: Path
) -> None:
    bench = make_bench(time_limit=1.5)
    bench.submit(1, epic, PEAKS, urgent=True)
    bench.submit(2, song)
    hung = bench.worker_on(epic)
    hung.suspend()
    late, other = bench.wait(2)
    assert late.failure == "Drawing the waveform took longer than 1.5 s; the file was given up."
    assert (other.task.track_id, other.failure) == (2, None)
    eventually(lambda: not hung.is_running())


def loud(path: Path, peak: float) -> Path:
    """A second at one loudness."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(struct.pack("<h", round(peak * 32_767)) * 8_000)
    return path


def test_tracks_that_make_one_batch_are_heard_together(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    bench.pool.pause()
    for number in range(7):
        file = loud(tmp_path / f"{number}.wav", 0.01 * (number + 1))
        if number == 5:
            file.write_bytes(b"no sound")
        bench.submit(number, file, LISTEN, ears=(choir.FACTS,))
    bench.pool.resume()
    outcomes = {int(one.task.track_id): one for one in bench.wait(7)}
    broken = outcomes.pop(5)
    assert broken.failure is not None
    assert broken.embeddings == ()
    # What the encoder wants is not known before it is loaded, for the first track.
    together = {number: one.embeddings[0].vector[0] for number, one in outcomes.items()}
    assert together == {0: 1, 1: 4, 2: 4, 3: 4, 4: 4, 6: 1}
    for number, one in outcomes.items():
        assert one.embeddings[0].version == choir.FACTS.version
        assert one.embeddings[0].vector[1] == pytest.approx(0.01 * (number + 1), abs=1e-3)
    assert bench.pool.current == ()


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        (choir.DEADLY, "The analysis process ended by itself (exit code 7)."),
        (choir.BAFFLING, "The program stumbled over this file (ValueError: this is not music)."),
    ],
)
def test_the_one_to_blame_is_found_among_several(
    make_bench: Callable[..., Bench], tmp_path: Path, peak: float, words: str
) -> None:
    bench = make_bench()
    bench.pool.pause()
    for number in range(6):
        file = loud(tmp_path / f"{number}.wav", peak if number == 3 else 0.1)
        bench.submit(number, file, LISTEN, ears=(choir.FACTS,))
    bench.pool.resume()
    outcomes = bench.wait(6)
    failed = [(int(one.task.track_id), one.failure) for one in outcomes if one.failure]
    assert [number for number, _ in failed] == [3]
    assert failed[0][1] is not None
    assert failed[0][1].startswith(words)
    assert sorted(int(one.task.track_id) for one in outcomes) == list(range(6))
    assert bench.errors == []


@pytest.mark.parametrize(("way", "fewest", "most"), [("card", 1, 2), ("processor", 3, 3)])
def test_few_processes_share_a_graphics_card(
    make_bench: Callable[..., Bench], song: Path, way: str, fewest: int, most: int
) -> None:
    """Also where all processes have listened on the processor before."""
    bench = make_bench(workers=3)
    bench.pool.pause()
    for number in range(20):
        ears = (frail.facts("processor" if number < 8 else way),)
        bench.submit(number, song, LISTEN, ears=ears)
    bench.pool.resume()
    by = [float(one.embeddings[0].vector[0]) for one in bench.wait(20) if one.task.track_id >= 8]
    assert fewest <= len(set(by)) <= most
    for number in range(20, 23):  # what needs no encoder is done by all
        bench.submit(number, song)
    assert not any(one.failure for one in bench.wait(23))


def test_loading_the_models_is_no_files_time(song: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=worker.main, args=(theirs, Device.CPU), daemon=True
    )
    with theirs:
        process.start()

    def heard() -> object:
        assert ours.poll(PATIENCE)
        return ours.recv()

    def spent() -> float:
        times = psutil.Process(process.pid).cpu_times()
        return float(times.user + times.system)

    with ours:
        assert heard() is Signal.READY
        working = []
        for number in range(2):
            ours.send((Task(TrackId(number), str(song), LISTEN, ears()),))
            assert heard() == Started()
            began = spent()
            assert isinstance(heard(), Finished)
            working.append(spent() - began)
    assert working[0] < 3 * working[1] + 0.2
    process.join(PATIENCE)
    assert process.exitcode == 0  # without the connection it has nothing left to do


@on_posix
def test_ctrl_c_is_the_programs_business(
    make_bench: Callable[..., Bench], epic: Path, song: Path
) -> None:
    bench = make_bench(time_limit=2)
    bench.submit(1, epic, PEAKS)
    eventually(lambda: bench.process_ids != ())
    os.kill(bench.process_ids[0], signal.SIGINT)
    bench.worker_on(epic).send_signal(signal.SIGINT)
    assert "took longer" in (bench.wait(1)[0].failure or "")
    assert bench.errors == []


def test_workers_are_modest(make_bench: Callable[..., Bench], epic: Path) -> None:
    bench = make_bench()
    bench.submit(1, epic, PEAKS)
    assert bench.worker_on(epic).nice() > psutil.Process().nice()


def test_models_that_do_not_load_are_told_once_and_no_file_is_blamed(
    make_bench: Callable[..., Bench], tmp_path: Path, song: Path
) -> None:
    models = tmp_path / "models"
    bench = make_bench(workers=2, models=models)
    for number in range(4):
        bench.submit(number, song, LISTEN)
    assert "Install the program again. The files keep waiting" in bench.wait_for_error()
    assert bench.outcomes == []
    eventually(lambda: bench.pool.pending == 4)
    shutil.copytree(MODELS, models)
    bench.pool.resume()
    assert {outcome.failure for outcome in bench.wait(4)} == {None}
    assert len(bench.errors) == 1


@on_posix
def test_processes_that_die_at_once_are_not_started_for_ever(
    make_bench: Callable[..., Bench], song: Path
) -> None:
    bench = make_bench()
    bench.submit(1, song)
    killed: set[int] = set()
    while not bench.errors:
        for number in set(bench.process_ids) - killed:
            os.kill(number, signal.SIGKILL)
            killed.add(number)
        time.sleep(0.005)
    assert len(killed) == 2
    assert "its process was ended by signal 9" in bench.errors[0]
    assert bench.pool.pending == 1
    bench.pool.resume()
    assert bench.wait(1)[0].failure is None


def test_idle_processes_give_their_memory_back(
    make_bench: Callable[..., Bench], song: Path
) -> None:
    bench = make_bench(workers=2, idle_limit=0.2)
    bench.submit(1, song)
    bench.submit(2, song)
    bench.wait(2)
    eventually(lambda: bench.process_ids == ())
    bench.submit(3, song)
    assert bench.wait(3)[-1].failure is None


def test_processes_that_are_to_be_renewed_go_once_they_rest(
    make_bench: Callable[..., Bench], song: Path, epic: Path
) -> None:
    bench = make_bench()
    bench.submit(1, song)
    bench.wait(1)
    (resting,) = bench.process_ids
    bench.pool.renew(0, Device.CPU)
    eventually(lambda: bench.process_ids == ())
    bench.submit(2, epic, PEAKS, urgent=True)
    (working,) = {bench.worker_on(epic).pid}
    bench.pool.renew(0, Device.CPU)
    (_, done) = bench.wait(2)
    assert done.failure is None, "what it works on is finished"
    eventually(lambda: bench.process_ids == ())
    assert working != resting
    assert bench.errors == []


def test_an_idle_process_that_was_killed_is_no_fault(
    make_bench: Callable[..., Bench], song: Path
) -> None:
    bench = make_bench()
    bench.submit(1, song)
    bench.wait(1)
    (number,) = bench.process_ids
    psutil.Process(number).kill()
    eventually(lambda: bench.process_ids == ())
    bench.submit(2, song)
    assert bench.wait(2)[-1].failure is None
    assert bench.errors == []


def test_a_listener_that_raises_stops_nothing(
    make_bench: Callable[..., Bench], song: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make_bench()
    heard = threading.Event()

    def fail(outcome: Outcome) -> None:
        bench.pool._on_outcome = bench.take
        heard.set()
        raise RuntimeError("a bug in the listener")

    bench.pool._on_outcome = fail
    bench.submit(1, song)
    bench.submit(2, song)
    assert bench.wait(1)[0].task.track_id == 2
    assert heard.is_set()
    assert "a bug in the listener" in caplog.text


def test_close_is_quick_and_leaves_nothing(
    make_bench: Callable[..., Bench], epic: Path, song: Path
) -> None:
    bench = make_bench(workers=2)
    bench.submit(1, epic, PEAKS)
    bench.submit(2, song)
    bench.wait(1)
    bench.worker_on(epic)
    children = [psutil.Process(number) for number in bench.process_ids]
    began = time.monotonic()
    bench.pool.close()
    assert time.monotonic() - began < 2
    assert [child for child in children if child.is_running()] == []
    assert len(bench.outcomes) == 1
    bench.submit(3, song)
    bench.pool.close()


def test_handing_a_file_over_costs_less_than_a_millisecond(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    count = 400
    bench.submit(0, tmp_path / "gone.mp3")
    bench.wait(1)
    (number,) = bench.process_ids
    process = psutil.Process(number)

    def spent() -> float:
        times = process.cpu_times()
        return float(time.process_time() + times.user + times.system)

    before = spent()
    for n in range(count):
        bench.submit(n, tmp_path / "gone.mp3")
    bench.wait(count + 1)
    assert (spent() - before) / count < 0.001


_PROGRAM = """
import sys, time
from pathlib import Path
from msa_desktop.analysis.pool import Pool
from msa_desktop.analysis.worker import Task, Work

def tell(outcome):
    print(outcome.failure, flush=True)

if __name__ == "__main__":
    pool = Pool(2, float(sys.argv[1]), tell, on_error=print, device="cpu")
    pool.start()
    for number, path in enumerate(sys.argv[2:]):
        pool.submit(Task(number, path, Work.PEAKS))
    while len(pool.current) < 2:
        time.sleep(0.01)
    time.sleep(0.5)
    print(*(living.process.pid for living in pool._workers), flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def running_program(epic: Path, time_limit: float) -> Iterator[tuple[psutil.Popen, list[int]]]:
    """A program with two workers at work, and their process ids."""
    other = epic.with_name("other.wav")
    other.hardlink_to(epic)
    program = epic.with_name("program.py")
    program.write_text(_PROGRAM)
    command = [sys.executable, str(program), str(time_limit), str(epic), str(other)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        try:
            yield parent, [int(number) for number in parent.stdout.readline().split()]
        finally:
            parent.kill()


@on_posix
@pytest.mark.parametrize("hung", [False, True])
def test_workers_do_not_outlive_a_killed_program(epic: Path, hung: bool) -> None:
    if hung and sys.platform != "linux":
        pytest.skip("only Linux tells a process that cannot run that its parent died")
    with running_program(epic, 60) as (_, numbers):
        workers = [psutil.Process(number) for number in numbers]
        assert len(workers) == 2
        if hung:
            for process in workers:
                process.suspend()
    eventually(lambda: not any(map(_lives, workers)), patience=2)


@on_posix
def test_time_asleep_is_no_files_time(epic: Path) -> None:
    with running_program(epic, 5) as (parent, numbers):
        family = [parent, *map(psutil.Process, numbers)]
        for process in family:
            process.suspend()
        time.sleep(5)
        for process in family:
            process.resume()
        ready, _, _ = select.select([parent.stdout], [], [], 1)
        assert not ready, parent.stdout.readline()
        assert "took longer than 5 s" in parent.stdout.readline()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_processes_share_half_of_the_memory() -> None:
    half = psutil.virtual_memory().total // 2**21

    def most(memory: int) -> int:
        return Pool(8, 60, print, on_error=print, device=Device.CPU, memory=memory)._most

    assert most(1) == 8
    assert most(half // 3) == 3
    assert most(10 * half) == 1
