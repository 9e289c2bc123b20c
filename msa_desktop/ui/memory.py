"""What the window remembers from one time to the next, and where it comes from."""

from __future__ import annotations

import base64
import logging
from typing import Any

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QMainWindow

from msa_desktop.store.tracks import SortKey
from msa_desktop.ui.actions import Act, Actions
from msa_desktop.ui.player import PlayerBar
from msa_desktop.ui.search_page import SearchPage
from msa_desktop.ui.sidebar import Sidebar
from msa_desktop.ui.track_model import TrackModel
from msa_desktop.ui.track_table import TrackTable
from msa_desktop.ui.window_state import WindowState
from msa_desktop.ui.workspace import Workspace

_VERSION = 1
_PARTS = (Act.SIDEBAR, Act.SIMILAR_PANEL)

_log = logging.getLogger(__name__)


class Memory:
    """Saves how the person has arranged the window, and arranges it so again.

    Args:
        file: Where it is kept.
        window: Its size and place.
        actions: Which parts are shown.
        workspace: How they share the width.
        sidebar: What is open and chosen.
        table: Its columns.
        model: Its order.
        search: The last searches.
        player: The volume.
    """

    def __init__(
        self,
        file: WindowState,
        window: QMainWindow,
        actions: Actions,
        workspace: Workspace,
        sidebar: Sidebar,
        table: TrackTable,
        model: TrackModel,
        search: SearchPage,
        player: PlayerBar,
    ) -> None:
        self._file = file
        self._window = window
        self._actions = actions
        self._workspace = workspace
        self._sidebar = sidebar
        self._table = table
        self._model = model
        self._search = search
        self._player = player
        self._volume: tuple[int, bool] = (100, False)
        player.volume_changed.connect(self._remember_volume)

    def save(self) -> None:
        """Writes it down."""
        query = self._model.query
        geometry = bytes(self._window.saveGeometry().data())
        self._file.save(
            {
                "version": _VERSION,
                "geometry": base64.b64encode(geometry).decode("ascii"),
                "splitter": self._workspace.state(),
                "parts": [self._actions[act].isChecked() for act in _PARTS],
                "columns": self._table.columns_state(),
                "sort": [query.sort.value, query.descending],
                "sidebar": self._sidebar.state(),
                "volume": list(self._volume),
                "searches": self._search.field.past(),
            }
        )

    def restore(self) -> None:
        """Arranges the window as it was; what makes no sense is left alone."""
        state = self._file.load()
        self._model.set_order(SortKey.ARTIST, descending=False)
        if state.get("version") != _VERSION:
            return
        try:
            self._apply(state)
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("the window's saved layout cannot be used (%r)", error)

    def _apply(self, state: dict[str, Any]) -> None:
        geometry = base64.b64decode(state["geometry"])
        self._window.restoreGeometry(QByteArray(geometry))
        self._workspace.restore(state["splitter"])
        for act, shown in zip(_PARTS, state["parts"], strict=True):
            self._actions[act].setChecked(shown)
        self._table.restore_columns(state["columns"])
        key, descending = state["sort"]
        self._model.set_order(SortKey(key), descending=bool(descending))
        self._sidebar.restore(state["sidebar"])
        percent, muted = state["volume"]
        self._player.set_volume(int(percent), bool(muted))
        searches = state.get("searches", [])  # an earlier version kept none
        self._search.restore_past([words for words in searches if isinstance(words, str)])

    def _remember_volume(self, percent: int, muted: bool) -> None:
        self._volume = (percent, muted)
