"""The folder of stems: whole or not there, the longest unused going first."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.stems.cache import Cache, StemSet, stem_file
from msa_desktop.stems.record import Meter, Record
from msa_desktop.stems.wave import WaveWriter
from tests.support_stems import music

NAMES = ("drums", "vocals", "bass")


def make(folder: Path, seconds: float = 0.1) -> Record:
    sound = music(seconds)
    stems = np.stack([sound, 2 * sound, -3 * sound])
    meter = Meter(NAMES, 44100)
    meter.add(stems)
    for name, stem in zip(NAMES, stems, strict=True):
        with WaveWriter(stem_file(folder, name), 2, 44100) as writer:
            writer.write(stem)
    return Record(
        model="htdemucs", rate=44100, channels=2, samples=sound.shape[1], begin=0, sources=NAMES,
        levels=meter.levels(),
    )  # fmt: skip


def keep(cache: Cache, key: str, used: float, seconds: float = 0.1) -> StemSet:
    with cache.making(CancelToken()) as folder:
        found = cache.keep(key, folder, make(folder, seconds))
    os.utime(found.folder / "stems.json", (used, used))
    return found


def test_kept_and_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "stems")
    assert cache.size() == 0
    cache.make_room(0)
    assert cache.find("a") is None
    made = keep(cache, "a", 1)
    assert cache.find("a") == made
    assert (made.folder / "stems.json").stat().st_mtime > 1  # it counts as used
    sound = music(0.1).T
    np.testing.assert_array_equal(made.sound("drums"), sound)
    np.testing.assert_array_equal(made.sound("vocals", 10, 20), 2 * sound[10:20])
    np.testing.assert_allclose(made.sound("instrumental"), -2 * sound, atol=1e-6)
    np.testing.assert_array_equal(made.sound("drums"), sound)  # as it was
    assert cache.size() == sum(p.stat().st_size for p in made.folder.iterdir())


def test_made_anew(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    keep(cache, "a", 1)
    assert keep(cache, "a", 1, 0.2).record.samples == 8820
    found = cache.find("a")
    assert found is not None
    assert found.record.samples == 8820


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for key, used in (("a", 2), ("b", 1), ("c", 3)):
        keep(cache, key, used)
    one = cache.size() // 3
    cache.make_room(3 * one)
    assert cache.size() == 3 * one
    cache.make_room(3 * one - 1)
    assert [key for key in "abc" if (tmp_path / key).is_dir()] == ["a", "c"]
    assert cache.find("a")
    cache.make_room(one)
    assert [key for key in "abc" if cache.find(key)] == ["a"]
    cache.make_room(0)
    assert cache.size() == 0


def test_some_are_spared(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for key, used in (("a", 1), ("b", 2)):
        keep(cache, key, used)
    cache.make_room(0, spare="a")
    assert [key for key in "ab" if cache.find(key)] == ["a"], "though it is the longest unused"


@pytest.mark.parametrize("name", ["stems.json", "vocals.wav"])
@pytest.mark.parametrize("how", ["gone", "cut", "empty", "other"])
def test_what_is_damaged_is_not_there(tmp_path: Path, name: str, how: str) -> None:
    cache = Cache(tmp_path)
    path = keep(cache, "a", 1).folder / name
    content = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes({"cut": content[:-1], "empty": b"", "other": b"{}"}[how])
    assert cache.find("a") is None
    keep(cache, "a", 1)
    assert cache.find("a")


def test_a_record_cannot_name_other_files(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    path = keep(cache, "a", 1).folder / "stems.json"
    path.write_text(path.read_text().replace('"drums"', '"../b/x"'))
    assert cache.find("a") is None


def test_nothing_is_left_of_what_was_given_up(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(Cancelled), cache.making(CancelToken()) as folder:
        make(folder)
        raise Cancelled
    assert not folder.exists()
    assert cache.size() == 0
    (tmp_path / ".incoming").mkdir()  # as a killed program leaves it
    (tmp_path / ".incoming" / "drums.wav").write_bytes(bytes(1000))
    with cache.making(CancelToken()) as folder:
        assert not list(folder.iterdir())


def test_one_at_a_time(tmp_path: Path) -> None:
    cancel = CancelToken()
    with Cache(tmp_path).making(CancelToken()) as folder:
        timer = threading.Timer(0.5, cancel.cancel)
        timer.start()
        with pytest.raises(Cancelled), Cache(tmp_path).making(cancel):
            pass
        assert folder.is_dir()
        timer.join()
    with Cache(tmp_path).making(CancelToken()):
        pass


def test_stems_that_have_gone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    stems = keep(cache, "a", 1)
    cache.make_room(0)
    with pytest.raises(UserError, match="not there any more"):
        stems.sound("drums")


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "stems").write_text("a file")
    with (
        pytest.raises(UserError, match="cannot be used"),
        Cache(tmp_path / "stems").making(CancelToken()),
    ):
        pass
