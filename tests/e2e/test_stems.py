"""The stems command as a person types it, with a small model in the place of the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import av
import numpy as np
import pytest

from msa_desktop.audio import stream
from msa_desktop.base.model import FloatArray
from msa_desktop.services.kind import Kind, from_stems
from msa_desktop.stems.record import Meter
from tests.support import Program, write_wav
from tests.support_stems import FOUR, by_demucs, install, needs_demucs, small


@pytest.fixture
def ready(program: Program) -> Program:
    install(small(), program.data_dir / "models")
    return program


def decoded(path: Path | str) -> FloatArray:
    return np.concatenate(list(stream.pieces(str(path), 44100)), axis=1)


def test_without_a_model(program: Program, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 1)
    answer = program("stems", path, "-o", tmp_path / "out", "--json")
    assert answer.code == 1
    assert "models install htdemucs" in answer.document["error"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "midi"),
        ("--start", "soon"),
        ("--start", "1:99:99:99"),
        ("--start", "5", "--end", "5"),
        ("--end", "-1"),
    ],
)
def test_wrong_words(program: Program, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = write_wav(tmp_path / "a.wav", 1)
    assert program("stems", path, "-o", tmp_path, *words).code == 2
    assert program("stems", path).code == 2


@needs_demucs
def test_the_demo_library(ready: Program, demo_library: Path, tmp_path: Path) -> None:
    """Every file is the mix's length to the sample, and together what the model made of it."""
    paths = sorted(demo_library.rglob("*.flac"))[:1] + sorted(demo_library.rglob("*.mp3"))[:1]
    assert len(paths) == 2
    for path in paths:
        answer = ready("stems", path, "-o", tmp_path / "out", "--json")
        assert answer.code == 0, answer.err
        document = answer.document
        mixed = decoded(path)
        expected = by_demucs(ready.data_dir / "local-repo", mixed)
        assert [stem["stem"] for stem in document["stems"]] == list(FOUR)
        gain = 1 / max(1, *(stem["peak"] for stem in document["stems"]))
        total = np.zeros_like(mixed)
        for stem in document["stems"]:
            sound = decoded(stem["path"])
            assert sound.shape == mixed.shape
            np.testing.assert_allclose(sound, gain * expected[stem["stem"]], atol=1e-5)
            assert stem["energy"] == pytest.approx((expected[stem["stem"]] ** 2).mean(), rel=1e-3)
            total += sound
        np.testing.assert_allclose(total, gain * sum(expected.values()), atol=2e-5)
        meter = Meter(FOUR, 44100)
        meter.add(np.stack([expected[name] for name in FOUR]))
        kind = from_stems({name: level.rms for name, level in meter.levels().items()})
        assert document["kind"] == kind.kind != Kind.UNKNOWN
        assert document["vocal_share"] == pytest.approx(kind.vocal_share, abs=1e-3)
        assert document["vocal_share"] + document["instrumental_share"] == pytest.approx(1)

    again = ready("stems", paths[0], "-o", tmp_path / "out", "--stems", "vocals", "--json")
    assert again.document["cached"]
    assert again.document["stems"][0]["path"].endswith("(vocals) 2.flac")


