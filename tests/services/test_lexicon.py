from __future__ import annotations

from pathlib import Path

import pytest

from msa_desktop.services import lexicon
from msa_desktop.services.lexicon import decade
from tests.services.text_house import LEXICON, TABLE, VOCABULARY


def test_every_label_mood_and_genre_means_something() -> None:
    for label in VOCABULARY.labels:
        found = LEXICON.find(label.name)
        assert found, label.name
        assert found.weights.get(label.name) == 1, label.name
        for variant in label.variants:
            assert LEXICON.find(variant), variant
    names = [(mood.name, *mood.variants) for mood in TABLE.moods.values()]
    names += [(genre.name, *genre.variants) for genre in TABLE.genres.values()]
    assert all(LEXICON.find(name) for each in names for name in each)


def test_the_longest_phrase_counts() -> None:
    count, concept = LEXICON.longest(["female", "singer", "80s"])
    assert concept
    assert (count, concept.name) == (2, "female vocals")
    assert LEXICON.longest(["drums", "and", "piano"])[0] == 1, "no phrase ends in a joiner"
    assert LEXICON.longest(["zebra", "piano"]) == (1, None)


def test_spellings_are_joined() -> None:
    known = LEXICON.find("Hip-Hop")
    assert known
    assert LEXICON.find("hip hop") is LEXICON.find("HIPHOP") is LEXICON.find("rap") is known


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("80s", (1980, 1989)),
        ("00s", (2000, 2009)),
        ("1950s", (1950, 1959)),
        ("2010s", (2010, 2019)),
        ("80", None),
        ("1800s", None),
        ("85s", None),
    ],
)
def test_decades(text: str, years: tuple[int, int] | None) -> None:
    assert decade(text) == years


def test_a_table_that_speaks_of_an_unknown_label_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "words.toml"
    table.write_text('[words]\n"x" = { labels = { "kazoo" = 1.0 } }\n')
    with pytest.raises(ValueError, match="kazoo"):
        lexicon.load(table, VOCABULARY, TABLE)
