"""msa-desktop doctor: is everything as it should be?"""

from __future__ import annotations

import sys

import click

from msa_desktop.cli._base import FAILED, open_app, show, standard_options


@click.command("doctor")
@standard_options
def command() -> None:
    """Checks the database, the indexes against it, the models and the system."""
    checks = open_app().doctor.examine()
    document = {
        "ok": all(check.ok for check in checks),
        "checks": [
            {"name": check.name, "ok": check.ok, "detail": check.detail, "advice": check.advice}
            for check in checks
        ],
    }
    lines = []
    for check in checks:
        lines.append(f"{'ok  ' if check.ok else 'BAD '} {check.name}: {check.detail}")
        if check.advice:
            lines.append(f"     {check.advice}")
    show(document, lines)
    if not document["ok"]:
        sys.exit(FAILED)
