from __future__ import annotations

from pathlib import Path

from tests.support import Program, write_wav


def test_what_mixes_well_after_a_track(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    seed, in_key, out_of_key, *_ = (
        write_wav(music / f"{n}.wav", 5, pitch=pitch)
        for n, pitch in enumerate((220, 222, 224, 1500, 1600, 1700))
    )
    program("scan", music)
    told = program("similar", seed, "--mix")
    assert told.code == 1
    assert "0" in told.err

    assert program("tags", "set", seed, "bpm=128", "key=Am").code == 0
    assert program("tags", "set", in_key, "bpm=125.5", "key=C").code == 0
    assert program("tags", "set", out_of_key, "bpm=128", "key=F#").code == 0
    document = program("similar", seed, "--mix", "--json").document
    assert {key: document["query"][key] for key in ("path", "bpm", "key", "camelot")} == {
        "path": str(seed), "bpm": 128, "key": "Am", "camelot": "8A",
    }  # fmt: skip
    (hit,) = document["hits"]
    assert hit["path"] == str(in_key)
    assert (hit["bpm"], hit["key"], hit["camelot"]) == (125.5, "C", "8B")
    assert hit["labels"] == ["126 BPM", "8B"]

    assert "(128 BPM, 8A," in program("similar", seed, "--mix").out
    alone = program("similar", out_of_key, "--mix")
    assert alone.code == 0
    assert "No other track" in alone.out
    assert program("similar", seed, "--mix", "--encoder", "musicnn").code == 2
