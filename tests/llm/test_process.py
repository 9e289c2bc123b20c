"""Real processes that crash, hang and grow: each costs one answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.jobs import CancelToken
from msa_desktop.llm import _rest
from msa_desktop.llm._engine import Options, Question, Reply, TooLong
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.process import ModelProcess
from tests.support_llm import scripted

PATIENCE = 30.0

Make = Callable[..., ModelProcess]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[ModelProcess] = []

    def start(path: str = "", **chosen: float) -> ModelProcess:
        options = Options(path, "", "")
        made.append(ModelProcess(options, main=scripted, **chosen))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for process in made:
        process.close()


def ask(model: ModelProcess, data: str, cancel: CancelToken | None = None) -> Reply | TooLong:
    return model.ask(Question(data, "", 10), cancel)


def pid_of(model: ModelProcess) -> int:
    reply = ask(model, "hello")
    assert isinstance(reply, Reply)
    return int(json.loads(reply.text)["pid"])


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_starts_with_the_first_question_and_stays(make: Make) -> None:
    model = make()
    assert model.pid is None
    first = pid_of(model)
    assert first == model.pid == pid_of(model) != os.getpid()


def test_gives_its_memory_back_when_idle(make: Make) -> None:
    model = make(idle_limit=0.2)
    first = pid_of(model)
    wait_for(lambda: model.pid is None)
    assert not psutil.pid_exists(first)
    assert pid_of(model) != first


def test_unloaded_it_is_loaded_by_the_next_question(make: Make) -> None:
    model = make()
    model.unload()
    first = pid_of(model)
    model.unload()
    wait_for(lambda: model.pid is None)
    assert not psutil.pid_exists(first)
    assert pid_of(model) != first


def test_a_crash_costs_one_answer(make: Make) -> None:
    model = make()
    first = pid_of(model)
    with pytest.raises(ModelError, match=r"ended by signal 15 \(SIGTERM\)"):
        ask(model, "crash")
    assert pid_of(model) != first


def test_killed_between_two_questions(make: Make) -> None:
    model = make()
    psutil.Process(pid_of(model)).kill()
    with pytest.raises(ModelError, match="signal 9"):
        ask(model, "hello")
    pid_of(model)


def test_a_hang_costs_one_answer(make: Make) -> None:
    model = make(answer_limit=0.5)
    first = pid_of(model)
    with pytest.raises(ModelError, match=r"no answer within 0\.5 s"):
        ask(model, "hang")
    assert not psutil.pid_exists(first)
    assert pid_of(model) != first


def test_too_much_memory_costs_one_answer(make: Make) -> None:
    model = make(memory_limit=256 * 10**6)
    with pytest.raises(ModelError, match=r"more than the 256 MB .*llm_memory_megabytes"):
        ask(model, "memory")
    pid_of(model)


def test_failing_over_and_over_it_is_left_alone_for_a_while(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rest, "_FIRST", 0.3)
    model = make()
    for _ in range(2):
        with pytest.raises(ModelError):
            ask(model, "crash")
    began = time.monotonic()
    pid_of(model)
    assert time.monotonic() - began > 0.2


def test_closing_ends_a_rest(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "_FIRST", 15.0)
    model = make()
    for _ in range(2):
        with pytest.raises(ModelError):
            ask(model, "crash")
    threading.Timer(0.2, model.close).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(model, "hello")
    assert time.monotonic() - began < 10


def test_a_model_that_does_not_load_is_not_tried_at_once_again(make: Make) -> None:
    model = make("broken")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"The file is no model\."):
            ask(model, "hello")
    assert model.pid is None


def test_a_process_that_dies_while_it_loads(make: Make) -> None:
    with pytest.raises(ModelError, match="signal 15"):
        ask(make("crash"), "hello")


def test_a_fault_of_the_program_is_said_as_one(make: Make) -> None:
    with pytest.raises(ModelError, match="stumbled over the language model"):
        ask(make(), "fault")


def test_too_long_a_question_is_no_failure(make: Make) -> None:
    model = make()
    assert isinstance(ask(model, "long"), TooLong)
    pid_of(model)


def test_cancelling_gives_up_the_answer_and_keeps_the_model(make: Make) -> None:
    model = make()
    first = pid_of(model)
    cancel = CancelToken()
    threading.Timer(0.2, cancel.cancel).start()
    with pytest.raises(Cancelled):
        ask(model, "stoppable", cancel)
    assert pid_of(model) == first


def test_a_question_cancelled_before_it_is_asked(make: Make) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        ask(make(), "hello", cancel)


def test_closing_ends_the_answer_under_way_and_those_that_wait(make: Make) -> None:
    model = make()
    first = pid_of(model)
    ends: list[BaseException] = []

    def run() -> None:
        try:
            ask(model, "hang")
        except Cancelled as error:
            ends.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    model.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(ends) == 2
    assert not psutil.pid_exists(first)
    with pytest.raises(Cancelled):
        ask(model, "hello")


def test_several_threads_each_get_their_own_answer(make: Make) -> None:
    model = make()
    said: dict[int, str] = {}

    def run(number: int) -> None:
        reply = ask(model, f"number {number}")
        assert isinstance(reply, Reply)
        said[number] = json.loads(reply.text)["data"]

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert said == {n: f"number {n}" for n in range(8)}


def test_the_process_outlives_the_thread_that_asked(make: Make) -> None:
    model = make()
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(pid_of(model)))
    thread.start()
    thread.join(PATIENCE)
    assert pid_of(model) == found[0]


def test_the_process_does_not_outlive_the_program() -> None:
    code = (
        "from msa_desktop.llm._engine import *; from msa_desktop.llm.process import ModelProcess\n"
        "from tests.support_llm import scripted\n"
        "if __name__ == '__main__':\n"
        "    p = ModelProcess(Options('', '', ''), main=scripted)\n"
        "    p.ask(Question('hello', '', 1)); print(p.pid, flush=True)\n"
        "    p.ask(Question('hang', '', 1))\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root
    ) as program:
        assert program.stdout is not None
        child = int(program.stdout.readline())
        program.kill()
    wait_for(lambda: not psutil.pid_exists(child))
