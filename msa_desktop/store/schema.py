"""How values are written in the database's columns, for those who read and those who write them."""

from __future__ import annotations

from msa_desktop.base.model import TrackState

STATE_CODES = {
    TrackState.NEW: 0,
    TrackState.QUEUED: 1,
    TrackState.ANALYSED: 2,
    TrackState.FAILED: 3,
}
"""`tracks.state`. Part of the schema: never renumbered."""

STATES = tuple(STATE_CODES)
"""The state of each code."""

SEPARATOR = "\x1f"
"""Between several values of one tag in a column: the "unit separator", which no tag holds."""

IN_JSON = "(SELECT value FROM json_each(?))"
"""Any number of ids as one parameter: a JSON array."""
