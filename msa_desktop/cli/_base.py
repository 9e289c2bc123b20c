"""What every command shares: the data folder, JSON, exit codes, and words for errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.model import LabelScore, Track, TrackId, TrackState, display_path
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.text import printable_lines
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery

Function = TypeVar("Function", bound=Callable[..., Any])

FAILED = 1  # the work failed for some item
USAGE = 2  # the command was used wrongly


def standard_options(function: Function) -> Function:
    """Gives a command `--data-dir` and `--json`; both may also stand before the command's name."""
    data_dir = click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        callback=_keep("data_dir"),
        help="Where the program keeps its state.",
    )
    as_json = click.option(
        "--json",
        "as_json",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_keep("json"),
        help="Print one JSON document.",
    )
    return data_dir(as_json(function))


def _keep(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            context.ensure_object(dict)[key] = value

    return keep


def data_paths() -> DataPaths:
    """The data folder asked for, or the platform's."""
    chosen = click.get_current_context().ensure_object(dict).get("data_dir")
    return DataPaths(Path(os.path.abspath(chosen))) if chosen else DataPaths.default()


def open_app() -> App:
    """The services over the data folder that was asked for; closed when the command ends."""
    return click.get_current_context().with_resource(App(data_paths()))


def wants_json() -> bool:
    """Whether `--json` was given."""
    return bool(click.get_current_context().ensure_object(dict).get("json"))


def show(document: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Prints the answer: the document with `--json`, else the lines for a person."""
    if wants_json():
        # ASCII with escapes holds every file name, also those that are not valid UTF-8.
        click.echo(json.dumps(document, indent=2))
    else:
        for line in lines:
            say(line)


def say(text: str, *, err: bool = False) -> None:
    """Prints words for a person. File names, tags and messages in them may hold anything."""
    click.echo(printable_lines(text), err=err)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Ends the command with words for a person on standard error."""
    if wants_json():
        click.echo(json.dumps({"error": message}))
    say(message, err=True)
    sys.exit(code)


def find_track(app: App, name: str) -> Track:
    """The track a person means by a path or an id.

    A folder's path means its first analysed track, by title.

    Raises:
        UserError: The library has no such track.
    """
    path = os.path.abspath(name)
    track = app.tracks.by_path(path) or _first_analysed(app, path)
    if track is None and name.isdecimal():
        track = app.tracks.get(TrackId(int(name)))
    if track is None and os.path.isdir(path):
        raise UserError(
            f"No track in {display_path(path)} was analysed. "
            "Listen to its music first: msa-desktop scan FOLDER"
        )
    if track is None:
        raise UserError(
            f"{display_path(name)} is not in the library. "
            "Add its folder first: msa-desktop scan FOLDER"
        )
    return track


def _first_analysed(app: App, folder: str) -> Track | None:
    ids = app.tracks.ids(TrackQuery(Scope.FOLDER, folder, sort=SortKey.TITLE))
    for track_id in ids.tolist():
        track = app.tracks.get(track_id)
        if track is not None and track.state is TrackState.ANALYSED:
            return track
    return None


def track_document(track: Track) -> dict[str, Any]:
    """A track as JSON."""
    return {
        "id": track.id,
        "path": track.path,
        "title": track.title,
        "artist": track.tags.artist,
        "album": track.tags.album,
        "state": str(track.state),
        "reason": track.reason,
        "offline": track.offline,
    }


def label_document(label: LabelScore) -> dict[str, Any]:
    """A label as JSON."""
    return {"label": label.label, "score": round(label.score, 4), "source": label.source}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Lines of a plain table; cells longer than their column's width end in an ellipsis."""
    fitted = [[_fit(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    used = [max(len(row[column]) for row in [list(head), *fitted]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(head, used, strict=True)).rstrip()]
    for row in fitted:
        lines.append("  ".join(cell.ljust(w) for cell, w in zip(row, used, strict=True)).rstrip())
    return lines


def _fit(text: str, width: int) -> str:
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"
