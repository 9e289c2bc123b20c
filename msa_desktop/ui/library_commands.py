"""What the person can have done with the library; all of it happens in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Root, TrackId, display_path
from msa_desktop.services.library import Library
from msa_desktop.ui import text
from msa_desktop.ui.bridge import Background

_T = TypeVar("_T")


def _open(library: Library, folder: str | None) -> None:
    """Starts the background work, with one more folder if there is one."""
    if folder is not None and folder not in {root.path for root in library.roots()}:
        library.add_root(folder)
    library.start()


def _make_demo(library: Library, folder: Path) -> Root:
    # Loads NumPy's and FFmpeg's encoders: only for the person who asks for the demo.
    from msa_desktop.services.demo import make_demo  # noqa: PLC0415

    make_demo(folder)
    known = {root.path: root for root in library.roots()}
    return known.get(str(folder)) or library.add_root(str(folder))


def _add_all(library: Library, paths: Sequence[str]) -> list[Root]:
    return [library.add_root(path) for path in paths]


class LibraryCommands(QObject):
    """Asks the library, and tells what came of it.

    Args:
        library: None where another process holds this data folder; everything then says so.
        problem: Why there is no library.

    Signals:
        added: A folder (`Root`) is in the library now.
        said: A piece of news for the person.
        failed: What went wrong (an exception).
    """

    added = Signal(object)
    said = Signal(str)
    failed = Signal(Exception)

    def __init__(
        self,
        library: Library | None,
        problem: str,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._problem = problem
        self._background = background

    def open(self, folder: str | None) -> None:
        """Starts scanning, watching and listening, with one more folder if there is one."""
        self._run(lambda library: _open(library, folder))

    def add_folders(self, paths: Sequence[str]) -> None:
        """Adds folders; their scan begins at once."""
        self._run(partial(_add_all, paths=paths), self._added)

    def remove_folder(self, root: int, path: str) -> None:
        """Takes a folder out of the library; its files stay."""
        news = f"{display_path(path)} is no longer in the library."
        self._run(lambda library: library.remove_root(root), partial(self._say, news))

    def make_demo(self, folder: Path) -> None:
        """Makes the demo's music in a folder of the program's own, and adds it."""
        self.said.emit("Making a dozen short pieces to try the program on…")
        self._run(partial(_make_demo, folder=folder), self._added_one)

    def rescan(self) -> None:
        """Looks through every folder again."""
        self._run(Library.rescan)

    def set_paused(self, paused: bool) -> None:
        """Pauses the listening, or goes on."""
        self._run(Library.pause if paused else Library.resume)

    def prioritise(self, track_id: TrackId) -> None:
        """Listens to this track next; where nothing listens there is nothing to hurry."""
        if self._library is not None:
            self._background.run(partial(self._library.prioritise, track_id), key="prioritise")

    def analyse_again(self, ids: Sequence[TrackId]) -> None:
        """Listens to these tracks once more."""
        if ids:
            news = f"{text.count(len(ids), 'track is', 'tracks are')} listened to again."
            self._run(lambda library: library.analyse_again(ids), partial(self._say, news))

    def _run(self, work: Callable[[Library], _T], done: Callable[[_T], None] | None = None) -> None:
        if self._library is None:
            self.failed.emit(UserError(self._problem))
            return
        self._background.run(partial(work, self._library), done, failed=self.failed.emit)

    def _say(self, news: str, _: None) -> None:
        self.said.emit(news)

    def _added(self, roots: list[Root]) -> None:
        for root in roots:
            self._added_one(root)

    def _added_one(self, root: Root) -> None:
        self.said.emit(f"{display_path(root.path)} was added.")
        self.added.emit(root)
