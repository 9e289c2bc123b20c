"""What the command line prints holds on every terminal, whatever files and tags are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Program, write_wav


def test_an_encoding_without_the_letters(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "夜"
    folder.mkdir()
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    scan = program("scan", folder, env=environment)
    assert scan.code == 0, scan.err
    status = program("status", env=environment)
    assert status.code == 0, status.err
    assert f"{tmp_path}{os.sep}?: 0" in status.out


def test_a_reader_that_ends_early_is_no_bug(program: Program) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            program.command("status"), stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert done.stderr == b""
    log = (program.data_dir / "logs" / "msa.log").read_text("utf-8")
    assert "bug" not in log


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")
def test_names_cannot_command_the_terminal(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "a\x1b[2Jb"
    folder.mkdir()
    write_wav(folder / "song\x9b2J.wav", 4)
    (folder / "bad\x07.mp3").write_text("no music")
    said = [
        program("scan", folder),
        program("status"),
        program("similar", folder),
        program("similar", folder / "gone\x1b.mp3"),
        program("labels", folder),
        program("labels", "a\x1b[2Jb", "c\x1b[2Jd"),  # as a shell's * would write them
    ]
    for answer in said:
        text = answer.out + answer.err
        assert text
        assert all(character.isprintable() or character == "\n" for character in text), text
    assert "\ufffd[2Jb" in said[0].out
