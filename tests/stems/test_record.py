"""How loud stems are."""

from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.stems.record import Meter

RATE = 1000  # so that a frame is of 50 samples


@pytest.mark.parametrize("length", [1, 49, 50, 51, 333, 5000])
def test_loudness_does_not_depend_on_how_it_comes(length: int) -> None:
    random = np.random.default_rng(3)
    stems = random.normal(0, 0.2, (3, 2, 1025)).astype(np.float32)
    stems[2] = 0
    meter = Meter(("drums", "vocals", "bass"), RATE)
    for begin in range(0, 1025, length):
        meter.add(stems[:, :, begin : begin + length])
    levels = meter.levels()
    assert list(levels) == ["drums", "vocals", "bass", "instrumental"]
    drums = stems[0].astype(np.float64)
    frames = [np.sqrt((drums[:, i : i + 50] ** 2).mean()) for i in range(0, 1025, 50)]
    assert levels["drums"].rms == pytest.approx(np.mean(frames), rel=1e-6)
    assert levels["drums"].energy == pytest.approx((drums**2).mean(), rel=1e-6)
    assert levels["drums"].peak == pytest.approx(np.abs(drums).max())
    assert levels["bass"].rms == levels["bass"].peak == 0
    assert levels["instrumental"] == levels["drums"]  # the bass is silent


def test_no_vocals_no_instrumental() -> None:
    meter = Meter(("drums", "bass"), RATE)
    meter.add(np.ones((2, 2, 10), np.float32))
    assert list(meter.levels()) == ["drums", "bass"]
    assert meter.levels()["drums"].rms == 1


def test_nothing_was_heard() -> None:
    assert Meter(("vocals",), RATE).levels()["vocals"].energy == 0