@needs_demucs
def test_a_part_as_mp3(ready: Program, demo_library: Path, tmp_path: Path) -> None:
    path = sorted(demo_library.rglob("*.flac"))[0]
    answer = ready(
        "stems", path, "-o", tmp_path / "out", "--stems", "vocals,instrumental",
        "--format", "mp3", "--start", "0:01.5", "--end", "4",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 2
    assert "0m01.5s to 0m04s (instrumental).mp3" in files[0].name
    assert files[0].name in answer.out
    with av.open(str(files[1])) as container:
        assert container.metadata["title"].endswith("(vocals)")
        assert container.format.name == "mp3"
    assert decoded(files[1]).shape[1] / 44100 == pytest.approx(2.5, abs=0.1)


@needs_demucs
def test_a_track_of_the_library_by_its_number(
    ready: Program, demo_library: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(folder / "a.wav", 5)
    assert ready("scan", folder).code == 0
    answer = ready("stems", "1", "-o", tmp_path / "out", "--stems", "bass", "--json")
    assert answer.code == 0, answer.err
    assert Path(answer.document["path"]) == folder / "a.wav"
    unknown = ready("stems", "99", "-o", tmp_path / "out", "--json")
    assert unknown.code == 1


@needs_demucs
def test_what_cannot_be(ready: Program, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 1)
    answer = ready("stems", path, "-o", tmp_path / "out", "--stems", "tuba", "--json")
    assert answer.code == 1
    assert "no stem tuba" in answer.document["error"]
    nowhere = ready("stems", path, "-o", path / "out", "--json")
    assert nowhere.code == 1
    assert "cannot be written to" in nowhere.document["error"]
    assert not [one for one in (ready.data_dir / "stems").iterdir() if one.is_dir()], "no work"
    (tmp_path / "b.mp3").write_text("no music")
    assert "b.mp3" in ready("stems", tmp_path / "b.mp3", "-o", tmp_path).err
    weights = next((ready.data_dir / "models").rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[8:400] = bytes(392)
    weights.write_bytes(content)
    answer = ready("stems", path, "-o", tmp_path, "--start", "0.1", "--json")
    assert answer.code == 1
    assert "damaged" in answer.document["error"]
    assert "Traceback" not in answer.err


@needs_demucs
@pytest.mark.skipif(os.name != "posix", reason="ends the program the POSIX way")
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle(ready: Program, tmp_path: Path, way: int) -> None:
    path = write_wav(tmp_path / "long.wav", 600, rate=44100, channels=2)
    running = ready.start("stems", path, "-o", tmp_path / "out")
    incoming = ready.data_dir / "stems" / ".incoming"
    end = time.monotonic() + 120
    while not list(incoming.glob("*.wav")) and time.monotonic() < end:
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    running.send_signal(way)
    _, err = running.communicate(timeout=30)
    if way == signal.SIGINT:
        assert b"Stopped" in err
        assert not incoming.exists()
    assert not (tmp_path / "out").exists()
    children = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False)
    assert str(path) not in children.stdout

    short = write_wav(tmp_path / "a.wav", 1)
    assert ready("stems", short, "-o", tmp_path / "out").code == 0
    assert not incoming.exists()  # what was killed has been cleared up


def test_a_lower_limit_frees_its_space_at_once(program: Program) -> None:
    former = program.data_dir / "stems" / "former"
    former.mkdir(parents=True)
    with (former / "drums.wav").open("wb") as file:
        file.truncate(2 * 10**9)
    assert program("config", "stems_cache_gigabytes", "3").code == 0
    assert former.exists()
    assert program("config", "stems_cache_gigabytes", "1").code == 0
    assert not former.exists()


@needs_demucs
def test_tracks_with_similar_drums(ready: Program, tmp_path: Path) -> None:
    """A library's tracks are heard in parts as they are taken apart, and found by a part."""
    folder = tmp_path / "music"
    folder.mkdir()
    paths = [
        write_wav(folder / f"{name}.wav", 3, pitch=pitch, level=0.9, rate=44100)
        for name, pitch in (("a", 220), ("b", 330))
    ]
    assert ready("scan", folder).code == 0
    early = ready("similar", paths[0], "--stem", "drums", "--json")
    assert early.code == 1
    assert "Separate its stems first" in early.document["error"]

    first = ready("stems", paths[0], "-o", tmp_path / "out", "--json")
    assert first.code == 0, first.err
    loud = next(stem["stem"] for stem in first.document["stems"] if not stem["negligible"])
    alone = ready("similar", paths[0], "--stem", loud)
    assert alone.code == 0, alone.err
    assert "no other track that was taken apart" in alone.out
    assert ready("stems", paths[1], "-o", tmp_path / "out").code == 0

    answer = ready("similar", paths[0], "--stem", loud, "--json")
    assert answer.code == 0, answer.err
    (hit,) = answer.document["hits"]
    assert hit["path"] == str(paths[1])
    assert -1 <= hit["score"] <= 1
    assert hit["encoders"] == ["musicnn"]
    assert f"Similar to the {loud} of a" in ready("similar", paths[0], "--stem", loud).out
    kind = ready("labels", paths[0], "--json").document["kind"]
    assert (kind["name"], kind["by"]) == (first.document["kind"], "stems")
    assert kind["confidence"] == pytest.approx(first.document["confidence"], abs=1e-3)
    shown = ready("labels", paths[0]).out.splitlines()[1]
    assert shown.startswith(kind["name"].capitalize())
    assert shown.endswith("sure (by its stems)")
    wrong = ready("similar", paths[0], "--stem", "tuba", "--json")
    assert wrong.code == 1
    assert "no stem tuba" in wrong.document["error"]
    for other in ("--mix", "--encoder=musicnn"):
        assert ready("similar", paths[0], "--stem", loud, other).code == 2
