from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tagio.corpus import CASES


@pytest.fixture(scope="session")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds each file of the corpus once. Read only, please."""
    built: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in built:
            built[name] = CASES[name](tmp_path_factory.mktemp("corpus"))
        return built[name]

    return build


@pytest.fixture
def corpus(masters: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of one file of the corpus, to do with as one likes."""

    def copy(name: str) -> Path:
        return Path(shutil.copy(masters(name), tmp_path))

    return copy
