#!/usr/bin/env python3
"""What hearing stems is worth: stem_ears.py SET ... [--data-dir DIR].

A SET is "demo" (the demo library: a choir, and eleven pieces without a voice) or a folder of true
stems: NAME.drums.flac, NAME.bass.flac, NAME.other.flac, NAME.vocals.flac, those that there are.
Their sum is the track.

- Kind of track: what the stems say and what the labels of the mix say, for each kind.
- Whose voice: where voices.json in the folder names a voice ({"NAME": "female"}), how often it is
  named rightly by the mix, by the voice alone, and by the stronger of the two.
- Similar stems: NAME_A and NAME_B are the same part played in another key and tempo. How often the
  one finds the other first, by each stem, by the mix, and where the drums of B are under the music
  of another piece. Then in libraries of a few tracks, as they are and standardised.

With --data-dir, how often stems and labels agree on the tracks of a library that were taken apart.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# One thread, as in a worker; read when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from msa_desktop.app import App
from msa_desktop.audio import decode, stream
from msa_desktop.audio.pieces import PIECES
from msa_desktop.audio.synth import RATE
from msa_desktop.base import vocabulary
from msa_desktop.base.model import Embedding, FloatArray
from msa_desktop.base.paths import DataPaths, resources
from msa_desktop.base.settings import Device
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.encoders import musicnn
from msa_desktop.llm import rules
from msa_desktop.services import kind
from msa_desktop.stems.record import VOCALS, Meter
from msa_desktop.stems.wave import WaveWriter
from msa_desktop.store.query import TrackQuery

MIX = "mix"
_LOUDNESS = 0.16  # root mean square of every mix
_DRAWS = 200
Sounds = dict[str, FloatArray]


@dataclass(frozen=True)
class Piece:
    """A track whose stems are known.

    Attributes:
        levels: Of each stem.
        heard: The mix, and each stem that is loud enough.
    """

    levels: dict[str, float]
    heard: dict[str, Embedding]


def stems_of(folder: Path, name: str = "*") -> Iterator[tuple[str, Sounds]]:
    """The true stems below a folder: of every track, or of one."""
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.glob(f"{name}.*.flac")):
        track, part, _ = path.name.rsplit(".", 2)
        files[track][part] = path
    for track, parts in files.items():
        yield (
            track,
            {
                part: np.concatenate(list(stream.pieces(str(path), RATE)), axis=1)
                for part, path in parts.items()
            },
        )


def demo() -> Iterator[tuple[str, Sounds]]:
    """The demo's pieces: none has both voices and instruments."""
    for piece in PIECES:
        yield piece.title, {VOCALS if piece.instruments == ("choir",) else "other": piece.sound()}


