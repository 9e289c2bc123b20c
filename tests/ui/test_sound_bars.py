from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.ui.sound_bars import levels


def test_levels_keep_the_loudest_of_what_a_bar_covers() -> None:
    peaks = np.zeros(1000, np.uint8)
    peaks[503] = 100
    bars = levels(peaks.tobytes(), 10)
    assert bars.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_levels_of_few_peaks_are_spread_over_more_bars() -> None:
    bars = levels(bytes([0, 200]), 5)
    np.testing.assert_allclose(bars, [0, 0.25, 0.5, 0.75, 1])


def test_levels_are_loudness_not_amplitude() -> None:
    bars = levels(bytes([255, 51]), 2)
    np.testing.assert_allclose(bars, [1, 0.2**0.6], rtol=1e-5)


@pytest.mark.parametrize("peaks", [b"", bytes(100)])
def test_levels_of_silence_are_nothing(peaks: bytes) -> None:
    assert not levels(peaks, 7).any()
