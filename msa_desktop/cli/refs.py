"""msa-desktop refs: list, build, import and remove reference indexes, and ask them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.model import display_path
from msa_desktop.base.text import bytes_in_words
from msa_desktop.cli._base import (
    FAILED,
    USAGE,
    data_paths,
    fail,
    find_track,
    open_app,
    say,
    show,
    standard_options,
    table,
    track_document,
    wants_json,
)
from msa_desktop.cli._progress import cancel_on_signal, telling
from msa_desktop.services.reference_pairs import Align, PairCheck
from msa_desktop.services.references import PairError, ReferenceState, ReferenceStatus
from msa_desktop.store.reference import ReferenceIndex

_ENCODER = "musicnn"  # comes with the program
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group("refs")
def command() -> None:
    """Lists, builds and imports reference indexes.

    They hold tagged tracks that are not yours, and help to tag a library that has few tags yet.
    """


@command.command("list")
@click.option("--verify", is_flag=True, help="Read each index whole and compare its hashes.")
@standard_options
def list_command(verify: bool) -> None:
    """Shows every reference index, and whether it can be used."""
    references = open_app().references
    found = references.list()
    problems = {
        one.name: list(references.verify(one.name)) if verify else []
        for one in found
        if one.index is not None
    }
    rows = [
        [
            one.name,
            "damaged" if problems.get(one.name) else str(one.state),
            *(_facts(one.index) if one.index else ["", "", "", ""]),
        ]
        for one in found
    ]
    lines = table(
        ["name", "state", "encoder", "tracks", "artists", "size"], rows, [32, 14, 12, 8, 8, 8]
    )
    if not found:
        lines = [f"There is none in {display_path(str(data_paths().references))}."]
    lines += [one.problem for one in found if one.problem]
    lines += [f"{name}: {problem}" for name, said in problems.items() for problem in said]
    show({"references": [_document(one, problems.get(one.name)) for one in found]}, lines)
    if any(one.state is ReferenceState.DAMAGED for one in found) or any(problems.values()):
        sys.exit(FAILED)


@command.command("build")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--table", "metadata", type=_FILE, required=True, help="FMA's tracks.csv or a CSV.")
@click.option("--name", required=True, help="What the index is to be called.")
@click.option("--encoder", default=_ENCODER, help=f"Who listens; {_ENCODER} unless another.")
@click.option("--title", default="", help="What it is shown as.")
@click.option("--licence", default="", help="What may be done with it.")
@click.option("--out", type=_FOLDER, help="Where it goes, instead of the data folder.")
@click.option("--workers", type=click.IntRange(0, 64), help="Processes; 0 for as many as cores.")
@standard_options
def build_command(
    folder: Path,
    metadata: Path,
    name: str,
    encoder: str,
    title: str,
    licence: str,
    out: Path | None,
    workers: int | None,
) -> None:
    """Makes a reference index of a folder of audio and a table of what it is.

    The table is FMA's tracks.csv (with genres.csv beside it), or a CSV with the column path and
    some of title, artist, album, genre, mood, tags. A build that was ended goes on where it was.
    """
    app = open_app()
    if workers is not None:
        app.override(workers=workers)
    with telling(app.events):
        try:
            built = app.references.build(
                name,
                folder,
                metadata,
                encoder,
                title=title,
                licence=licence,
                home=out,
                cancel=cancel_on_signal(),
            )
        except Cancelled:
            fail("Stopped. What was heard is kept; build it again to go on.")
    manifest = built.index.manifest
    lines = [
        f"{name}: {manifest.count} tracks of {manifest.artists} artists, "
        f"{bytes_in_words(built.index.size)}, in {display_path(str(built.index.folder))}"
    ]
    if built.known:
        lines.append(f"{built.known} of them had been heard before.")
    lines += [f"left out: {display_path(path)}: {reason}" for path, reason in built.failed]
    failed = [{"path": path, "reason": reason} for path, reason in built.failed]
    show({**_index_document(built.index), "known": built.known, "failed": failed}, lines)
    if failed:
        sys.exit(FAILED)


@command.command("import")
@click.option("--faiss", "vectors", type=_FILE, required=True, help="A flat FAISS index.")
@click.option("--metadata", type=_FILE, required=True, help="JSON, JSON lines or CSV.")
@click.option("--name", help="What the index is to be called; else the FAISS file's name.")
@click.option("--encoder", required=True, help="Whose vectors they are.")
@click.option(
    "--align",
    type=click.Choice([end.value for end in Align]),
    help="Which ends belong together, where the counts differ. Try without it first.",
)
@click.option("--title", default="", help="What it is shown as.")
@click.option("--licence", default="", help="What may be done with it.")
@standard_options
def import_command(
    vectors: Path,
    metadata: Path,
    name: str | None,
    encoder: str,
    align: str | None,
    title: str,
    licence: str,
) -> None:
    """Takes in vectors and a table that belong together row by row.

    The table is JSON, JSON lines or CSV and has some of title, artist, album, genre, mood, tags.

    Where one is longer, nothing is taken in: both ways to align them are tried, and you are told
    how often the nearest neighbour is by the same artist. Then choose with --align.
    """
    app = open_app()
    try:
        index, check = app.references.import_pair(
            name or vectors.stem.lower().replace(" ", "-"),
            vectors,
            metadata,
            encoder,
            align=Align(align) if align else None,
            title=title,
            licence=licence,
        )
    except PairError as error:
        if not wants_json():
            fail(str(error))
        show({"error": str(error), "check": _check_document(error.check)}, [])
        say(str(error), err=True)
        sys.exit(FAILED)
    fit = check.ends[Align(align) if align else Align.HEAD]
    lines = [f"{index.name}: {index.manifest.count} tracks of {index.manifest.artists} artists"]
    if fit.told:
        lines.append(
            f"Of {fit.asked} tracks, {fit.share:.1%} have one of their artist nearest; with the "
            f"rows shifted, {fit.shifted:.1%}."
        )
    else:
        lines.append("Too few tracks share an artist to check that rows and vectors fit.")
    show({**_index_document(index), "check": _check_document(check)}, lines)


@command.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@standard_options
def remove_command(names: tuple[str, ...]) -> None:
    """Takes reference indexes off the disk; those of the program stay."""
    references = open_app().references
    removed, failed = [], []
    for name in dict.fromkeys(names):
        try:
            references.remove(name)
            removed.append(name)
        except UserError as error:
            failed.append((name, str(error)))
    lines = [f"{name}: removed" for name in removed] + [reason for _, reason in failed]
    document = [{"name": name, "reason": reason} for name, reason in failed]
    show({"removed": removed, "failed": document}, lines)
    if failed:
        sys.exit(FAILED)


@command.command("artists")
@click.argument("track", metavar="PATH|ID")
@click.option("-k", "count", default=10, type=click.IntRange(1, 1000), help="How many to list.")
@click.option("--encoder", default=_ENCODER, help=f"Whose ears to use; {_ENCODER} unless another.")
@click.option("--name", default="", help="One index only, instead of all that can be used.")
@standard_options
def artists_command(track: str, count: int, encoder: str, name: str) -> None:
    """Lists the artists of the reference indexes that sound most like a track."""
    app = open_app()
    query = find_track(app, track)
    facts = next((known for known in app.encoders if known.id == encoder), None)
    if facts is None:
        fail(f'There is no encoder "{encoder}" here.', USAGE)
    vectors = app.tracks.vectors([query.id], facts.id, facts.version)
    if not len(vectors.ids):
        fail(f"{facts.id} has not listened to {display_path(query.path)} yet.")
    near = app.references.artists_near(vectors.values[0], facts.id, facts.version, count, name)
    rows = [[f"{score:.2f}", artist.name, str(artist.tracks)] for artist, score in near]
    lines = table(["score", "artist", "tracks"], rows, [6, 60, 6])
    if not near:
        lines = [
            f"There is no reference index of {facts.id} {facts.version}: msa-desktop refs list"
        ]
    found = [
        {"artist": artist.name, "tracks": artist.tracks, "score": round(score, 4)}
        for artist, score in near
    ]
    show({"query": track_document(query), "artists": found}, lines)


def _facts(index: ReferenceIndex) -> Sequence[str]:
    said = index.manifest
    return [said.encoder, str(said.count), str(said.artists), bytes_in_words(index.size)]


def _document(status: ReferenceStatus, damage: list[str] | None) -> dict[str, Any]:
    """An index and where it stands, as JSON."""
    return {
        "name": status.name,
        "folder": str(status.folder),
        "own": status.own,
        "state": "damaged" if damage else str(status.state),
        "problems": damage or ([status.problem] if status.problem else []),
        **(_index_document(status.index) if status.index else {}),
    }


def _index_document(index: ReferenceIndex) -> dict[str, Any]:
    said = index.manifest
    return {
        "name": index.name,
        "folder": str(index.folder),
        "title": index.title,
        "encoder": said.encoder,
        "version": said.version,
        "dimension": said.dimension,
        "tracks": said.count,
        "artists": said.artists,
        "size": index.size,
        "source": said.source,
        "licence": said.licence,
    }


def _check_document(check: PairCheck) -> dict[str, Any]:
    """What the check of a pair found out, as JSON."""
    ends = {
        str(end): {
            "same_artist": round(fit.share, 4),
            "shifted": round(fit.shifted, 4),
            "asked": fit.asked,
            "telling": fit.telling,
        }
        for end, fit in check.ends.items()
    }
    return {"vectors": check.vectors, "rows": check.rows, "best": check.best, **ends}
