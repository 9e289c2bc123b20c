"""What a GGUF file says of itself; and nothing that a file says is believed blindly."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.weights import gguf
from tests.support_gguf import gguf as made
from tests.support_gguf import pair, text

FACTS: dict[str, str | int | list[str]] = {
    "general.name": "A small one",
    "llama.context_length": 4096,
    "tokenizer.ggml.tokens": [f"token {n}" for n in range(1000)],
    "tokenizer.chat_template": "{{ messages }}",
}


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_the_facts(tmp_path: Path, version: int) -> None:
    header = gguf.read(write(tmp_path, made(FACTS, version=version)))
    assert header == gguf.GgufHeader(version, "llama", "A small one", 4096, "{{ messages }}", 2)


def test_a_model_may_be_silent(tmp_path: Path) -> None:
    header = gguf.read(write(tmp_path, made(architecture="mamba")))
    assert (header.name, header.context_length, header.chat_template) == ("", 0, "")


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    whole = made({"general.name": "cut", "tokenizer.ggml.tokens": ["a", "b"]})
    gguf.read(write(tmp_path, whole))
    for end in (*range(1, 600, 7), len(whole) // 2, len(whole) - 1):
        with pytest.raises(UserError, match=r"cut short|too early|no GGUF|architecture"):
            gguf.read(write(tmp_path, whole[:end]))


def test_other_files_are_none(tmp_path: Path) -> None:
    for content in (b"", b"GGU", b"not a model", b"\x80\x02}q\x00."):
        with pytest.raises(UserError, match="no GGUF file"):
            gguf.read(write(tmp_path, content))
    with pytest.raises(UserError, match="cannot be read"):
        gguf.read(tmp_path / "gone.gguf")


@pytest.mark.parametrize("version", [1, 4, 0x03000000])
def test_versions_that_are_not_known(tmp_path: Path, version: int) -> None:
    with pytest.raises(UserError, match="version"):
        gguf.read(write(tmp_path, made(version=version)))


HUGE = 2**63
LIES = {
    "pairs": struct.pack("<IQQ", 3, 0, HUGE),
    "tensors": struct.pack("<IQQ", 3, HUGE, 1) + pair("general.architecture", "llama"),
    "a key's length": struct.pack("<IQQQ", 3, 0, 1, HUGE),
    "a text's length": struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IQ", 8, HUGE),
    "a list's length": struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 10, HUGE),
    "a list of texts": struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, HUGE),
    "a list of lists": struct.pack("<IQQ", 3, 0, 1)
    + text("a")
    + struct.pack("<IIQIQ", 9, 9, 1, 9, 1) * 1000,
    "an unknown kind": struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 77),
    "no architecture": struct.pack("<IQQ", 3, 0, 1) + pair("general.name", "x"),
    "an architecture that is a number": struct.pack("<IQQ", 3, 0, 1)
    + pair("general.architecture", 7),
    "dimensions": struct.pack("<IQQ", 3, 1, 1)
    + pair("general.architecture", "llama")
    + text("t")
    + struct.pack("<I", 2**31),
    "a tensor's size": struct.pack("<IQQ", 3, 1, 1)
    + pair("general.architecture", "llama")
    + text("t")
    + struct.pack("<IQQIQ", 2, HUGE, HUGE, 0, 0),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found_quickly_and_cost_no_memory(tmp_path: Path, lie: str) -> None:
    path = write(tmp_path, b"GGUF" + LIES[lie] + bytes(64))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="damaged GGUF"):
            gguf.read(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_text_that_is_too_long_is_not_kept(tmp_path: Path) -> None:
    header = gguf.read(write(tmp_path, made({"general.name": "x" * 3_000_000})))
    assert header.name == ""


def test_an_absurd_alignment_is_not_divided_by(tmp_path: Path) -> None:
    assert gguf.read(write(tmp_path, made({"general.alignment": 0}))).tensors == 2


@pytest.mark.parametrize("seed", range(20))
def test_damage_ends_in_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    whole = made(FACTS)
    for _ in range(20):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            damaged[rng.randrange(4, len(whole) - 1400)] = rng.randrange(256)
        try:
            gguf.read(write(tmp_path, bytes(damaged)))
        except UserError as error:
            assert "damaged" in str(error)
