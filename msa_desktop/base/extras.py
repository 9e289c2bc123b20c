"""The package's extras: how a person installs one."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import msa_desktop
from msa_desktop.base.model import display_path

_PACKAGE = "msa-desktop"


def command(name: str) -> str:
    """What a person types to install an extra into the Python that runs this.

    In a checkout pip installs the checkout. Elsewhere it installs what the extra is made of: the
    package may have come from a file, and its name alone need not lead to it.
    """
    project = Path(msa_desktop.__file__).resolve().parent.parent
    if (project / "pyproject.toml").is_file():
        what = ["-e", f"{project}[{name}]"]
    else:
        what = _requirements(name)
    return display_path(_line([sys.executable, "-m", "pip", "install", *what]))


def _requirements(name: str) -> list[str]:
    """What the installed package says that the extra brings."""
    marks = {f"extra=='{name}'", f'extra=="{name}"'}
    parts = [one.partition(";") for one in metadata.requires(_PACKAGE) or ()]
    return [what.strip() for what, _, mark in parts if mark.replace(" ", "") in marks]


def _line(words: list[str]) -> str:
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
