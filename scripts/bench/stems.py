"""What separating costs: CPU time, memory and disk a minute of music.

    python scripts/bench/stems.py [--seconds S ...] [--weights FILE]

Without weights an HTDemucs of the published size with random numbers is measured: it computes what
the real one does. Each length is separated by a child process as in the program; its own CPU time
and the most memory that it held are told. A length of three hours shows that memory stays bounded.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.model import FloatArray
from msa_desktop.base.settings import Device
from msa_desktop.stems import process
from msa_desktop.stems.process import Task
from msa_desktop.stems.wave import WaveWriter

RATE = 44100
PUBLISHED = {
    "sources": ["drums", "bass", "other", "vocals"],
    "audio_channels": 2,
    "samplerate": RATE,
    "segment": Fraction(39, 5),
    "bottom_channels": 512,
    "dconv_mode": 3,
}
"""With these arguments a file is as long as the published one, to its notes."""


def random_weights(path: Path) -> Path:
    """A network of the published size."""
    from demucs.htdemucs import HTDemucs  # noqa: PLC0415 - an extra
    from safetensors.torch import save_file  # noqa: PLC0415

    segment = {"_type": "fraction", "numerator": 39, "denominator": 5}
    facts = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": "[]",
        "kwargs": json.dumps(PUBLISHED | {"segment": segment}),
    }
    state = {name: value.half() for name, value in HTDemucs(**PUBLISHED).state_dict().items()}
    save_file(state, path, metadata=facts)
    return path


def write_music(path: Path, seconds: float) -> None:
    """Chords with noise, a minute at a time."""
    random = np.random.default_rng(1)
    time_left = seconds
    with WaveWriter(path, 2, RATE) as writer:
        while time_left > 0:
            count = round(min(60.0, time_left) * RATE)
            moment = np.arange(count) / RATE
            chord = sum(np.sin(2 * np.pi * pitch * moment) for pitch in (110, 220.5, 331, 1760))
            sound: FloatArray = (0.1 * chord + random.normal(0, 0.02, (2, count))).astype(
                np.float32
            )
            writer.write(sound)
            time_left -= 60


def main() -> None:
    """Measures and prints one line a length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device", type=Device, default=Device.CPU)
    parser.add_argument("--folder", type=Path, help="where sound and stems are written meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        weights = options.weights or random_weights(folder / "random.safetensors")
        print("seconds  CPU s  CPU s a minute  wall s  most memory MB (so far)  stems MB")
        for seconds in options.seconds:
            out = folder / f"{seconds:g}"
            out.mkdir()
            write_music(folder / "music.wav", seconds)
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            process.separate(
                Task(str(folder / "music.wav"), "bench", weights, options.device, out),
                CancelToken(),
                lambda _: None,
                lambda _: None,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            memory = after.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
            size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
            print(
                f"{seconds:7g}  {cpu:5.1f}  {60 * cpu / seconds:14.1f}  "
                f"{time.monotonic() - began:6.1f}  {memory:23.0f}  {size:8.0f}"
            )
            for path in out.iterdir():
                path.unlink()


if __name__ == "__main__":
    main()
