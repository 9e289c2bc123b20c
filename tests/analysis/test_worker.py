"""What a worker makes of errors, and what it may not load."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from msa_desktop.analysis import worker
from msa_desktop.analysis.features import Features
from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import TrackId


class Raising:
    """Fails at every file, as a decoder or an encoder may."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, task: Task) -> worker.Outcome:
        assert task.work is Work.READ
        raise self.error


def finish(error: Exception, path: Path) -> worker.Finished:
    task = Task(TrackId(1), str(path), Work.READ)
    (finished,) = worker._work(cast(Features, Raising(error)), [task])
    return finished


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AudioError("The file is empty."), "The file is empty."),
        (os_error(errno.EACCES), "The program is not allowed to read this file."),
        (os_error(errno.EIO), "The disk failed while this file was read"),
        (os_error(errno.ENOTCONN), "The system could not read this file"),
        (MemoryError(), "There was not enough memory for this file."),
    ],
)
def test_errors_become_sentences(tmp_path: Path, error: Exception, words: str) -> None:
    finished = finish(error, tmp_path)
    assert finished.outcome.failure is not None
    assert finished.outcome.failure.startswith(words)
    assert finished.trace == ""
    assert finished.outcome.passing == (not isinstance(error, AudioError))


@pytest.mark.parametrize("error", [AudioError("It is cut off."), os_error(errno.ENOENT)])
def test_a_vanished_file_is_said_to_have_vanished(tmp_path: Path, error: Exception) -> None:
    finished = finish(error, tmp_path / "gone.mp3")
    assert finished.outcome.failure == "The file is no longer there."
    assert finished.outcome.passing


def test_a_bug_is_told_with_its_trace(tmp_path: Path) -> None:
    finished = finish(ValueError("bad shape"), tmp_path)
    assert finished.outcome.failure == (
        "The program stumbled over this file (ValueError: bad shape). Please report it."
    )
    assert "raise self.error" in finished.trace


def test_the_program_itself_loads_no_decoder_and_no_encoder() -> None:
    code = (
        "import sys, msa_desktop.analysis.pool;"
        "print([m for m in ('av', 'onnxruntime', 'psutil', 'msa_desktop.audio.decode',"
        " 'msa_desktop.encoders', 'PySide6') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_worker_can_set_its_threads_before_numpy_loads() -> None:
    code = "import sys, msa_desktop.analysis.worker; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
