"""msa-desktop stems: takes a track apart, writes its stems, and says what kind of track it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from msa_desktop.base import timecode
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.text import printable
from msa_desktop.cli._base import fail, find_track, open_app, show, standard_options, table
from msa_desktop.cli._progress import cancel_on_signal, telling
from msa_desktop.services.stems import Separated
from msa_desktop.stems.export import Format, check_folder


class _Moment(click.ParamType[float]):
    """Seconds, or minutes and seconds as a clock shows them."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return timecode.read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("stems")
@click.argument("path", metavar="PATH|ID")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the stems go.",
)
@click.option(
    "--stems", "names", help='Some only: "vocals,drums"; "instrumental" is all but the vocals.'
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.FLAC.value,
    show_default=True,
    help="WAV and FLAC have 24 bits, MP3 320 kbit/s.",
)
@click.option("--start", type=_Moment(), default=0.0, help="Begin there: seconds, or 1:23.5.")
@click.option("--end", type=_Moment(), help="End there.")
@standard_options
def command(
    path: str, output: Path, names: str | None, form: str, start: float, end: float | None
) -> None:
    """Takes a track apart: voice, drums, bass and the rest, each a file.

    PATH is any audio file, in the library or not. What was taken apart before is not again. The
    stems of a whole track of the library are listened to as well, for msa-desktop similar --stem.
    """
    if end is not None and end <= start:
        raise click.BadParameter("the end must come after the start", param_hint="--end")
    app = open_app()
    cancel = cancel_on_signal()
    wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
    file = os.path.abspath(path) if os.path.lexists(path) else find_track(app, path).path
    try:
        check_folder(output)  # and the stems' names: minutes of work are in vain otherwise
        with telling(app.events):
            separated = app.stems.separate(file, start, end, cancel, wanted)
            written = app.stems.export(separated, output, wanted, Format(form), cancel)
    except UserError as error:
        fail(f"{display_path(file)}: {error}")
    except Cancelled:
        fail("Stopped: no stems were written.")
    used = wanted or separated.stems.record.sources
    _tell(separated, dict(zip(dict.fromkeys(used), written, strict=True)))


def _tell(separated: Separated, written: dict[str, Path]) -> None:
    record, kind = separated.stems.record, separated.kind
    stems = [
        {
            "stem": name,
            "path": str(path),
            "rms": record.levels[name].rms,
            "energy": record.levels[name].energy,
            "peak": record.levels[name].peak,
            "negligible": name in kind.negligible,
        }
        for name, path in written.items()
    ]
    document = {
        "path": separated.path,
        "model": record.model,
        "start": separated.begin,
        "seconds": record.seconds,
        "kind": str(kind.kind),
        "confidence": kind.confidence,
        "vocal_share": kind.vocal_share,
        "instrumental_share": kind.instrumental_share,
        "negligible": list(kind.negligible),
        "cached": separated.was_there,
        "stems": stems,
    }
    rows = [
        [name, f"{record.levels[name].rms:.3f}", printable(path.name)]
        for name, path in written.items()
    ]
    surely = f" ({kind.confidence:.0%} sure)" if kind.confidence else ""
    lines = [f"{display_path(separated.path)}: {kind.kind}{surely}"]
    show(document, lines + table(["stem", "loudness", "file"], rows, [20, 10, 100]))
