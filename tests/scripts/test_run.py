from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import Program, write_wav

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(_SCRIPTS))
    return importlib.import_module("run")


def test_the_terminal_takes_its_track_from_the_library(
    run: ModuleType,
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "._01 one.wav").write_bytes(b"what other systems leave behind")
    (music / "00 text.mp3").write_text("no music")
    write_wav(music / "01 one.wav", 5)
    write_wav(music / "02 two.wav", 5, pitch=500)
    assert program("scan", music).code == 1  # the text fails now, and is no news below
    monkeypatch.chdir(tmp_path)
    assert run.in_terminal([str(word) for word in program.command()], music) == 0
    out = capfd.readouterr().out
    assert "3 unchanged, 0 failed" in out
    assert f"Similar to 01 one ({music / '01 one.wav'}):" in out
    assert "02 two" in out
    assert (tmp_path / "msa-desktop.png").stat().st_size > 1000


def test_a_scan_that_could_not_begin_ends_it(
    run: ModuleType, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = json.dumps({"error": "The program is already running."})
    refusing = [sys.executable, "-c", f"print({document!r}); raise SystemExit(1)"]
    assert run.in_terminal(refusing, tmp_path) == 1
    assert capfd.readouterr().out == ""


def test_a_folder_without_music_is_told(
    run: ModuleType, program: Program, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    assert run.in_terminal([str(word) for word in program.command()], music) == 1
    assert "No track in" in capfd.readouterr().err
