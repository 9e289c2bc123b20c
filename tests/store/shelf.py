"""A small library for tests: the real store on a folder of its own, in short words."""

from __future__ import annotations

import os
import sqlite3
from itertools import count
from pathlib import Path

import numpy as np

from msa_desktop.base.model import (
    AudioInfo,
    Embedding,
    FileStamp,
    FloatArray,
    Reading,
    Tags,
    Track,
    TrackId,
    TrackState,
)
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.tracks import TrackQuery, TrackReader
from msa_desktop.store.vectors import VectorIndex
from msa_desktop.store.writer import Writer

ENCODER = "ear"
_NUMBERS = count()  # so that no two made-up files have one name


class Shelf:
    """A library under `/music`. No file of it is real: the store looks at none.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "library.db"
        self.db = Database(self.path)
        self.writer = Writer(self.db)
        self.reader = TrackReader(self.db)
        self.root = self.writer.run(lambda conn: writes.add_root(conn, "/music"))

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        self.db.close()

    def add(self, *names: str) -> list[TrackId]:
        """Adds files by their paths below /music."""
        stamps = [FileStamp(os.path.join("/music", name), 100, 1_000) for name in names]
        return self.writer.run(lambda conn: writes.add_tracks(conn, self.root, stamps))

    def read(
        self,
        track_id: int,
        title: str = "",
        artist: str = "",
        *,
        sound: bytes | None = None,
        duration: float = 60.0,
        **tags: object,
    ) -> TrackState | None:
        """Stores tags; the sound is the track's own unless one is named."""
        info = AudioInfo(duration, "mp3", 44_100, 2, 192_000)
        told = Tags(title, artist, **tags)  # type: ignore[arg-type]
        reading = Reading(info, told, sound or b"sound %d" % track_id)
        return self.writer.run(lambda conn: writes.store_reading(conn, track_id, reading))

    def hear(self, track_id: int, *vector: float, version: str = "1") -> None:
        """Stores an analysis: a vector, two label scores and a waveform."""
        embedding = Embedding(
            ENCODER,
            version,
            np.array(vector or (1, 2, 3), dtype=np.float32),
            {"msd": np.array([0.25, 0.5], dtype=np.float32)},
        )

        def store(conn: sqlite3.Connection) -> None:
            writes.store_analysis(conn, track_id, [embedding])
            writes.store_peaks(conn, track_id, b"peaks")

        self.writer.run(store)

    def hear_many(self, vectors: FloatArray) -> list[TrackId]:
        """Adds as many tracks as there are vectors, already heard."""
        ids = self.add(*(f"heard/{next(_NUMBERS)}.mp3" for _ in vectors))

        def store(conn: sqlite3.Connection) -> None:
            for track_id, vector in zip(ids, vectors, strict=True):
                embedding = Embedding(ENCODER, "1", vector)
                writes.store_analysis(conn, track_id, [embedding])

        self.writer.run(store)
        return ids

    def remove(self, *ids: int) -> None:
        """Forgets tracks."""
        self.writer.run(lambda conn: writes.remove_tracks(conn, ids))

    def index(self, version: str = "1") -> VectorIndex:
        """The vector index, as a new start of the program finds it."""
        return VectorIndex(self.db, self.folder / "indexes", ENCODER, version)

    def get(self, track_id: int) -> Track:
        """A track that must be there."""
        track = self.reader.get(track_id)
        assert track is not None
        return track

    def typed(self, words: str) -> list[int]:
        """The ids found by what a person types, by title."""
        return sorted(self.reader.ids(TrackQuery(words=words)).tolist())

    def sql(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Rows straight from the database."""
        return [tuple(row) for row in self.db.connection().execute(statement, parameters)]
