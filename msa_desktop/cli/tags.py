"""msa-desktop tags: read, propose, write and undo tags."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, Field, FieldValues, cleaned
from msa_desktop.base.history import Batch, Change, FileState, HistoryFile, Preview, WriteReport
from msa_desktop.base.model import TrackId, display_path
from msa_desktop.base.proposals import Proposal, Suggestion, TrackProposals
from msa_desktop.cli import _review
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
from msa_desktop.store.proposals import ReviewOrder
from msa_desktop.store.tracks import Scope, SortKey, TrackQuery
from msa_desktop.tagio import _files as tag_files

_AT_ONCE = 500  # tracks whose proposals are in memory together
_MOST_REASONS = 3  # labels, and neighbours, named beside a proposal


@click.group("tags")
def command() -> None:
    """Reads, proposes, writes and undoes tags."""


@command.command("show")
@click.argument("path", type=click.Path())
@standard_options
def show_command(path: str) -> None:
    """Shows the tags a file has now; it need not be in the library."""
    path = os.path.abspath(path)
    values = _read(path)
    lines = [display_path(path)]
    width = max(len(facts.title) for facts in FACTS.values())
    lines += [f"  {FACTS[field].title:{width}}  {_joined(values[field])}" for field in values]
    if not values:
        lines.append("  The file has no tags that the program knows.")
    show({"path": path, "tags": _document(values)}, lines)


@command.command("set")
@click.argument("words", nargs=-1, required=True, metavar="PATH... FIELD=VALUE...")
@click.option("--batch-name", default="", help="What to call this in the history.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@standard_options
def set_command(words: tuple[str, ...], batch_name: str, dry_run: bool) -> None:
    """Writes values into files, as one batch that can be undone.

    FIELD= removes a tag. Several values: FIELD=one FIELD=two; of genre, mood and grouping also
    FIELD="one; two".
    """
    paths, fields = _assignments(words)
    changes = [Change(os.path.abspath(path), fields) for path in paths]
    app = open_app()
    if dry_run:
        _tell_preview(app.tagging.preview(changes))
    else:
        _write(app, changes, batch_name or "Set " + ", ".join(fields))


@command.command("propose")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--all", "every", is_flag=True, help="For every analysed track.")
@click.option(
    "--min-confidence",
    "least",
    type=click.FloatRange(0, 1),
    help="Propose nothing the program is less sure of; else as the settings say.",
)
@standard_options
def propose_command(paths: tuple[str, ...], every: bool, least: float | None) -> None:
    """Proposes tags for files and folders of the library, with the evidence for each."""
    if every == bool(paths):
        raise click.UsageError("Name files or folders of the library, or use --all.")
    app = open_app()
    wanted = None if every else _tracks(app, paths)
    with telling(app.events):
        report = app.tagging.propose(wanted, least=least, control=cancel_on_signal())
    lines = [f"{report.proposals} proposals for {report.tracks} tracks."]
    minute, tokens = 60 * report.rate, report.tokens_rate
    if tokens:
        lines.append(f"{minute:.1f} tracks a minute; the model wrote {tokens:.0f} tokens a second.")
    if report.fallbacks:
        lines.append(f"The rules answered for {report.fallbacks} of them in the model's place.")
    if report.unheard:
        lines.append(f"{report.unheard} tracks were not listened to yet: msa-desktop scan")
    elif not report.tracks:
        lines.append("The library is empty: msa-desktop scan FOLDER")
    if report.cancelled:
        lines.append("Stopped early; what was proposed is kept.")
    proposals = []
    for group in _groups(app, wanted):
        if wants_json():
            proposals += [_review.document(group.track, made) for made in group.proposals]
        else:
            for line in _proposal_lines(group):
                say(line)
    document = {
        "tracks": report.tracks,
        "made": report.proposals,
        "unheard": report.unheard,
        "cancelled": report.cancelled,
        "tracks_a_minute": round(minute, 1),
        "tokens_a_second": round(tokens, 1),
        "fallbacks": report.fallbacks,
        "proposals": proposals,
    }
    show(document, lines)
    if report.cancelled:
        sys.exit(FAILED)


@command.command("write")
@click.option("--dry-run", is_flag=True, help="Only show which files and frames would change.")
@click.option("--batch-name", default="", help="What to call this in the history.")
@click.option("--accepted", is_flag=True, help="Only proposals that were accepted in a review.")
@click.option(
    "--min-confidence",
    "least",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Only accepted proposals, and those the program is as sure of.",
)
@click.option("--merge", is_flag=True, help="Also files whose tags changed since; theirs are kept.")
@standard_options
def write_command(
    dry_run: bool, batch_name: str, accepted: bool, least: float, merge: bool
) -> None:
    """Writes what is proposed into the files, as one batch that can be undone.

    Proposals that were accepted, and those nobody decided on; rejected ones are gone for good.
    """
    app = open_app()
    chosen = {(made.track_id, made.field): made for made in app.proposals.accepted()}
    if not accepted:
        chosen |= {(made.track_id, made.field): made for made in app.proposals.every(least)}
    changes = app.tagging.changes(chosen.values())
    if dry_run:
        _tell_preview(app.tagging.preview(changes, merge=merge))
    else:
        _write(app, changes, batch_name, merge=merge)


@command.command("history")
@click.argument("batch", required=False, type=int)
@standard_options
def history_command(batch: int | None) -> None:
    """Lists the batches that were written, or the files of one."""
    app = open_app()
    if batch is None:
        batches = app.journal.history()
        rows = [_batch_row(made) for made in batches]
        head = ["batch", "when", "name", "written", "undone", "left alone", "undo"]
        lines = table(head, rows, [6, 16, 40, 7, 6, 10, 8]) if rows else ["Nothing was written."]
        lines.append(f"The history takes {app.journal.size() / 1e6:.1f} MB.")
        size = app.journal.size()
        show({"batches": [_batch_document(made) for made in batches], "size": size}, lines)
        return
    files = app.journal.files(batch)
    if not files:
        raise UserError(f"There is no batch {batch}. Those there are: msa-desktop tags history")
    show(
        {"batch": batch, "files": [_file_document(file) for file in files]},
        [line for file in files for line in _file_lines(file)],
    )


@command.command("undo")
@click.argument("batch", type=int)
@click.option("--file", "paths", multiple=True, type=click.Path(), help="Only this file of it.")
@click.option(
    "--fields-only",
    is_flag=True,
    help="For files that changed since: write the tags' former values, leave the rest.",
)
@standard_options
def undo_command(batch: int, paths: tuple[str, ...], fields_only: bool) -> None:
    """Gives the files of a batch back their original bytes."""
    app = open_app()
    files = app.journal.files(batch)
    if not files:
        raise UserError(f"There is no batch {batch}. Those there are: msa-desktop tags history")
    chosen = None
    if paths:
        wanted = {os.path.abspath(path) for path in paths}
        chosen = [file.id for file in files if file.path in wanted]
        missing = wanted - {file.path for file in files}
        if missing:
            names = ", ".join(display_path(path) for path in sorted(missing))
            raise UserError(f"Batch {batch} has no file {names}.")
    with telling(app.events):
        report = app.tagging.undo(batch, chosen, fields_only=fields_only, cancel=cancel_on_signal())
    _tell_report(report, "undone")


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False))
@standard_options
def export_command(file: str) -> None:
    """Writes all proposals into a CSV or JSON file (by its name), to review elsewhere."""
    app = open_app()
    found = app.proposals.get_many(app.proposals.ids(ReviewOrder.FOLDER))
    count = _review.write(file, found)
    show({"file": file, "proposals": count}, [f"{count} proposals in {display_path(file)}."])


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@standard_options
def import_command(file: str) -> None:
    """Reads decisions back from an exported file.

    The column "decision" says accept, reject or open; "proposed" may be edited (values apart by
    "; "). Lines that were taken out change nothing.
    """
    app = open_app()
    outcome = _review.read(file, app.proposals, app.tagging)
    lines = [
        f"{outcome.accepted} accepted ({outcome.edited} edited), {outcome.rejected} rejected, "
        f"{outcome.open} left open."
    ]
    lines += [f"line {line}: {reason}" for line, reason in outcome.problems]
    document = {
        "accepted": outcome.accepted,
        "edited": outcome.edited,
        "rejected": outcome.rejected,
        "open": outcome.open,
        "failed": [{"line": line, "reason": reason} for line, reason in outcome.problems],
    }
    show(document, lines)
    if outcome.problems:
        sys.exit(FAILED)


def _read(path: str) -> FieldValues:
    try:
        return tag_files.read(path)
    except UserError as error:
        raise UserError(f"{display_path(path)}: {error}") from error
    except OSError as error:
        raise UserError(
            f"{display_path(path)} cannot be read: {error.strerror or error}."
        ) from error


def _assignments(words: Sequence[str]) -> tuple[list[str], FieldValues]:
    """Paths and values, as they were typed."""
    paths: list[str] = []
    typed: dict[Field, list[str]] = {}
    for word in words:
        name, separator, value = word.partition("=")
        known = separator and name.lower() in {str(field) for field in Field}
        if known and not os.path.lexists(word):
            typed.setdefault(Field(name.lower()), []).append(value)
        elif separator and not os.path.lexists(word) and os.sep not in name:
            fields = ", ".join(Field)
            raise click.UsageError(f'There is no field "{display_path(name)}". There are: {fields}')
        else:
            paths.append(word)
    if not paths or not typed:
        raise click.UsageError("Name at least one file and one FIELD=VALUE.")
    try:
        wanted = {field: cleaned(field, values) for field, values in typed.items()}
    except UserError as error:
        fail(str(error), USAGE)
    for field, values in wanted.items():
        if not values and any(typed[field]):
            raise click.UsageError(f"Nothing is left of that {field}. To remove it: {field}=")
    return paths, wanted


def _groups(app: App, wanted: Sequence[TrackId] | None) -> Iterator[TrackProposals]:
    """The proposals of some tracks, or of all, without having all of them in memory."""
    ids = app.proposals.ids() if wanted is None else wanted
    for at in range(0, len(ids), _AT_ONCE):
        yield from app.proposals.get_many(ids[at : at + _AT_ONCE])


def _tracks(app: App, paths: Sequence[str]) -> list[TrackId]:
    """The library's tracks at and below some paths."""
    found: list[TrackId] = []
    for path in map(os.path.abspath, paths):
        track = app.tracks.by_path(path)
        query = TrackQuery(Scope.FOLDER, path, sort=SortKey.PATH)
        below = [track.id] if track else app.tracks.ids(query).tolist()
        if not below:
            raise UserError(
                f"{display_path(path)} is not in the library. "
                "Add its folder first: msa-desktop scan FOLDER"
            )
        found += below
    return list(dict.fromkeys(found))


