"""Other programs measured beside ours, each in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from msa_desktop.base.model import FloatArray

_BLISS = """
import json, sys, time
import bliss_audio
for line in sys.stdin:
    began = time.process_time()
    try:
        vector = list(bliss_audio.Song(json.loads(line)).analysis)
    except Exception as error:
        vector = None
    print(json.dumps([vector, time.process_time() - began]), flush=True)
"""


@dataclass(frozen=True)
class Analysed:
    """One file as a peer heard it; the vector is None where it could not."""

    vector: FloatArray | None
    cpu_seconds: float


class Bliss:
    """bliss-audio, asked file by file, so that a noisy machine disturbs both sides alike.

    Args:
        python: An interpreter that has bliss-audio installed.
    """

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _BLISS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @staticmethod
    def installed(python: str) -> bool:
        """Whether the interpreter has bliss-audio."""
        command = [python, "-c", "import bliss_audio"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @property
    def pid(self) -> int:
        """The process, to measure its memory."""
        return self._process.pid

    def analyse(self, path: str) -> Analysed:
        """Has one file analysed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(path) + "\n")
        self._process.stdin.flush()
        vector, seconds = json.loads(self._process.stdout.readline())
        return Analysed(None if vector is None else np.array(vector, np.float32), seconds)

    def __enter__(self) -> Bliss:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
