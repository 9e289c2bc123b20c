"""Brings the waveforms of tracks: those that are stored, and those the library makes."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from msa_desktop.base.model import TrackId
from msa_desktop.services.library import Library
from msa_desktop.store.tracks import TrackReader
from msa_desktop.ui.bridge import Background


class Waveforms(QObject):
    """Gives each waveform that is wanted, as soon as there is one.

    Args:
        reader: The library's reads.
        library: Who makes waveforms; None where another process holds the library.
        background: Where they are read.
        parent: Qt's parent.
    """

    ready = Signal(object, bytes)
    """A track's id, and its peaks (see `sound_bars.levels`)."""

    def __init__(
        self,
        reader: TrackReader,
        library: Library | None,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._library = library
        self._background = background
        self._wanted: set[TrackId] = set()

    def want(self, track_id: TrackId) -> None:
        """Brings one by `ready`; has it made where there is none."""
        self._wanted.add(track_id)
        work = partial(self._reader.peaks, track_id)
        self._background.run(work, partial(self._take, track_id))

    def made(self, track_id: int) -> None:
        """The library made one."""
        if track_id in self._wanted:
            self.want(TrackId(track_id))

    def _take(self, track_id: TrackId, peaks: bytes | None) -> None:
        if peaks is not None:
            self._wanted.discard(track_id)
            self.ready.emit(track_id, peaks)
        elif self._library is not None:
            self._background.run(partial(self._library.request_peaks, track_id))
