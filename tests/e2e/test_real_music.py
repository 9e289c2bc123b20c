"""The whole way on real music: free games' soundtracks, one composer a folder."""

from __future__ import annotations

from pathlib import Path

from tests.support import Program


def test_scan_find_similar_and_scan_again(program: Program, real_music: Path) -> None:
    first = program("scan", real_music, "--json")
    assert first.code == 0, first.out
    files = sorted(real_music.glob("*/*"))
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
