from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.weights import checks
from msa_desktop.weights.checks import Format


def tensors(header: object, body: bytes = b"") -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + body


ONE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"x": "y"}}


def test_what_a_name_promises() -> None:
    names = ("a.gguf", "a.safetensors", "A.PT", "a.pth", "a.th", "config.json")
    assert [checks.expected(name) for name in names] == [
        Format.GGUF,
        Format.SAFETENSORS,
        Format.PYTORCH,
        Format.PYTORCH,
        Format.PYTORCH,
        Format.OTHER,
    ]


def test_sound_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors(ONE, bytes(8)))
    checks.check(path, Format.SAFETENSORS)
    path.write_bytes(tensors({}))
    checks.check(path, Format.SAFETENSORS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        tensors(ONE, bytes(7)),
        tensors(ONE, bytes(9)),
        tensors([1, 2]),
        tensors("text"),
        tensors({"a": {"data_offsets": 3}}),
        tensors({"a": {"data_offsets": ["0", "8"]}}),
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 4) + b"{{{{",
        struct.pack("<Q", 200_000) + b"[" * 200_000,
    ],
)
def test_what_is_no_safetensors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.safetensors"):
        checks.check(path, Format.SAFETENSORS)


def test_pytorch_files_are_zips_or_pickles(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(UserError, match="no PyTorch file"):
        checks.check(path, Format.PYTORCH)
    path.write_bytes(b"\x80\x02}q\x00.")
    checks.check(path, Format.PYTORCH)
