"""The refs commands as a person types them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest

from tests.support import Program, write_wav
from tests.support_hub import until

DIMENSION = 400  # of musicnn's vectors


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """300 vectors, and 500 rows of which the last 300 are theirs."""
    chance = np.random.default_rng(5)
    artists = np.repeat(chance.integers(0, 60, 500), chance.integers(1, 6, 500))[:500]
    voices = chance.standard_normal((60, DIMENSION))
    vectors = voices[artists] + 2 * chance.standard_normal((500, DIMENSION))
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(vectors[200:].astype(np.float32))
    faiss.write_index(index, str(tmp_path / "Theirs.faiss"))
    rows = [
        {"title": f"T {i}", "artist": f"A {a}", "tags": ["jazz"]} for i, a in enumerate(artists)
    ]
    (tmp_path / "theirs.json").write_text(json.dumps(rows), "utf-8")
    return tmp_path / "Theirs.faiss", tmp_path / "theirs.json"


def test_a_pair_is_checked_taken_in_and_removed(program: Program, pair: tuple[Path, Path]) -> None:
    assert program("refs", "list", "--json").document == {"references": []}
    take = ("refs", "import", "--faiss", pair[0], "--metadata", pair[1], "--encoder", "musicnn")
    refused = program(*take, "--json")
    assert refused.code == 1
    assert "300 vectors" in refused.err
    assert "500 rows" in refused.err
    assert "--align tail" in refused.err
    check = refused.document["check"]
    assert (check["vectors"], check["rows"], check["best"]) == (300, 500, "tail")
    assert check["tail"]["same_artist"] > 3 * check["head"]["same_artist"]
    assert program(*take, "--align", "head").code == 1
    assert program("refs", "list", "--json").document == {"references": []}

    taken = program(*take, "--align", "tail", "--title", "Their music", "--json")
    assert taken.code == 0, taken.err
    assert (taken.document["name"], taken.document["tracks"]) == ("theirs", 300)
    (listed,) = program("refs", "list", "--verify", "--json").document["references"]
    assert (listed["state"], listed["problems"], listed["title"]) == ("ready", [], "Their music")

    names = Path(listed["folder"]) / "tracks.jsonl"
    names.write_bytes(names.read_bytes().replace(b"T 200", b"X 200"))
    damaged = program("refs", "list", "--verify")
    assert damaged.code == 1
    assert "SHA-256" in damaged.out
    removed = program("refs", "remove", "theirs", "nowhere", "--json")
    assert removed.code == 1
    assert removed.document["removed"] == ["theirs"]
    assert [one["name"] for one in removed.document["failed"]] == ["nowhere"]
    assert program("refs", "list", "--json").document == {"references": []}


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_killed_build_goes_on(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    rows = [["path", "title", "artist", "genre"]]
    for i in range(8):
        write_wav(music / f"{i}.wav", 8.0, pitch=200 + 40 * i)
        rows.append([f"{i}.wav", f"T {i}", f"A {i // 4}", "Jazz"])
    (music / "bad.mp3").write_bytes(b"no sound")
    rows.append(["bad.mp3", "Bad", "A 0", "Jazz"])
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    build = ("refs", "build", music, "--table", tmp_path / "table.csv", "--name", "mine")
    kept = program.data_dir / "references" / ".mine.heard"

    def heard() -> int:
        return kept.read_bytes().count(b"\n") - 1 if kept.exists() else 0

    running = subprocess.Popen(
        program.command(*build, "--workers", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(lambda: heard() >= 2 or running.poll() is not None, seconds=120)
    running.kill()
    running.communicate()
    before = heard()
    assert before >= 2

    built = program(*build, "--workers", "1", "--json")
    assert built.code == 1, "a file was left out"
    assert built.document["known"] == before
    assert (built.document["tracks"], built.document["artists"]) == (8, 2)
    assert [one["path"] for one in built.document["failed"]] == ["bad.mp3"]

    assert program("scan", music).code == 1
    near = program("refs", "artists", music / "5.wav", "-k", "1", "--json")
    assert [one["artist"] for one in near.document["artists"]] == ["A 1"]
