#!/usr/bin/env python3
"""How well several encoders are fused: fusion.py DATA_DIR [--seeds N].

DATA_DIR is a data folder whose library was scanned; it is only read. The folder of a file is its
label, as in similarity.py, and mean average precision is what counts. The first encoder is MusiCNN;
the second is made up, of every quality from useless to perfect, or one of MusiCNN's two models.

The columns: each alone; both with equal weights (of scores standardised); fused as the program does
it; fused by weights learned from one half of the folders and judged on the other. Of the last
three, mean difference from the better alone, and the worst of all seeds.

The last lines: how well MusiCNN sets folders apart (`services.fusion.SEPARATION` is relative to
it), and what becomes of it all when only some of the tracks have a second vector.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.encoders import musicnn
from msa_desktop.services import fusion
from msa_desktop.store.db import Database
from msa_desktop.store.tracks import TrackQuery, TrackReader
from msa_desktop.store.vector_standard import measure

_LEAST_SECONDS = 20  # shorter is no music
_DIMENSION = 128
_PAIR = ("musicnn", "second")

Names = NDArray[np.str_]


def library(folder: Path) -> tuple[FloatArray, Names]:
    """Vectors and labels of the tracks that are music, of folders that hold at least two."""
    db = Database(folder / "library.db")
    reader = TrackReader(db)
    tracks = [
        track
        for track in reader.get_many(reader.ids(TrackQuery()))
        if track.info and track.info.duration >= _LEAST_SECONDS
    ]
    stored = reader.vectors([track.id for track in tracks], musicnn.ID, musicnn.VERSION)
    db.close()
    folder_of = {track.id: os.path.dirname(track.path) for track in tracks}
    labels = np.array([folder_of[track_id] for track_id in stored.ids.tolist()])
    sizes = Counter(labels.tolist())
    several = np.array([sizes[label] > 1 for label in labels.tolist()])
    return stored.values[several], labels[several]


def rows(values: NDArray[np.floating]) -> FloatArray:
    """As the index has them."""
    standard = measure([values.astype(np.float32)])
    assert standard is not None
    return standard.rows(values.astype(np.float32))


def seconds(
    first: FloatArray, labels: Names, chance: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Made-up second vectors by what they are."""
    count = len(labels)
    names, label = np.unique(labels, return_inverse=True)
    centre = chance.standard_normal((len(names), _DIMENSION))[label]

    def noise(level: float) -> NDArray[np.float64]:
        return level * chance.standard_normal((count, _DIMENSION))

    made = {
        f"folder + {level:g} noise": centre + noise(level)
        for level in (0.5, 1, 1.5, 2, 3, 4, 6, 10)
    }
    made["noise alone"] = noise(1)
    made["noise, 2 dimensions"] = noise(1)[:, :2]
    clusters = chance.standard_normal((12, _DIMENSION))
    made["clusters of no meaning"] = clusters[chance.integers(0, 12, count)] + noise(0.5)
    some = chance.permutation(len(names)) < len(names) / 2
    made["hears half of the folders"] = np.where(
        some[label][:, None], centre + noise(0.7), noise(3)
    )
    lucky = chance.random(count) < 0.5
    made["hears half of the tracks"] = np.where(lucky[:, None], centre + noise(0.7), noise(1.2))
    for level in (1, 3, 10):
        blur = chance.standard_normal(first.shape) / np.sqrt(first.shape[1])
        made[f"the first + {level} noise"] = rows(first) + level * blur
    return made


def precision(likeness: NDArray[np.floating], labels: Names, asked: NDArray[np.bool_]) -> float:
    """Mean average precision of some queries against all others."""
    own = likeness.astype(np.float64)
    np.fill_diagonal(own, -np.inf)
    right = np.take_along_axis(
        labels[:, np.newaxis] == labels, np.argsort(-own, axis=1, kind="stable")[:, :-1], axis=1
    )
    so_far = np.cumsum(right, axis=1) / np.arange(1, len(labels))
    return float(((so_far * right).sum(axis=1) / right.sum(axis=1))[asked].mean())


def fused(
    pair: list[FloatArray], likeness: list[FloatArray], labels: Names, taught: NDArray[np.bool_]
) -> FloatArray:
    """Both as the program fuses them, with what the tracks of `taught` teach."""
    learned = fusion.learn(_PAIR, [own[taught] for own in pair], labels[taught].tolist())
    panel = learned.panel(_PAIR)
    chosen = [likeness[_PAIR.index(encoder)].ravel() for encoder in panel.encoders]
    return panel.fuse(np.stack(chosen, axis=1)).reshape(likeness[0].shape)


