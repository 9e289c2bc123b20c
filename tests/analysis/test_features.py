from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen.id3 import TCON, TIT2, TMOO
from mutagen.wave import WAVE

from msa_desktop.analysis import worker
from msa_desktop.analysis.features import Features
from msa_desktop.analysis.worker import Finished, Task, Work
from msa_desktop.audio import decode
from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.errors import AudioError
from msa_desktop.base.model import Reading, TrackId, WindowSpec
from msa_desktop.base.music import Loudness, Measures
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts
from tests.analysis import choir, frail
from tests.support import write_wav


def reading(path: Path) -> Reading:
    outcome = Features(Device.CPU).run(Task(TrackId(1), str(path), Work.READ))
    assert outcome.reading is not None
    return outcome.reading


def test_tags_are_read_as_they_are_written(tmp_path: Path) -> None:
    """What FFmpeg would tell of these is the first genre, and no mood."""
    path = write_wav(tmp_path / "a.wav", 2)
    file: Any = WAVE(path)  # typed as if it never had tags
    file.add_tags()
    file.tags.add(TIT2(3, ["Title"]))
    file.tags.add(TCON(3, ["Jazz", "Blues", "Jazz"]))
    file.tags.add(TMOO(3, ["Calm", "Sad"]))
    file.save()
    tags = reading(path).tags
    assert (tags.title, tags.genre, tags.mood) == ("Title", ("Jazz", "Blues"), ("Calm", "Sad"))


def test_a_file_whose_tags_are_damaged_is_still_heard(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 2)
    with path.open("ab") as file:
        file.write(b"id3 \x0c\0\0\0ID3\x04\0\0\x7f\x7f\x7f\x7fxx")
    assert reading(path).info.duration == 2
    with wave.open(str(path)) as whole:
        assert whole.getnframes() == 32_000


def test_what_is_measured(tmp_path: Path) -> None:
    def measured(path: Path) -> Measures:
        outcome = Features(Device.CPU).run(Task(TrackId(1), str(path), Work.MEASURE))
        assert outcome.measures is not None
        return outcome.measures

    rate = 22_050
    beat = np.zeros((1, rate // 2), np.float32)
    beat[0, :400] = np.random.default_rng(1).normal(0, 0.3, 400)
    rhythm = tmp_path / "rhythm.wav"
    write(rhythm, np.tile(beat, 60), rate, FORMS[".wav"])
    found = measured(rhythm)
    assert found.tempo is not None
    assert found.tempo.bpm == pytest.approx(120, rel=0.02)
    assert found.loudness is not None
    assert found.loudness.peak > 0.5
    silence = tmp_path / "silence.wav"
    write(silence, np.zeros((1, 3 * rate), np.float32), rate, FORMS[".wav"])
    assert measured(silence) == Measures(loudness=Loudness(None, 0, 3, 3))
    nothing = tmp_path / "nothing.wav"
    nothing.write_bytes(b"RIFF")
    with pytest.raises(AudioError):
        measured(nothing)


def test_windows_of_one_kind_are_decoded_once(tmp_path: Path) -> None:
    """TTMR++ has its own rate; what each hears is what it would hear alone."""
    path = write_wav(tmp_path / "a.wav", 25)
    spec = WindowSpec(8_000, 10.0, 6)
    alike = [spec, replace(spec, sample_rate=22_050), replace(spec, sample_rate=48_000)]
    together = decode.windows_at(str(path), spec, [one.sample_rate for one in alike])
    for one, windows in zip(alike, together, strict=True):
        assert windows.shape == (2, one.samples)
        np.testing.assert_array_equal(windows, decode.windows(str(path), one))


def listen(features: Features, path: Path, *by: EncoderFacts) -> Finished:
    task = Task(TrackId(1), str(path), Work.LISTEN, by)
    features.prepare(task)
    (finished,) = worker._work(features, [task])
    return finished


@pytest.mark.parametrize(
    ("way", "why", "traced"),
    [
        ("loading", "CUDA out of memory", True),
        ("running", "no kernel image is available for execution on the device). The", True),
        ("memory", "not enough memory for this model", False),
        ("nan", "finite numbers", True),
    ],
)
def test_an_optional_encoder_that_fails_costs_only_itself(
    tmp_path: Path, way: str, why: str, traced: bool
) -> None:
    path = write_wav(tmp_path / "a.wav", 2)
    features, ill = Features(Device.CPU), frail.facts(way)
    first = listen(features, path, choir.FACTS, ill)
    assert first.outcome.failure is None
    assert [one.encoder for one in first.outcome.embeddings] == ["choir"]
    assert why in first.outcome.unusable[ill]
    assert bool(first.trace) == traced
    again = listen(features, path, choir.FACTS, ill)
    assert again.outcome.unusable == first.outcome.unusable
    assert again.trace == "", "it is not tried again in this process"


def test_one_track_that_an_optional_encoder_cannot_hear(tmp_path: Path) -> None:
    """The encoder is not to blame: it hears the next one."""
    features, ill = Features(Device.CPU), frail.facts("loud")
    sound = np.ones((1, 8_000), np.float32)
    for name, loudness in (("loud", 0.9), ("soft", 0.1)):
        write(tmp_path / f"{name}.wav", loudness * sound, 8_000, FORMS[".wav"])
    loud = listen(features, tmp_path / "loud.wav", choir.FACTS, ill)
    assert (loud.outcome.failure, loud.outcome.unusable) == (None, {})
    assert [one.encoder for one in loud.outcome.embeddings] == ["choir"]
    assert "too loud" in loud.trace
    soft = listen(features, tmp_path / "soft.wav", choir.FACTS, ill)
    assert [one.encoder for one in soft.outcome.embeddings] == ["choir", "frail"]
    together = [
        Task(TrackId(number), str(tmp_path / f"{name}.wav"), Work.LISTEN, (choir.FACTS, ill))
        for number, name in enumerate(("loud", "soft"))
    ]
    assert [len(one.outcome.embeddings) for one in worker._work(features, together)] == [1, 2]


def test_the_programs_own_encoder_cannot_be_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frail, "MODELS", ())
    path = write_wav(tmp_path / "a.wav", 2)
    finished = listen(Features(Device.CPU), path, frail.facts("nan"))
    assert finished.outcome.failure is not None
    assert "finite numbers" in finished.outcome.failure
