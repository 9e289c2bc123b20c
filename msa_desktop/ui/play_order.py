"""Which track comes next: the order of the list that the person started playing in."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from msa_desktop.base.model import Track
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui.bridge import Background
from msa_desktop.ui.lazy_rows import NO_IDS, Ids
from msa_desktop.ui.player import PlayerBar

_MOST_SKIPPED = 200


def _first_playable(
    reader: TrackReader, ids: Ids, start: int, step: int
) -> tuple[int, Track] | None:
    """The first track from `start` on that is there to be played, and its place."""
    place = start
    while 0 <= place < len(ids) and abs(place - start) < _MOST_SKIPPED:
        track = reader.get(int(ids[place]))
        if track is not None and not track.offline:
            return place, track
        place += step
    return None


class PlayOrder(QObject):
    """Feeds the player.

    The order is the list's as it was when the person started to play: filtering or sorting it
    afterwards does not change what comes next.

    Args:
        player: The player bar.
        reader: The library's reads.
        background: Where they are done.
        parent: Qt's parent.
    """

    def __init__(
        self,
        player: PlayerBar,
        reader: TrackReader,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._player = player
        self._reader = reader
        self._background = background
        self._ids: Ids = NO_IDS
        self._place = -1
        player.wants_next.connect(self.next)
        player.wants_previous.connect(self.previous)

    def play(self, ids: Ids, place: int) -> None:
        """Plays the track at `place` of a list, and goes on from there."""
        if 0 <= place < len(ids):
            self._ids, self._place = ids, place
            work = partial(self._reader.get, int(ids[place]))
            self._background.run(work, self._start, key="play")

    def toggle(self) -> None:
        """Pauses, or goes on."""
        self._player.toggle()

    def next(self) -> None:
        """Plays the next track that is there."""
        self._step(1)

    def previous(self) -> None:
        """Plays the track before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        work = partial(_first_playable, self._reader, self._ids, self._place + by, by)
        self._background.run(work, self._stepped, key="play")

    def _stepped(self, found: tuple[int, Track] | None) -> None:
        if found is not None:
            self._place = found[0]
            self._player.play(found[1])

    def _start(self, track: Track | None) -> None:
        if track is not None:
            self._player.play(track)
