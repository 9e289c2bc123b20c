#!/usr/bin/env python3
"""How well neighbours tag, and how far their confidence holds: knn_tags.py VECTORS TRACKS.

VECTORS is a .npy of shape (n, d); TRACKS a JSON list of n objects with "artist" and "tags". Artists
are dealt out to five folds, each whole, and every track is tagged from the other folds, so by
artists that were not seen; once for each seed. Top-1 says how often the best-scored tag is one of
the track's own; F1 is the micro-F1 of the predicted sets. Beside the program's way stand the
published one (k = 3: every tag a neighbour has) and a plain one (k = 20, weighted by cosine, tags
with 0.3 of the weight).

The second table is the confidence: of the scores in each range, how many are right; then what
a calibration fitted on one half of the artists would be, and how it does on the other. The same
follows for small libraries, drawn by whole artists. --held-out VECTORS TRACKS tags other tracks
from all of these; --sweep halves and doubles the constants of the program's way.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msa_desktop.base.model import FloatArray
from msa_desktop.llm import neighbours

FOLDS = 5
SMALL = (50, 200, 1000)
EDGES = (0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SWEPT = ("NEIGHBOURS", "_TEMPERATURE", "_PENALTY", "_AXES", "_UNSEEN")

_Rows = NDArray[np.int64]
_Truth = NDArray[np.bool_]


class Data(NamedTuple):
    """Tracks with vectors, shape (n, d), which of the tags they bear, (n, t), and artists, (n,)."""

    vectors: FloatArray
    truth: _Truth
    tags: list[str]
    artists: _Rows

    def bags(self, rows: _Rows) -> list[list[str]]:
        """The tags of these tracks."""
        return [[self.tags[column] for column in np.flatnonzero(self.truth[row])] for row in rows]


class Method(NamedTuple):
    """A way to score tags, shape (q, t), and what score puts one into the set."""

    name: str
    score: Callable[[Data, _Rows, _Rows], FloatArray]
    threshold: float


def load(vectors: Path, tracks: Path, tags: list[str] | None = None) -> Data:
    """Reads tracks. Tags that are given come first, in their order."""
    told = json.loads(tracks.read_text(encoding="utf-8"))
    array = np.load(vectors, allow_pickle=False).astype(np.float32)
    if len(array) != len(told):
        sys.exit(f"{len(array)} vectors do not go with {len(told)} tracks.")
    names = sorted({tag for track in told for tag in track["tags"]} - set(tags or ()))
    names = [*(tags or ()), *names]
    truth = np.array([[name in track["tags"] for name in names] for track in told])
    _, artists = np.unique([track["artist"] for track in told], return_inverse=True)
    return Data(array, truth, names, artists.astype(np.int64))


def votes(
    data: Data, queries: _Rows, references: _Rows, count: int, *, weighted: bool
) -> FloatArray:
    """Shares of the nearest by cosine of the vectors as they are."""
    unit = data.vectors / np.linalg.norm(data.vectors, axis=1, keepdims=True)
    likeness = unit[queries] @ unit[references].T
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    weights = np.maximum(np.take_along_axis(likeness, nearest, axis=1), 0)
    weights = weights if weighted else np.ones_like(weights)
    weights /= weights.sum(axis=1, keepdims=True)
    truth = data.truth[references].astype(np.float32)
    scores: FloatArray = np.einsum("qk,qkt->qt", weights, truth[nearest])
    return scores


def ours(data: Data, queries: _Rows, references: _Rows) -> FloatArray:
    """What the program says."""
    found = neighbours.predict(
        data.vectors[queries], data.vectors[references], data.bags(references)
    )
    scores = np.zeros((len(queries), len(data.tags)), np.float32)
    scores[:, [data.tags.index(tag) for tag in found.tags]] = found.scores
    return scores


PUBLISHED = Method("published, k = 3", partial(votes, count=3, weighted=False), 1e-6)
PLAIN = Method("plain, k = 20", partial(votes, count=20, weighted=True), 0.3)
OURS = Method("the program's", ours, neighbours.SET_THRESHOLD)


def quality(scores: FloatArray, truth: _Truth, threshold: float) -> tuple[float, float]:
    """Top-1 and micro-F1."""
    best = truth[np.arange(len(truth)), scores.argmax(axis=1)].mean()
    chosen = scores >= threshold
    return float(best), float(2 * (chosen & truth).sum() / (chosen.sum() + truth.sum()))


def fold_scores(data: Data, method: Method, seed: int) -> FloatArray:
    """Scores of all tracks, each from the folds that its artist is not in."""
    dealt = np.random.default_rng(seed).permutation(data.artists.max() + 1) % FOLDS
    scores = np.zeros(data.truth.shape, np.float32)
    for fold in range(FOLDS):
        inside = dealt[data.artists] == fold
        queries, references = np.flatnonzero(inside), np.flatnonzero(~inside)
        scores[queries] = method.score(data, queries, references)
    return scores


def samples(data: Data, size: int) -> Iterator[tuple[_Rows, _Rows]]:
    """Small libraries of whole artists (the last one cut), and 500 tracks of others; seeded."""
    for seed in range(max(4, 5000 // size)):
        generator = np.random.default_rng([seed, size])
        place = generator.permutation(data.artists.max() + 1)[data.artists]
        references = np.argsort(place, kind="stable")[:size]
        others = np.flatnonzero(~np.isin(data.artists, data.artists[references]))
        yield generator.permutation(others)[:500], references


def reliability(scores: FloatArray, truth: _Truth) -> None:
    """Prints the share right by range of score, and the expected calibration error."""
    print("score        count   mean  right")
    error = total = 0.0
    for low, high in pairwise(EDGES):
        inside = (scores >= low) & ((scores < high) | (high == EDGES[-1]))
        if count := int(inside.sum()):
            mean, right = float(scores[inside].mean()), float(truth[inside].mean())
            print(f"{low:.2f}-{high:.2f}  {count:8}  {mean:5.3f}  {right:5.3f}")
            error += count * abs(mean - right)
            total += count
    print(f"expected calibration error of scores of {EDGES[0]} and more: {error / total:.3f}")


def cross_fit(data: Data, scores: FloatArray) -> None:
    """Prints what calibration fitted on half of the artists is off by on the other half."""
    half = np.random.default_rng(0).permutation(data.artists.max() + 1)[data.artists] % 2
    odds = np.maximum(scores / (1 - scores), 1e-6).astype(np.float64)
    for fitted in (0, 1):
        there, here = half == fitted, half != fitted
        powers = np.linspace(0.5, 1.5, 41)
        losses = []
        for power in powers:
            told = np.clip(1 / (1 + odds[there] ** -power), 1e-6, 1 - 1e-6)
            likely = np.where(data.truth[there], told, 1 - told)
            losses.append(-np.log(likely[scores[there] >= EDGES[0]]).mean())
        power = powers[np.argmin(losses)]
        told = (1 / (1 + odds[here] ** -power)).astype(np.float32)
        print(f"log-odds times {power:.2f} fit half {fitted} of the artists; the other half:")
        reliability(told, data.truth[here])


def compare(data: Data, seeds: int) -> None:
    """Prints the table of methods, what the last gains on the plain one, and its reliability."""
    print(f"{'':20}  top-1            micro-F1         CPU s a fold")
    results = {}
    for method in (PUBLISHED, PLAIN, OURS):
        began = time.process_time()
        scores = [fold_scores(data, method, seed) for seed in range(seeds)]
        seconds = (time.process_time() - began) / seeds / FOLDS
        found = np.array([quality(one, data.truth, method.threshold) for one in scores])
        (best, f1), (best_by, f1_by) = found.mean(axis=0), found.std(axis=0)
        print(
            f"{method.name:20}  {best:.3f} +- {best_by:.3f}   {f1:.3f} +- {f1_by:.3f}"
            f"   {seconds:.2f}"
        )
        results[method.name] = found
    gain = results[OURS.name] - results[PLAIN.name]
    (best, f1), (best_by, f1_by) = gain.mean(axis=0), gain.std(axis=0)
    print(f"{'gain on plain':20} {best:+.3f} +- {best_by:.3f}  {f1:+.3f} +- {f1_by:.3f}\n")
    reliability(np.vstack(scores), np.vstack([data.truth] * seeds))
    print()
    cross_fit(data, scores[0])


def small(data: Data) -> None:
    """Prints quality and reliability for small libraries."""
    for size in SMALL:
        drawn = list(samples(data, size))
        truth = np.vstack([data.truth[queries] for queries, _ in drawn])
        print(f"\n{size} references, {len(drawn)} draws")
        for method in (PLAIN, OURS):
            scores = np.vstack([method.score(data, *rows) for rows in drawn])
            best, f1 = quality(scores, truth, method.threshold)
            print(f"{method.name:20}  {best:.3f}            {f1:.3f}")
        reliability(scores, truth)


def sweep(data: Data, seeds: int) -> None:
    """Prints top-1 and micro-F1 with each constant halved and doubled."""
    print(f"\n{'':20}  {FOLDS} folds       " + "".join(f"{size:<14}" for size in SMALL[:2]))
    for name in SWEPT:
        usual = getattr(neighbours, name)
        for factor in (0.5, 1, 2):
            setattr(neighbours, name, type(usual)(usual * factor))
            rows = [fold_scores(data, OURS, seed) for seed in range(seeds)]
            cells = [
                np.mean([quality(one, data.truth, OURS.threshold) for one in rows], axis=0).tolist()
            ]
            for size in SMALL[:2]:
                drawn = list(samples(data, size))
                found = np.vstack([ours(data, *one) for one in drawn])
                truth = np.vstack([data.truth[queries] for queries, _ in drawn])
                cells.append(quality(found, truth, OURS.threshold))
            told = f"{name.strip('_').lower()} {getattr(neighbours, name)}"
            print(f"{told:20}  " + "  ".join(f"{best:.3f} {f1:.3f} " for best, f1 in cells))
        setattr(neighbours, name, usual)


def held_out(data: Data, vectors: Path, tracks: Path) -> None:
    """Prints how tracks that are not among the references are tagged."""
    other = load(vectors, tracks, data.tags)
    missing = len(other.tags) - len(data.tags)
    both = Data(
        np.vstack([data.vectors, other.vectors]),
        np.vstack([np.pad(data.truth, ((0, 0), (0, missing))), other.truth]),
        other.tags,
        np.concatenate([data.artists, other.artists + data.artists.max() + 1]),
    )
    references = np.arange(len(data.vectors))
    queries = np.arange(len(data.vectors), len(both.vectors))
    print(f"\n{len(queries)} other tracks from {len(references)} references")
    for method in (PUBLISHED, PLAIN, OURS):
        scores = method.score(both, queries, references)
        best, f1 = quality(scores, other.truth, method.threshold)
        print(f"{method.name:20}  {best:.3f}            {f1:.3f}")
    reliability(scores, other.truth)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("vectors", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--held-out", type=Path, nargs=2, metavar=("VECTORS", "TRACKS"))
    parser.add_argument("--sweep", action="store_true")
    args = parser.parse_args()
    data = load(args.vectors, args.tracks)
    artists = data.artists.max() + 1
    print(f"{len(data.vectors)} tracks of {artists} artists, {len(data.tags)} tags")
    compare(data, args.seeds)
    small(data)
    if args.sweep:
        sweep(data, args.seeds)
    if args.held_out:
        held_out(data, *args.held_out)


if __name__ == "__main__":
    main()
