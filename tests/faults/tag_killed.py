"""Writes tags and takes them back as fast as it can, until somebody kills it."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from msa_desktop.base.events import EventBus
from msa_desktop.base.settings import Settings
from msa_desktop.services.tag_writing import TagWriting
from msa_desktop.store.journal import Journal
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
