"""The process in which a language model runs: one question after another, until nobody asks.

Imported by the program itself for its messages, so llama.cpp is loaded inside the process alone.
"""

from __future__ import annotations

import ctypes
import logging
import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from msa_desktop.base import extras, processes
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.model import display_path

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_log = logging.getLogger(__name__)

_MAGIC = b"GGUF"
_BATCH = 256  # tokens read at once; a question is given up between two batches
_ERROR = 4  # GGML_LOG_LEVEL_ERROR of ggml.h
_LIKELY = 64  # the grammar is asked about the likeliest tokens first: all of them are 262,144
_DATA = "\u241fdata\u241f"  # where the data goes in a chat template; no template holds it
_TODAY = date(2024, 7, 26)  # for templates that ask: Llama 3.2's own where there is no clock
_NO_MEMORY = re.compile(
    r"insufficient memory|out of memory|(cannot|failed to|unable to) allocate|std::bad_alloc", re.I
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a model is run with.

    Attributes:
        path: The GGUF file.
        instruction: What comes before the data, the same for every question.
        cue: What comes after the data where the model has no chat template.
        threads: Cores to use.
        context: Tokens that a question and its answer may have together.
        gpu_layers: Layers to put on a graphics card where llama.cpp was built for one; -1: all.
        seed: Of the sampling; the likeliest token is taken, so it changes nothing but is kept.
        keep_prefix: Whether what is the same in every question is read once only.
    """

    path: str
    instruction: str
    cue: str
    threads: int = 1
    context: int = 4096
    gpu_layers: int = -1
    seed: int = 1
    keep_prefix: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded.

    Attributes:
        name: What the file calls it.
        has_template: Whether it was trained to chat, and says how.
    """

    name: str
    has_template: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        data: What is different from every other question. Nothing in it is a control token.
        grammar: What the answer may be, in llama.cpp's GBNF.
        longest: Tokens the answer may have.
    """

    data: str
    grammar: str
    longest: int


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        read: Tokens that were read for it, without those that were kept.
        written: Tokens of the answer.
        reading: Seconds.
        writing: Seconds.
    """

    text: str
    read: int
    written: int
    reading: float
    writing: float


@dataclass(frozen=True, slots=True)
class TooLong:
    """The question and its answer do not fit the context."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The question was given up because `Stop` came."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Sent while a question is being answered: the answer is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The process cannot work: a sentence for the person, and a trace where it is a fault."""

    reason: str
    trace: str = ""


def main(connection: Connection[Any, Any], options: Options) -> None:
    """The process's life: answers questions until the other end is closed.

    Args:
        connection: `Question` and `Stop` come in; `Ready`, `Reply`, `TooLong`, `Stopped` and
            `Broken` go out.
        options: What to run.
    """
    processes.settle_in()
    try:
        model = _Model(options, stopped=connection.poll)
        connection.send(Ready(model.name, model.has_template))
        while True:
            message = connection.recv()
            if isinstance(message, Question):  # a Stop that came too late has nothing to stop
                connection.send(model.answer(message))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody asks any more
    except UserError as error:
        connection.send(Broken(str(error)))
    except MemoryError:
        connection.send(Broken(_too_large(options.path)))
    except Exception as error:
        connection.send(Broken(f"{type(error).__name__}: {error}", traceback.format_exc()))


class _Model:
    """A loaded model.

    What is the same in every question is read once, and its state kept. Every question is read in
    the same batches whatever came before it, so that rounding is the same too: the same question
    has the same answer.

    Args:
        options: What to run.
        stopped: Whether the question at hand is to be given up.

    Raises:
        UserError: The file or llama.cpp cannot be used.
    """

    def __init__(self, options: Options, stopped: Callable[[], bool]) -> None:
        _check(options.path)
        try:
            # Heavy, and only ever wanted in this process.
            import llama_cpp  # noqa: PLC0415
        except (ImportError, OSError, RuntimeError) as error:
            raise UserError(
                "Language models need llama.cpp, which is not installed or does not load "
                f"({error}). Install it with: {extras.command('llm')}"
            ) from error
        self._api: Any = llama_cpp
        self._options = options
        self._stopped = stopped
        with self._complaints() as complaints:
            try:
                self._llm: Any = llama_cpp.Llama(
                    options.path,
                    n_gpu_layers=options.gpu_layers,
                    n_ctx=options.context,
                    n_batch=_BATCH,
                    n_threads=options.threads,
                    n_threads_batch=options.threads,
                    seed=options.seed,
                    swa_full=True,  # a sliding window's cache cannot be taken back to the prefix
                    verbose=False,
                )
            except MemoryError:
                raise
            except Exception as error:  # whatever happens here, the file made it happen
                if memory := next(filter(_NO_MEMORY.search, complaints), ""):
                    raise UserError(_too_large(options.path, memory)) from error
                why = complaints[0] if complaints else str(error)
                raise UserError(
                    f"{display_path(options.path)} cannot be used as a language model ({why}). "
                    "It may be damaged, or need a newer llama.cpp: verify the model, or install "
                    "it again."
                ) from error
        meta = self._llm.metadata
        self.name = str(meta.get("general.name") or meta.get("general.architecture") or "")
        template = meta.get("tokenizer.chat_template")
        tokens = (self._llm.token_bos(), self._llm.token_eos())
        bos, eos = (
            self._llm._model.token_get_text(token) if token >= 0 else "" for token in tokens
        )
        chat = framed(template, options.instruction, bos, eos) if template else None
        self.has_template = chat is not None
        before, after = chat or (options.instruction, options.cue)
        self._prefix = self._tokens(before.encode(), bos=self._lacks_bos(before))
        self._suffix = self._tokens(after.encode())
        self._kept = False

    def _lacks_bos(self, text: str) -> bool:
        token = self._llm.token_bos()
        return token >= 0 and not text.startswith(self._llm._model.token_get_text(token))

    def _tokens(self, text: bytes, *, bos: bool = False) -> list[int]:
        """Tokens of our own text, in which control tokens are meant."""
        tokens: list[int] = self._llm.tokenize(text, add_bos=bos, special=True)
        return tokens

    def answer(self, question: Question) -> Reply | TooLong | Stopped:
        """Answers a question."""
        data = self._llm.tokenize(question.data.encode(), add_bos=False, special=False)
        asked = [*data, *self._suffix]
        if len(self._prefix) + len(asked) + question.longest > self._llm.n_ctx():
            return TooLong()
        began = time.perf_counter()
        try:
            before = self._rewind()
            self._read(asked)
            read = time.perf_counter()
            answer = list(self._written(question))
        except Cancelled:
            return Stopped()
        text = self._llm.detokenize(answer).decode("utf-8", "replace")
        end = time.perf_counter()
        return Reply(text, before + len(asked), len(answer), read - began, end - read)

    def _rewind(self) -> int:
        """Back to the end of the prefix; returns how many tokens had to be read for it."""
        llm = self._llm
        if self._kept:
            llm.n_tokens = len(self._prefix)
            return 0
        llm.reset()
        self._read(self._prefix)
        recurrent = self._api.llama_model_is_recurrent(llm.model)
        hybrid = self._api.llama_model_is_hybrid(llm.model)
        self._kept = self._options.keep_prefix and not (recurrent or hybrid)
        return len(self._prefix)

    def _read(self, tokens: Sequence[int]) -> None:
        for at in range(0, len(tokens), _BATCH):
            if self._stopped():
                raise Cancelled
            self._llm.eval(tokens[at : at + _BATCH])

    def _written(self, question: Question) -> Iterator[int]:
        """The answer, token by token: always the likeliest that the grammar allows."""
        llm, api = self._llm, self._api
        vocabulary = api.llama_model_get_vocab(llm.model)
        grammar = api.llama_sampler_init_grammar(vocabulary, question.grammar.encode(), b"root")
        if not grammar:
            raise ValueError("llama.cpp does not understand the grammar")
        try:
            for _ in range(question.longest):
                logits = np.ctypeslib.as_array(
                    api.llama_get_logits_ith(llm.ctx, -1), (llm.n_vocab(),)
                )
                token = self._likeliest(logits, grammar)
                if token < 0 or api.llama_vocab_is_eog(vocabulary, token):
                    return
                api.llama_sampler_accept(grammar, token)
                yield token
                self._read([token])
        finally:
            api.llama_sampler_free(grammar)

    def _likeliest(self, logits: Any, grammar: Any) -> int:
        """The likeliest token that the grammar allows; -1 where it allows none."""
        some = np.argpartition(logits, -_LIKELY)[-_LIKELY:] if len(logits) > _LIKELY else ()
        for tokens in (some, np.arange(len(logits))):
            if len(tokens):
                array = (self._api.llama_token_data * len(tokens))()
                rows = np.ctypeslib.as_array(array)
                rows["id"], rows["logit"] = tokens, logits[tokens]
                offered = self._api.llama_token_data_array(array, len(tokens), -1, False)
                self._api.llama_sampler_apply(grammar, ctypes.byref(offered))
                allowed = rows["logit"]
                best = int(allowed.argmax())
                if np.isfinite(allowed[best]):
                    return int(rows["id"][best])
        return -1

    @contextmanager
    def _complaints(self) -> Iterator[list[str]]:
        """Collects what llama.cpp calls errors, which is where it says why a file is refused."""
        heard: list[str] = []

        @self._api.llama_log_callback  # type: ignore[untyped-decorator]
        def listen(level: int, text: bytes, _: object) -> None:
            if level == _ERROR and len(heard) < 20:
                heard.append(text.decode("utf-8", "replace").strip())

        self._listener = listen  # called for as long as the process lives
        self._api.llama_log_set(listen, ctypes.c_void_p(0))
        yield heard


def framed(template: str, instruction: str, bos: str, eos: str) -> tuple[str, str] | None:
    """What comes before and after the data in a chat.

    Args:
        template: The model's own, in Jinja2.
        instruction: What comes before the data, said by the user.
        bos: What the model calls the beginning of a text.
        eos: And its end.

    Returns:
        None where the template fails, or leaves out what is said.
    """
    from llama_cpp import llama_chat_format  # noqa: PLC0415 - heavy

    said = {"role": "user", "content": instruction + _DATA}
    try:
        make: Any = llama_chat_format.Jinja2ChatFormatter(template, bos_token=bos, eos_token=eos)
        make.strftime_now = _TODAY.strftime  # the true day would be another question every day
        before, found, after = make(messages=[said]).prompt.partition(_DATA)
    except Exception:  # a template is a program, and not ours
        _log.exception("the language model's chat template failed")
        return None
    return (before, after) if found else None


def _too_large(path: str, why: str = "") -> str:
    said = f" ({why})" if why else ""
    return (
        f"There is not enough memory for the language model {display_path(path)}{said}. Close "
        'other programs, lower the setting "llm_context", or take a smaller model.'
    )


def _check(path: str) -> None:
    """Raises UserError where the file is none, or no GGUF."""
    try:
        with open(path, "rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise UserError(
            f"The language model {display_path(path)} cannot be read ({error.strerror or error})."
        ) from error
    if magic != _MAGIC:
        raise UserError(f"{display_path(path)} is not a language model in the GGUF format.")
