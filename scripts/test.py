#!/usr/bin/env python3
"""Checks everything: lint, types, import contracts and all tests.

    python3 scripts/test.py [PYTEST...]

Words after it go to pytest. Every check runs even when an earlier one failed; the exit code is 0
only when all passed, and pytest's summary is the last thing printed.
"""

from __future__ import annotations

import os
import subprocess
import sys

import _environment as environment

_CHECKS: dict[str, list[str]] = {
    "lint": ["-m", "ruff", "check", "--quiet", "."],
    "format": ["-m", "ruff", "format", "--quiet", "--check", "."],
    "types": ["-m", "mypy", "--no-error-summary"],
    "import contracts": [
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ],
}


def main() -> int:
    """Runs every check; returns 0 when all passed."""
    try:
        python = str(environment.ensure(("dev", "clap", "ttmr", "stems", "text")))
    except environment.SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    environment.ensure_system_libraries()
    if not environment.ensure_llama():
        print("Without it: the tests that need a language model are skipped.", file=sys.stderr)
    failed = []
    for name, command in _CHECKS.items():
        done = subprocess.run(
            [python, *command],
            cwd=environment.PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(f"{name}: {'failed' if done.returncode else 'ok'}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout, flush=True)
    if failed:
        print(f"failed before the tests: {', '.join(failed)}", flush=True)
    settings = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    tests = subprocess.run(
        [python, "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *sys.argv[1:]],
        cwd=environment.PROJECT,
        env=settings,
        check=False,
    )
    return tests.returncode or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
