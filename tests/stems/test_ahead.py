"""Stems read ahead, with a disk that takes its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray
from msa_desktop.stems.ahead import Gone, ReadAhead
from msa_desktop.stems.wave import WaveWriter
from tests.support_stems import music

RATE = 44100
SECONDS = 4.0
PATIENCE = 10.0  # seconds; it is there within milliseconds


class Slow(ReadAhead):
    """Reads a piece whenever it is let."""

    def __init__(self, paths: list[Path]) -> None:
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)
        super().__init__(paths, RATE, 2, round(SECONDS * RATE))

    def _read(self, begin: int) -> FloatArray | None:
        self.begun.release()
        assert self.let.acquire(timeout=PATIENCE)
        return super()._read(begin)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for number, path in enumerate(made, 1):
        with WaveWriter(path, 2, RATE) as writer:
            writer.write(number * music(SECONDS))
    return made


@pytest.fixture
def ahead(paths: list[Path]) -> Iterator[Slow]:
    made = Slow(paths)
    yield made
    made.let.release(100)
    made.close()


def _expected(begin: int, count: int) -> FloatArray:
    sound = music(SECONDS).T[begin : begin + count]
    return np.stack([sound, 2 * sound])


def test_nobody_waits_for_the_disk(ahead: Slow) -> None:
    assert ahead.begun.acquire(timeout=PATIENCE)
    assert ahead.take(1000).shape == (2, 0, 2)
    ahead.let.release()
    np.testing.assert_array_equal(ahead.take(1000, PATIENCE), _expected(0, 1000))
    piece = RATE // 4
    np.testing.assert_array_equal(ahead.take(RATE), _expected(1000, piece - 1000))
    assert ahead.take(1000).shape == (2, 0, 2)


def test_two_seconds_are_read_and_no_more_until_some_are_taken(ahead: Slow) -> None:
    ahead.let.release(100)
    np.testing.assert_array_equal(ahead.take(2 * RATE, PATIENCE), _expected(0, 2 * RATE))
    for _ in range(16):
        assert ahead.begun.acquire(timeout=PATIENCE)
    assert not ahead.begun.acquire(timeout=0.1), "all four seconds were read"
    ahead.seek(0)
    for _ in range(8):
        assert ahead.begun.acquire(timeout=PATIENCE)
    assert not ahead.begun.acquire(timeout=0.1)
    ahead.take(1)
    assert ahead.begun.acquire(timeout=PATIENCE)


def test_what_was_on_its_way_before_a_seek_is_thrown_away(ahead: Slow) -> None:
    assert ahead.begun.acquire(timeout=PATIENCE)
    ahead.seek(50_000)
    ahead.let.release(100)
    np.testing.assert_array_equal(ahead.take(500, PATIENCE), _expected(50_000, 500))


def test_what_cannot_be_read_is_told_and_tried_again_elsewhere(
    ahead: Slow, paths: list[Path]
) -> None:
    assert ahead.begun.acquire(timeout=PATIENCE)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[:500_000])
    ahead.let.release(100)
    ahead.seek(2 * RATE)
    for _ in range(2):
        with pytest.raises(Gone):
            ahead.take(10, PATIENCE)
    ahead.seek(100)
    np.testing.assert_array_equal(ahead.take(10, PATIENCE), _expected(100, 10))


def test_the_thread_ends_with_it(paths: list[Path]) -> None:
    made = ReadAhead(paths, RATE, 2, round(SECONDS * RATE))
    made.take(10, PATIENCE)
    made.close()
    made.close()
    assert not made._thread.is_alive()
    assert all(file.closed for file in made._files)
    with pytest.raises(ValueError, match="closed file"):
        made.take(10)