def _write(app: App, changes: Sequence[Change], name: str, *, merge: bool = False) -> None:
    with telling(app.events):
        report = app.tagging.write(name, changes=changes, merge=merge, cancel=cancel_on_signal())
    _tell_report(report, "written")


def _tell_report(report: WriteReport, done: str) -> None:
    lines = [f"{len(report.done)} files {done}, {len(report.left_alone)} left alone."]
    if done == "undone" and not report.done and not report.left_alone:
        lines = ["Nothing of this batch is left to undo."]
    if report.unchanged:
        lines[0] += f" {report.unchanged} had these tags already."
    lines += [f"{display_path(path)}: {reason}" for path, reason in report.left_alone]
    lines += [f'"{name}" can no longer be undone: the history was full.' for name in report.let_go]
    if report.batch_id is not None and done == "written":
        lines.append(f"Take it back with: msa-desktop tags undo {report.batch_id}")
    if report.cancelled:
        lines.append("Stopped early. What was done is kept.")
    document = {
        "batch": report.batch_id,
        done: len(report.done),
        "unchanged": report.unchanged,
        "left_alone": [{"path": path, "reason": reason} for path, reason in report.left_alone],
        "let_go": list(report.let_go),
        "cancelled": report.cancelled,
    }
    show(document, lines)
    if report.left_alone or report.cancelled:
        sys.exit(FAILED)


