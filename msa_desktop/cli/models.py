"""msa-desktop models: list, install, add, remove and verify the models."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.text import bytes_in_words
from msa_desktop.cli._base import (
    FAILED,
    USAGE,
    fail,
    open_app,
    say,
    show,
    standard_options,
    table,
    wants_json,
)
from msa_desktop.cli._progress import cancel_on_signal, telling
from msa_desktop.services.models import Models, ModelState, ModelStatus


@click.group("models")
def command() -> None:
    """Lists, installs and removes the models."""


@command.command("list")
@standard_options
def list_command() -> None:
    """Shows every model: what it is for, whether it is here, its size and licence."""
    found = open_app().models.list()
    head = ["model", "state", "size", "licence", "for"]
    rows = [
        [s.model.id, _state(s), _size(s.model.size), s.model.licence, s.model.purpose]
        for s in found
    ]
    lines = table(head, rows, [24, 40, 8, 28, 72])
    lines += [f"{s.model.id}: {problem}" for s in found for problem in s.problems]
    show({"models": [document(status) for status in found]}, lines)


@command.command("install")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Agree to size and licence without being asked.")
@standard_options
def install_command(ids: tuple[str, ...], yes: bool) -> None:
    """Downloads models and what they need, after their size and licence were agreed to.

    An install that was ended goes on where it was. HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, proxies
    and pip's own configuration are heeded.
    """
    app = open_app()
    names, lines, refused = _plan(app.models, ids, yes=yes)
    if lines:
        _agree(lines, "Download?")
    cancel = cancel_on_signal()
    with telling(app.events):
        _each(names, "installed", lambda model_id: app.models.install(model_id, cancel), refused)


@command.command("add")
@click.argument("model_id", metavar="ID")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True), metavar="FILE...")
@standard_options
def add_command(model_id: str, paths: tuple[str, ...]) -> None:
    """Takes a model's files, or a folder of them, that you have already.

    They are linked where the disk can, else copied. A GGUF file may be added under any new ID.
    """
    app = open_app()
    cancel = cancel_on_signal()
    with telling(app.events):
        _each([model_id], "added", lambda one: app.models.add(one, paths, cancel))


@command.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@standard_options
def remove_command(ids: tuple[str, ...], yes: bool) -> None:
    """Takes models off the disk, and what came of unfinished downloads."""
    models = open_app().models
    found = _known(models, ids)
    if _asks(yes=yes):
        _agree([f"{s.model.title}, {s.folder}" for s in found], "Remove?")
    _each(ids, "removed", models.remove)


@command.command("verify")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@standard_options
def verify_command(ids: tuple[str, ...]) -> None:
    """Reads models whole and compares their hashes; without ID, all that are here."""
    app = open_app()
    _known(app.models, ids)
    here = [s.model.id for s in app.models.list() if _is_here(s) or s.problems]
    cancel = cancel_on_signal()

    def verify(model_id: str) -> None:
        problems = app.models.verify(model_id, cancel)
        if problems:
            raise UserError("; ".join(problems))

    with telling(app.events):
        _each(ids or here, "whole", verify)


def document(status: ModelStatus) -> dict[str, Any]:
    """A model as JSON."""
    model = status.model
    return {
        "id": model.id,
        "title": model.title,
        "purpose": model.purpose,
        "kind": str(model.kind),
        "state": str(status.state),
        "problems": list(status.problems),
        "size": model.size,
        "to_download": status.to_download,
        "extra": model.extra,
        "extra_command": status.extra_command,
        "licence": model.licence,
        "terms": model.terms,
        "terms_url": model.terms_url,
        "source": status.installed.source if status.installed else model.source,
        "folder": os.fspath(status.folder),
    }


def _known(models: Models, ids: Sequence[str]) -> list[ModelStatus]:
    """The models of these ids; one that there is not is wrong usage."""
    try:
        return [models.status(model_id) for model_id in ids]
    except UserError as error:
        fail(str(error), USAGE)


def _is_here(status: ModelStatus) -> bool:
    return status.to_download == 0 and not status.problems


def _plan(
    models: Models, ids: Sequence[str], *, yes: bool
) -> tuple[list[str], list[str], dict[str, str]]:
    """The models and what they need; the words to ask by; and why some cannot be installed.

    One that cannot be had keeps no other away.
    """
    names: list[str] = []
    lines: list[str] = []
    refused = {}
    queue = _known(models, ids)
    for status in queue:  # it grows
        name = status.model.id
        if name in names:
            continue
        names.append(name)
        try:
            if not _is_here(status):
                asks = _asks(yes=yes)
                models.check_install(name)
                lines += _offer(status, models) if asks else []
            queue += models.needs(name)
        except UserError as error:
            refused[name] = str(error)
    return names, lines, refused


def _offer(status: ModelStatus, models: Models) -> list[str]:
    """What a person should know before a download; asks the hub where only it knows the size."""
    model = status.model
    lines = [
        f"{model.title} ({model.id}): {model.purpose}",
        f"  Download: {bytes_in_words(models.measure(model.id))}, from {model.source}",
        f"  Licence:  {model.licence}. {model.terms} {model.terms_url}",
    ]
    if status.extra_command:
        lines.append(f"  To run:   {status.extra_command}")
    return lines


def _asks(*, yes: bool) -> bool:
    """Whether somebody is to be asked."""
    if not yes and wants_json():
        raise click.UsageError("With --json nobody is asked: add --yes.")
    return not yes


def _agree(lines: Sequence[str], question: str) -> None:
    for line in lines:
        say(line, err=True)
    click.confirm(question, abort=True, err=True)


def _each(
    ids: Sequence[str],
    done: str,
    act: Callable[[str], object],
    refused: Mapping[str, str] | None = None,
) -> None:
    """Does it for each but those that were refused before, and tells what came of it."""
    came, failed = [], []
    for model_id in dict.fromkeys(ids):
        if refused and model_id in refused:
            failed.append((model_id, refused[model_id]))
            continue
        try:
            act(model_id)
            came.append(model_id)
        except UserError as error:
            failed.append((model_id, str(error)))
        except Cancelled:
            failed.append((model_id, "Stopped. What came is kept; install it again to go on."))
            break
    lines = [f"{model_id}: {done}" for model_id in came]
    lines += [f"{model_id}: {reason}" for model_id, reason in failed]
    show({done: came, "failed": [{"model": m, "reason": r} for m, r in failed]}, lines)
    if failed:
        sys.exit(FAILED)


def _state(status: ModelStatus) -> str:
    if status.state is ModelState.MISSING:
        extra = f", extra {status.model.extra}" if status.extra_command else ""
        size = f" of {bytes_in_words(status.to_download)}" if status.to_download else ""
        return f"needs download{size}{extra}"
    if status.state is ModelState.NEEDS_EXTRA:
        return f"needs the extra {status.model.extra}"
    return str(status.state)


def _size(size: int | None) -> str:
    return "?" if size is None else bytes_in_words(size)
