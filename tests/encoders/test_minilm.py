"""all-MiniLM-L6-v2 against transformers' own answers (tests/data/minilm), and wrong files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.settings import Device
from msa_desktop.encoders import _minilm
from msa_desktop.encoders._base import TextEncoder

DATA = Path(__file__).parent.parent / "data" / "minilm"
STORED = dict(np.load(DATA / "sentences.npz"))
TEXTS: list[str] = STORED["texts"].tolist()
NEAR = 1e-6
SMALL = '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}'


@pytest.fixture(scope="module")
def reader(sentence_model: Path) -> TextEncoder:
    return _minilm.create_text(sentence_model, sentence_model, Device.CPU)


@pytest.fixture
def copied(sentence_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sentence_model, tmp_path / "model"))


def test_the_stored_answers(reader: TextEncoder) -> None:
    together = reader.embed(TEXTS)
    assert together.shape == (len(TEXTS), _minilm.DIMENSION)
    assert np.abs(together - STORED["vectors"]).max() < NEAR
    alone = np.concatenate([reader.embed([text]) for text in TEXTS])
    assert np.abs(alone - STORED["vectors"]).max() < NEAR, "what fills up says nothing"


@pytest.mark.parametrize(
    "odd", ["x" * 100_000, "dark " * 20_000, "\0\udce9", "[PAD] [PAD]", "夜" * 9]
)
def test_any_text_can_be_read(reader: TextEncoder, odd: str) -> None:
    (vector,) = reader.embed([odd])
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


def test_a_model_cut_short(copied: Path) -> None:
    path = copied / "model.safetensors"
    with path.open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(UserError, match=r"model\.safetensors is cut short"):
        _minilm.create_text(copied, copied, Device.CPU)


def test_no_model(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(UserError, match="is missing"):
        _minilm.create_text(copied, copied, Device.CPU)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "is missing"), ("{", "is damaged"), (SMALL, "not all-MiniLM-L6-v2's")],
)
def test_no_tokenizer(copied: Path, content: str | None, told: str) -> None:
    path = copied / "tokenizer.json"
    path.unlink() if content is None else path.write_text(content, "utf-8")
    with pytest.raises(UserError, match=f"{told}.*msa-desktop models install all-minilm-l6-v2"):
        _minilm.create_text(copied, copied, Device.CPU)
