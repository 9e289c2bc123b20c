from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Program


@pytest.fixture
def music(demo_library: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_library, tmp_path / "music"))


@pytest.fixture
def hashes(music: Path) -> Callable[[], dict[str, str]]:
    def now() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in music.rglob("*")
            if path.is_file()
        }

    return now


def test_set_show_and_undo_need_no_library(
    program: Program, music: Path, hashes: Callable[[], dict[str, str]]
) -> None:
    files = sorted(path for path in music.rglob("*") if path.suffix in {".mp3", ".flac", ".m4a"})
    before = hashes()
    done = program("tags", "set", *files, "genre=Zeuhl; Jazz", "MOOD=Restless", "bpm=120", "--json")
    assert done.code == 0, done.err
    document = done.document
    assert (document["written"], document["left_alone"]) == (len(files), [])
    for file in files:
        shown = program("tags", "show", file, "--json").document
        assert shown["path"] == str(file)
        assert shown["tags"]["genre"] == ["Zeuhl", "Jazz"]
        assert (shown["tags"]["mood"], shown["tags"]["bpm"]) == (["Restless"], ["120"])
    again = program("tags", "set", files[0], "mood=Restless", "--json").document
    assert (again["written"], again["unchanged"], again["batch"]) == (0, 1, None)

    history = program("tags", "history", "--json").document["batches"]
    assert [batch["batch"] for batch in history] == [document["batch"]]
    one = program("tags", "undo", str(document["batch"]), "--file", files[0], "--json")
    assert (one.code, one.document["undone"]) == (0, 1)
    rest = program("tags", "undo", str(document["batch"]), "--json")
    assert rest.code == 0, rest.err
    assert hashes() == before
    assert "written" in program("tags", "history").out


def test_a_model_that_does_not_answer_is_told_and_the_rules_sign(
    program: Program, music: Path
) -> None:
    assert program("scan", music).code == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for setting in (
        ("genre_policy", "replace"),
        ("tagger", "server"),
        ("llm_server", f"http://127.0.0.1:{port}/v1"),
    ):
        assert program("config", *setting).code == 0
    told = program("tags", "propose", "--all", "--json")
    assert told.code == 0, told.err
    assert "The rules answer in the language model's place" in told.err
    assert told.document["fallbacks"] > 0
    made = told.document["proposals"]
    assert {proposal["tagger"] for proposal in made} == {"rules-1"}
    assert "The rules answered for" in program("tags", "propose", music).out


def test_propose_review_in_a_spreadsheet_and_write(
    program: Program, music: Path, tmp_path: Path, hashes: Callable[[], dict[str, str]]
) -> None:
    assert program("scan", music).code == 0
    for policy in ("genre", "mood", "summary"):
        assert program("config", f"{policy}_policy", "replace").code == 0
    before = hashes()
    told = program("tags", "propose", "--all", "--min-confidence", "0.3", "--json")
    assert told.code == 0, told.err
    made = told.document["proposals"]
    assert len(made) == told.document["made"] > 5
    assert told.document["tracks_a_minute"] > 0
    assert told.document["tokens_a_second"] == 0, "no model was asked"
    assert told.document["fallbacks"] == 0
    for proposal in made:
        assert proposal["proposed"]
        for evidence in proposal["evidence"]:
            assert evidence["labels"] or evidence["neighbours"] or evidence["reason"]
    assert "%" in program("tags", "propose", music).out

    sheet = tmp_path / "review.csv"
    program("tags", "propose", "--all", "--min-confidence", "0.3")
    assert program("tags", "export", sheet).code == 0
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made)
    rows[0] |= {"decision": "accept", "proposed": "Mine"} if rows[0]["field"] != "bpm" else {}
    rows[1]["decision"] = "reject"
    rows[2]["decision"] = "perhaps"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    read = program("tags", "import", sheet, "--json")
    assert read.code == 1, "one line has no decision"
    outcome = read.document
    assert (outcome["accepted"], outcome["edited"], outcome["rejected"]) == (1, 1, 1)
    assert [failed["line"] for failed in outcome["failed"]] == [4]

    dry = program("tags", "write", "--accepted", "--dry-run", "--json").document
    (file_change,) = dry["files"]
    assert [frame["after"] for frame in file_change["frames"]] == [["Mine"]]
    assert hashes() == before
    written = program("tags", "write", "--batch-name", "reviewed", "--json")
    assert written.code == 0, written.err
    assert written.document["written"] > 1
    (batch,) = program("tags", "history", "--json").document["batches"]
    assert batch["name"] == "reviewed"
    assert program("tags", "undo", str(batch["batch"])).code == 0
    assert hashes() == before
    assert program("scan", music, "--json").document["unchanged"] == len(before)


def test_json_is_reviewed_too(program: Program, music: Path, tmp_path: Path) -> None:
    assert program("scan", music).code == 0
    assert program("config", "mood_policy", "replace").code == 0
    program("tags", "propose", music, "--min-confidence", "0.2")
    sheet = tmp_path / "review.json"
    assert program("tags", "export", sheet).code == 0
    document = json.loads(sheet.read_text())
    for proposal in document["proposals"]:
        proposal["decision"] = "reject"
    sheet.write_text(json.dumps(document))
    read = program("tags", "import", sheet, "--json")
    assert read.document["rejected"] == len(document["proposals"]) > 0
    assert program("tags", "propose", music, "--min-confidence", "0.2", "--json").document[
        "made"
    ] < len(document["proposals"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "song.mp3", "color=red"], 2, "There are: title"),
        (["set", "song.mp3"], 2, "FIELD=VALUE"),
        (["set", "song.mp3", "bpm=fast"], 2, "write it like"),
        (["set", "song.mp3", "genre=;;"], 2, "Nothing is left"),
        (["set", "gone.mp3", "genre=Rock"], 1, "not there"),
        (["show", "gone.mp3"], 1, "gone.mp3"),
        (["propose"], 2, "--all"),
        (["propose", "elsewhere"], 1, "not in the library"),
        (["undo", "7"], 1, "no batch 7"),
        (["history", "7"], 1, "no batch 7"),
        (["import", "__init__.csv"], 2, "does not exist"),
    ],
)
def test_wrong_use_is_told(
    program: Program, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "song.mp3").write_bytes(b"no music")
    answer = program("tags", *arguments, cwd=tmp_path, env=dict(os.environ, PYTHONPATH=os.getcwd()))
    assert answer.code == code
    assert words in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_a_formula_in_a_title_is_no_formula_in_a_spreadsheet(
    program: Program, music: Path, tmp_path: Path
) -> None:
    file = next(path for path in music.rglob("*") if path.suffix == ".flac")
    assert program("tags", "set", file, "title==HYPERLINK(1)", "genre=").code == 0
    assert program("scan", music).code == 0
    program("tags", "propose", file, "--min-confidence", "0.1")
    assert program("tags", "export", tmp_path / "sheet.csv").code == 0
    with (tmp_path / "sheet.csv").open(newline="") as sheet:
        titles = {row["title"] for row in csv.DictReader(sheet)}
    assert titles == {"'=HYPERLINK(1)"}
