"""The program's entry: the commands of `cli`, and the window as one more of them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import click

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import display_path
from msa_desktop.cli import _main
from msa_desktop.cli._base import open_app, show, standard_options


@_main.group.command("window")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False))
@click.option(
    "--draw",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the window into this PNG file instead of opening it.",
)
@click.option("--size", default="1280x800", help="With --draw: width x height in pixels.")
@click.option("--theme", type=click.Choice(["light", "dark"]), help="With --draw: the colours.")
@standard_options
def window(folder: str | None, draw: Path | None, size: str, theme: str | None) -> None:
    """Opens the window; FOLDER is added to the library first."""
    try:
        # Qt is loaded by this command alone.
        from msa_desktop.ui import main as ui  # noqa: PLC0415
    except ImportError as error:
        raise UserError(
            f"The window cannot open: a system library is missing ({error}). "
            "Running scripts/run.py installs it, or prints the command that does."
        ) from error

    app = open_app()
    if draw is None:
        sys.exit(ui.run(app, folder))
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter("the size is width x height, such as 1280x800")
    ui.draw(app, draw, (int(width), int(height)), theme)
    picture = os.path.abspath(draw)
    show({"picture": picture}, [f"The window's picture: {display_path(picture)}"])


def main() -> None:
    """Runs the program."""
    multiprocessing.freeze_support()  # a frozen program starts its workers with itself
    _main.run()


if __name__ == "__main__":
    main()
