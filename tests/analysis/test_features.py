from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

from mutagen.id3 import TCON, TIT2, TMOO
from mutagen.wave import WAVE

from msa_desktop.analysis.features import Features
from msa_desktop.analysis.worker import Task, Work
from msa_desktop.base.model import Reading, TrackId
from msa_desktop.base.settings import Device
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