def _tell_preview(previews: Sequence[Preview]) -> None:
    lines = []
    for preview in previews:
        lines.append(display_path(preview.path))
        if preview.reason:
            lines.append(f"  left alone: {preview.reason}")
        elif not preview.frames:
            lines.append("  has these tags already")
        lines += [
            f"  {change.frame}: {_joined(change.before) or '-'} -> {_joined(change.after) or '-'}"
            for change in preview.frames
        ]
    change = sum(bool(preview.frames) and not preview.reason for preview in previews)
    lines.append(f"{change} of {len(previews)} files would change. Nothing was written.")
    files = [
        {
            "path": preview.path,
            "reason": preview.reason,
            "frames": [
                {"frame": frame.frame, "before": list(frame.before), "after": list(frame.after)}
                for frame in preview.frames
            ],
        }
        for preview in previews
    ]
    show({"dry_run": True, "files": files}, lines)


def _proposal_lines(group: TrackProposals) -> list[str]:
    lines = [f"{group.track.title}  ({display_path(group.track.path)})"]
    lines += [_proposal_line(proposal) for proposal in group.proposals]
    return lines


def _proposal_line(proposal: Proposal) -> str:
    new = _joined(proposal.values)
    before = f" (now: {_joined(proposal.current)})" if proposal.current else ""
    because = "; ".join(dict.fromkeys(map(_because, proposal.suggestions)))
    return f"  {proposal.field:9} {proposal.confidence:4.0%}  {new}{before}  [{because}]"


