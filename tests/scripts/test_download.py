from __future__ import annotations

import subprocess
import sys

import pytest

from msa_desktop.base.paths import resources
from msa_desktop.weights import catalogue

SCRIPTS = resources().parent / "scripts"


@pytest.mark.parametrize("script", ["download_clap_checkpoint.py", "download_ttmr_models.py"])
def test_the_scripts_name_models_that_there_are(script: str) -> None:
    text = (SCRIPTS / script).read_text("utf-8")
    names = text.partition('__doc__ or "", (')[2].partition(")")[0].replace('"', "").split(", ")
    table = catalogue.load(resources() / "models.toml")
    assert len(names) == 2
    assert all(table.find(name) for name in names)
    done = subprocess.run(
        [sys.executable, SCRIPTS / script, "--help"], capture_output=True, text=True, check=True
    )
    assert "--data-dir" in done.stdout
