"""How often are genre proposals right, on real music whose kind is known?

    python scripts/bench/proposals.py DATA_DIR

DATA_DIR is a data folder into which the music of scripts/fetch_real_music.py was scanned. What each
folder's music is was written down before anything was fitted; a genre above one of these in the
tree counts as right too. The rule against rivals (`llm.rules`) came from looking at this music, so
the second table flatters it. Three tables:

- the fit of `llm.rules.confidence`, each folder predicted by a fit on the others: what it says
  against what is right;
- the proposals as the program makes them: confidence against what is right;
- for each folder, how many of its tracks get a genre, and how many of those genres are right.

What is called wrong here may be arguable; what is called right seldom is.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msa_desktop.app import App
from msa_desktop.base.fields import Field
from msa_desktop.base.model import Track
from msa_desktop.base.paths import DataPaths
from msa_desktop.store.tracks import TrackQuery

TRUTH = {
    "wesnoth-1.16-music": {"Classical", "Ambient", "Folk", "Opera", "New Age", "Orchestral"},
    "extremetuxracer-data": {"Techno", "House", "Electro", "Dance", "Ambient"},
    "singularity-music": {"Techno", "Ambient", "Electro", "Experimental", "New Age"},
    "marsshooter-data": {"Heavy Metal", "Hard Rock", "Alternative"},
    "lugaru-data": {"Ambient", "Classical", "New Age"},
    "fretsonfire-songs-sectoid": {"Heavy Metal", "Hard Rock", "Progressive Rock"},
    "warzone2100-music": {"Techno", "Ambient", "Electro", "Experimental", "Industrial"},
}
_SHORTEST = 20.0  # seconds; what is shorter is a sound effect
_LEAST = 0.04  # score below which a label is no evidence at all

Wide = NDArray[np.float64]


def main() -> None:
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path)
    chosen = parser.parse_args()
    with App(DataPaths(chosen.data_dir)) as app:
        tracks = [
            track
            for track in app.tracks.get_many(app.tracks.ids(TrackQuery()))
            if folder_of(track) and track.info and track.info.duration >= _SHORTEST
        ]
        fit_table(app, tracks)
        proposal_tables(app, tracks)


def folder_of(track: Track) -> str:
    """The folder of TRUTH that a track lies in, or ""."""
    return next((part for part in track.path.split(os.sep) if part in TRUTH), "")


def right_genres(app: App, folder: str) -> set[str]:
    """The genres that are right for a folder's music, and those above them."""
    return TRUTH[folder] | {up for name in TRUTH[folder] for up in app.words.broader(name)}


def fit_table(app: App, tracks: list[Track]) -> None:
    """Fits label confidence to all folders but one, and predicts that one."""
    usual = app.vocabulary.usual()
    heard = app.tracks.labels_many(track.id for track in tracks)
    rows, right, folders = [], [], []
    for track in tracks:
        scores = {one.label: one.score for one in app.vocabulary.merged(heard.get(track.id, {}))}
        true = right_genres(app, folder_of(track))
        for genre in app.words.genres.values():
            for label in genre.labels:
                if scores.get(label, 0) > _LEAST:
                    odds = log_odds(scores[label])
                    rows.append((1.0, odds - log_odds(usual[label]), odds))
                    right.append(genre.name in true)
                    folders.append(folder_of(track))
    known, answers, where = np.array(rows), np.array(right, float), np.array(folders)
    predicted = np.zeros(len(answers))
    for folder in TRUTH:
        held = where == folder
        predicted[held] = chance(known[held], logistic(known[~held], answers[~held]))
    print(f"{len(answers)} genre labels of {len(tracks)} tracks; trust, lift, score:",
          *np.round(logistic(known, answers), 2))  # fmt: skip
    print("said (each folder from the others)   labels   right")
    reliability(predicted, answers)


def proposal_tables(app: App, tracks: list[Track]) -> None:
    """The program's own proposals against the truth."""
    app.tagging.propose([track.id for track in tracks], least=0.2)
    said: list[float] = []
    answers: list[bool] = []
    by_folder: dict[str, list[bool]] = defaultdict(list)
    proposed: dict[str, int] = defaultdict(int)
    for group in app.proposals.get_many([track.id for track in tracks]):
        folder = folder_of(group.track)
        true = right_genres(app, folder)
        for proposal in group.proposals:
            if proposal.field is not Field.GENRE:
                continue
            sure = [one for one in proposal.suggestions if one.confidence >= 0.6]
            proposed[folder] += bool(sure)
            by_folder[folder] += [one.value in true for one in sure]
            said += [one.confidence for one in proposal.suggestions]
            answers += [one.value in true for one in proposal.suggestions]
    print("\nproposed genres, said   genres   right")
    reliability(np.array(said), np.array(answers, float))
    print("\nfolder                      tracks  with a genre of 60 %  right")
    for folder in TRUTH:
        count = sum(folder_of(track) == folder for track in tracks)
        share = np.mean(by_folder[folder]) if by_folder[folder] else float("nan")
        print(f"{folder:28}{count:6}{proposed[folder]:22}{share:7.2f}")


def reliability(said: Wide, right: Wide) -> None:
    """Prints what was said against what is right, by tenths."""
    for low in np.arange(0, 1, 0.1):
        there = (said >= low) & (said < low + 0.1)
        if there.any():
            print(f"{said[there].mean():8.2f} {there.sum():28} {right[there].mean():8.2f}")


def logistic(known: Wide, right: Wide) -> Wide:
    """Logistic regression by Newton's method, shape (columns,)."""
    weights = np.zeros(known.shape[1])
    for _ in range(30):
        now = chance(known, weights)
        curve = known.T @ (known * (now * (1 - now))[:, np.newaxis])
        weights += np.linalg.solve(curve + 1e-3 * np.eye(len(weights)), known.T @ (right - now))
    return weights


def chance(known: Wide, weights: Wide) -> Wide:
    """What the regression says, 0 to 1."""
    answer: Wide = 1 / (1 + np.exp(-known @ weights))
    return answer


def log_odds(probability: float) -> float:
    """Of a probability strictly between 0 and 1."""
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return float(np.log(kept / (1 - kept)))


if __name__ == "__main__":
    main()
