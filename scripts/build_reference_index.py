#!/usr/bin/env python3
"""Builds a reference index that comes with the program: a folder of indices/.

    build_reference_index.py NAME FOLDER TABLE [--encoder ID] [--title T] [--licence L]

FOLDER holds audio and TABLE says what it is: FMA's tracks.csv with genres.csv beside it, or a CSV
with the columns path, title, artist, album, and genre, mood or tags. `msa-desktop refs build` does
the work; a build that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import _environment as environment


def main() -> int:
    """Builds what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", metavar="NAME", help="the index's folder below --out")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("table", type=Path, metavar="TABLE")
    parser.add_argument("--out", type=Path, default=environment.PROJECT / "indices")
    parser.add_argument("--encoder", default="musicnn")
    parser.add_argument("--title", default="", help="what the index is shown as")
    parser.add_argument("--licence", default="", help="what may be done with it")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for as many as cores")
    parser.add_argument("--data-dir", type=Path, help="where the encoder's model is installed")
    args = parser.parse_args()
    try:
        python = environment.ensure()
    except environment.SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    command: list[str | Path] = [python, "-m", "msa_desktop", "refs", "build", args.folder]
    command += ["--table", args.table, "--name", args.name, "--out", args.out]
    command += ["--encoder", args.encoder, "--title", args.title, "--licence", args.licence]
    command += ["--workers", str(args.workers)]
    command += ["--data-dir", args.data_dir] if args.data_dir else []
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
