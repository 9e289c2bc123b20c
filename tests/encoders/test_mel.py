from __future__ import annotations

import numpy as np
import pytest

from msa_desktop.encoders import _mel


def test_a_patch_is_exactly_as_long_as_asked() -> None:
    waves = np.zeros((2, _mel.samples_for(187)), np.float32)
    assert _mel.log_mel(waves).shape == (2, 187, 96)
    assert _mel.log_mel(waves[:, :-1]).shape == (2, 186, 96)


def test_silence_is_zero_and_stays_float32() -> None:
    mel = _mel.log_mel(np.zeros((1, 4096), np.float32))
    assert mel.dtype == np.float32
    assert not mel.any()


def test_the_loudest_sound_stays_finite() -> None:
    square = np.sign(np.sin(np.arange(16_000) * 0.05)).astype(np.float32)[np.newaxis]
    mel = _mel.log_mel(square)
    assert np.isfinite(mel).all()
    assert mel.max() > np.log10(np.finfo(np.float16).max)  # where half precision overflows


@pytest.mark.parametrize("hertz", [100.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    wave = np.sin(2 * np.pi * hertz / 16_000 * np.arange(8192)).astype(np.float32)
    band = int(_mel.log_mel(wave[np.newaxis])[0].mean(axis=0).argmax())
    # Slaney's scale: 66.7 Hz a mel up to 1 kHz, then 27 mels for each factor of 6.4.
    mel = hertz * 0.015 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)
    top = 15 + 27 * np.log(8) / np.log(6.4)
    assert band == pytest.approx(mel / top * 97 - 1, abs=1.5)
