"""The models folder: one folder a model, with a manifest of what is in it.

A model is there if its manifest is. A new one is made in `.incoming`, manifest last, and moved into
place as a whole: a program that was killed leaves either no model or all of it. What came of it so
far stays in `.incoming`, and the next install goes on from there.
"""

from __future__ import annotations

import os
import shutil
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import filelock
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.weights import files
from msa_desktop.weights.catalogue import ID, FileName, Kind

MANIFEST = "installed.toml"
_INCOMING = ".incoming"
_OLD = ".old"


class InstalledFile(BaseModel):
    """One file as it was when it was installed.

    Attributes:
        name: Below the model's folder, with "/" between parts.
        came_as: SHA-256 of the PyTorch file that it was converted from, or "".
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: FileName
    size: Annotated[int, Field(ge=0)]
    sha256: str
    came_as: str = ""


class Installed(BaseModel):
    """A model's manifest.

    Attributes:
        source: Where it came from, with the revision.
        installed_at: Local time, as ISO 8601.
        title: What a model that is in no catalogue calls itself, or "".
        kind: What such a model is for, or None.
        damaged: What reading the files whole found wrong, one sentence each.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    source: str
    installed_at: str
    title: str = ""
    kind: Kind | None = None
    damaged: tuple[str, ...] = ()
    files: Annotated[tuple[InstalledFile, ...], Field(min_length=1)]


class Shelf:
    """The folder of the installed models.

    Args:
        root: It need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, model_id: str) -> Path:
        """Where a model is, or would be."""
        return self.root / model_id

    def incoming(self, model_id: str) -> Path:
        """Where a model is made."""
        return self.root / _INCOMING / model_id

    def ids(self) -> list[str]:
        """The models that have a manifest, sorted."""
        if not self.root.is_dir():
            return []
        names = (entry.name for entry in self.root.iterdir() if (entry / MANIFEST).is_file())
        return sorted(name for name in names if ID.fullmatch(name))

    def read(self, model_id: str) -> Installed | None:
        """A model's manifest; None where there is none.

        Raises:
            UserError: It cannot be read.
        """
        path = self.folder(model_id) / MANIFEST
        try:
            installed = Installed.model_validate(tomllib.loads(path.read_text("utf-8")))
            if installed.id != model_id:
                raise ValueError(installed.id)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise UserError(f"{display_path(str(path))} cannot be read.") from error
        return installed

    def problems(self, installed: Installed) -> list[str]:
        """What a quick look finds wrong, and what a thorough one found.

        A quick one sees files that are missing or of another size.
        """
        folder = self.folder(installed.id)
        found = list(installed.damaged)
        for file in installed.files:
            try:
                size = (folder / file.name).stat().st_size
            except OSError:
                found.append(f"{file.name} is missing")
                continue
            if size != file.size:
                found.append(f"{file.name} has {size} bytes, not {file.size}")
        return found

    @contextmanager
    def lock(self, model_id: str) -> Iterator[None]:
        """For the one who may change a model.

        Raises:
            UserError: Somebody else is at it, in this process or another; or there can be no lock.
        """
        folder = self.root / _INCOMING
        with files.writing(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder / f"{model_id}.lock", timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout:
                raise UserError(
                    f"{model_id} is being installed or removed already. Wait for it, or cancel it."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def publish(self, installed: Installed) -> None:
        """Puts what was made in `incoming` in place; a former one goes.

        The lock is held by the caller.
        """
        made, folder = self.incoming(installed.id), self.folder(installed.id)
        old = made.with_name(made.name + _OLD)
        _write(installed, made / MANIFEST)
        for parent in {made, *(path.parent for path in map(made.joinpath, _names(installed)))}:
            files.flush_folder(parent)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            os.replace(folder, old)
        os.replace(made, folder)
        files.flush_folder(self.root)
        shutil.rmtree(old, ignore_errors=True)

    def note(self, installed: Installed) -> None:
        """Writes a model's manifest anew, in one step. The lock is held by the caller."""
        manifest = self.folder(installed.id) / MANIFEST
        unfinished = manifest.with_name(f"{MANIFEST}.part")
        _write(installed, unfinished)
        os.replace(unfinished, manifest)

    def remove(self, model_id: str) -> None:
        """Takes a model away, and what came of a new one. The lock is held by the caller."""
        manifest = self.folder(model_id) / MANIFEST
        manifest.unlink(missing_ok=True)  # first: half a model must not look like one
        for folder in (self.folder(model_id), self.incoming(model_id)):
            if folder.exists():
                shutil.rmtree(folder)


def _write(installed: Installed, path: Path) -> None:
    table: dict[str, Any] = installed.model_dump(mode="json", exclude_none=True)
    with path.open("wb") as file:
        tomli_w.dump(table, file)
        files.flush(file)


def now() -> str:
    """Local time as a manifest has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _names(installed: Installed) -> list[str]:
    return [file.name for file in installed.files]
