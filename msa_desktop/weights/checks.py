"""What a model file is, by its bytes: asked before it is taken in."""

from __future__ import annotations

import json
import struct
from enum import Enum
from pathlib import Path
from zipfile import is_zipfile

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.weights import gguf

_LARGEST_HEADER = 100_000_000  # bytes, as the safetensors library has it
_PICKLE = b"\x80"
_PYTORCH = (".pt", ".pth", ".th", ".bin", ".ckpt")


class Format(Enum):
    """What a model file may be."""

    GGUF = "GGUF"
    SAFETENSORS = "safetensors"
    PYTORCH = "PyTorch"
    OTHER = "other"


def expected(name: str) -> Format:
    """What a file of that name is."""
    suffix = Path(name).suffix.lower()
    if suffix in _PYTORCH:
        return Format.PYTORCH
    return {".gguf": Format.GGUF, ".safetensors": Format.SAFETENSORS}.get(suffix, Format.OTHER)


def check(path: Path, form: Format) -> None:
    """Looks whether a file is what it should be.

    Raises:
        UserError: It is something else, or damaged.
    """
    if form is Format.GGUF:
        gguf.read(path)
    elif form is Format.SAFETENSORS:
        _check_safetensors(path)
    elif form is Format.PYTORCH:
        with path.open("rb") as file:
            start = file.read(1)
        if start != _PICKLE and not is_zipfile(path):
            raise UserError(f"{display_path(str(path))} is no PyTorch file.")


def _check_safetensors(path: Path) -> None:
    """Source: https://github.com/huggingface/safetensors#format."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        sound = 2 <= length <= min(size - 8, _LARGEST_HEADER)
        header = file.read(length) if sound else b""
    try:
        entries = json.loads(header)
        ends = [entry["data_offsets"][1] for key, entry in entries.items() if key != "__metadata__"]
        whole = max(ends, default=0) == size - 8 - length
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise UserError(f"{display_path(str(path))} is no safetensors file.") from error
    if not whole:
        raise UserError(
            f"{display_path(str(path))} is cut short or damaged: its size is not the one its "
            "header tells. Download or copy it again."
        )
