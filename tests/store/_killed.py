"""Stores analyses as fast as it can, until somebody kills it: run by test_kill.py."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import numpy as np

from msa_desktop.base.model import AudioInfo, Embedding, FileStamp, Reading, Tags
from msa_desktop.store import writes
from msa_desktop.store.db import Database
from msa_desktop.store.writer import Writer


def main() -> None:
    db = Database(Path(sys.argv[1]))
    seed = sys.argv[2]
    writer = Writer(db)
    root = writer.run(lambda conn: writes.add_root(conn, "/music"))
    vector = np.arange(200, dtype=np.float32)

    def one(conn: sqlite3.Connection, number: int) -> None:
        stamp = FileStamp(f"/music/{seed}/{number}.mp3", 1, 1)
        (track_id,) = writes.add_tracks(conn, root, [stamp])
        info = AudioInfo(1.0, "mp3", 44_100, 2)
        reading = Reading(info, Tags(title=f"t{number}"), stamp.path.encode())
        writes.store_reading(conn, track_id, reading)
        labels = {"msd": vector[:50], "mtt": vector[:50]}
        writes.store_analysis(conn, track_id, [Embedding("ear", "1", vector, labels)])
        writes.store_peaks(conn, track_id, bytes(4000))
        if number % 7 == 0:
            writes.store_failure(conn, track_id, "broken")
        if number % 11 == 0:
            writes.remove_tracks(conn, [track_id])

    number = 0
    while True:
        for _ in range(50):
            number += 1
            writer.post(lambda conn, number=number: one(conn, number))  # type: ignore[misc]
        # Told only of what is stored: the test checks that none of it is lost.
        writer.flush()
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
