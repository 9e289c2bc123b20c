"""Stems without a model: written as a separation would leave them."""

from __future__ import annotations

from pathlib import Path

from msa_desktop.base.model import AudioInfo, Reading, Tags
from msa_desktop.services.stems import Separated
from msa_desktop.stems.cache import StemSet, stem_file
from msa_desktop.stems.record import Level, Record
from msa_desktop.stems.wave import WaveWriter
from tests.support_stems import music

RATE = 44100


def stem_set(
    folder: Path, *loudness: tuple[str, float], seconds: float = 3.0, begin: float = 0.0
) -> StemSet:
    """Stems of these names and levels; `begin` is where in their track they begin."""
    sound = music(seconds)
    folder.mkdir(parents=True, exist_ok=True)
    for name, level in loudness:
        with WaveWriter(stem_file(folder, name), 2, RATE) as writer:
            writer.write(level * sound)
    levels = {name: Level(rms=level, energy=level**2, peak=level) for name, level in loudness}
    instruments = sum(level for name, level in loudness if name != "vocals")
    levels["instrumental"] = Level(rms=instruments, energy=instruments**2, peak=instruments)
    names = tuple(name for name, _ in loudness)
    record = Record(
        model="htdemucs", rate=RATE, channels=2, samples=sound.shape[1],
        begin=round(begin * RATE), sources=names,
        levels=levels,
    )  # fmt: skip
    return StemSet(folder, record)


def separated(stems: StemSet, end: float | None = None) -> Separated:
    reading = Reading(AudioInfo(3.0, "flac", RATE, 2), Tags("Title", "Artist"), b"1")
    begin = stems.record.begin / RATE
    return Separated("/music/title.flac", reading, stems, begin, end, was_there=True)
