from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from msa_desktop.base.paths import resources
from msa_desktop.weights import catalogue

SCRIPTS = resources().parent / "scripts"
NAMES = ("download_clap_checkpoint.py", "download_ttmr_models.py")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """What a script, run in this process, would install: "extras", then "models"."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    asked: dict[str, tuple[str, ...]] = {}
    environment = importlib.import_module("_environment")

    def ensure(extras: tuple[str, ...] = ()) -> Path:
        asked["extras"] = extras
        return Path(sys.executable)

    def run(command: list[str | Path], check: bool) -> subprocess.CompletedProcess[str]:
        asked["models"] = tuple(map(str, command[command.index("install") + 1 :]))
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(environment, "ensure", ensure)
    monkeypatch.setattr(importlib.import_module("_install_models").subprocess, "run", run)
    return asked


@pytest.mark.parametrize("script", NAMES)
def test_what_opens_the_models_comes_before_them(
    script: str, asked: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    assert ended.value.code == 0
    table = catalogue.load(resources() / "models.toml")
    models = [table.find(name) for name in asked["models"]]
    assert len(models) == 2
    assert {model.extra for model in models if model is not None} - {""} == set(asked["extras"])
    assert None not in models


@pytest.mark.parametrize("script", NAMES)
def test_they_say_how_they_are_used(script: str) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, "--help"], capture_output=True, text=True, check=True
    )
    assert "--data-dir" in done.stdout
