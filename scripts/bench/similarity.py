#!/usr/bin/env python3
"""How well similar tracks are found: similarity.py DIR [--bliss PYTHON] [--windows N ...].

The folder of a file is its label (a composer, an album). Every track is a query against all
others; the table says how often the nearest (P@1) and the nearest five (P@5) bear the query's
label, the mean average precision, and CPU seconds a track, decoding included. Where bliss-audio is
installed (here, or for the interpreter after --bliss) it hears each file in turn with ours, and
the last lines compare the two.

--windows also tries other numbers of windows; --rates prints how likely the labels are found on
average, which the rates in resources/labels.toml come from.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

# One thread, as in a worker; read when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from _peers import Bliss
from numpy.typing import NDArray

from msa_desktop import encoders
from msa_desktop.audio import decode
from msa_desktop.base import plugins
from msa_desktop.base.errors import AudioError
from msa_desktop.base.formats import is_audio_name
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.paths import resources
from msa_desktop.encoders._base import Encoder


@dataclass
class Method:
    """One row of the table: a vector and CPU seconds for every track."""

    name: str
    cosine: bool = True
    vectors: list[FloatArray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def likeness(self) -> NDArray[np.float64]:
        """Shape (n, n): cosine of standardised vectors, or Euclidean nearness, as bliss has it."""
        vectors = np.array(self.vectors, np.float64)
        if not self.cosine:
            apart: NDArray[np.float64] = np.linalg.norm(vectors[:, np.newaxis] - vectors, axis=-1)
            return -apart
        vectors = (vectors - vectors.mean(0)) / np.maximum(vectors.std(0), 1e-9)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        product: NDArray[np.float64] = vectors @ vectors.T
        return product


def quality(likeness: NDArray[np.float64], labels: list[str]) -> tuple[float, float, float]:
    """P@1, P@5 and mean average precision; a query is not among its own answers."""
    names = np.array(labels)
    others = likeness.copy()
    np.fill_diagonal(others, -np.inf)
    ranking = np.argsort(-others, axis=1)[:, :-1]
    right = names[ranking] == names[:, np.newaxis]
    precision = np.cumsum(right, axis=1) / np.arange(1, len(names))
    average = (precision * right).sum(axis=1) / right.sum(axis=1)
    return float(right[:, 0].mean()), float(right[:, :5].mean()), float(average.mean())


def music(folder: Path, least_seconds: float) -> dict[str, str]:
    """Label by path: files long enough to be music, of folders that hold at least two."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and is_audio_name(p.name)):
        try:
            if decode.read(str(path)).info.duration >= least_seconds:
                found[str(path)] = str(path.parent.relative_to(folder))
        except AudioError as error:
            print(f"{path}: {error}")
    sizes = Counter(found.values())
    return {path: label for path, label in found.items() if sizes[label] > 1}


class Ears(NamedTuple):
    """One encoder with one number of windows, and what it made of the files."""

    encoder: Encoder
    spec: WindowSpec
    method: Method


def hear(
    files: list[str], ears: list[Ears], bliss: Bliss | None, theirs: Method
) -> list[Embedding]:
    """Has every file heard by everyone; returns what the first of ours says."""
    first = []
    for file in files:
        for number, (encoder, spec, method) in enumerate(ears):
            began = time.process_time()
            embedding = encoder.embed([decode.windows(file, spec)])[0]
            method.seconds.append(time.process_time() - began)
            method.vectors.append(embedding.vector)
            if number == 0:
                first.append(embedding)
        if bliss is not None:
            answer = bliss.analyse(file)
            if answer.vector is None:
                sys.exit(f"bliss could not analyse {file}.")
            theirs.vectors.append(answer.vector)
            theirs.seconds.append(answer.cpu_seconds)
    return first


def report(methods: list[Method], labels: list[str]) -> dict[str, float]:
    """Prints the table; returns every method's P@1."""
    sizes = Counter(labels)
    chance = sum(n * (n - 1) for n in sizes.values()) / (len(labels) * (len(labels) - 1))
    print(f"{len(labels)} tracks, {len(sizes)} labels")
    print(f"{'':24}   P@1    P@5    mAP   CPU s a track")
    print(f"{'chance':24} {chance:6.3f} {chance:6.3f}")
    nearest = {}
    for method in methods:
        first, five, average = quality(method.likeness(), labels)
        cpu = np.mean(method.seconds)
        print(f"{method.name:24} {first:6.3f} {five:6.3f} {average:6.3f}   {cpu:6.3f}")
        nearest[method.name] = first
    return nearest


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bliss", default=sys.executable, help="an interpreter with bliss-audio")
    parser.add_argument("--windows", type=int, nargs="*", default=[], help="numbers to try, too")
    parser.add_argument("--least-seconds", type=float, default=20, help="shorter is no music")
    parser.add_argument("--rates", action="store_true", help="print the labels' mean scores")
    args = parser.parse_args()
    files = music(args.folder, args.least_seconds)
    if not files:
        sys.exit(f"{args.folder} holds no folder with two pieces of music.")
    ears = []
    for module in plugins.load(encoders):
        encoder = module.create(resources() / "models")
        for count in [module.SPEC.count, *args.windows]:
            method = Method(f"{module.ID}, {count} windows")
            ears.append(Ears(encoder, replace(module.SPEC, count=count), method))
    methods = [ear.method for ear in ears]
    theirs = Method("bliss, as it ships", cosine=False)
    if Bliss.installed(args.bliss):
        with Bliss(args.bliss) as bliss:
            first = hear(list(files), ears, bliss, theirs)
        nearest = report([*methods, theirs], list(files.values()))
        above = nearest[methods[0].name] - nearest[theirs.name]
        print(f"P@1 above bliss          {above:+.3f}")
        ratio = sum(methods[0].seconds) / sum(theirs.seconds)
        print(f"CPU seconds, of bliss's  {ratio:6.2f}")
    else:
        first = hear(list(files), ears, None, theirs)
        report(methods, list(files.values()))
    if args.rates:
        for source in first[0].labels:
            mean = np.mean([embedding.labels[source] for embedding in first], axis=0)
            print(source, mean.astype(float).round(3).tolist())


if __name__ == "__main__":
    main()
