"""Small GGUF files, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

ALIGNMENT = 32
F32, Q8_0 = 0, 8


def text(value: str | bytes) -> bytes:
    """A string as GGUF has it."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, value: str | int | float | bool | Sequence[str] | Sequence[int]) -> bytes:
    """A key and its value."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, bool):
        return text(key) + struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    head = text(key) + struct.pack("<I", 9)
    if value and isinstance(value[0], str):
        return head + struct.pack("<IQ", 8, len(value)) + b"".join(map(text, map(str, value)))
    return head + struct.pack(f"<IQ{len(value)}i", 5, len(value), *(int(v) for v in value))


def gguf(
    pairs: Mapping[str, str | int | float | bool | Sequence[str] | Sequence[int]] | None = None,
    *,
    architecture: str = "llama",
    version: int = 3,
    values: int = 256,
) -> bytes:
    """A whole file with two tensors: `values` float32, and as many in blocks of 8 bits."""
    given = {"general.architecture": architecture, **(pairs or {})}
    head = b"GGUF" + struct.pack("<IQQ", version, 2, len(given))
    head += b"".join(pair(key, value) for key, value in given.items())
    first = 4 * values
    head += text("a.weight") + struct.pack("<IQIQ", 1, values, F32, 0)
    head += text("b.weight") + struct.pack("<IQIQ", 1, values, Q8_0, first)
    head += bytes(-len(head) % ALIGNMENT)
    return head + bytes(first + values // 32 * 34)
