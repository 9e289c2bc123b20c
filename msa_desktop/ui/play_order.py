"""Which track comes next: the order of the list that the person started playing in."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from msa_desktop.base.model import Track, TrackId
from msa_desktop.services.library import Library
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
        library: Who makes waveforms; None where another process holds the library.

    Signals:
        waveform_shown: The player's waveform is there.
    """

    waveform_shown = Signal()

    def __init__(
        self,
        player: PlayerBar,
        reader: TrackReader,
        library: Library | None,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._player = player
        self._reader = reader
        self._library = library
        self._background = background
        self._ids: Ids = NO_IDS
        self._place = -1
        player.wants_next.connect(self.next)
        player.wants_previous.connect(self.previous)
        player.peaks_wanted.connect(self._want_peaks)

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

    def peaks_ready(self, track_id: int) -> None:
        """Shows a waveform that was made meanwhile."""
        if self._player.track is not None and self._player.track.id == track_id:
            self._want_peaks(TrackId(track_id))

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

    def _want_peaks(self, track_id: TrackId) -> None:
        work = partial(self._reader.peaks, track_id)
        self._background.run(work, partial(self._show_peaks, track_id), key="peaks")

    def _show_peaks(self, track_id: TrackId, peaks: bytes | None) -> None:
        if peaks is not None:
            self._player.set_peaks(track_id, peaks)
            self.waveform_shown.emit()
        elif self._library is not None:
            self._background.run(partial(self._library.request_peaks, track_id))
