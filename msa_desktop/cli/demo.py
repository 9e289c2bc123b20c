"""msa-desktop demo: a small library of invented music, to try the program on."""

from __future__ import annotations

from pathlib import Path

import click

from msa_desktop.cli._base import show, standard_options


@click.command("demo")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@standard_options
def command(folder: Path) -> None:
    """Writes a dozen short pieces in different styles and formats into FOLDER."""
    from msa_desktop.services.demo import make_demo  # noqa: PLC0415 - loads the encoders of FFmpeg

    files = make_demo(folder)
    show({"files": [str(file) for file in files]}, [str(file) for file in files])
