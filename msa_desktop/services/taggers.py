"""Which tagger the settings want: the rules, a language model here, or one in a server."""

from __future__ import annotations

import os
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
from msa_desktop.services.models import Models


class Taggers:
    """Makes the tagger that is wanted, and keeps it for as long as the settings stay the same.

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
        self._made_for: dict[str, object] = {}
        self._made: LlamaTagger | None = None

    def current(self) -> Tagger:
        """The tagger by the settings.

        Raises:
            UserError: They want a language model and there is none that can be run.
        """
        settings = self._settings()
        if settings.tagger is TaggerChoice.RULES:
            self.close()
            return self._rules
        wanted = settings.model_dump(include={"tagger", *_SETTINGS})
        if self._made is None or wanted != self._made_for:
            self.close()
            local = settings.tagger is TaggerChoice.MODEL
            name, backend = self._local(settings) if local else _server(settings)
            by = policy.rules(settings, self._words)
            self._made = LlamaTagger(
                name,
                backend,
                self._rules,
                self._words,
                self._grounding,
                tell=self._tell,
                wanted=partial(policy.is_wanted, by=by),
            )
            self._made_for = wanted
        return self._made

    def close(self) -> None:
        """Ends a model that runs."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _local(self, settings: Settings) -> tuple[str, Backend]:
        found = [
            status
            for status in self._models.language_models()
            if status.usable and settings.llm_model in ("", status.model.id)
        ]
        if not found:
            if settings.llm_model:
                self._models.path(settings.llm_model)  # says what is amiss with it
            raise UserError(
                "There is no language model yet. Install one on the Models page (or with "
                'msa-desktop models install ID), or set "tagger" to rules.'
            )
        process = ModelProcess(
            llama.options(
                str(found[0].file),
                threads=settings.llm_threads or max(1, (os.cpu_count() or 2) - 1),
                context=settings.llm_context,
                gpu_layers=settings.llm_gpu_layers,
            ),
            idle_limit=settings.llm_idle_seconds,
            memory_limit=settings.llm_memory_megabytes * 10**6,
        )
        return found[0].model.id, LocalModel(process, self._grounding)

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
