#!/usr/bin/env python3
"""How often tempo and key are right, and what they cost: rhythm.py SET ... [--essentia PYTHON].

A SET is "demo" (the demo library, whose truth is known) or a folder of audio files. What is true of
a file comes from truth.json in its folder ({"name": {"bpm": 120, "key": "F#m"}}) or from the tempo
map of a notes.mid beside it (Frets on Fire). Without either the file counts for agreement with
Essentia alone. A bpm of null means that there is no beat.

Tempo is right within 4 %; "octave" is the double, triple, half, third or one and a half of it.
Where Essentia is installed for the interpreter after --essentia, every file goes through both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread, as in a worker; read when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import psutil

from msa_desktop.audio import decode, hearing, loudness
from msa_desktop.audio.pieces import PIECES
from msa_desktop.base.errors import AudioError
from msa_desktop.base.formats import is_audio_name
from msa_desktop.services.demo import make_demo

_BEATLESS = {"Slow Light"}  # pieces of the demo library
_NEAR = 0.04
_OCTAVES = (2, 1 / 2, 3, 1 / 3, 3 / 2, 2 / 3)
_ESSENTIA = """
import json, sys, time
import essentia
essentia.log.infoActive = essentia.log.warningActive = False
import essentia.standard as es
for line in sys.stdin:
    began = time.process_time()
    sound = es.MonoLoader(filename=json.loads(line))()
    bpm = es.RhythmExtractor2013(method="multifeature")(sound)[0]
    key, scale, _ = es.KeyExtractor()(sound)
    name = key + ("m" if scale == "minor" else "")
    print(json.dumps([bpm, name, time.process_time() - began]), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What one side says of one file."""

    bpm: float | None
    key: str | None
    cpu_seconds: float
    bpm_confidence: float = 0.0
    key_confidence: float = 0.0


class Essentia:
    """Essentia, asked file by file; started anew where a file kills it."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self.peak = 0

    def hear(self, path: str) -> Answer | None:
        """Has one file heard; None where it could not."""
        if self._process is None:
            self._process = subprocess.Popen(
                [self._python, "-c", _ESSENTIA],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(path) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._process = None
            return None
        self.peak = max(self.peak, psutil.Process(self._process.pid).memory_info().rss)
        bpm, key, seconds = json.loads(line)
        return Answer(bpm, key, seconds)


def ours(path: str) -> Answer:
    """Our own answer."""
    began = time.process_time()
    heard = hearing.hear(path)
    seconds = time.process_time() - began
    tempo, key = heard.tempo, heard.key
    return Answer(
        tempo.bpm if tempo else None,
        key.name if key else None,
        seconds,
        tempo.confidence if tempo else 0.0,
        key.confidence if key else 0.0,
    )


def tempo_verdict(said: float | None, true: float | None) -> str:
    """How a tempo relates to the true one."""
    if said is None or true is None:
        return "right" if said is true else "none said" if said is None else "made up"
    if abs(said / true - 1) <= _NEAR:
        return "right"
    near = any(abs(said / (true * octave) - 1) <= _NEAR for octave in _OCTAVES)
    return "octave" if near else "other"


def key_verdict(said: str | None, true: str) -> str:
    """How a key relates to the true one."""
    if said is None:
        return "none said"
    (tonic, minor), (true_tonic, true_minor) = _place(said), _place(true)
    if minor == true_minor:
        apart = (tonic - true_tonic) % 12
        return {0: "right", 5: "fifth", 7: "fifth"}.get(apart, "other")
    if tonic == true_tonic:
        return "parallel"
    relative = (tonic + 3 * minor) % 12 == (true_tonic + 3 * true_minor) % 12
    return "relative" if relative else "other"


def _place(key: str) -> tuple[int, bool]:
    letter = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[key[0]]
    return (letter + key.count("#") - key.count("b", 1)) % 12, key.endswith("m")


def demo(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes the demo library; returns what is true of its files."""
    keys = {"major": "", "minor": "m"}
    return {
        str(path): {
            "bpm": None if piece.title in _BEATLESS else piece.bpm,
            "key": piece.key.split()[0] + keys[piece.key.split()[1]],
        }
        for path, piece in zip(make_demo(folder), PIECES, strict=True)
    }


def truths(folder: Path) -> dict[str, dict[str, Any]]:
    """The audio files below a folder, and what is known of each."""
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in folder.rglob("*") if is_audio_name(path.name)):
        table, notes = path.with_name("truth.json"), path.with_name("notes.mid")
        known[str(path)] = {}
        if table.exists():
            known[str(path)] = json.loads(table.read_text("utf-8")).get(path.name, {})
        elif notes.exists():
            known[str(path)] = {"bpm": midi_tempo(notes.read_bytes())}
    return known


def midi_tempo(content: bytes) -> float:
    """The last tempo that a MIDI file sets: Frets on Fire's songs keep theirs."""
    place = content.rindex(b"\xff\x51\x03") + 3
    return 60e6 / int.from_bytes(content[place : place + 3], "big")


def measure(name: str, known: dict[str, dict[str, Any]], essentia: Essentia | None) -> None:
    """Prints one set's table."""
    said: dict[str, list[Answer]] = defaultdict(list)
    tempi: dict[str, Counter[str]] = defaultdict(Counter)
    keys: dict[str, Counter[str]] = defaultdict(Counter)
    sure: dict[str, dict[int, list[bool]]] = {"tempo": defaultdict(list), "key": defaultdict(list)}
    agreed: dict[str, Counter[str]] = {"tempo": Counter(), "key": Counter()}
    for path, true in known.items():
        try:
            answers = {"ours": ours(path)}
        except AudioError as error:
            print(f"{path}: {error}")
            continue
        theirs = essentia.hear(path) if essentia else None
        if theirs is not None:
            answers["Essentia"] = theirs
            agreed["tempo"][tempo_verdict(answers["ours"].bpm, theirs.bpm)] += 1
            agreed["key"][key_verdict(answers["ours"].key, theirs.key or "")] += 1
        for side, answer in answers.items():
            said[side].append(answer)
            if "bpm" in true:
                tempi[side][tempo_verdict(answer.bpm, true["bpm"])] += 1
            if true.get("key"):
                keys[side][key_verdict(answer.key, true["key"])] += 1
        own = answers["ours"]
        if true.get("bpm") and own.bpm:
            right = tempo_verdict(own.bpm, true["bpm"]) == "right"
            sure["tempo"][int(own.bpm_confidence * 10)].append(right)
        if true.get("key") and own.key:
            right = key_verdict(own.key, true["key"]) == "right"
            sure["key"][int(own.key_confidence * 10)].append(right)
    print(f"\n{name}: {len(known)} files")
    for side, answers_of in said.items():
        seconds = sum(answer.cpu_seconds for answer in answers_of) / len(answers_of)
        print(f"  {side:9} {seconds:6.2f} CPU s a track, decoding included")
        print(f"            tempo {shares(tempi[side])}\n            key   {shares(keys[side])}")
    for what, verdicts in agreed.items():
        if essentia:
            print(f"  {what}, if Essentia's is taken for true: {shares(verdicts)}")
    for what, bins in sure.items():
        for tenth, rights in sorted(bins.items()):
            share = sum(rights) / len(rights)
            print(f"  {what}, {tenth / 10:.1f} sure: {share:.2f} right of {len(rights)}")


def shares(verdicts: Counter[str]) -> str:
    """Verdicts as shares, the commonest first."""
    total = verdicts.total()
    return ", ".join(f"{name} {count / total:.3f}" for name, count in verdicts.most_common())


def measure_loudness(paths: list[str]) -> None:
    """Prints what measuring the loudness of whole tracks costs."""
    cpu = music = 0.0
    for path in paths:
        began = time.process_time()
        try:
            loudness.measure(path)
        except AudioError:
            continue
        cpu += time.process_time() - began
        music += decode.read(path).info.duration
    if music:
        print(
            f"\nloudness: {cpu / len(paths):.2f} CPU s a track, {music / cpu:.0f} times real time"
        )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="SET")
    parser.add_argument("--essentia", metavar="PYTHON", help="an interpreter with essentia")
    parser.add_argument("--limit", type=int, default=0, help="this many files of a set at most")
    args = parser.parse_args()
    essentia = Essentia(args.essentia) if args.essentia else None
    everything = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.sets:
            known = demo(Path(folder)) if name == "demo" else truths(Path(name))
            if args.limit:
                step = max(1, len(known) // args.limit)
                known = dict(list(known.items())[::step][: args.limit])
            measure(name, known, essentia)
            everything += list(known)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\npeak memory, MB: ours {peak:.0f}", end="")
        print(f", Essentia {essentia.peak / 1e6:.0f}" if essentia else "")
        measure_loudness(everything)


if __name__ == "__main__":
    main()
