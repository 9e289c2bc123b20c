"""Answers the page of the search, and brings tracks into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from msa_desktop.base.events import TracksChanged
from msa_desktop.base.model import Track, TrackId
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui import text
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.bridge import Background, sentence
from msa_desktop.ui.search_field import MOST_CHIPS, Seed
from msa_desktop.ui.search_page import MOST, Answer, Query, SearchPage

if TYPE_CHECKING:  # loaded with the first search
    from msa_desktop.services.text_search import TextSearch

_REFRESH_MS = 2000


def answer(open_search: Callable[[], TextSearch], reader: TrackReader, query: Query) -> Answer:
    """Answers a query; in the background.

    Raises:
        UserError: A condition cannot be read, or a track cannot be compared.
    """
    counts = reader.counts()
    if not (query and counts.tracks):
        return Answer(counts)
    like = [seed.track_id for seed in query.seeds if not seed.unlike]
    unlike = [seed.track_id for seed in query.seeds if seed.unlike]
    found = open_search().search(query.words, MOST, like=like, unlike=unlike)
    return Answer(counts, found)


class SearchCommands(QObject):
    """Has the page's questions answered, one after another, and only the latest.

    Args:
        open_search: The service; not in the GUI thread, for it reads files.
        reader: The library's reads.
        background: Where tracks are read.
        actions: The window's actions.
        page: What is asked and shown.
        targets: The tracks that an action would act on.
        parent: Qt's parent.

    Signals:
        page_asked: The page is to come to the front.
        said: A piece of news for the person.
    """

    page_asked = Signal()
    said = Signal(str)

    def __init__(
        self,
        open_search: Callable[[], TextSearch],
        reader: TrackReader,
        background: Background,
        actions: Actions,
        page: SearchPage,
        targets: Callable[[], Sequence[TrackId]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._open_search = open_search
        self._reader = reader
        self._page = page
        self._targets = targets
        self._background = background
        # A thread of its own: while the encoders that read are being loaded, a search takes long,
        # and must keep nothing else waiting.
        self._searching = Background(self, threads=1)
        self._refresh_soon = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh_soon.timeout.connect(page.reload)
        page.asked.connect(self._answer)
        actions[Act.SEARCH_LIKE].triggered.connect(self._search_like)
        actions[Act.SEARCH_UNLIKE].triggered.connect(self._search_unlike)

    def refresh(self, change: TracksChanged) -> None:
        """Searches again where what changed may change what was found."""
        page = self._page
        if not page.isVisible() or self._refresh_soon.isActive():
            return
        listed = set(page.list.listed_ids().tolist())
        if change.ids & listed or (change.structure and page.grows()):
            self._refresh_soon.start()

    def close(self) -> None:
        """Ends what is being answered."""
        self._searching.close()

    def _answer(self, query: Query) -> None:
        work = partial(answer, self._open_search, self._reader, query)
        self._searching.run(work, self._page.show_answer, key="search", failed=self._fail)

    def _fail(self, error: Exception) -> None:
        self._page.show_error(sentence(error))

    def _search_like(self) -> None:
        self._take_targets(unlike=False)

    def _search_unlike(self) -> None:
        self._take_targets(unlike=True)

    def _take_targets(self, *, unlike: bool) -> None:
        ids = list(self._targets())
        if len(ids) > MOST_CHIPS:
            number = text.number(MOST_CHIPS)
            self.said.emit(f"A search takes {number} tracks to compare with: the first {number}.")
        work = partial(self._reader.get_many, ids[:MOST_CHIPS])
        self._background.run(work, partial(self._add, unlike), key="seeds")

    def _add(self, unlike: bool, tracks: Sequence[Track]) -> None:
        self.page_asked.emit()
        self._page.add_seeds([Seed(track.id, track.title, unlike) for track in tracks])
