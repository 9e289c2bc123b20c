"""A real language model on real music: scanned, proposed, reviewed, written and taken back."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from msa_desktop.base import vocabulary
from msa_desktop.base.paths import resources
from msa_desktop.llm import words
from tests.support import Program
from tests.support_llm import HOSTILE

pytestmark = [
    pytest.mark.xdist_group("language model"),  # one at a time: it takes every core
    pytest.mark.timeout(1200),
]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def reasons(proposal: dict[str, Any]) -> set[str]:
    """Why it is proposed, beside labels and neighbours."""
    return {part for one in proposal["evidence"] for part in one["reason"].split(", ")}


@pytest.fixture
def music(real_music: Path, tmp_path: Path, program: Program) -> Path:
    """Real music; a third of it has titles that give orders, and genres for neighbours to learn."""
    folder = tmp_path / "music"
    for path in real_music.glob("*/*"):
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    files = sorted(folder.glob("*/*"))
    for number, path in enumerate(files[::3]):
        text = HOSTILE[number % len(HOSTILE)].replace("\n", " ")
        fields = (
            f"title={text}",
            f"artist={text}",
            "genre=Rock" if number % 2 else "genre=Ambient",
        )
        done = program("tags", "set", path, *fields)
        assert done.code == 0, done.err
    return folder


def test_the_whole_way(program: Program, music: Path, language_model: Path, tmp_path: Path) -> None:
    before = digests(music)
    added = program("models", "add", "tiny", language_model)
    assert added.code == 0, added.err
    for setting in (
        ("tagger", "model"),
        ("llm_model", "tiny"),
        ("genre_policy", "replace"),
        ("summary_policy", "replace"),
    ):
        assert program("config", *setting).code == 0
    assert program("scan", music).code == 0

    told = program("tags", "propose", "--all", "--min-confidence", "0.3", "--json", timeout=900)
    assert told.code == 0, told.err
    made: list[dict[str, Any]] = told.document["proposals"]
    assert {"genre", "summary"} <= {proposal["field"] for proposal in made}
    assert "The rules answer in the language model's place" not in told.err
    assert told.document["fallbacks"] <= told.document["tracks"] / 10
    assert told.document["tokens_a_second"] > 0
    chosen = [proposal for proposal in made if reasons(proposal) >= {"chosen by tiny"}]
    assert len({proposal["id"] for proposal in chosen}) > len(before) / 2
    assert {"genre", "summary"} <= {proposal["field"] for proposal in chosen}
    for proposal in made:
        assert proposal["tagger"].startswith("llama-tiny-" if proposal in chosen else "rules-")

    genres = {genre.lower() for genre in words.load(resources() / "words.toml").genres}
    named = genres | {
        label.name.lower() for label in vocabulary.load(resources() / "labels.toml").labels
    }
    for proposal in made:
        for evidence in proposal["evidence"]:
            assert evidence["labels"] or evidence["neighbours"] or evidence["reason"]
        if proposal["field"] == "genre":
            assert {value.lower() for value in proposal["proposed"]} <= genres | {"rock", "ambient"}
        if proposal["field"] == "summary":
            (sentence,) = proposal["proposed"]
            assert "polka" not in sentence.lower()
            assert "http" not in sentence
            assert any(name in sentence.lower() for name in named), sentence

    sheet = tmp_path / "review.json"
    assert program("tags", "export", sheet).code == 0
    document = json.loads(sheet.read_text())
    for number, proposal in enumerate(document["proposals"]):
        proposal["decision"] = "reject" if number % 5 == 0 else "accept"
    sheet.write_text(json.dumps(document))
    assert program("tags", "import", sheet).code == 0

    written = program("tags", "write", "--accepted", "--batch-name", "by the model", "--json")
    assert written.code == 0, written.err
    assert written.document["written"] > len(before) / 2
    assert digests(music) != before
    newest = program("tags", "history", "--json").document["batches"][0]
    assert newest["name"] == "by the model"
    assert program("tags", "undo", str(newest["batch"])).code == 0
    assert digests(music) == before
