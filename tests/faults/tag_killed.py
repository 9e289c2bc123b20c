"""Writes tags and takes them back as fast as it can, until somebody kills it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from msa_desktop.base.events import EventBus
from msa_desktop.base.model import FileStamp
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting
from msa_desktop.store.journal import Journal
from msa_desktop.tagio import safe_write
from msa_desktop.tagio.safe_write import Planned, Restored
from tests.support_tags import jazz


def service(journal: Journal) -> TagWriting:
    return TagWriting(journal, Settings, EventBus(), lambda _news: None)


def undo_all(writing: TagWriting) -> None:
    for batch in writing.history():
        if batch.written:
            assert writing.undo(batch.id).left_alone == ()


def write_and_undo(state: Path, songs: Sequence[Path], ready: Connection) -> None:
    writing = service(Journal(state))
    ready.send(True)
    while True:
        undo_all(writing)
        assert writing.write([jazz(song) for song in songs]).left_alone == ()


def die(state: Path, songs: Sequence[Path], *, undo: bool, in_place: bool) -> None:
    """Writes, or takes back, and is killed when each copy is made, or has taken its place.

    Args:
        state: The journal.
        songs: As many as are written at once, or fewer.
        undo: Take back what was written.
        in_place: Not before the copies have taken the files' places.
    """
    met = threading.Barrier(len(songs), lambda: os.kill(os.getpid(), signal.SIGKILL))
    put_in_place = safe_write.replace

    def replace(laid: Planned | Restored) -> FileStamp:
        if in_place:
            put_in_place(laid)
        met.wait()
        raise AssertionError("nobody survives this")

    safe_write.replace = replace
    writing = service(Journal(state))
    if undo:
        undo_all(writing)
    else:
        writing.write([jazz(song) for song in songs])
