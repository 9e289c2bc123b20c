"""What a walk found against what the library knows: pure decisions, no disk and no database."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msa_desktop.base.model import FileStamp, TrackId, TrackState
from msa_desktop.store.tracks import StoredStamp
from msa_desktop.watch.scan import Problem


@dataclass(frozen=True, slots=True)
class Found:
    """A file under the root it was found in."""

    root_id: int
    stamp: FileStamp


@dataclass(slots=True)
class Changes:
    """What is different on disk.

    Attributes:
        new: Files the library does not know.
        changed: Known files with another size or modification time.
        moved: Known tracks whose file is now elsewhere.
        missing: Known tracks whose file is gone.
        problems: Things that look like music but cannot be, with the root they are in.
        unfinished: Known, unchanged files that were never analysed to the end.
        unchanged: How many files are as they were.
    """

    new: list[Found] = field(default_factory=list)
    changed: list[tuple[TrackId, FileStamp]] = field(default_factory=list)
    moved: list[tuple[TrackId, Found]] = field(default_factory=list)
    missing: dict[TrackId, StoredStamp] = field(default_factory=dict)
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    unfinished: list[tuple[TrackId, TrackState]] = field(default_factory=list)
    unchanged: int = 0


def compare(
    root_id: int,
    found: Iterable[FileStamp | Problem],
    known: Mapping[str, StoredStamp],
    changes: Changes,
) -> None:
    """Adds one root's differences to `changes`.

    A known track under a folder that could not be read counts as still there: not seeing a file
    is no proof that it is gone.

    Args:
        root_id: The root that was walked.
        found: What the walk yielded.
        known: The library's tracks in the part that was walked, by path.
        changes: Collects the differences of one or several roots.
    """
    missing = dict(known)
    unseen: list[str] = []
    for item in found:
        before = missing.pop(item.path, None)
        if isinstance(item, Problem):
            if item.unseen:
                unseen.append(os.path.join(item.path, ""))
            if before is not None and before.state is TrackState.FAILED and not before.mtime_ns:
                changes.unchanged += 1
            else:
                changes.problems.append((root_id, item))
        elif before is None:
            changes.new.append(Found(root_id, item))
        elif (before.size, before.mtime_ns) != (item.size, item.mtime_ns):
            changes.changed.append((before.id, item))
        else:
            changes.unchanged += 1
            if before.state in (TrackState.NEW, TrackState.QUEUED):
                changes.unfinished.append((before.id, before.state))
    for path, stamp in missing.items():
        if not any(path.startswith(folder) for folder in unseen):
            changes.missing[stamp.id] = stamp


def match_moves(changes: Changes, paths: Mapping[TrackId, str]) -> None:
    """Turns pairs of a missing and a new file with one size and time into moves.

    A rename keeps both, to the nanosecond. Where several fit, the one with the same file name
    goes first. The analysis reads each moved file again, so a wrong pair is found out.

    Args:
        changes: Collected over all roots of one scan, so that a move between roots is seen.
        paths: The missing tracks' paths by id.
    """
    by_stamp: dict[tuple[int, int], list[TrackId]] = defaultdict(list)
    for track_id, stamp in changes.missing.items():
        if stamp.mtime_ns:
            by_stamp[stamp.size, stamp.mtime_ns].append(track_id)
    if not by_stamp:
        return
    still_new = []
    for found in changes.new:
        candidates = by_stamp.get((found.stamp.size, found.stamp.mtime_ns), [])
        if not candidates:
            still_new.append(found)
            continue
        name = os.path.basename(found.stamp.path)
        same_name = (c for c in candidates if os.path.basename(paths[c]) == name)
        chosen = next(same_name, candidates[0])
        candidates.remove(chosen)
        del changes.missing[chosen]
        changes.moved.append((chosen, found))
    changes.new = still_new
