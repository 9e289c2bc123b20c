"""The child process: a track apart, cancelled in every phase, killed, out of memory or disk."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import StemsStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.settings import Device
from msa_desktop.stems import process
from msa_desktop.stems.process import Progress, Task
from msa_desktop.stems.record import Record
from msa_desktop.stems.wave import WaveWriter, samples
from tests.support import write_wav
from tests.support_stems import (
    FOUR,
    by_demucs,
    music,
    needs_demucs,
    save_local,
    save_published,
    small,
)

pytestmark = needs_demucs


@pytest.fixture
def task(tmp_path: Path) -> Task:
    sound = music(3.3)
    with WaveWriter(tmp_path / "song.wav", 2, 44100) as writer:
        writer.write(sound)
    weights = save_published(small(), tmp_path / "a.safetensors")
    (tmp_path / "out").mkdir()
    return Task(str(tmp_path / "song.wav"), "htdemucs", weights, Device.CPU, tmp_path / "out")


def changed(task: Task, **values: Any) -> Task:
    from dataclasses import replace

    return replace(task, **values)


def separate(
    task: Task,
    cancel: CancelToken | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
    room: Callable[[int], None] = lambda _: None,
) -> Record:
    return process.separate(task, cancel or CancelToken(), tell, room)


def test_a_track(task: Task, tmp_path: Path) -> None:
    told: list[Progress] = []
    needed: list[int] = []
    record = separate(task, tell=told.append, room=needed.append)
    sound = music(3.3)
    assert record.samples == sound.shape[1]
    assert (record.sources, record.rate, record.begin, record.model) == (
        FOUR, 44100, 0, "htdemucs"
    )  # fmt: skip
    expected = by_demucs(save_local(small(), tmp_path / "repo").parent, sound)
    for name in FOUR:
        stem = samples(task.folder / f"{name}.wav", 2)
        np.testing.assert_allclose(stem.T, expected[name], atol=2e-6)
        assert record.levels[name].peak == pytest.approx(np.abs(stem).max())
    assert needed == [4 * 8 * record.samples]
    steps = list(dict.fromkeys(progress.step for progress in told))
    assert steps == [StemsStep.LOAD, StemsStep.MEASURE, StemsStep.SEPARATE]
    assert told[-1].done == told[-1].total == pytest.approx(3.3)


def test_a_part_is_what_that_part_alone_gives(task: Task, tmp_path: Path) -> None:
    record = separate(changed(task, begin=0.5, end=2.25))
    assert (record.begin, record.samples) == (22050, 77175)
    part = np.ascontiguousarray(music(3.3)[:, 22050:99225])
    expected = by_demucs(save_local(small(), tmp_path / "repo").parent, part)
    np.testing.assert_allclose(
        samples(task.folder / "vocals.wav", 2).T, expected["vocals"], atol=2e-6
    )


@pytest.mark.parametrize(
    ("rate", "channels", "seconds", "level"),
    [(44100, 1, 2, 0.3), (8000, 1, 3, 0.3), (44100, 2, 0.5, 0.3), (48000, 2, 1, 0.0)],
)
def test_odd_music(
    task: Task, tmp_path: Path, rate: int, channels: int, seconds: float, level: float
) -> None:
    """Mono, 8 kHz, half a second, silence."""
    path = write_wav(tmp_path / "odd.wav", seconds, rate=rate, channels=channels, level=level)
    record = separate(changed(task, path=str(path)))
    assert record.seconds == pytest.approx(seconds, abs=0.001)
    for name in FOUR:
        stem = samples(task.folder / f"{name}.wav", 2)
        assert len(stem) == record.samples
        assert np.isfinite(stem).all()
    if not level:
        assert record.levels["vocals"].rms < 1e-6


def test_the_part_lies_behind_the_end(task: Task) -> None:
    with pytest.raises(UserError, match="ends before 4 s"):
        separate(changed(task, begin=4.0))


@pytest.mark.parametrize("step", [StemsStep.LOAD, StemsStep.MEASURE, StemsStep.SEPARATE])
def test_cancelled_in_every_phase(task: Task, tmp_path: Path, step: StemsStep) -> None:
    write_wav(tmp_path / "long.wav", 120, rate=44100, channels=2)
    cancel = CancelToken()

    def tell(progress: Progress) -> None:
        if progress.step is step:
            cancel.cancel()

    began = time.monotonic()
    with pytest.raises(Cancelled):
        separate(changed(task, path=str(tmp_path / "long.wav")), cancel, tell)
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


def test_no_room(task: Task) -> None:
    def room(_: int) -> None:
        raise UserError("no room")

    with pytest.raises(UserError, match="no room"):
        separate(task, room=room)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(os.name != "posix", reason="ends the process the POSIX way")
def test_killed(task: Task, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", 60, rate=44100, channels=2)

    def tell(progress: Progress) -> None:
        if progress.step is StemsStep.SEPARATE and progress.done:
            (child,) = multiprocessing.active_children()
            assert child.pid
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(UserError, match="out of memory or killed from outside"):
        separate(changed(task, path=str(path)), tell=tell)


def test_cancelled_while_nothing_is_said(task: Task) -> None:
    cancel = CancelToken()
    timer = threading.Timer(0.3, cancel.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        separate(task, cancel)
    timer.join()


def test_a_broken_model(task: Task) -> None:
    task.weights.write_bytes(task.weights.read_bytes()[:5000])
    with pytest.raises(UserError, match="cut short, damaged"):
        separate(task)


def test_weights_that_give_no_sound(task: Task) -> None:
    import torch

    model = small()
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(6e4)  # the largest that half precision holds
    save_published(model, task.weights)
    with pytest.raises(UserError, match="numbers that are no sound"):
        separate(task)


@pytest.mark.parametrize("content", [b"", b"no music at all"])
def test_no_audio(task: Task, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(content)
    with pytest.raises(UserError):
        separate(changed(task, path=str(tmp_path / "a.mp3")))
    with pytest.raises(UserError):
        process.read(str(tmp_path / "a.mp3"), CancelToken())
    with pytest.raises(UserError, match="not there any more"):
        process.read(str(tmp_path / "gone.mp3"), CancelToken())


def test_reading(task: Task) -> None:
    reading = process.read(task.path, CancelToken())
    assert reading.info.duration == pytest.approx(3.3)
    assert reading.sound_id


# What follows runs the child's work in this process, to take away its memory and its disk.


class Tight:
    """A network on a device that has memory for 30,000 samples at once."""

    def __init__(self, net: Any, most: int = 30_000, say: str = "CUDA out of memory.") -> None:
        self._net = net
        self._most = most
        self._say = say
        self.heard: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._net, name)

    def __call__(self, sound: Any) -> Any:
        self.heard.append(sound.shape[1])
        if sound.shape[1] > self._most:
            raise RuntimeError(self._say)
        return self._net(sound)


def test_less_memory_smaller_segments(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    from msa_desktop.stems import model

    monkeypatch.setattr(model, "_SHORTEST_SEGMENT", 0.3)
    net = Tight(model.Demucs(task.weights, Device.CPU))
    said: list[object] = []
    record = process._separate(task, net, said.append)  # type: ignore[arg-type]
    assert set(net.heard) == {39690, 19845}
    assert record.samples == 145_530
    assert len(samples(task.folder / "bass.wav", 2)) == record.samples

    tight = Tight(model.Demucs(task.weights, Device.CPU), most=0)
    with pytest.raises(UserError, match="not enough memory for this model"):
        process._separate(task, tight, said.append)  # type: ignore[arg-type]
    other = Tight(model.Demucs(task.weights, Device.CPU), most=0, say="a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        process._separate(task, other, said.append)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_the_disk_is_full(task: Task) -> None:
    """The limit is inherited by the process that writes."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(UserError, match=r"disk of the stems is full"):
            separate(task)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
