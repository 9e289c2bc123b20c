"""The parts of a batch: changes before they are planned, plans and outcomes when they are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import FACTS, shown
from msa_desktop.base.history import Change, HistoryFile
from msa_desktop.services.tag_crew import Tally
from msa_desktop.store.journal import Entry, Original
from msa_desktop.tagio.safe_write import Planned, Restored

F = TypeVar("F", Change, HistoryFile)
P = TypeVar("P", Planned, Restored)


def name_of(changes: Sequence[Change]) -> str:
    """What a batch is called that nobody gave a name."""
    fields = sorted({FACTS[name].title for change in changes for name in change.fields})
    files = len({change.path for change in changes})
    return f"{', '.join(fields)}: {files} file{'s' if files != 1 else ''}"


def one_a_file(changes: Iterable[Change], tally: Tally) -> list[Change]:
    """The changes, those of one file (by whatever link) joined; one that disagrees is refused."""
    joined: dict[str, Change] = {}
    for change in changes:
        real = os.path.realpath(change.path)
        first = joined.get(real)
        if first is None:
            joined[real] = change
        elif any(
            first.fields.get(name, values) != values for name, values in change.fields.items()
        ):
            tally.refused.append((change, "Another change of this batch says otherwise."))
        else:
            joined[real] = replace(
                first,
                fields={**first.fields, **change.fields},
                expected={**(change.expected or {}), **(first.expected or {})} or None,
                track_id=change.track_id if first.track_id is None else first.track_id,
            )
    return list(joined.values())


def feasible(items: Sequence[F], plans: Sequence[P | UserError], tally: Tally) -> list[tuple[F, P]]:
    """Each file that can be written, with its plan; the others are told."""
    ready = []
    for item, plan in zip(items, plans, strict=True):
        if isinstance(plan, UserError):
            tally.refused.append((item, str(plan)))
        else:
            ready.append((item, plan))
    return ready


def by_outcome(
    ids: Sequence[int], outcomes: Sequence[object | UserError]
) -> tuple[list[int], dict[int, str]]:
    """The files that went well, and the reasons of those that did not."""
    pairs = list(zip(ids, outcomes, strict=True))
    failed = {file_id: str(outcome) for file_id, outcome in pairs if isinstance(outcome, UserError)}
    return [file_id for file_id, _ in pairs if file_id not in failed], failed


def entry_of(change: Change, plan: Planned) -> Entry:
    """What the journal stores before a plan is carried out."""
    original = Original(plan.sha256, plan.found.st_mtime_ns, plan.delta)
    return Entry(
        change.path, change.track_id, plan.before, plan.after, plan.copy, original, plan.sound
    )


def left_out(change: Change, plan: Planned) -> str:
    """Which values could not be written, for the person."""
    told = [
        f'{FACTS[field].title} ("{", ".join(shown(field, change.fields[field]))}")'
        for field in plan.left_out
    ]
    return f"The file's format cannot hold this any more: {'; '.join(told)}."
