"""Summaries found by their meaning, with the real model, and nothing asked of any network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support import Program

SUMMARIES = (
    "Raindrops fall while the town sleeps.",
    "Marching soldiers return from the front.",
    "The waves carry the ship across the ocean.",
    "Children laugh in the sun.",
    "An old steam engine leaves the station.",
)


@pytest.fixture
def library(
    program: Program, demo_library: Path, sentence_model: Path, tmp_path: Path
) -> tuple[Program, dict[str, str]]:
    """A scanned library with the model, and each file's summary."""
    shutil.copytree(sentence_model, program.data_dir / "models" / sentence_model.name)
    music = tmp_path / "music"
    music.mkdir()
    said = {}
    for summary, source in zip(SUMMARIES, sorted(demo_library.iterdir()), strict=False):
        file = Path(shutil.copy(source, music))
        assert program("tags", "set", file, f"summary={summary}").code == 0
        said[str(file)] = summary
    shutil.copy(sorted(demo_library.iterdir())[-1], music)
    assert program("scan", music).code == 0
    return program, said


def test_other_words_of_the_same_meaning(library: tuple[Program, dict[str, str]]) -> None:
    program, said = library
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    for words, meant in (
        ("railway", "steam engine"),
        ("sailor", "ocean"),
        ("battlefield", "soldiers"),
        ("kids playing", "Children"),
    ):
        answer = program("search", words, "--json", env=offline)
        assert answer.code == 0, answer.err
        assert answer.document["understood"]["encoders"] == ["minilm"]
        best = answer.document["hits"][0]
        assert meant in said[best["path"]], words
        assert "minilm" in best["encoders"]
    assert (program.data_dir / "indexes" / "minilm.npz").is_file()


def test_a_damaged_model_leaves_the_words(library: tuple[Program, dict[str, str]]) -> None:
    program, said = library
    model = program.data_dir / "models" / "all-minilm-l6-v2"
    damaged = (model / "tokenizer.json").read_bytes().replace(b"{", b"[")
    (model / "tokenizer.json").write_bytes(damaged)
    answer = program("search", "ocean", "--json")
    assert answer.code == 0
    assert "ocean" in said[answer.document["hits"][0]["path"]]
    assert answer.document["understood"]["encoders"] == []
    log = (program.data_dir / "logs" / "msa.log").read_text("utf-8")
    assert "models install all-minilm-l6-v2" in log
