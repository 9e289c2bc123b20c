"""What a GGUF file says of itself, read without loading it.

The file may come from anywhere: every length is checked against the file's size before it is
believed, nothing recurses, and no more is kept than the few values below.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_LONGEST_TEXT = 1 << 20  # bytes of a value that is kept; chat templates have some thousands
_MOST_DIMENSIONS = 8
_MOST_PAIRS = 10_000  # models have some dozens
_MOST_TENSORS = 1_000_000  # and some hundreds
_ALIGNMENT = 32
_LARGEST_ALIGNMENT = 1 << 16

# ggml's tensor types: values in a block, bytes of a block. A type that is not here is newer; of its
# tensors only the place is checked.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts of a model file.

    Attributes:
        version: Of the format.
        architecture: What llama.cpp must know to run it, such as "llama" or "gemma3".
        name: What its makers call it, or "".
        context_length: Tokens it was trained to look back on; 0 where it does not say.
        chat_template: Jinja text that lays out a conversation, or "".
        tensors: How many there are.
    """

    version: int
    architecture: str
    name: str
    context_length: int
    chat_template: str
    tensors: int


class _Damaged(Exception):  # noqa: N818 - a finding
    """The bytes are no GGUF, or not all of one."""


class _Reader:
    """Goes through a file's bytes, and never past their end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.at = 0

    def skip(self, count: int) -> int:
        """Passes over bytes; returns where they began."""
        start = self.at
        if count > len(self._data) - start:
            raise _Damaged("it ends too early")
        self.at += count
        return start

    def number(self, form: str) -> int | float:
        """One little-endian number."""
        start = self.skip(struct.calcsize(f"<{form}"))
        value: int | float = struct.unpack_from(f"<{form}", self._data, start)[0]
        return value

    def count(self, form: str = "Q") -> int:
        """One whole number that is not negative."""
        return int(self.number(form))

    def text(self) -> str:
        """One string; "" for one that is too long to be of use."""
        length = self.count()
        start = self.skip(length)
        if length > _LONGEST_TEXT:
            return ""
        return self._data[start : start + length].decode("utf-8", "replace")

    def value(self, kind: int) -> object:
        """One value; arrays are passed over."""
        if kind == _STRING:
            return self.text()
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind != _ARRAY:
            raise _Damaged(f"it holds a value of an unknown kind ({kind})")
        self._skip_array()
        return None

    def _skip_array(self) -> None:
        kind, length = self.count("I"), self.count()
        if kind in _SCALARS:
            self.skip(length * struct.calcsize(f"<{_SCALARS[kind]}"))
        elif kind == _STRING:
            for _ in range(length):  # ends with the file at the latest: each takes 8 bytes
                self.skip(self.count())
        else:
            raise _Damaged(f"it holds a list of an unknown kind ({kind})")


def read(path: Path) -> GgufHeader:
    """Reads a file's header, and checks that all its tensors are there.

    Raises:
        UserError: It cannot be read, is no GGUF, is damaged or is cut short.
    """
    shown = display_path(str(path))
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise UserError(f"{shown} is no GGUF file.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Reader(data), len(data))
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except _Damaged as error:
        raise UserError(
            f"{shown} is a damaged GGUF file: {error}. Download or copy it again."
        ) from error


def _header(reader: _Reader, size: int) -> GgufHeader:
    reader.skip(len(MAGIC))
    version = reader.count("I")
    if version not in _VERSIONS:
        raise _Damaged(f"version {version} of the format is not known")
    tensors, pairs = reader.count(), reader.count()
    if pairs > _MOST_PAIRS or tensors > _MOST_TENSORS:
        raise _Damaged(f"it counts {pairs} values and {tensors} tensors")
    found: dict[str, object] = {}
    for _ in range(pairs):
        key = reader.text()
        value = reader.value(reader.count("I"))
        if key.startswith("general.") or key.endswith(
            (".context_length", "tokenizer.chat_template")
        ):
            found[key] = value
    architecture = found.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise _Damaged("it does not name its architecture")
    _check_tensors(reader, tensors, found.get("general.alignment"), size)
    context = found.get(f"{architecture}.context_length")
    return GgufHeader(
        version,
        architecture,
        _text(found.get("general.name")),
        context if isinstance(context, int) else 0,
        _text(found.get("tokenizer.chat_template")),
        tensors,
    )


def _check_tensors(reader: _Reader, tensors: int, asked: object, size: int) -> None:
    """The table of tensors; each must end within the file."""
    alignment = asked if isinstance(asked, int) and 0 < asked <= _LARGEST_ALIGNMENT else _ALIGNMENT
    last = 0
    for _ in range(tensors):
        reader.skip(reader.count())
        dimensions = reader.count("I")
        if dimensions > _MOST_DIMENSIONS:
            raise _Damaged(f"a tensor has {dimensions} dimensions")
        values = 1
        for _ in range(dimensions):
            values *= reader.count()
        in_block, block = _BLOCKS.get(reader.count("I"), (1, 0))
        last = max(last, reader.count() + values // in_block * block)
    start = -(-reader.at // alignment) * alignment
    if start + last > size:
        raise _Damaged(f"it is cut short, {start + last - size} bytes are missing")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
