"""Real music, for the tests that go the whole way."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from scripts.fetch_real_music import FetchFailed, fetch

_PACKS = ("fretsonfire-songs-sectoid", "lugaru-data", "lincity-ng-data")


@pytest.fixture(scope="session")
def real_music(pytestconfig: pytest.Config) -> Path:
    """Soundtracks of free games, one composer a folder. Read only, please."""
    folder = pytestconfig.cache.mkdir("real-music")
    with FileLock(folder / ".lock"):
        try:
            fetch(folder, _PACKS)
        except FetchFailed as error:
            pytest.skip(f"real music cannot be had here: {error}")
    return folder
