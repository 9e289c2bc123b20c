"""What the window remembers: its size, columns, order and place. A small JSON file."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)


class WindowState:
    """One JSON file in the data folder; losing it costs nothing but the layout.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any]:
        """What was saved last; empty where nothing readable is there."""
        try:
            state = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            _log.warning("the window's layout %s cannot be read (%s)", self._path, error)
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, state: dict[str, Any]) -> None:
        """Writes it in one step."""
        spare = self._path.with_suffix(".part")
        try:
            # ASCII with escapes holds every folder's name, also one that is not valid UTF-8.
            spare.write_text(json.dumps(state, indent=1), "ascii")
            os.replace(spare, self._path)
        except OSError as error:
            _log.warning("the window's layout %s cannot be saved (%s)", self._path, error)
