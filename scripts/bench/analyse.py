#!/usr/bin/env python3
"""What listening costs: analyse.py DIR [--bliss PYTHON] [--limit N].

Reads and listens to every audio file below DIR in one process, as a worker does, and prints tracks
a second, CPU seconds a track, times real time, the share of each stage, peak memory, and the ratio
to the floor: what the network's multiply-adds take at this machine's float32 matrix rate, measured
here, plus decoding. Where bliss-audio is installed (here, or for the interpreter after --bliss)
each file goes through both in turn, so that a noisy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

# One thread, as in a worker; read when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import psutil
from _peers import Bliss

from msa_desktop.audio import decode
from msa_desktop.base.errors import AudioError
from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.paths import resources
from msa_desktop.base.settings import Device
from msa_desktop.encoders import musicnn

T = TypeVar("T")

_FLOPS_A_PATCH = 2.8e9  # two for each of the network's 1.4 G multiply-adds


class Stages:
    """CPU seconds of one file's stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Runs one stage and keeps what it took."""
        began = time.process_time()
        try:
            return work()
        finally:
            self.seconds[stage].append(time.process_time() - began)


def matrix_rate() -> float:
    """float32 multiply-adds of this machine on one core, times two: FLOP/s, the best of five."""
    a = np.ones((1024, 1024), np.float32)
    best = np.inf
    for _ in range(5):
        began = time.process_time()
        for _ in range(8):
            a @ a
        best = min(best, time.process_time() - began)
    return float(8 * 2 * 1024**3 / best)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bliss", default=sys.executable, help="an interpreter with bliss-audio")
    parser.add_argument("--limit", type=int, default=0, help="this many files at most")
    args = parser.parse_args()
    files = sorted(str(f) for f in args.folder.rglob("*") if is_audio_name(f.name))
    files = files[:: max(1, len(files) // args.limit)] if args.limit else files
    rate = matrix_rate()
    encoder = musicnn.create(resources() / "models" / musicnn.ID, Device.CPU)
    stages = Stages()
    ours, theirs, music_seconds, patches = [], [], 0.0, 0
    bliss = Bliss(args.bliss) if Bliss.installed(args.bliss) else None
    bliss_memory = 0
    wall = 0.0
    for file in files:
        began, cpu = time.perf_counter(), time.process_time()
        try:
            reading = stages.time("read (tags, sound id)", lambda: decode.read(file))  # noqa: B023
            windows = stages.time("decode windows", lambda: decode.windows(file, musicnn.SPEC))  # noqa: B023
            stages.time("mel and network", lambda: encoder.embed([windows])[0])  # noqa: B023
        except AudioError as error:
            print(f"{file}: {error}")
            continue
        wall += time.perf_counter() - began
        ours.append(time.process_time() - cpu)
        music_seconds += reading.info.duration
        patches += len(windows)
        if bliss is not None:
            theirs.append(bliss.analyse(file).cpu_seconds)
            bliss_memory = max(bliss_memory, psutil.Process(bliss.pid).memory_info().rss)
    floor = patches * _FLOPS_A_PATCH / rate + sum(stages.seconds["decode windows"])
    print(f"{len(ours)} tracks, {music_seconds / 3600:.1f} h of music, {patches} patches")
    print(f"tracks/s (one process)    {len(ours) / wall:8.2f}")
    print(f"CPU s a track: mean       {statistics.mean(ours):8.3f}")
    print(f"CPU s a track: median     {statistics.median(ours):8.3f}")
    print(f"times real time           {music_seconds / sum(ours):8.0f}")
    for stage, seconds in stages.seconds.items():
        share = sum(seconds) / sum(ours)
        print(f"  {stage:22}  {statistics.mean(seconds):8.3f}  {share:6.1%}")
    print(f"matrix rate, GFLOP/s      {rate / 1e9:8.1f}")
    print(f"ratio to the floor        {sum(ours) / floor:8.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory, MB           {peak:8.0f}")
    if bliss is not None:
        print(f"bliss: CPU s a track      {statistics.mean(theirs):8.3f}")
        print(f"bliss: peak memory, MB    {bliss_memory / 1e6:8.0f}")
        print(f"ours / bliss, CPU         {sum(ours) / sum(theirs):8.3f}")


if __name__ == "__main__":
    main()
