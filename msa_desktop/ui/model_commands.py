"""What the actions on models do: install, cancel, verify, add, remove. All of it in threads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import ModelProgress
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.settings import Settings, TaggerChoice
from msa_desktop.services.models import Models, ModelStatus
from msa_desktop.ui import model_dialogs, model_words
from msa_desktop.ui.actions import Act, Actions, Place
from msa_desktop.ui.bridge import Background, sentence
from msa_desktop.ui.model_dialogs import ModelDialog, Offer
from msa_desktop.ui.model_words import Doing, Entry, Trouble
from msa_desktop.ui.models_page import ModelsPage

_AT_ONCE = 3
_GGUF = "Language models (*.gguf);;All files (*)"
_T = TypeVar("_T")


class ModelCommands(QObject):
    """Connects the actions on models with the service and the page.

    The network is touched by an install alone, and by asking for the size of a model whose size
    only its server knows, which is the first step of its install.

    Args:
        models: The service.
        settings: Those in force.
        background: Where short reading is done; installs have threads of their own.
        actions: The window's actions.
        page: What shows the models.
        changed: Called in a background thread when models came or went.
        window: The parent of dialogs and menus.

    Signals:
        said: A piece of news for the person.
        failed: What went wrong with no model in particular (an exception).
        language_missing: Whether the settings ask for a language model that cannot be run.
    """

    said = Signal(str)
    failed = Signal(Exception)
    language_missing = Signal(bool)

    def __init__(
        self,
        models: Models,
        settings: Callable[[], Settings],
        background: Background,
        actions: Actions,
        page: ModelsPage,
        changed: Callable[[], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._models = models
        self._settings = settings
        self._background = background
        self._actions = actions
        self._page = page
        self._changed = changed
        self._window = window
        self._work = Background(self, threads=_AT_ONCE)
        self._asking = Background(self, threads=1)  # sizes are told while downloads go on
        self._running: dict[str, CancelToken] = {}
        self._agreed: set[str] = set()
        page.opened.connect(self.refresh)
        page.menu_asked.connect(self._open_menu)
        handlers: dict[Act, Callable[[Entry], None]] = {
            Act.INSTALL_MODEL: self._offer,
            Act.CANCEL_MODEL: self._cancel,
            Act.VERIFY_MODEL: self._verify,
            Act.ADD_MODEL_FILES: self._choose_files,
            Act.REMOVE_MODEL: self._ask_remove,
            Act.MODEL_TERMS: self._show_terms,
            Act.COPY_COMMAND: self._copy_command,
        }
        for act, handler in handlers.items():
            actions[act].triggered.connect(partial(self._with_current, handler))
        actions[Act.ADD_OWN_MODEL].triggered.connect(self._choose_own)

    def refresh(self) -> None:
        """Reads again how the models stand."""
        self._background.run(
            self._models.list, self._page.show_models, key="models", failed=self._cannot_list
        )

    def check_language(self) -> None:
        """Looks whether the language model is here that the settings ask for."""
        if self._settings().tagger is not TaggerChoice.MODEL:
            self.language_missing.emit(False)
            return
        self._background.run(self._models.language_models, self._tell_language, key="language")

    def take_progress(self, progress: ModelProgress) -> None:
        """Shows how far a model is."""
        if progress.model in self._running:
            self._page.show_progress(progress)

    def close(self) -> None:
        """Ends what goes on; what came of downloads is kept."""
        for token in self._running.values():
            token.cancel()
        self._asking.close()
        self._work.close()

    # Installing

    def _offer(self, entry: Entry) -> None:
        status = entry.status
        model_id = status.model.id
        if model_id in self._agreed:
            self._install(model_id)
            return
        if status.to_download is None:
            self._page.change(model_id, doing=Doing.MEASURE, trouble=None)
        self._asking.run(
            partial(_measure, self._models, status),
            self._ask_install,
            key=f"offer {model_id}",
            failed=partial(self._ended_badly, model_id, Act.INSTALL_MODEL),
        )

    def _ask_install(self, offer: Offer) -> None:
        model_id = offer.status.model.id
        self._page.change(model_id, doing=None)
        dialog = ModelDialog(offer.status, offer, self._window)
        for one in (offer.status, *offer.needs):
            dialog.accepted.connect(partial(self._install, one.model.id))
        dialog.open()

    def _install(self, model_id: str) -> None:
        self._agreed.add(model_id)
        work = partial(_install, self._models, model_id)
        self._begin(model_id, Doing.INSTALL, Act.INSTALL_MODEL, work, "is installed.")

    def _cancel(self, entry: Entry) -> None:
        token = self._running.get(entry.status.model.id)
        if token is not None:
            token.cancel()
            self._page.change(entry.status.model.id, stopping=True)

    # Files that the person has

    def _choose_files(self, entry: Entry) -> None:
        model = entry.status.model
        names = ", ".join(file.name for file in model.files)
        several = len(model.files) > 1
        what = "the folder with" if several else ""
        dialog = self._file_dialog(f"Choose {what} {names}", folder=several)
        dialog.filesSelected.connect(partial(self._add, model.id))
        dialog.open()

    def _choose_own(self) -> None:
        dialog = self._file_dialog("Choose a GGUF file", folder=False)
        dialog.setNameFilter(_GGUF)
        dialog.fileSelected.connect(self._add_own)
        dialog.open()

    def _file_dialog(self, title: str, *, folder: bool) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        mode = QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFile
        dialog.setFileMode(mode)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Add")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _add(self, model_id: str, paths: Sequence[str]) -> None:
        work = partial(_add, self._models, model_id, tuple(paths))
        self._begin(model_id, Doing.ADD, Act.ADD_MODEL_FILES, work, "is installed.")

    def _add_own(self, path: str) -> None:
        self.said.emit(f"Adding {display_path(os.path.basename(path))}…")  # it has no row yet
        self._add(model_words.new_id(path, {*self._page.ids(), *self._running}), [path])

    # What is here

    def _verify(self, entry: Entry) -> None:
        model_id = entry.status.model.id
        work = partial(_verify, self._models, model_id)
        self._begin(model_id, Doing.VERIFY, Act.VERIFY_MODEL, work, "is whole.")

    def _ask_remove(self, entry: Entry) -> None:
        remove = partial(self._remove, entry.status.model.id)
        model_dialogs.ask_remove(self._window, entry.status, remove)

    def _remove(self, model_id: str, *_clicked: bool) -> None:
        self._agreed.discard(model_id)
        work = partial(_remove, self._models, model_id)
        self._begin(model_id, Doing.REMOVE, Act.REMOVE_MODEL, work, "is removed.")

    def _show_terms(self, entry: Entry) -> None:
        ModelDialog(entry.status, None, self._window).open()

    def _copy_command(self, entry: Entry) -> None:
        QApplication.clipboard().setText(entry.status.extra_command)
        self.said.emit(f"Copied: {entry.status.extra_command}")

    # Work

    def _begin(
        self,
        model_id: str,
        doing: Doing,
        act: Act,
        work: Callable[[CancelToken], _T],
        news: str,
    ) -> None:
        if model_id in self._running:
            return
        token = self._running[model_id] = CancelToken()
        self._page.change(model_id, doing=doing, stopping=False, trouble=None)
        self._work.run(
            partial(work, token),
            partial(self._ended, model_id, news),
            failed=partial(self._ended_badly, model_id, act),
        )

    def _ended(self, model_id: str, news: str, status: ModelStatus) -> None:
        self._agreed.discard(model_id)
        self._rest(model_id, None)
        self._background.run(self._changed)
        self.said.emit(f"{status.model.title} {news}")

    def _ended_badly(self, model_id: str, act: Act, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self._agreed.discard(model_id)
            self._rest(model_id, None)
        elif model_id not in self._page.ids():
            self._rest(model_id, None)
            self.failed.emit(error)
        elif (
            isinstance(error, _Damaged) and not self._page.row(model_id).entry.status.model.built_in
        ):
            self._rest(model_id, Trouble(str(error), Act.REMOVE_MODEL, "Remove…"))
        else:
            button = "Choose again…" if act is Act.ADD_MODEL_FILES else "Retry"
            self._rest(model_id, Trouble(sentence(error), act, button))

    def _rest(self, model_id: str, trouble: Trouble | None) -> None:
        self._running.pop(model_id, None)
        self._page.change(model_id, doing=None, stopping=False, trouble=trouble)
        self.refresh()
        self.check_language()

    def _tell_language(self, models: Sequence[ModelStatus]) -> None:
        usable = [status.model.id for status in models if status.usable]
        chosen = self._settings().llm_model
        self.language_missing.emit(chosen not in usable if chosen else not usable)

    def _cannot_list(self, error: Exception) -> None:
        self._page.explain(sentence(error))

    def _with_current(self, handler: Callable[[Entry], None], *_checked: bool) -> None:
        entry = self._page.current()
        if entry is not None:
            handler(entry)

    def _open_menu(self, at: QPoint) -> None:
        self._actions.context_menu(Place.MODEL_MENU, self._window).popup(at)


class _Damaged(UserError):  # noqa: N818 - a finding
    """A model's files are not what was installed."""


def _measure(models: Models, status: ModelStatus) -> Offer:
    size = models.measure(status.model.id)
    folder = Path(os.path.abspath(status.folder))
    there = next(parent for parent in folder.parents if parent.is_dir())
    needs = models.needs(status.model.id)
    return Offer(status, size, shutil.disk_usage(there).free, needs)


def _install(models: Models, model_id: str, cancel: CancelToken) -> ModelStatus:
    models.install(model_id, cancel)
    return models.status(model_id)


def _add(models: Models, model_id: str, paths: Sequence[str], cancel: CancelToken) -> ModelStatus:
    models.add(model_id, paths, cancel)
    return models.status(model_id)


def _verify(models: Models, model_id: str, cancel: CancelToken) -> ModelStatus:
    problems = models.verify(model_id, cancel)
    status = models.status(model_id)
    if problems:
        cure = (
            "Install the program again" if status.model.built_in else "Remove it, then install it"
        )
        raise _Damaged(f"{'; '.join(problems)}. {cure}.")
    return status


def _remove(models: Models, model_id: str, cancel: CancelToken) -> ModelStatus:
    del cancel
    status = models.status(model_id)
    models.remove(model_id)
    return status
