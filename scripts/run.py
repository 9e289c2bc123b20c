#!/usr/bin/env python3
"""Installs the program beside its source and opens it: python3 scripts/run.py [FOLDER].

FOLDER is the music to listen to; without it a small demo library is made and opened. Without a
display, or with --headless, the same job is done in the terminal: scan, a table of similar tracks,
and a picture of the window.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import _environment as environment

sys.path.insert(0, str(environment.PROJECT))
from msa_desktop.base.text import print_anything, printable


def main() -> int:
    """Runs the program; returns its exit code."""
    print_anything()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="a music folder")
    parser.add_argument("--headless", action="store_true", help="no window: a table and a picture")
    parser.add_argument("--data-dir", type=Path, help="where the program keeps its state")
    args = parser.parse_args()
    if args.folder is not None and not args.folder.is_dir():
        print(f"{args.folder} is not a folder.", file=sys.stderr)
        return 2
    try:
        python = environment.ensure()
    except environment.SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    missing = environment.ensure_system_libraries()
    headless = args.headless
    if not headless and not _has_display():
        print("There is no display: doing the same in the terminal.", file=sys.stderr)
        headless = True
    if missing and not headless:
        return 1
    # The demo has a state of its own, so that it never mixes with the person's library.
    data_dir = args.data_dir or (environment.DEMO / "state" if args.folder is None else None)
    program = [str(python), "-m", "msa_desktop"]
    if data_dir is not None:
        program += ["--data-dir", str(data_dir.resolve())]
    folder = args.folder or _demo(program)
    if headless:
        return in_terminal(program, folder.resolve())
    return subprocess.run([*program, "window", str(folder.resolve())], check=False).returncode


def _has_display() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _demo(program: list[str]) -> Path:
    folder: Path = environment.DEMO / "music"
    subprocess.run([*program, "demo", str(folder)], stdout=sys.stderr, check=True)
    return folder


def in_terminal(program: list[str], folder: Path) -> int:
    """Scans a folder, prints what is similar to one of its tracks, and draws the window.

    Args:
        program: The command that runs the program, and its options.
        folder: The music.

    Returns:
        The exit code: the first command's that did not end well.
    """
    scan = subprocess.run(
        [*program, "scan", str(folder), "--json"], stdout=subprocess.PIPE, check=False
    )
    if not scan.stdout:
        return scan.returncode
    report = json.loads(scan.stdout)
    if "error" in report:  # the command has said it on standard error
        return scan.returncode
    print(
        f"Scanned {printable(str(folder))}: {report['added']} added, {report['updated']} updated, "
        f"{report['unchanged']} unchanged, {len(report['failed'])} failed, "
        f"in {report['seconds']:.1f} s."
    )
    for problem in report["failed"]:
        print(printable(f"  {problem['path']}: {problem['reason']}"))
    print(flush=True)
    # The folder stands for its first analysed track.
    similar = subprocess.run([*program, "similar", str(folder), "-k", "8"], check=False)
    if similar.returncode:
        return similar.returncode
    picture = Path.cwd() / "msa-desktop.png"
    # Qt and FFmpeg talk on standard error while they draw; that is of interest when it failed.
    drawn = subprocess.run(
        [*program, "window", "--draw", str(picture)],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if drawn.returncode:
        print(drawn.stderr, file=sys.stderr)
    return scan.returncode or drawn.returncode


if __name__ == "__main__":
    sys.exit(main())
