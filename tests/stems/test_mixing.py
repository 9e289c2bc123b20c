"""The mix of stems, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray
from msa_desktop.stems.cache import StemSet, stem_file
from msa_desktop.stems.mixing import RAMP, Channel, Mixer, gains
from msa_desktop.stems.record import Record
from msa_desktop.stems.wave import WaveWriter
from tests.support_stems import music

NAMES = ("drums", "vocals", "bass")
RATE = 44100
PATIENCE = 10.0  # seconds; it is there within milliseconds
RAMP_SAMPLES = round(RAMP * RATE)


@pytest.fixture
def stems(tmp_path: Path) -> StemSet:
    """Half a second; the bass is louder than full scale."""
    sound = music(0.5)
    for name, stem in zip(NAMES, (sound, sound[:, ::-1], 3 * sound[::-1]), strict=True):
        with WaveWriter(stem_file(tmp_path, name), 2, RATE) as writer:
            writer.write(stem)
    record = Record(
        model="htdemucs", rate=RATE, channels=2, samples=22_050, begin=0, sources=NAMES, levels={}
    )
    return StemSet(tmp_path, record)


@pytest.fixture
def mixer(stems: StemSet) -> Iterator[Mixer]:
    made = Mixer(stems)
    yield made
    made.close()


def total(stems: StemSet, *names: str, begin: int = 0) -> FloatArray:
    summed = sum(stems.sound(name).astype(np.float32) for name in names)
    return np.clip(np.asarray(summed, np.float32), -1, 1)[begin:]


def rest(mixer: Mixer, piece: int = 882) -> FloatArray:
    pieces = []
    while not mixer.at_end:
        pieces.append(mixer.read(piece, PATIENCE))
        assert len(pieces[-1]), "it waits for what is not read yet"
    return np.concatenate(pieces)


def test_all_of_them_are_their_sum(stems: StemSet, mixer: Mixer) -> None:
    heard = rest(mixer, 1000)  # not a part of the length: the last piece is shorter
    assert heard.shape == (22050, 2)
    assert heard.dtype == np.float32
    np.testing.assert_array_equal(heard, total(stems, *NAMES))
    assert mixer.position == 22050
    assert mixer.read(10, PATIENCE).shape == (0, 2)
    mixer.close()


def test_pieces_of_any_length_are_the_same_mix(stems: StemSet) -> None:
    heard = []
    for piece in (1, 441, 30_000):
        mixer = Mixer(stems)
        mixer.set_gains({"drums": 0.3, "bass": 0.0})
        heard.append(rest(mixer, piece))
        mixer.close()
    for other in heard[1:]:
        np.testing.assert_allclose(other, heard[0], atol=1e-5)


def test_it_is_clipped_at_full_scale(stems: StemSet, mixer: Mixer) -> None:
    mixer.set_gains({"drums": 0.0, "vocals": 0.0})
    bass = rest(mixer)[RAMP_SAMPLES:]
    assert np.abs(stems.sound("bass")).max() > 1
    assert np.abs(bass).max() == 1
    np.testing.assert_array_equal(bass, total(stems, "bass", begin=RAMP_SAMPLES))


def test_a_gain_changes_in_a_straight_line_and_then_stays(stems: StemSet, mixer: Mixer) -> None:
    mixer.set_gains({"vocals": 0.0, "bass": 0.0})
    rest(mixer)
    mixer.seek(0)
    before = mixer.read(1000, PATIENCE)
    np.testing.assert_array_equal(before, stems.sound("drums", 0, 1000))
    mixer.set_gains({"drums": 0.5})
    after = mixer.read(1000, PATIENCE)
    way = np.arange(1, 1001, dtype=np.float32)[:, None] / np.float32(RAMP * RATE)
    gain = np.maximum(1 - way, 0.5)
    np.testing.assert_allclose(after, stems.sound("drums", 1000, 2000) * gain, atol=1e-7)
    half = RAMP_SAMPLES // 2 + 1
    exact = stems.sound("drums", 1000 + half, 2000) * np.float32(0.5)
    np.testing.assert_array_equal(after[half:], exact)


def test_a_change_in_the_middle_of_another_does_not_jump(stems: StemSet, mixer: Mixer) -> None:
    mixer.set_gains({"vocals": 0.0, "bass": 0.0})
    mixer.read(2000, PATIENCE)
    gain = []
    for wanted in (0.0, 1.0, 0.0, 1.0):
        mixer.set_gains({"drums": wanted})
        begin = mixer.position
        sound = stems.sound("drums", begin, begin + 100)
        heard = mixer.read(100, PATIENCE)
        loud = np.abs(sound) > 0.05
        gain.append(np.where(loud, heard / np.where(loud, sound, 1), np.nan)[:, 0])
    steps = np.concatenate(gain)
    steps = np.interp(
        np.arange(len(steps)), np.flatnonzero(~np.isnan(steps)), steps[~np.isnan(steps)]
    )
    assert 1 - steps.min() == pytest.approx(100 / RAMP_SAMPLES, rel=0.05)
    assert np.abs(np.diff(steps)).max() < 1.5 / RAMP_SAMPLES


def test_a_seek_is_exact_and_fades_in(stems: StemSet, mixer: Mixer) -> None:
    mixer.read(5000, PATIENCE)
    mixer.seek(12_345)
    assert mixer.position == 12_345
    heard = rest(mixer)
    exact = total(stems, *NAMES, begin=12_345)
    np.testing.assert_array_equal(heard[RAMP_SAMPLES:], exact[RAMP_SAMPLES:])
    assert np.abs(heard[:20]).max() < 0.1 * np.abs(exact[:20]).max()

    mixer.seek(0)  # the beginning is heard as it is
    np.testing.assert_array_equal(mixer.read(100, PATIENCE), total(stems, *NAMES)[:100])
    for asked, there in ((-5, 0), (10**9, 22_050)):
        mixer.seek(asked)
        assert mixer.position == there
    assert mixer.at_end


def test_what_was_read_ahead_is_heard_as_set_now(stems: StemSet, mixer: Mixer) -> None:
    mixer.set_gains(dict.fromkeys(NAMES, 0.0))
    assert mixer.read(RAMP_SAMPLES, PATIENCE).any()
    assert not mixer.read(1000, PATIENCE).any()
    mixer.set_gains({"drums": 1.0})
    heard, begin = mixer.read(1000, PATIENCE), RAMP_SAMPLES + 1000
    assert heard[:100].any()
    exact = stems.sound("drums", begin, begin + 1000)
    np.testing.assert_array_equal(heard[RAMP_SAMPLES:], exact[RAMP_SAMPLES:])


def test_mute_and_solo() -> None:
    on, muted, solo = Channel(), Channel(muted=True), Channel(solo=True)
    assert gains({"a": on, "b": on}) == {"a": 1, "b": 1}
    assert gains({"a": on, "b": muted}) == {"a": 1, "b": 0}
    assert gains({"a": on, "b": muted, "c": solo}) == {"a": 0, "b": 0, "c": 1}
    assert gains({"a": solo, "b": on, "c": solo}) == {"a": 1, "b": 0, "c": 1}
    assert gains({"a": Channel(muted=True, solo=True), "b": on}) == {"a": 0, "b": 0}
    assert gains({"a": Channel(0.0)}) == {"a": 0}


def test_half_the_volume_is_ten_decibels() -> None:
    gain = gains({"a": Channel(0.5)})["a"]
    assert 20 * np.log10(gain) == pytest.approx(-10, abs=0.1)


def test_stems_that_are_gone(stems: StemSet, mixer: Mixer) -> None:
    mixer.read(100, PATIENCE)
    sound = stems.file("bass")
    whole = sound.read_bytes()
    sound.write_bytes(whole[:2000])
    mixer.seek(200)
    with pytest.raises(UserError, match=r"not there any more\. Separate them again"):
        mixer.read(1000, PATIENCE)
    mixer.close()
    sound.unlink()
    with pytest.raises(UserError, match="not there any more"):
        Mixer(stems)


def test_nothing_is_open_once_it_is_closed(mixer: Mixer) -> None:
    mixer.close()
    with pytest.raises(ValueError, match="closed file"):
        mixer.read(10, PATIENCE)


def test_a_part_begins_again_without_a_gap_or_a_click(tmp_path: Path) -> None:
    tone = 0.8 * np.sin(2 * np.pi * 220.5 * np.arange(RATE // 2) / RATE + 1.0)
    with WaveWriter(stem_file(tmp_path, "drums"), 2, RATE) as writer:
        writer.write(np.stack([tone, tone]).astype(np.float32))
    record = Record(
        model="htdemucs", rate=RATE, channels=2, samples=RATE // 2, begin=RATE,
        sources=("drums",), levels={},
    )  # fmt: skip
    part = Mixer(StemSet(tmp_path, record), repeats=True)
    sound = np.zeros(0, np.float32)
    while len(sound) < 2 * RATE:
        sound = np.append(sound, part.read(882, PATIENCE)[:, 0])
    part.close()
    assert np.abs(np.diff(sound)).max() < 0.03  # the tone's own steps are up to 0.025
    assert np.abs(sound).max() == pytest.approx(0.8, abs=0.001)
    turn = RATE // 2
    np.testing.assert_array_equal(sound[:turn], sound[turn : 2 * turn])


def test_a_whole_track_is_heard_to_its_last_sample(stems: StemSet, mixer: Mixer) -> None:
    mixer.seek(22_000)
    rest(mixer)
    assert mixer.at_end
    assert mixer.read(10, 0.0).shape == (0, 2)
