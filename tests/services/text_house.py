"""A library for tests of searching by words: real tables of words, made-up ears."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msa_desktop.base import vocabulary
from msa_desktop.base.model import Embedding, TrackId
from msa_desktop.base.paths import resources
from msa_desktop.llm import words
from msa_desktop.services import lexicon
from msa_desktop.services.ears import Ears
from msa_desktop.services.summaries import Embed, Summaries
from msa_desktop.services.text_search import Found, Reading, TextSearch, make
from msa_desktop.store import writes
from tests.store.shelf import ENCODER, Shelf

VOCABULARY = vocabulary.load(resources() / "labels.toml")
TABLE = words.load(resources() / "words.toml")
LEXICON = lexicon.load(resources() / "search_words.toml", VOCABULARY, TABLE)


class House(Shelf):
    """A shelf whose tracks were heard as the test says.

    Args:
        folder: The data folder.
        reading: Encoders that read.
        embed: One that reads the summaries.
    """

    def __init__(
        self, folder: Path, reading: Reading | None = None, embed: Embed | None = None
    ) -> None:
        super().__init__(folder)
        self.summaries = Summaries(self.db, folder / "indexes", embed) if embed else None
        self.search: TextSearch = make(
            self.db,
            self.reader,
            VOCABULARY,
            TABLE,
            Ears(self.reader, {ENCODER: self.index()}),
            reading,
            self.summaries,
        )
        self.noise = 0.1  # of log probabilities
        self._chance = np.random.default_rng(1)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *error: object) -> None:
        if self.summaries is not None:
            self.summaries.close()
        super().__exit__(*error)

    def put(
        self,
        name: str,
        title: str = "",
        artist: str = "",
        *,
        sounds: Mapping[str, float] | None = None,
        vector: tuple[float, ...] = (),
        **tags: object,
    ) -> TrackId:
        """Adds a track that was heard.

        Args:
            name: Its path below /music.
            title: Tagged.
            artist: Tagged.
            sounds: How many times its usual probability each label has; every other about once.
            vector: What the encoder gave, any four numbers.
            tags: More of them.
        """
        (track_id,) = self.add(name)
        self.read(track_id, title, artist, **tags)  # type: ignore[arg-type]
        scores = {}
        times = {
            origin: value
            for label in VOCABULARY.labels
            for origin in label.origins
            if (value := (sounds or {}).get(label.name))
        }
        for source in VOCABULARY.sources.values():
            usual = np.array(source.rates) * np.exp(
                self._chance.normal(0, self.noise, len(source.rates))
            )
            factors = np.array([times.get((source.id, label), 1.0) for label in source.labels])
            scores[source.id] = np.clip(usual * factors, 0, 0.99).astype(np.float32)
        heard = np.array(vector or self._chance.normal(size=4), np.float32)
        embedding = Embedding(ENCODER, "1", heard, scores)
        self.writer.run(lambda conn: writes.store_analysis(conn, track_id, [embedding]))
        return track_id

    def crowd(self, count: int = 30) -> list[TrackId]:
        """Adds tracks like most."""
        return [self.put(f"crowd/{n}.mp3") for n in range(count)]

    def find(self, text: str, count: int = 5, **more: list[TrackId]) -> list[int]:
        """The ids found, best first."""
        return [hit.track.id for hit in self.ask(text, count, **more).hits]

    def ask(self, text: str, count: int = 5, **more: list[TrackId]) -> Found:
        """The whole answer."""
        return self.search.search(text, count, **more)
