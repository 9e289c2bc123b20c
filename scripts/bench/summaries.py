"""What all-MiniLM-L6-v2 makes of summaries: does it find the right one, and what does it cost?

    python scripts/bench/summaries.py MODEL_DIR

MODEL_DIR is the folder that `msa-desktop models install all-minilm-l6-v2` fills.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

from msa_desktop.base.settings import Device
from msa_desktop.encoders import _minilm

# Summary, genre and mood, and the queries that mean it.
SAID = (
    (
        "A dark, slow ambient piece with deep drones.",
        "Ambient, Dark",
        "gloomy, bleak, weightless space",
    ),
    ("A happy, upbeat pop song with female vocals.", "Pop, Happy", "cheerful, joyful"),
    ("Fast techno with hard drums and synthesizers.", "Techno, Energetic", "rave, club, party"),
    ("A calm solo piano piece.", "Classical, Calm", "soothing, tranquil"),
    (
        "Loud heavy metal with distorted guitars and screaming.",
        "Metal, Aggressive",
        "aggressive, brutal",
    ),
    ("An acoustic folk song with guitar and male vocals.", "Folk, Mellow", "campfire"),
    ("Orchestral film music, epic and grand.", "Soundtrack, Epic", "heroic battle, symphonic"),
    ("A relaxed jazz trio: piano, bass and drums.", "Jazz, Relaxed", "smoky bar at night"),
    (
        "Funky disco with a groovy bass line, made for dancing.",
        "Disco, Party",
        "party, club, wedding dance",
    ),
    ("A sad ballad with strings.", "Ballad, Sad", "melancholy, heartbreak, love"),
    ("Medieval song with lute and harp.", "Folk, Mellow", "troubadour"),
    (
        "Chiptune music in the style of old computer games.",
        "Electronic, Playful",
        "8-bit video game, nintendo",
    ),
    ("Hip-hop with a deep beat and rap.", "Hip-Hop, Cool", "rapper"),
    ("Reggae with a laid-back groove.", "Reggae, Relaxed", "jamaica"),
    ("Indian classical music with sitar and tabla.", "World, Meditative", "raga"),
    ("A church choir singing a hymn.", "Gospel, Spiritual", "gospel choral"),
    ("A tense, frightening soundtrack for a horror scene.", "Soundtrack, Dark", "scary"),
    (
        "A romantic waltz for string orchestra.",
        "Classical, Romantic",
        "love, wedding dance, symphonic",
    ),
    ("Blues with slide guitar and harmonica.", "Blues, Soulful", "mississippi delta"),
    ("Country song with banjo and fiddle.", "Country, Happy", "cowboy western"),
)


def main() -> None:
    """Prints both."""
    folder = Path(sys.argv[1])
    began = time.process_time()
    reader = _minilm.create_text(folder, folder, Device.CPU)
    print(f"loaded: {time.process_time() - began:.1f} s of processor time")

    queries = sorted({query for _, _, said in SAID for query in said.split(", ")})
    fitting = np.array([[query in said.split(", ") for _, _, said in SAID] for query in queries])
    asked = reader.embed(queries)
    for name, texts in (
        ("summaries", [summary for summary, _, _ in SAID]),
        ("with tags", [f"{summary} {tags}" for summary, tags, _ in SAID]),
    ):
        cosines = asked @ reader.embed(texts).T
        best = np.where(fitting, cosines, -1).max(axis=1, keepdims=True)
        ranks = 1 + (cosines > best).sum(axis=1)
        print(
            f"{name}: right first {(ranks == 1).sum()} of {len(queries)}, "
            f"mean reciprocal rank {(1 / ranks).mean():.3f}; cosines of what does not fit "
            f"{cosines[~fitting].mean():.3f}, for one query {cosines.std(axis=1).mean():.3f} apart"
        )

    chance = np.random.default_rng(1)
    vocabulary = " ".join(summary for summary, _, _ in SAID).split()
    for words in (12, 40):
        sentences = [" ".join(chance.choice(vocabulary, words)) for _ in range(320)]
        began = time.process_time()
        for begin in range(0, len(sentences), 32):
            reader.embed(sentences[begin : begin + 32])
        spent = (time.process_time() - began) * 1000 / len(sentences)
        print(f"1,000 sentences of {words} words: {spent:.1f} s of processor time")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
