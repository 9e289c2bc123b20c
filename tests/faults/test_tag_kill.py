"""The program killed while it writes tags: each file is the old one or the new one, and undone."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from msa_desktop.base.history import FileState
from msa_desktop.store.journal import Journal
from msa_desktop.tagio import safe_write
from tests.faults.tag_killed import service, undo_all, write_and_undo
from tests.support_tags import digest, jazz, make_in

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")

KILLS = int(os.environ.get("MSA_TAG_KILLS", "40"))


def states(journal: Journal) -> dict[str, FileState]:
    """What the journal says of each file last."""
    return {
        file.path: file.state
        for batch in reversed(journal.history())
        for file in journal.files(batch.id)
    }


def test_killed_at_any_moment(tmp_path: Path) -> None:
    make = make_in(tmp_path)
    music, state = tmp_path / "music", tmp_path / "state" / "history.db"
    songs = [
        make(music / f"{n}{extension}") for n in range(5) for extension in (".mp3", ".flac", ".m4a")
    ]
    old = {song: digest(song) for song in songs}
    with closing(Journal(state)) as journal:
        writing = service(journal)
        writing.write([jazz(song) for song in songs])
        new = {song: digest(song) for song in songs}
        undo_all(writing)
    assert all(new[song] != old[song] == digest(song) for song in songs)

    context = multiprocessing.get_context("forkserver")  # imports the program once for all
    context.set_forkserver_preload(["tests.faults.tag_killed"])
    chance = random.Random(KILLS)
    found: Counter[str] = Counter()
    for _ in range(KILLS):
        here, there = context.Pipe()
        process = context.Process(target=write_and_undo, args=(state, songs, there), daemon=True)
        process.start()
        assert here.poll(60) and here.recv(), "it did not begin"
        time.sleep(chance.uniform(0.0, 0.3))
        assert process.is_alive(), "it failed by itself"
        process.kill()
        process.join()

        found["copies"] += len(list(music.glob(f".*{safe_write.SUFFIX}")))
        for song in songs:
            assert digest(song) in (old[song], new[song]), song
        with closing(Journal(state)) as journal:
            recovery = service(journal).recover()
            found["written"] += len(recovery.written)
            found["undone"] += len(recovery.undone)
            found["untouched"] += len(recovery.untouched)
            assert not recovery.unclear
            assert not recovery.waiting
            assert journal.unfinished() == []
            said = states(journal)
        assert sorted(path.name for path in music.iterdir()) == sorted(song.name for song in songs)
        for song in songs:
            is_new = said.get(str(song)) is FileState.WRITTEN
            assert digest(song) == (new if is_new else old)[song], song

    # Kills that only ever hit a moment when nothing was going on would prove nothing.
    assert found["copies"] and found["untouched"]
    with closing(Journal(state)) as journal:
        undo_all(service(journal))
        assert journal.size() == 0
    assert all(digest(song) == old[song] for song in songs)
