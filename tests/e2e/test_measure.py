from __future__ import annotations

import itertools
import statistics
from pathlib import Path

import pytest

from tests.support import Program, write_wav


def test_what_is_measured_of_the_demo(program: Program, demo_library: Path) -> None:
    files = sorted(path for path in demo_library.rglob("*") if path.suffix in {".mp3", ".flac"})
    done = program("measure", *files, "--json")
    assert done.code == 0, done.err
    tracks = done.document["tracks"]
    assert [one["path"] for one in tracks] == [str(path) for path in files]
    for one in tracks:
        assert -70 < one["loudness"] < 0
        assert one["gain"] == pytest.approx(-18 - one["loudness"], abs=0.02)
        assert len(one["key"]["chroma"]) == 12
    assert sum(one["tempo"] is not None for one in tracks) > len(tracks) / 2
    assert "LUFS" in program("measure", files[0]).out
    first = next(one for one in tracks if one["tempo"])
    told = program("measure", first["path"], "--beats", "--json").document["tracks"][0]
    apart = [b - a for a, b in itertools.pairwise(told["beats"])]
    assert statistics.median(apart) == pytest.approx(60 / told["tempo"]["bpm"], rel=0.05)


def test_what_cannot_be_measured_is_named(program: Program, tmp_path: Path) -> None:
    silent = write_wav(tmp_path / "silent.wav", 3, level=0)
    words = tmp_path / "words.mp3"
    words.write_text("no sound at all")
    tone = write_wav(tmp_path / "tone.wav", 5)
    done = program("measure", silent, words, tmp_path / "gone.mp3", tone, "--json")
    assert done.code == 1
    failed = {one["path"]: one["reason"] for one in done.document["failed"]}
    assert str(words) in failed
    assert str(tmp_path / "gone.mp3") in failed
    (heard,) = (one for one in done.document["tracks"] if one["path"] == str(tone))
    assert heard["tempo"] is None
    assert all(failed.values())
    assert set(failed) == {str(words), str(tmp_path / "gone.mp3")}


def test_what_can_be_had_of_a_silent_or_short_file(program: Program, tmp_path: Path) -> None:
    silent = write_wav(tmp_path / "silent.wav", 3, level=0)
    short = write_wav(tmp_path / "short.wav", 0.3)
    done = program("measure", silent, short, "--beats", "--json")
    assert done.code == 0, done.err
    nothing, little = done.document["tracks"]
    assert (nothing["tempo"], nothing["key"], nothing["loudness"]) == (None, None, None)
    assert (nothing["peak"], nothing["silence_start"], nothing["beats"]) == (0, 3, [])
    assert little["peak"] == pytest.approx(0.3, abs=0.05)
    assert little["tempo"] is None
    assert "silent" in program("measure", silent).out.splitlines()[1].split()[2]
