from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import Program

_SCAN_AND_LOOK = """
import sys
from msa_desktop.__main__ import main

if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    loaded = [m for m in sys.modules if m.split(".")[0] in ("PySide6", "shiboken6")]
    assert not loaded, loaded
"""


def test_scan_then_similar_labels_and_status(program: Program, demo_library: Path) -> None:
    first = program("scan", demo_library, "--json")
    assert first.code == 0, first.err
    report = first.document
    pieces = sorted(demo_library.iterdir())
    assert report["added"] == len(pieces)
    assert report["failed"] == []

    status = program("status", "--json").document
    assert status["tracks"] == status["analysed"] == len(pieces)
    assert [encoder["tracks"] for encoder in status["encoders"]] == [len(pieces)]

    answer = program("similar", pieces[0], "-k", "3", "--json").document
    assert answer["query"]["path"] == str(pieces[0])
    assert len(answer["hits"]) == 3
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert str(pieces[0]) not in [hit["path"] for hit in answer["hits"]]

    labels = program("labels", str(answer["query"]["id"]), "--json").document["labels"]
    assert len(labels) > 10
    adagio = next(demo_library.glob("*Adagio*"))
    kind = program("labels", adagio, "--json").document["kind"]
    assert (kind["name"], kind["by"]) == ("instrumental", "labels")
    assert 0.5 <= kind["confidence"] <= 0.75
    assert "Instrumental, 75 % sure (by its labels)" in program("labels", adagio).out.replace(
        "75%", "75 %"
    )
    assert all(0 <= label["score"] <= 1 for label in labels)

    doctor = program("doctor", "--json")
    assert doctor.code == 0, doctor.out


def test_what_changed_on_disk_is_noticed(
    program: Program, demo_library: Path, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    pieces = sorted(demo_library.iterdir())[:5]
    a, b, c, *_ = (Path(shutil.copy2(piece, music)) for piece in pieces)
    assert program("scan", music, "--json").document["added"] == 5

    again = program("scan", "--json").document
    assert (again["unchanged"], again["added"], again["updated"]) == (5, 0, 0)

    (music / "sub").mkdir()
    a.rename(music / "sub" / f"renamed ♫{a.suffix}")
    b.unlink()
    os.utime(c, ns=(1, 1))
    changed = program("scan", "--json").document
    assert (changed["moved"], changed["removed"], changed["updated"]) == (1, 1, 1)
    assert (changed["added"], changed["unchanged"]) == (0, 2)
    status = program("status", "--json").document
    assert status["tracks"] == status["analysed"] == 4
    assert program("doctor").code == 0


def test_a_root_that_goes_away_keeps_its_tracks(
    program: Program, demo_library: Path, tmp_path: Path
) -> None:
    music = tmp_path / "disk"
    music.mkdir()
    for piece in sorted(demo_library.iterdir())[:2]:
        shutil.copy2(piece, music)
    program("scan", music)
    music.rename(tmp_path / "elsewhere")
    away = program("scan", "--json").document
    assert (away["offline"], away["removed"]) == (2, 0)
    assert program("status", "--json").document["offline"] == 2

    music.mkdir()  # an unmounted share leaves its empty mount point
    assert program("scan", "--json").document["offline"] == 2
    music.rmdir()

    (tmp_path / "elsewhere").rename(music)
    back = program("scan", "--json").document
    assert (back["unchanged"], back["offline"], back["added"]) == (2, 0, 0)
    status = program("status", "--json").document
    assert (status["analysed"], status["offline"]) == (2, 0)


def test_wrong_use_is_told_in_words(program: Program, tmp_path: Path) -> None:
    missing = program("scan", tmp_path / "nowhere")
    assert missing.code == 1
    assert "is not there" in missing.err
    assert "Traceback" not in missing.err
    assert program("similar", "nothing.mp3").code == 1
    assert program("similar").code == 2
    assert program("no-such-command").code == 2


def test_a_program_that_scans_loads_no_qt(
    program: Program, demo_library: Path, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    shutil.copy2(sorted(demo_library.iterdir())[0], music)
    script = tmp_path / "scan.py"
    script.write_text(_SCAN_AND_LOOK)
    done = subprocess.run(
        [sys.executable, script, "--data-dir", tmp_path / "state", "scan", music],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
