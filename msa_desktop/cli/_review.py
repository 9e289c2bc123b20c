"""Proposals as a table for a spreadsheet or a program, and decisions read back from it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field, cleaned
from msa_desktop.base.model import Track, TrackId, display_path
from msa_desktop.base.proposals import Decision, Proposal, TrackProposals
from msa_desktop.services.tagging import Tagging
from msa_desktop.store.proposals import ProposalReader

_COLUMNS = (
    "id", "path", "title", "artist", "field", "current", "proposed", "confidence", "because",
    "decision",
)  # fmt: skip
_SEPARATOR = "; "
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WORDS = {Decision.OPEN: "open", Decision.ACCEPTED: "accept"}
_REJECT = "reject"


@dataclass
class Outcome:
    """What reading decisions came to; `problems` are (line, reason)."""

    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    open: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def document(track: Track, proposal: Proposal) -> dict[str, Any]:
    """A proposal as JSON, with its evidence."""
    return {
        "id": track.id,
        "path": track.path,
        "title": track.title,
        "artist": track.tags.artist,
        "field": str(proposal.field),
        "current": list(proposal.current),
        "proposed": list(proposal.values),
        "confidence": round(proposal.confidence, 4),
        "decision": _WORDS[proposal.decision],
        "tagger": proposal.tagger,
        "evidence": [
            {
                "value": suggestion.value,
                "confidence": round(suggestion.confidence, 4),
                "reason": suggestion.reason,
                "labels": [
                    {"label": heard.label, "score": round(heard.score, 4), "usual": heard.usual}
                    for heard in suggestion.labels
                ],
                "neighbours": [
                    {
                        "id": near.track_id,
                        "reference": near.reference,
                        "title": near.title,
                        "artist": near.artist,
                        "similarity": round(near.similarity, 4),
                        "values": list(near.values),
                    }
                    for near in suggestion.neighbours
                ],
            }
            for suggestion in proposal.suggestions
        ],
    }


def write(file: str, found: Iterable[TrackProposals]) -> int:
    """Writes proposals as CSV, or as JSON where the file's name ends so; returns how many.

    Raises:
        UserError: The file cannot be written.
    """
    documents = [document(group.track, p) for group in found for p in group.proposals]
    text = json.dumps({"proposals": documents}, indent=2) if _is_json(file) else _csv(documents)
    try:
        # With its byte order mark, or a spreadsheet takes it for some old encoding.
        Path(file).write_text(text, "utf-8" if _is_json(file) else "utf-8-sig", newline="")
    except OSError as error:
        raise UserError(
            f"{display_path(file)} cannot be written: {error.strerror or error}."
        ) from error
    return len(documents)


def read(file: str, reader: ProposalReader, tagging: Tagging) -> Outcome:
    """Reads decisions and edited values back, and takes them over.

    Raises:
        UserError: The file cannot be read or is no such table.
    """
    outcome = Outcome()
    lines = list(_lines(file))
    groups = reader.get_many([number for number in (_number(line) for _, line in lines) if number])
    known = {(group.track.id, p.field): p for group in groups for p in group.proposals}
    accepted: dict[Field, list[TrackId]] = {}
    rejected: dict[Field, list[TrackId]] = {}
    for number, line in lines:
        try:
            proposal = _known(line, known)
            decision = str(line.get("decision", "")).strip().lower()
            values = cleaned(proposal.field, _values(line.get("proposed", "")))
            if decision == _REJECT:
                rejected.setdefault(proposal.field, []).append(proposal.track_id)
                outcome.rejected += 1
            elif decision not in _WORDS.values():
                raise UserError(f'The decision "{decision}" is not accept, reject or open.')
            elif decision == _WORDS[Decision.ACCEPTED] and values != proposal.values:
                tagging.edit(proposal.track_id, proposal.field, values)
                outcome.accepted += 1
                outcome.edited += 1
            elif decision == _WORDS[Decision.ACCEPTED]:
                accepted.setdefault(proposal.field, []).append(proposal.track_id)
                outcome.accepted += 1
            elif values != proposal.values:
                raise UserError('It was edited, but the decision is not "accept".')
            else:
                outcome.open += 1
        except UserError as error:
            outcome.problems.append((number, str(error)))
    for about, ids in accepted.items():
        tagging.accept(ids, [about])
    for about, ids in rejected.items():
        tagging.reject(ids, [about])
    return outcome


def _csv(documents: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for made in documents:
        because = [
            f"{heard['label']} {heard['score']:.2f}"
            for suggestion in made["evidence"]
            for heard in suggestion["labels"]
        ] + [
            f"like {near['title']} ({_SEPARATOR.join(near['values'])})"
            for suggestion in made["evidence"]
            for near in suggestion["neighbours"]
        ]
        cells = {
            **made,
            "path": display_path(made["path"]),
            "current": _SEPARATOR.join(made["current"]),
            "proposed": _SEPARATOR.join(made["proposed"]),
            "because": ", ".join(dict.fromkeys(because)),
        }
        writer.writerow([_harmless(cells[column]) for column in _COLUMNS])
    return text.getvalue()


def _harmless(cell: object) -> object:
    """A tag that a spreadsheet would take for a formula is written as text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _lines(file: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The table's lines with their numbers."""
    shown = display_path(file)
    try:
        # A spreadsheet may have put a byte order mark before the text.
        text = Path(file).read_text("utf-8-sig")
        if _is_json(file):
            found = json.loads(text)["proposals"]
            rows = [row for row in found if isinstance(row, dict)]
            yield from enumerate(rows, 1)
            return
        dialect = "excel" if "," in text.partition("\n")[0] else "excel-tab"
        delimiter = ";" if ";" in text.partition("\n")[0] else csv.get_dialect(dialect).delimiter
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        if not {"id", "field", "proposed", "decision"} <= set(table.fieldnames or ()):
            raise UserError(f"{shown} lacks the columns id, field, proposed and decision.")
        yield from enumerate(table, 2)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(f"{shown} is no table of proposals ({error}).") from error


def _known(line: Mapping[str, Any], known: Mapping[tuple[TrackId, Field], Proposal]) -> Proposal:
    try:
        about = Field(str(line.get("field", "")))
    except ValueError:
        raise UserError(f'There is no field "{line.get("field")}".') from None
    proposal = known.get((TrackId(_number(line) or 0), about))
    if proposal is None:
        raise UserError("Nothing is proposed for this track and field any more.")
    return proposal


def _number(line: Mapping[str, Any]) -> int | None:
    text = str(line.get("id", "")).strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _values(cell: object) -> list[str]:
    if isinstance(cell, list):
        return [str(value) for value in cell]
    text = str(cell or "")
    if text.startswith("'") and text[1:].startswith(_FORMULA):
        text = text[1:]
    return [text]


def _is_json(file: str) -> bool:
    return os.path.splitext(file)[1].lower() == ".json"
