"""Which tagger the settings want: the rules, a language model here, or one in a server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial

from msa_desktop.base.errors import UserError
from msa_desktop.base.events import EventBus, Notice
from msa_desktop.base.settings import Settings, TaggerChoice
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm import llama
from msa_desktop.llm._base import Tagger
from msa_desktop.llm.grounding import Grounding
from msa_desktop.llm.llama import Backend, LlamaTagger, LocalModel
from msa_desktop.llm.process import ModelProcess
from msa_desktop.llm.rules import RulesTagger
from msa_desktop.llm.server import ServerModel
from msa_desktop.llm.words import Words
from msa_desktop.services import policy
from msa_desktop.services.models import Models, ModelState, ModelStatus
from msa_desktop.weights.catalogue import Kind


class Taggers:
    """Makes the tagger that is wanted, and keeps it while the settings and the model are the same.

    Thread-safe.

    Args:
        words: The table of genres and moods.
        vocabulary: The words for what is heard.
        models: The models that are installed.
        settings: The settings in force.
        events: Where it is told that the rules answer in a model's place.
    """

    def __init__(
        self,
        words: Words,
        vocabulary: Vocabulary,
        models: Models,
        settings: Callable[[], Settings],
        events: EventBus,
    ) -> None:
        self._words = words
        self._models = models
        self._settings = settings
        self._events = events
        self._rules = RulesTagger(words, vocabulary, policy.Wording(settings, words))
        self._grounding = Grounding(vocabulary)
        self._lock = threading.Lock()
        self._made_for: object = None
        self._made: LlamaTagger | None = None
        self._process: ModelProcess | None = None

    def current(self) -> Tagger:
        """The tagger by the settings.

        Raises:
            UserError: They want a language model and there is none that can be run.
        """
        settings = self._settings()
        with self._lock:
            try:
                wanted = self._wanted(settings)
            except UserError:
                self._end()
                raise
            if wanted is None:
                self._end()
                return self._rules
            if self._made is None or wanted != self._made_for:
                self._end()
                self._made, self._made_for = self._make(settings), wanted
            self._made.begin()
            return self._made

    def models_changed(self) -> None:
        """Gives back the memory of a model that is there no more, or not the one to use.

        Where it is at work, it is loaded again, if it can be: what has begun goes on.
        """
        with self._lock:
            if self._process is None:
                return
            try:
                same = self._wanted(self._settings()) == self._made_for
            except UserError:
                same = False
            if not same:
                self._process.unload()

    def close(self) -> None:
        """Ends a model that runs."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._made is not None:
            self._made.close()
            self._made = self._process = None

    def _wanted(self, settings: Settings) -> tuple[object, ...] | None:
        """What a tagger is made for: settings, and a model as it is installed; None for the rules.

        Raises:
            UserError: There is no model that can be run.
        """
        if settings.tagger is TaggerChoice.RULES:
            return None
        chosen = settings.model_dump(include={"tagger", *_SETTINGS})
        if settings.tagger is not TaggerChoice.MODEL:
            return (chosen,)
        model = self._model(settings.llm_model)
        return chosen, model.file, model.installed

    def _make(self, settings: Settings) -> LlamaTagger:
        local = settings.tagger is TaggerChoice.MODEL
        name, backend = self._local(settings) if local else _server(settings)
        by = policy.rules(settings, self._words)
        return LlamaTagger(
            name,
            backend,
            self._rules,
            self._words,
            self._grounding,
            tell=self._tell,
            wanted=partial(policy.is_wanted, by=by),
        )

    def _model(self, model_id: str) -> ModelStatus:
        """The language model to run: the one that is meant, or the largest that can be.

        Raises:
            UserError: It cannot be run, or there is none.
        """
        if model_id:
            meant = self._models.status(model_id)
            if meant.model.kind is not Kind.LLM:
                raise UserError(
                    f'{meant.model.title} is no language model (the setting "llm_model").'
                )
            here = [meant]
        else:
            found = [one for one in self._models.list() if one.model.kind is Kind.LLM]
            here = sorted(
                (one for one in found if one.state is not ModelState.MISSING),
                key=lambda one: (not one.usable, -(one.model.size or 0)),
            )
        if not here:
            raise UserError(
                "There is no language model yet. Install one on the Models page (or with "
                'msa-desktop models install ID), or set "tagger" to rules.'
            )
        self._models.path(here[0].model.id)  # says what is amiss with it
        return here[0]

    def _local(self, settings: Settings) -> tuple[str, Backend]:
        model = self._model(settings.llm_model)
        self._process = ModelProcess(
            llama.options(
                str(model.file),
                threads=settings.llm_threads or max(1, (os.cpu_count() or 2) - 1),
                context=settings.llm_context,
                gpu_layers=settings.llm_gpu_layers,
            ),
            idle_limit=settings.llm_idle_seconds,
            memory_limit=settings.llm_memory_megabytes * 10**6,
        )
        return model.model.id, LocalModel(self._process, self._grounding)

    def _tell(self, reason: str) -> None:
        self._events.publish(Notice(reason))


_SETTINGS = {name for name in Settings.model_fields if name.startswith("llm_")} | {
    "allowed_words",
    "denied_words",
    "renamed_words",
}


def _server(settings: Settings) -> tuple[str, Backend]:
    backend = ServerModel(
        settings.llm_server, settings.llm_server_model, remote=settings.llm_server_remote
    )
    return settings.llm_server_model or "its-own", backend
