"""The program killed in the middle of a scan: nothing lost, nothing done twice."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tests.support import Program, write_wav

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")


def analysed(program: Program) -> dict[int, int]:
    """Track id to the generation of its vector: it rises when a vector is written again."""
    with sqlite3.connect(f"file:{program.data_dir}/library.db?mode=ro", uri=True) as db:
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            return {}  # killed before the library was made
        return dict(
            db.execute(
                "SELECT track_id, generation FROM vectors JOIN tracks ON tracks.id = track_id"
                " WHERE state = 2"
            )
        )


@pytest.mark.parametrize("seed", range(3))
def test_kill_and_scan_again(program: Program, tmp_path: Path, seed: int) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(40):
        write_wav(music / f"{n:02}.wav", 12, pitch=200 + 5 * n)
    rng = random.Random(seed)
    before: dict[int, int] = {}
    for _ in range(3):
        scan = program.start("scan", str(music), "--json")
        time.sleep(rng.uniform(0.3, 4.0))
        scan.kill()
        scan.communicate()
        if (program.data_dir / "library.db").exists():
            now = analysed(program)
            assert before.items() <= now.items(), "something stored was lost or done twice"
            before = now
    done = program("scan", music, "--json")
    assert done.code == 0, done.err
    after = analysed(program)
    assert before.items() <= after.items()
    assert len(after) == 40
    doctor = program("doctor", "--json")
    assert doctor.code == 0, doctor.out