def compare(pair: list[FloatArray], labels: Names, chance: np.random.Generator) -> list[float]:
    """One row of the table."""
    likeness = [own @ own.T for own in pair]
    everyone = np.ones(len(labels), dtype=bool)
    alone = [precision(own, labels, everyone) for own in likeness]
    others = ~np.eye(len(labels), dtype=bool)
    equal = np.sum([own / own[others].std() for own in likeness], axis=0)
    as_it_is = precision(fused(pair, likeness, labels, everyone), labels, everyone)
    names = np.unique(labels)
    half = np.isin(labels, chance.permutation(names)[: len(names) // 2])
    crossed = sum(
        precision(fused(pair, likeness, labels, ~judged), labels, judged) * judged.mean()
        for judged in (half, ~half)
    )
    return [*alone, precision(equal, labels, everyone), as_it_is, crossed]


def part_heard(pair: list[FloatArray], labels: Names, share: float, seed: int) -> list[float]:
    """The same where only some tracks have a second vector, asked about those alone."""
    heard = np.random.default_rng(seed).random(len(labels)) < share
    first = pair[0] @ pair[0].T
    second = pair[1] @ pair[1].T
    second[~heard] = second[:, ~heard] = np.nan
    learned = fusion.learn(_PAIR, [own[heard] for own in pair], labels[heard].tolist())
    panel = learned.panel(_PAIR)
    chosen = [(first, second)[_PAIR.index(encoder)].ravel() for encoder in panel.encoders]
    both = panel.fuse(np.stack(chosen, axis=1)).reshape(first.shape)
    both = np.where(np.isnan(both), first, both)
    return [precision(first, labels, heard), precision(both, labels, heard)]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    args = parser.parse_args()
    vectors, labels = library(args.data_dir)
    first = rows(vectors)
    print(f"{len(labels)} tracks, {len(np.unique(labels))} folders; mean average precision")
    head = ("first", "second", "equal", "fused", "crossed", "equal", "fused", "crossed")
    print(
        f"{'second':26}" + "".join(f"{name:>9}" for name in head) + "   (worst of the last three)"
    )
    found: dict[str, list[list[float]]] = {}
    part: dict[tuple[str, float], list[list[float]]] = {}
    for seed in range(args.seeds):
        chance = np.random.default_rng(seed)
        made = seconds(vectors, labels, chance)
        for name, values in made.items():
            pair = [first, rows(values)]
            found.setdefault(name, []).append(compare(pair, labels, chance))
            if name in {"folder + 1 noise", "folder + 2 noise", "folder + 4 noise", "noise alone"}:
                for share in (0.35, 0.5, 0.8):
                    part.setdefault((name, share), []).append(part_heard(pair, labels, share, seed))
        for name, halved in (
            ("MSD's half (first: MTT's)", (vectors[:, 200:], vectors[:, :200])),
            ("the MSD half of it", (vectors, vectors[:, :200])),
            ("the MTT half of it", (vectors, vectors[:, 200:])),
        ):
            pair = [rows(own) for own in halved]
            found.setdefault(name, []).append(compare(pair, labels, chance))
    for name, measured in found.items():
        table = np.array(measured)
        apart = table[:, 2:] - table[:, :2].max(axis=1, keepdims=True)
        means = "".join(f"{value:9.3f}" for value in table.mean(axis=0))
        print(
            f"{name:26}{means}"
            + "".join(f"{value:+9.3f}" for value in apart.mean(axis=0))
            + "   "
            + "".join(f"{value:+8.3f}" for value in apart.min(axis=0))
        )
    learned = fusion.learn(_PAIR[:1], [first], labels.tolist())
    apart = learned.separation[0] / np.sqrt(learned.within[0, 0])
    print(f"MusiCNN sets folders apart by {apart:.2f} deviations")
    print("Only some tracks have a second vector: the first alone, fused")
    for (name, share), pairs in part.items():
        alone, both = np.mean(pairs, axis=0)
        print(f"{name:26} {share:4.0%} {alone:9.3f}{both:9.3f}")


if __name__ == "__main__":
    main()
