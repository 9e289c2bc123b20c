"""The program's command, and the commands below it, found by their modules' names."""

from __future__ import annotations

import importlib
import io
import logging
import sys
from collections.abc import Sequence

import click

import msa_desktop
from msa_desktop import cli
from msa_desktop.base import plugins
from msa_desktop.base.errors import UserError
from msa_desktop.base.text import print_anything
from msa_desktop.cli._base import FAILED, fail, say, standard_options

_log = logging.getLogger("msa_desktop")


class _Commands(click.Group):
    """Imports a command's module only when it is asked for: start-up stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = [name.rpartition(".")[2] for name in plugins.module_names(cli)]
        return sorted({*found, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        given = super().get_command(ctx, cmd_name)
        if given is not None or cmd_name not in self.list_commands(ctx):
            return given
        command = importlib.import_module(f"{cli.__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - the drop-in contract
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UserError as error:
            with ctx:
                fail(str(error))
        except (
            click.ClickException,
            click.exceptions.Exit,
            click.Abort,
            KeyboardInterrupt,
            BrokenPipeError,
        ):
            raise
        except Exception as error:
            _log.exception("a bug in %s", ctx.invoked_subcommand)
            with ctx:
                what = f"{type(error).__name__}: {error}"
                fail(f"This is a bug; please report it, with the log. ({what})")


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"max_content_width": 96})
@click.version_option(msa_desktop.__version__, prog_name="msa-desktop")
@standard_options
@click.pass_context
def group(context: click.Context) -> None:
    """Listens to your music library: finds what sounds alike. Without a command: the window."""
    if context.invoked_subcommand is None:
        window = group.get_command(context, "window")
        assert window is not None  # noqa: S101 - __main__ adds it
        context.invoke(window)


def run(arguments: Sequence[str] | None = None) -> None:
    """Runs the program's command and exits with its code.

    When the program that reads the output ends before this one does, click ends it quietly.
    """
    print_anything()
    try:
        group.main(arguments, prog_name="msa-desktop", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as wrong:
        words = io.StringIO()
        wrong.show(words)
        say(words.getvalue(), err=True)  # it may quote file names: a shell's * writes them
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("Stopped.", err=True)
        sys.exit(FAILED)
