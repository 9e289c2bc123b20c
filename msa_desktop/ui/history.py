"""The chain of tracks whose similar ones were looked at, back and forward."""

from __future__ import annotations

from msa_desktop.base.model import TrackId

_MOST = 200


class History:
    """Where the person has been.

    A track the person asked for stays in the chain; one that was only selected in passing makes
    room for the next, so that "back" does not lead through every row the arrow keys touched.
    """

    def __init__(self) -> None:
        self._chain: list[tuple[TrackId, bool]] = []
        self._at = -1

    @property
    def current(self) -> TrackId | None:
        """The track looked at, or None at the very start."""
        return self._chain[self._at][0] if self._at >= 0 else None

    @property
    def can_go_back(self) -> bool:
        """Whether there is a track before this one."""
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        """Whether the person came back from another one."""
        return self._at < len(self._chain) - 1

    def visit(self, track_id: TrackId, *, asked: bool) -> None:
        """Goes to a track; what lay ahead is forgotten.

        Args:
            track_id: The track.
            asked: Whether the person asked for its similar tracks, or just came across it.
        """
        if track_id == self.current:
            if asked:
                self._chain[self._at] = (track_id, True)
            return
        kept = self._at + 1
        if self._at >= 0 and not asked and not self._chain[self._at][1]:
            kept = self._at
        self._chain[kept:] = [(track_id, asked)]
        del self._chain[:-_MOST]
        self._at = len(self._chain) - 1

    def back(self) -> TrackId | None:
        """One step back; None where there is none."""
        return self._step(-1) if self.can_go_back else None

    def forward(self) -> TrackId | None:
        """One step forward; None where there is none."""
        return self._step(1) if self.can_go_forward else None

    def _step(self, by: int) -> TrackId:
        self._at += by
        return self._chain[self._at][0]
