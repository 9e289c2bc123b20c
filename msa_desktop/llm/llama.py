"""The tagger that asks a language model: it chooses among what is known, and words it.

The model supplies no facts. Its tags are candidates that the evidence made, with the evidence's own
confidence; its sentence is used only where every word of it has a reason. Where there is no answer,
or none that can be used, the answer is that of the rules.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.proposals import MOST_VALUES, Suggestion
from msa_desktop.llm import candidates, prompt
from msa_desktop.llm._base import NO_TOKENS, Evidence, Room, Tokens
from msa_desktop.llm._engine import Options, Question, Reply
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.candidates import Candidates, Wanted
from msa_desktop.llm.grounding import Grounding, Ungrounded
from msa_desktop.llm.process import ModelProcess
from msa_desktop.llm.rules import RulesTagger
from msa_desktop.llm.words import Words

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """A model's answer, not believed yet.

    Attributes:
        tags: By field, the words it chose, as it was shown them, in its order.
        summary: Its sentence.
        tokens: What it wrote for this.
    """

    tags: Mapping[Field, tuple[str, ...]]
    summary: str
    tokens: Tokens = NO_TOKENS


class Backend(Protocol):
    """Something that runs a model."""

    kind: str
    """The first part of a tagger's id: where the model runs."""

    def ask(self, evidence: Evidence, known: Candidates, cancel: CancelToken | None) -> Told:
        """The model's answer on one track.

        Raises:
            ModelError: There is none; the message says why.
            Cancelled: The token was set, or the program is closing.
        """

    def close(self) -> None:
        """Gives back what it holds."""


class LlamaTagger:
    """Suggests tags and a summary that a language model chose and worded.

    Args:
        model: The model's id, such as "gemma-3-270m": a part of the tagger's own.
        backend: Runs it.
        rules: Says how sure the evidence makes each word, and answers where the model does not.
        words: The table of genres and moods.
        grounding: Checks sentences.
        tell: Called with the reason when the rules answer in the model's place; once in a run for
            each reason.
        wanted: Whether the person wants a word at all; None: every word.
    """

    def __init__(
        self,
        model: str,
        backend: Backend,
        rules: RulesTagger,
        words: Words,
        grounding: Grounding,
        *,
        tell: Callable[[str], None],
        wanted: Wanted | None = None,
    ) -> None:
        self.id = f"{backend.kind}-{model}-{prompt.VERSION}-s{prompt.SEED}"
        self.tokens = NO_TOKENS
        self.fallbacks = 0
        self._reason = f"chosen by {model}"
        self._backend = backend
        self._rules = rules
        self._words = words
        self._grounding = grounding
        self._tell = tell
        self._wanted = wanted
        self._told: set[str] = set()

    def begin(self) -> None:
        """A run over many tracks begins: the person is told anew why the rules answer."""
        self._told.clear()

    def suggest(
        self, evidence: Evidence, cancel: CancelToken | None = None, room: Room | None = None
    ) -> dict[Field, tuple[Suggestion, ...]]:
        """See `llm._base.Tagger`. The order of genres and moods is the model's.

        The model is not asked where nothing that it makes can be proposed.

        Raises:
            Cancelled: The token was set, or the program is closing.
        """
        found = self._rules.suggest(evidence)
        takes = room.takes if room else None
        known = candidates.gather(evidence, self._rules, self._words, self._wanted, takes)
        asked = _asked(known, room)
        if not asked:
            return found
        try:
            told = self._backend.ask(evidence, known, cancel)
        except ModelError as error:
            self.fallbacks += 1
            self._say(f"{error} The rules answer in the language model's place.")
            return found
        self.tokens += told.tokens
        made = self._made(told, known)
        self.fallbacks += not made.keys() & asked
        return found | made

    def close(self) -> None:
        """Ends the model."""
        self._backend.close()

    def _made(self, told: Told, known: Candidates) -> dict[Field, tuple[Suggestion, ...]]:
        """What of an answer can be used."""
        made: dict[Field, tuple[Suggestion, ...]] = {}
        for field, tags in known.offered.items():
            chosen = [tags[word] for word in dict.fromkeys(told.tags.get(field, ()))]
            if chosen:
                made[field] = tuple(map(self._signed, chosen[: MOST_VALUES[field]]))
        with suppress(Ungrounded):
            made[Field.SUMMARY] = (self._summary(told, known),)
        return made

    def _summary(self, told: Told, known: Candidates) -> Suggestion:
        """The model's sentence, as sure as the least sure of what it states."""
        grounded = self._grounding.check(told.summary, known)
        labels = dict.fromkeys(label for part in grounded.parts for label in part.labels)
        near = dict.fromkeys(near for part in grounded.parts for near in part.neighbours)
        return Suggestion(
            grounded.text,
            min(part.confidence for part in grounded.parts),
            tuple(labels),
            tuple(near)[:5],
            self._reason,
            self.id,
        )

    def _signed(self, made: Suggestion) -> Suggestion:
        reason = f"{made.reason}, {self._reason}" if made.reason else self._reason
        return replace(made, reason=reason, by=self.id)

    def _say(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._tell(reason)


class LocalModel:
    """A GGUF file, run in a process of its own."""

    kind = "llama"

    def __init__(self, process: ModelProcess, grounding: Grounding) -> None:
        self._process = process
        self._grounding = grounding

    def ask(self, evidence: Evidence, known: Candidates, cancel: CancelToken | None) -> Told:
        """See `Backend`."""
        grammar = self._grounding.grammar(known)
        for neighbours in prompt.NEIGHBOURS:
            asked = prompt.data(evidence, known, neighbours)
            reply = self._process.ask(Question(asked, grammar, prompt.LONGEST_ANSWER), cancel)
            if isinstance(reply, Reply):
                return replace(
                    parsed(reply.text, known), tokens=Tokens(reply.written, reply.writing)
                )
        raise ModelError(
            "What is known of a track does not fit the language model's context (the setting "
            '"llm_context").'
        )

    def close(self) -> None:
        """Ends the process."""
        self._process.close()


def options(path: str, **chosen: Any) -> Options:
    """What a model is run with; see `_engine.Options` for the rest."""
    return Options(path, prompt.INSTRUCTION, prompt.CUE, seed=prompt.SEED, **chosen)


def _asked(known: Candidates, room: Room | None) -> set[Field]:
    """The fields that a model's answer can bring something to."""
    found = {field for field, tags in known.offered.items() if tags}
    if any(known.tags.values()):
        found.add(Field.SUMMARY)
    return found if room is None else found & set(room.fields)


def parsed(text: str, known: Candidates) -> Told:
    """A model's JSON. Words that were not offered are dropped.

    Raises:
        ModelError: It is no JSON of the form that was asked for.
    """
    try:
        table = json.loads(text)
        tags = {
            field: tuple(word for word in _texts(table.get(field.value)) if word in offered)
            for field, offered in known.offered.items()
        }
        return Told(tags, str(table.get("summary", "")))
    except (ValueError, AttributeError, RecursionError) as error:
        raise ModelError("The language model's answer was cut short or is no answer.") from error


def _texts(value: object) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
