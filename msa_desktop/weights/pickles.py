"""PyTorch files (.pt, .pth) are pickles, small programs: turned into safetensors once.

torch reads them with `weights_only`, which runs nothing and refuses all but numbers; beyond what it
allows by itself, NumPy's plain numbers are let through (LAION-CLAP's files note their scores so).
It happens in a process of its own: what a malicious or damaged file does there is that process's
end, and torch's memory is given back with it.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from msa_desktop.base import processes
from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import display_path
from msa_desktop.base.text import printable

if TYPE_CHECKING:
    import torch

NEEDED = ("torch", "safetensors")
OLDEST_TORCH = (2, 6)  # in those before, weights_only can be got round (CVE-2025-32434)
_TABLES = ("state_dict", "model", "state")  # where training programs put the weights
_LONGEST_REASON = 300  # characters
_LONGEST_NAME = 100


def can_convert() -> bool:
    """Whether the libraries for it are installed, and new enough."""
    here = all(importlib.util.find_spec(name) for name in NEEDED)
    return here and _is_safe(metadata.version("torch"))


def convert(source: Path, target: Path, cancel: CancelToken) -> None:
    """Writes the numbers of a PyTorch file as safetensors.

    Raises:
        UserError: The file holds anything else, or the process for it ended without an answer.
        Cancelled: The person ended it.
    """
    try:
        with processes.messages(
            _converter, os.fspath(source), os.fspath(target), cancel=cancel
        ) as said:
            reason = next(said)
    except processes.Died as died:
        reason = f"the process that read it {died}"
    if reason:
        target.unlink(missing_ok=True)
        raise UserError(f"{display_path(str(source))} was not taken: {reason}.")


def _converter(source: str, target: str, answer: Connection[Any, Any]) -> None:
    """The process's whole work; says why it could not be done, or ""."""
    processes.settle_in()
    try:
        reason = _convert(source, target)
    except Exception as error:
        reason = f"it cannot be converted ({type(error).__name__}: {error})"[:_LONGEST_REASON]
    answer.send(reason)


def _convert(source: str, target: str) -> str:
    # Some seconds and hundreds of megabytes: only this process pays them.
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    # Asked of what was really loaded: the one thing that stands between a pickle and this machine.
    if not _is_safe(torch.__version__):
        oldest = ".".join(map(str, OLDEST_TORCH))
        return f"PyTorch {torch.__version__} cannot open it safely; {oldest} or newer is needed"
    try:
        with torch.serialization.safe_globals(_numbers()):
            # Mapped, not read: beside the weights, training leaves twice as much that nobody needs.
            mapped = is_zipfile(source)  # the older form cannot be
            held = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except (UnpicklingError, AttributeError) as error:
        what = re.search(r"GLOBAL (\S+)", str(error))
        named = f" ({printable(what[1])[:_LONGEST_NAME]})" if what else ""
        return f"it holds more than numbers{named}, and could run a program when it is opened"
    table = _table(held)
    if not table or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in table.items()
    ):
        return "it holds no table of weights"
    save_file(_apart(table), target)
    return ""


def _apart(table: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor on its own, as safetensors has them: views of each other become copies."""
    import torch  # noqa: PLC0415 - is there already

    apart, seen = {}, set()
    for name, tensor in table.items():
        held = tensor.untyped_storage()
        alone = held.nbytes() == tensor.nbytes and held.data_ptr() not in seen
        seen.add(held.data_ptr())
        plain = tensor.detach()
        if not (alone and plain.is_contiguous()):
            plain = plain.clone(memory_format=torch.contiguous_format)
        apart[name] = plain
    return apart


def _is_safe(version: str) -> bool:
    return tuple(map(int, re.findall(r"\d+", version)[:2])) >= OLDEST_TORCH


def _table(held: object) -> Mapping[Any, Any]:
    """The weights, without the training program's notes beside them."""
    if not isinstance(held, Mapping):
        return {}
    for key in _TABLES:
        if isinstance(held.get(key), Mapping):
            return held[key]  # type: ignore[no-any-return]
    return held


def _numbers() -> list[Any]:
    """What makes a NumPy number of a pickle, under the names of NumPy 1 and 2."""
    import numpy as np  # noqa: PLC0415 - beside torch, in the same process
    from numpy._core.multiarray import scalar  # noqa: PLC0415

    kinds = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [np.dtype, *dict.fromkeys(kinds), *((scalar, name) for name in names)]
