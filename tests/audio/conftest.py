from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from msa_desktop.base.model import FloatArray


@pytest.fixture(scope="session")
def heard_at() -> Callable[[FloatArray], float]:
    """Tells the time in the `sweep`, in seconds, of the middle of a window at 16 kHz."""

    def time(window: FloatArray) -> float:
        power = np.abs(np.fft.rfft(window * np.hanning(window.size))) ** 2
        centre = (power * np.arange(power.size)).sum() / power.sum()
        return float((centre * 16_000 / window.size - 300) / 20)

    return time