def _because(suggestion: Suggestion) -> str:
    """The evidence for one value in a few words."""
    reasons = [f"{label.label} {label.score:.2f}" for label in suggestion.labels[:_MOST_REASONS]]
    if suggestion.neighbours:
        names = ", ".join(f'"{near.title}"' for near in suggestion.neighbours[:_MOST_REASONS])
        reasons.append(f"{len(suggestion.neighbours)} similar tracks, such as {names}")
    if suggestion.reason:
        reasons.append(suggestion.reason)
    return ", ".join(reasons)


def _batch_row(batch: Batch) -> list[str]:
    undo = "undone" if batch.undone and not batch.written else "yes" if batch.kept else "let go"
    counts = [str(count) for count in (batch.written, batch.undone, batch.left_alone)]
    return [str(batch.id), _when(batch.created_at), batch.name, *counts, undo]


def _batch_document(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.id,
        "name": batch.name,
        "created_at": batch.created_at,
        "written": batch.written,
        "undone": batch.undone,
        "left_alone": batch.left_alone,
        "size": batch.size,
        "can_undo": batch.kept,
    }


def _file_lines(file: HistoryFile) -> list[str]:
    lines = [f"{display_path(file.path)}: {file.state}"]
    if file.reason:
        lines.append(f"  {file.reason}")
    if file.state is not FileState.LEFT_ALONE:
        lines += [
            f"  {field}: {_joined(file.before.get(field, ())) or '-'} -> {_joined(after) or '-'}"
            for field, after in file.after.items()
        ]
    return lines


def _file_document(file: HistoryFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "state": str(file.state),
        "reason": file.reason,
        "before": _document(file.before),
        "after": _document(file.after),
    }


def _document(values: FieldValues) -> dict[str, list[str]]:
    return {str(field): list(texts) for field, texts in values.items()}


def _joined(values: Sequence[str]) -> str:
    return "; ".join(values)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
