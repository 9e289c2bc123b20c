"""Brings the library up to date with files that the program itself has written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from msa_desktop.audio import metadata
from msa_desktop.base.events import EventBus, ProposalsChanged, TracksChanged
from msa_desktop.base.history import HistoryFile
from msa_desktop.base.model import FileStamp, Track, TrackId
from msa_desktop.services.tag_recovery import Written
from msa_desktop.store import proposals, writes
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.writer import Writer


class WrittenFiles:
    """Knows which track a written file is.

    Args:
        reader: The library's tracks.
        writer: The one writer.
        events: Where changes are told.
    """

    def __init__(self, reader: TrackReader, writer: Writer, events: EventBus) -> None:
        self._reader = reader
        self._writer = writer
        self._events = events

    def store(self, written: Sequence[Written]) -> None:
        """Stores the files' new stamps and tags; files outside the library are passed over.

        So the next scan finds them unchanged, and nothing is read or listened to again.
        """
        named = [
            (self.track_of(stamp.path) if track_id is None else track_id, stamp, tags)
            for track_id, stamp, tags in written
        ]
        known = {track.id: track for track in self._reader.get_many([i for i, *_ in named if i])}
        news = [
            # What only FFmpeg finds in the file stands in for tags that this program lacks.
            (track, _at(track, stamp), metadata.from_fields(tags, track.tags))
            for track_id, stamp, tags in named
            if track_id is not None and (track := known.get(track_id)) is not None
        ]
        if not news:
            return

        def change(conn: sqlite3.Connection) -> None:
            for track, stamp, tags in news:
                writes.store_retagged(conn, track.id, stamp, tags)
                proposals.look_again(conn, track.id)

        self._writer.run(change)
        ids = frozenset(track.id for track, *_ in news)
        self._events.publish(TracksChanged(ids))
        self._events.publish(ProposalsChanged(ids))

    def find(self, file: HistoryFile) -> str | None:
        """Where a file of the history is now, if the library saw it move; None if nobody knows."""
        track = self._reader.get(file.track_id) if file.track_id is not None else None
        return track.path if track is not None else None

    def track_of(self, path: str) -> TrackId | None:
        """Which track a file is, by whatever link; None if it is not in the library."""
        track = self._reader.by_path(path) or self._reader.by_path(os.path.realpath(path))
        return track.id if track is not None else None


def _at(track: Track, stamp: FileStamp) -> FileStamp:
    """The stamp under the path by which the library knows the file."""
    if stamp.path == track.path or os.path.realpath(stamp.path) != os.path.realpath(track.path):
        return stamp
    return replace(stamp, path=track.path)
