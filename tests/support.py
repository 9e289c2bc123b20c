"""What several tests share: the program as a subprocess, and small sounds as files."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answer:
    """What one command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """The program's command line, as a person runs it, on a data folder of its own."""

    data_dir: Path

    def command(self, *arguments: str | Path) -> list[str | Path]:
        return [sys.executable, "-m", "msa_desktop", "--data-dir", self.data_dir, *arguments]

    def __call__(self, *arguments: str | Path, timeout: float = 240, **options: Any) -> Answer:
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
            **options,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


def write_wav(
    path: Path,
    seconds: float,
    *,
    pitch: float = 220.0,
    level: float = 0.3,
    rate: int = 16_000,
    channels: int = 1,
    width: int = 2,
) -> Path:
    """Writes two steady tones as WAV; silence at level 0."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        for start in range(0, round(seconds * rate), rate * 60):
            count = min(rate * 60, round(seconds * rate) - start)
            time = (start + np.arange(count)) / rate
            sound = np.sin(2 * np.pi * pitch * time) + np.sin(2 * np.pi * 1.5 * pitch * time)
            whole = (level / 2 * sound * (2.0 ** (8 * width - 1) - 1)).astype("<i4")
            frames = np.repeat(whole[:, None], channels, axis=1)
            file.writeframes(frames.view("u1").reshape(-1, channels, 4)[:, :, :width].tobytes())
    return path
