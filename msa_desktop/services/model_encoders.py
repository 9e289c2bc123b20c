"""What the encoders know of the models that they run: whether files fit, what else they need."""

from __future__ import annotations

import importlib
import os
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from msa_desktop import encoders
from msa_desktop.base import plugins, processes
from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.text import printable
from msa_desktop.encoders._base import EncoderModule
from msa_desktop.weights.catalogue import Model

_LONGEST_REASON = 300  # characters


def check(model: Model, folder: Path, cancel: CancelToken) -> None:
    """Has the encoder that runs a model look at its files; without one they are not looked at.

    In a process of its own, as a conversion: PyTorch's memory is given back with it, and the
    window never loads it.

    Raises:
        UserError: They are not such a model's; names what is missing, and what should not be there.
        Cancelled: The person ended it.
    """
    module = _encoder_of(model.id)
    if module is None:
        return
    try:
        with processes.messages(_look, module.__name__, os.fspath(folder), cancel=cancel) as said:
            reason = next(said)
    except processes.Died as died:
        reason = f"the process that looked at it {died}"
    if reason:
        # The folder is one that the person has never seen, and is empty soon.
        reason = reason.replace(display_path(os.path.join(folder, "")), "")
        raise UserError(f"{model.title} was not taken in: {reason}")


def tokenizer(model_id: str) -> str:
    """The model that an encoder's model needs to read words; "" where it needs none."""
    module = _encoder_of(model_id)
    return "" if module is None else str(module.TOKENIZER)


def _encoder_of(model_id: str) -> ModuleType | None:
    """The module that runs a model."""
    return next((one for one in plugins.load(encoders) if model_id in one.MODELS), None)


def _look(name: str, folder: str, answer: Connection[Any, Any]) -> None:
    """The process's whole work; says what is wrong, or ""."""
    processes.settle_in()
    reason = ""
    try:
        cast(EncoderModule, importlib.import_module(name)).check(Path(folder))
    except UserError as error:
        reason = str(error)
    except Exception as error:  # a file of any kind can make a library fail in any way
        reason = printable(f"it cannot be loaded ({type(error).__name__}: {error})")
        reason = reason[:_LONGEST_REASON]
    answer.send(reason)
