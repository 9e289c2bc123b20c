from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from msa_desktop.app import App
from msa_desktop.base.paths import DataPaths
from tests.support import write_wav


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(DataPaths(tmp_path / "state")) as app:
        yield app


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for n in range(3):
        write_wav(folder / f"{n}.wav", 5, pitch=200 + 50 * n)
    return folder


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