class Ear:
    """MusiCNN, as a worker has it."""

    def __init__(self) -> None:
        self._encoder = musicnn.create(resources() / "models" / "musicnn", Device.CPU)

    def piece(self, stems: Sounds) -> Piece:
        """Hears a track and its stems."""
        count = min(sound.shape[1] for sound in stems.values())
        stems = {name: sound[:, :count] for name, sound in stems.items()}
        for name in ("drums", "bass", "other", VOCALS):
            stems.setdefault(name, np.zeros((2, count), np.float32))
        mixed = np.sum(list(stems.values()), axis=0)
        gain = _LOUDNESS / float(np.sqrt((mixed**2).mean()))
        meter = Meter(tuple(stems), RATE)
        meter.add(gain * np.stack(list(stems.values())))
        levels = {name: level.rms for name, level in meter.levels().items()}
        heard = {MIX: self.hear(gain * mixed)}
        for name, sound in stems.items():
            if not kind.is_negligible(levels[name]):
                heard[name] = self.hear(gain * sound)
        return Piece(levels, heard)

    def hear(self, sound: FloatArray) -> Embedding:
        """Hears a sound, shape (2, n)."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sound.wav"
            with WaveWriter(path, 2, RATE) as writer:
                writer.write(sound.astype(np.float32))
            return self._encoder.embed([decode.windows(str(path), musicnn.SPEC)])[0]


VOCABULARY = vocabulary.load(resources() / "labels.toml")
USUAL = VOCABULARY.usual()
INSTRUMENTS = {label.name for label in VOCABULARY.labels if label.kind is LabelKind.INSTRUMENT}


def words(heard: Embedding) -> dict[str, float]:
    """What is named, and how probable it is."""
    return {one.label: one.score for one in VOCABULARY.merged(heard.labels)}


def tell_kinds(pairs: Counter[tuple[str, str]]) -> None:
    """Prints how stems and labels agree."""
    for (by_stems, by_labels), count in sorted(pairs.items()):
        print(f"  {count:4}  by stems {by_stems:12}  by labels {by_labels}")
    said = sum(count for (_, by_labels), count in pairs.items() if by_labels != "unknown")
    same = sum(count for (by_stems, by_labels), count in pairs.items() if by_stems == by_labels)
    print(f"  labels name a kind for {said} of {pairs.total()}, the stems' for {same}")


def tell_voices(pieces: Mapping[str, Piece], voices: Mapping[str, str]) -> None:
    """Prints how often a voice is named rightly."""
    for by in (MIX, VOCALS, "the stronger"):
        right = 0
        for name, voice in voices.items():
            heard = pieces[name].heard
            parts = (MIX, VOCALS) if by not in heard else (by,)
            said = [words(heard[part]) for part in parts if part in heard]
            sure = {
                who: max(rules.confidence(one.get(f"{who} vocals", 0), USUAL[f"{who} vocals"])
                         for one in said)
                for who in ("female", "male")
            }  # fmt: skip
            right += max(sure.values()) >= 0.5 and max(sure, key=sure.__getitem__) == voice
        print(f"  voice named rightly by {by}: {right} of {len(voices)}")


def first(asked: FloatArray, held: FloatArray, *, standardised: bool = True) -> float:
    """How often row n of `asked` is nearest to row n of `held`."""
    mean, deviation = np.float32(0), np.ones(1, np.float32)
    if standardised:
        both = np.concatenate([asked, held])
        mean, deviation = both.mean(axis=0), both.std(axis=0)
        deviation = np.maximum(deviation, 0.01 * deviation.mean())
    sides = [(side - mean) / deviation for side in (asked, held)]
    one, other = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    return float(((one @ other.T).argmax(axis=1) == np.arange(len(one))).mean())


def tell_pairs(pieces: Mapping[str, Piece], folder: Path, ear: Ear) -> None:
    """Prints how often a piece is found by one part of it."""
    parts = (MIX, "drums", "bass", "other")
    names = [
        name[:-2]
        for name in pieces
        if name.endswith("_A") and f"{name[:-1]}B" in pieces
        and all(part in pieces[name[:-1] + v].heard for part in parts for v in "AB")
    ]  # fmt: skip
    if len(names) < 4:
        return
    sides = {
        part: [np.stack([pieces[f"{name}_{v}"].heard[part].vector for name in names]) for v in "AB"]
        for part in parts
    }
    print(f"  {len(names)} pairs: the other is found first")
    for part, (a, b) in sides.items():
        raw = first(a, b, standardised=False)
        print(f"    by {part}: {first(a, b):.3f} (not standardised {raw:.3f})")
    crossed = []
    for place, name in enumerate(names):
        ((_, drums),) = stems_of(folder, f"{name}_B")
        ((_, music),) = stems_of(folder, f"{names[place - len(names) // 3]}_B")
        stems = {part: sound for part, sound in music.items() if part != "drums"}
        stems["drums"] = drums["drums"]
        crossed.append(ear.piece(stems).heard[MIX].vector)
    print(f"    by mix, the drums under other music: {first(sides[MIX][0], np.stack(crossed)):.3f}")
    chance = np.random.default_rng(0)
    for few in (2, 4, 8, 16):
        found = []
        for _ in range(_DRAWS):
            rows = chance.choice(len(names), few, replace=False)
            a, b = (side[rows] for side in sides["drums"])
            found.append([first(a, b, standardised=False), first(a, b)])
        raw, standard = np.mean(found, axis=0)
        print(f"    by drums, {2 * few} tracks: raw {raw:.3f}, standardised {standard:.3f}")


def tell_library(folder: Path) -> None:
    """Prints how stems and labels agree on a library's own tracks."""
    pairs: Counter[tuple[str, str]] = Counter()
    with App(DataPaths(folder)) as app:
        for track_id in app.tracks.ids(TrackQuery()).tolist():
            levels = {name: stem.level for name, stem in app.stem_rows.of(track_id).items()}
            if levels:
                heard = {one.label: one.score for one in app.search.labels(track_id)}
                by_labels = kind.from_labels(heard, USUAL, INSTRUMENTS)
                pairs[str(kind.from_stems(levels).kind), str(by_labels.kind)] += 1
    print(f"{folder}: {pairs.total()} tracks taken apart")
    tell_kinds(pairs)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    ear = Ear()
    for wanted in options.sets:
        folder = Path(wanted)
        tracks = demo() if wanted == "demo" else stems_of(folder)
        pieces = {name: ear.piece(stems) for name, stems in tracks}
        print(f"{wanted}: {len(pieces)} tracks")
        tell_kinds(
            Counter(
                (
                    str(kind.from_stems(piece.levels).kind),
                    str(kind.from_labels(words(piece.heard[MIX]), USUAL, INSTRUMENTS).kind),
                )
                for piece in pieces.values()
            )
        )
        if (folder / "voices.json").is_file():
            tell_voices(pieces, json.loads((folder / "voices.json").read_text("utf-8")))
        tell_pairs(pieces, folder, ear)
    if options.data_dir:
        tell_library(options.data_dir)


if __name__ == "__main__":
    main()
