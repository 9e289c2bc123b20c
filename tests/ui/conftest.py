"""Fixtures for the window's tests: a real `App` on a data folder of its own, and its window."""

from __future__ import annotations

import gc
import os
import sqlite3

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import AudioInfo, Embedding, FileStamp, Reading, Tags, TrackId
from msa_desktop.base.paths import DataPaths
from msa_desktop.base.proposals import HeardLabel, Proposal, Suggestion, TaggedNeighbour
from msa_desktop.base.settings import Theme
from msa_desktop.store import proposals, writes
from msa_desktop.ui import theme
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.main_window import MainWindow
from msa_desktop.ui.playback import Playback
from tests.support import write_wav

Fill = Callable[..., list[TrackId]]
Songs = Callable[[int], list[TrackId]]
Propose = Callable[..., None]


@pytest.fixture(autouse=True)
def garbage_in_this_thread() -> Iterator[None]:
    """As in the program: a widget must not be collected by another thread (`ui/responsive.py`)."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """The services over an empty data folder."""
    with App(DataPaths(tmp_path / "state")) as made:
        yield made


@pytest.fixture
def fill(app: App) -> Fill:
    """Stores tracks in the app's library: `fill(5)`; the first `heard` of them are analysed."""

    def store(
        count: int, *, heard: int | None = None, folder: str = "/music/Album"
    ) -> list[TrackId]:
        facts = app.encoders[0]
        chance = np.random.default_rng(3)
        sizes = {source.id: len(source.labels) for source in app.vocabulary.sources.values()}

        def change(conn: sqlite3.Connection) -> list[TrackId]:
            root = writes.add_root(conn, "/music")
            stamps = [FileStamp(f"{folder}/{i:03}.flac", 1000, 1) for i in range(count)]
            ids = writes.add_tracks(conn, root, stamps)
            for i, track_id in enumerate(ids):
                tags = Tags(
                    f"Title {i:03}", f"Artist {i % 7}", "Album", "", ("Jazz",), 1990 + i % 30
                )
                reading = Reading(AudioInfo(100.0 + i, "flac", 44_100, 2), tags, bytes([i % 256]))
                writes.store_reading(conn, track_id, reading)
                if heard is None or i < heard:
                    vector = chance.standard_normal(facts.dimension).astype(np.float32)
                    labels = {s: chance.random(n).astype(np.float32) for s, n in sizes.items()}
                    embedding = Embedding(facts.id, facts.version, vector, labels)
                    writes.store_analysis(conn, track_id, [embedding])
            return ids

        return app.writer.run(change)

    return store


@pytest.fixture
def songs(app: App, tmp_path: Path) -> Songs:
    """Puts real files into the app's library: `songs(3)`; none of them has a tag."""

    def make(count: int) -> list[TrackId]:
        folder = tmp_path / "My music"
        folder.mkdir()
        files = [write_wav(folder / f"song {i:03}.wav", 0.1) for i in range(count)]

        def change(conn: sqlite3.Connection) -> list[TrackId]:
            root = writes.add_root(conn, str(folder))
            found = [file.stat() for file in files]
            stamps = [
                FileStamp(str(file), stat.st_size, stat.st_mtime_ns)
                for file, stat in zip(files, found, strict=True)
            ]
            ids = writes.add_tracks(conn, root, stamps)
            for i, track_id in enumerate(ids):
                info = AudioInfo(0.1, "pcm_s16le", 16_000, 1)
                tags = Tags(f"Song {i:03}", f"Artist {i % 3}")
                writes.store_reading(conn, track_id, Reading(info, tags, bytes([i % 256])))
            return ids

        return app.writer.run(change)

    return make


@pytest.fixture
def propose(app: App) -> Propose:
    """Stores proposals: `propose(ids, Field.GENRE, "Jazz", confidence=0.9)`."""

    def store(
        ids: Sequence[TrackId],
        field: Field = Field.GENRE,
        *values: str,
        current: tuple[str, ...] = (),
        confidence: float = 0.8,
        neighbours: tuple[TaggedNeighbour, ...] = (),
    ) -> None:
        suggestions = tuple(
            Suggestion(value, confidence, (HeardLabel(value.lower(), 0.7, 0.1),), neighbours)
            for value in values
            if value not in current
        )

        def change(conn: sqlite3.Connection) -> None:
            for track_id in ids:
                made = Proposal(track_id, field, current, values, suggestions, "test")
                proposals.store(conn, made)

        app.writer.run(change)

    return store


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


@pytest.fixture
def open_window(qtbot: QtBot, qapp: QApplication, app: App) -> Iterator[Callable[[], MainWindow]]:
    """Opens the window on the library as it is, and waits until it shows it."""
    theme.apply(qapp, Theme.LIGHT)
    windows: list[MainWindow] = []

    def open_it() -> MainWindow:
        window = MainWindow(app, app.library, playback=Playback(needs_output=False))
        windows.append(window)
        qtbot.addWidget(window)
        window.show()
        with qtbot.waitSignal(window.model.shown):
            window.show_library()
        return window

    yield open_it
    for window in windows:
        window.close()
