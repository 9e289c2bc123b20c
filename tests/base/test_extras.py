"""The command that installs an extra must work as it is told."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import msa_desktop
from msa_desktop.base import extras

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shlex reads another shell")

Place = Callable[[str], Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Has the program lie in a folder of that name."""

    def one(name: str) -> Path:
        package = tmp_path / name / "msa_desktop"
        package.mkdir(parents=True)
        monkeypatch.setattr(msa_desktop, "__file__", str(package / "__init__.py"))
        return package.parent

    return one


def test_a_checkout_installs_itself(place: Place) -> None:
    project = place("my project's")
    (project / "pyproject.toml").touch()
    words = [sys.executable, "-m", "pip", "install", "-e", f"{project}[clap]"]
    assert shlex.split(extras.command("clap")) == words


def test_elsewhere_what_the_extra_is_made_of_is_installed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("site-packages")
    said = ["numpy>=2.0", "torch>=2.6; extra == 'clap'", 'a[b]>=1,<2 ; extra == "clap"']
    said += ["demucs>=4.1; extra == 'stems'"]
    monkeypatch.setattr(metadata, "requires", {"msa-desktop": said}.__getitem__)
    command = shlex.split(extras.command("clap"))
    assert command[3:] == ["install", "torch>=2.6", "a[b]>=1,<2"]
