from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from msa_desktop.store.db import Database
from msa_desktop.store.vectors import VectorIndex

_PROGRAM = Path(__file__).with_name("_killed.py")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_killed_while_writing(tmp_path: Path) -> None:
    """Nothing that was stored is lost, nothing is half stored, and the index catches up."""
    path = tmp_path / "library.db"
    chance = random.Random(4)
    root = Path(__file__).parents[2]
    promised: dict[str, int] = {}
    for seed in range(6):
        process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), str(path), str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert process.stdout is not None
        first = process.stdout.readline()  # it has begun to store
        time.sleep(chance.uniform(0.0, 0.4))
        process.kill()
        told = [first, *process.stdout.read().splitlines()]
        process.wait()
        assert first, "the writing process did not start"
        promised[str(seed)] = max(int(line) for line in told if line.strip().isdigit())

        db = Database(path)
        connection = db.connection()
        assert db.check() == []
        half_stored = connection.execute(
            "SELECT count(*) FROM tracks WHERE (state = 2) <> EXISTS"
            " (SELECT 1 FROM vectors WHERE track_id = tracks.id)"
            " OR (state = 2) <> (SELECT count(*) = 2 FROM labels WHERE track_id = tracks.id)"
            " OR (state = 2) <> EXISTS (SELECT 1 FROM peaks WHERE track_id = tracks.id)"
            " OR NOT EXISTS (SELECT 1 FROM track_words WHERE rowid = tracks.id)"
        ).fetchone()[0]
        assert half_stored == 0
        index = VectorIndex(db, tmp_path, "ear", "1")
        assert index.check() == []
        index.save()
        for folder, count in promised.items():
            (stored,) = connection.execute(
                "SELECT count(*) FROM tracks JOIN folders ON folders.id = folder_id"
                " WHERE path = CAST(? AS BLOB)",
                (f"/music/{folder}",),
            ).fetchone()
            assert stored >= count - count // 11
        db.close()
