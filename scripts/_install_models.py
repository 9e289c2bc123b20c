"""What the scripts that download models share: the program's own command does the work."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import _environment as environment


def main(about: str, models: tuple[str, ...], extra: str) -> int:
    """Installs models as `msa-desktop models install` does; returns its exit code.

    Args:
        about: The script's description.
        models: Ids of resources/models.toml.
        extra: What opens and runs them.
    """
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, help="where the program keeps its state")
    parser.add_argument("--yes", action="store_true", help="agree to size and licence unasked")
    args = parser.parse_args()
    try:
        python = environment.ensure((extra,))
    except environment.SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    command: list[str | Path] = [python, "-m", "msa_desktop", "models", "install", *models]
    command += ["--data-dir", args.data_dir.resolve()] if args.data_dir else []
    command += ["--yes"] if args.yes else []
    return subprocess.run(command, check=False).returncode
