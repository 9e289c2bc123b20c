from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import Program


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, demo_library: Path) -> Program:
    """The program with the demo library scanned."""
    program = Program(tmp_path_factory.mktemp("search") / "state")
    assert program("scan", demo_library).code == 0
    return program


def search(program: Program, *words: str | Path) -> Any:
    answer = program("search", *words, "--json")
    assert answer.code == 0, answer.err
    return answer.document


def test_words(library: Program, demo_library: Path) -> None:
    document = search(library, "calm piano", "-k", "3")
    assert document["query"] == {"words": "calm piano", "like": [], "unlike": []}
    assert [one["words"] for one in document["understood"]["meanings"]] == ["calm", "piano"]
    hits = document["hits"]
    assert len(hits) == 3
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)
    similar = library("similar", hits[0]["path"], "-k", "1", "--json").document["hits"][0]
    assert hits[0].keys() == similar.keys(), "one shape of hits everywhere"
    assert Path(hits[0]["path"]).parent == demo_library


def test_names_conditions_and_a_minus(library: Program) -> None:
    by_artist = search(library, "kontur")["hits"]
    assert by_artist
    assert {hit["artist"] for hit in by_artist} == {"Kontur"}
    without = search(library, "genre:techno", "-artist:kontur", "-k", "50")
    assert without["understood"]["operators"] == ["genre:techno", "-artist:kontur"]
    assert "Kontur" not in {hit["artist"] for hit in without["hits"]}
    negated = search(library, "techno", "-drums")["understood"]["meanings"]
    assert [(one["words"], one["against"]) for one in negated] == [
        ("techno", False),
        ("drums", True),
    ]


def test_like_a_track_but(library: Program, demo_library: Path) -> None:
    seed, other, *_ = sorted(demo_library.iterdir())
    document = search(library, "quiet", "--like", seed, "--unlike", other)
    assert document["query"]["like"][0]["path"] == str(seed)
    assert document["query"]["unlike"][0]["path"] == str(other)
    found = [hit["path"] for hit in document["hits"]]
    assert found
    assert not {str(seed), str(other)} & set(found)
    assert any(hit["encoders"] for hit in document["hits"])


def test_a_person_reads_how_it_was_understood(library: Program) -> None:
    answer = library("search", "some", "calm", "kontur", "zzzz", "year:>1900")
    assert answer.code == 0
    assert '"calm": heard as quiet' in answer.out
    assert "In names, tags and summaries: kontur" in answer.out
    assert "Only: year:>1900" in answer.out
    assert "Passed over: some, zzzz" in answer.out
    assert "No track of the library fits." in library("search", "zzzz").out


@pytest.mark.parametrize(
    ("words", "told"), [(["bpm:fast"], "write it like bpm:120"), ([], "Say what to look for")]
)
def test_what_cannot_be_answered_is_told(library: Program, words: list[str], told: str) -> None:
    answer = library("search", *words, "--json")
    assert answer.code == 1
    assert told in answer.document["error"]
    assert "bug" not in answer.err


def test_beside_a_running_program(library: Program) -> None:
    """The lock of the one writer is held by somebody else."""
    from filelock import FileLock

    with FileLock(library.data_dir / "writer.lock"):
        assert search(library, "piano")["hits"]
