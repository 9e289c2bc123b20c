"""Brings the library up to date with files that the program itself has written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from msa_desktop.audio import metadata
from msa_desktop.base.events import EventBus, ProposalsChanged, TracksChanged
from msa_desktop.base.history import HistoryFile
from msa_desktop.base.model import FileStamp, TrackId
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
        known = [
            (self._track_of(track_id, stamp), stamp, tags) for track_id, stamp, tags in written
        ]
        tracks = [
            (track_id, stamp, tags) for track_id, stamp, tags in known if track_id is not None
        ]
        if not tracks:
            return

        def change(conn: sqlite3.Connection) -> None:
            for track_id, stamp, tags in tracks:
                writes.store_retagged(conn, track_id, stamp, metadata.from_fields(tags))
                proposals.drop_overtaken(conn, track_id, tags)

        self._writer.run(change)
        ids = frozenset(track_id for track_id, _, _ in tracks)
        self._events.publish(TracksChanged(ids))
        self._events.publish(ProposalsChanged(ids))

    def find(self, file: HistoryFile) -> str | None:
        """Where a file of the history is now, if the library saw it move; None if nobody knows."""
        track = self._reader.get(file.track_id) if file.track_id is not None else None
        return track.path if track is not None else None

    def _track_of(self, track_id: TrackId | None, stamp: FileStamp) -> TrackId | None:
        if track_id is not None:
            return track_id
        track = self._reader.by_path(stamp.path)
        return track.id if track is not None else None
