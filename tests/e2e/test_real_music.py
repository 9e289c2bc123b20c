"""The whole way on real music: free games' soundtracks, one composer a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from scripts.fetch_real_music import FetchFailed, fetch
from tests.support import Program

_PACKS = ("fretsonfire-songs-sectoid", "lugaru-data", "lincity-ng-data")


@pytest.fixture(scope="module")
def real_music(pytestconfig: pytest.Config) -> Path:
    folder = pytestconfig.cache.mkdir("real-music")
    with FileLock(folder / ".lock"):
        try:
            fetch(folder, _PACKS)
        except FetchFailed as error:
            pytest.skip(f"real music cannot be had here: {error}")
    return folder


def test_scan_find_similar_and_scan_again(program: Program, real_music: Path) -> None:
    first = program("scan", real_music, "--json")
    assert first.code == 0, first.out
    files = sorted(path for pack in _PACKS for path in (real_music / pack).iterdir())
    assert first.document["added"] == len(files)

    # Nearest neighbours are of the same composer far more often than by chance (0.35).
    same = 0
    for path in files:
        hits = program("similar", path, "-k", "1", "--json").document["hits"]
        same += Path(hits[0]["path"]).parent == path.parent
    assert same / len(files) >= 0.7

    # The reason given for a rock song's neighbours is the guitar.
    song = real_music / "fretsonfire-songs-sectoid" / "Feelings-song.ogg"
    nearest = program("similar", song, "-k", "3", "--json").document["hits"]
    assert any("guitar" in hit["labels"] for hit in nearest)

    second = program("scan", "--json").document
    assert second["unchanged"] == len(files)
    assert second["added"] == second["updated"] == second["moved"] == 0
    assert program("doctor").code == 0
