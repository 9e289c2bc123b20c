"""Where things lie: the program's own resources, and the folder that holds all its state."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

import msa_desktop

_APP = "msa-desktop"


def resources() -> Path:
    """The folder of read-only files shipped with the program.

    Inside the package in an installed or frozen program, beside it in a source checkout.
    """
    return _shipped("resources")


def indices() -> Path:
    """The folder of the reference indexes shipped with the program; found as `resources` is."""
    return _shipped("indices")


def _shipped(name: str) -> Path:
    package = Path(msa_desktop.__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


@dataclass(frozen=True, slots=True)
class DataPaths:
    """Every file of one data folder (`--data-dir`)."""

    root: Path

    @classmethod
    def default(cls) -> DataPaths:
        """The platform's data folder for this program."""
        return cls(Path(platformdirs.user_data_dir(_APP, appauthor=False)))

    @property
    def database(self) -> Path:
        """The SQLite file: the truth."""
        return self.root / "library.db"

    @property
    def journal(self) -> Path:
        """What was written into files, as SQLite: it alone can take writes back."""
        return self.root / "history.db"

    @property
    def settings(self) -> Path:
        """The settings, as TOML."""
        return self.root / "settings.toml"

    @property
    def indexes(self) -> Path:
        """The vector indexes: a cache, free to delete."""
        return self.root / "indexes"

    @property
    def models(self) -> Path:
        """The models that were installed, a folder each."""
        return self.root / "models"

    @property
    def references(self) -> Path:
        """The reference indexes that the person built or took in, a folder each."""
        return self.root / "references"

    @property
    def stems(self) -> Path:
        """Tracks that were taken apart, a folder each: a cache, free to delete."""
        return self.root / "stems"

    @property
    def logs(self) -> Path:
        """The program's own log files."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the one process that may write."""
        return self.root / "writer.lock"


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it, by name alone."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def outermost(paths: Iterable[str]) -> list[str]:
    """The paths that are inside none of the others: a walk goes into what is below."""
    kept: list[str] = []
    for path in sorted(paths, key=len):
        if not any(is_inside(path, outer) for outer in kept):
            kept.append(path)
    return kept
