from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TCON

from msa_desktop.base import vocabulary
from msa_desktop.base.fields import Field
from msa_desktop.base.paths import resources
from msa_desktop.base.text import spelling
from msa_desktop.llm import words
from msa_desktop.llm.words import is_decade


@pytest.fixture(scope="module")
def table() -> words.Words:
    return words.load(resources() / "words.toml")


@pytest.mark.parametrize(
    ("text", "genre"),
    [
        ("Hip-Hop", "Hip-Hop"),
        ("hip hop", "Hip-Hop"),
        ("HipHop", "Hip-Hop"),
        ("Rap", "Hip-Hop"),
        ("RnB", "R&B"),
        ("r & b", "R&B"),
        ("drum n bass", "Drum and Bass"),
        ("Drum & Bass", "Drum and Bass"),
        ("classical music", "Classical"),
        ("musique concrete", "Musique Concrète"),
        (" Zeuhl ", "Zeuhl"),
    ],
)
def test_spellings_are_joined(table: words.Words, text: str, genre: str) -> None:
    assert table.canonical(Field.GENRE, text) == genre


def test_moods_have_their_own_words(table: words.Words) -> None:
    assert table.canonical(Field.MOOD, "Melancholy") == "Sad"
    assert table.canonical(Field.MOOD, "Rap") == "Rap"
    assert table.canonical(Field.TITLE, "rap") == "rap"


def test_the_tree(table: words.Words) -> None:
    assert table.broader("Deep House") == ("House", "Electronic")
    assert table.broader("Drone Metal") == (
        "Metal",
        "Drone",
        "Rock",
        "Ambient",
        "Experimental",
        "Electronic",
    )
    assert table.broader("Zeuhl") == ()


def test_the_table_fits_the_labels(table: words.Words) -> None:
    labels = {label.name for label in vocabulary.load(resources() / "labels.toml").labels}
    weights = {name: genre.labels for name, genre in table.genres.items()}
    weights |= {name: mood.labels for name, mood in table.moods.items()}
    for name, given_weights in weights.items():
        assert set(given_weights) <= labels, name
        assert all(-1 <= weight <= 1 for weight in given_weights.values()), name
    assert not any(is_decade(name) for name in table.genres)


def test_most_of_id3s_genres_are_known(table: words.Words) -> None:
    known = [table.canonical(Field.GENRE, name) in table.genres for name in TCON.GENRES]
    assert sum(known) / len(known) > 0.65


@pytest.mark.parametrize("text", ["80s", "1990s", "00s", "60's", " 2010S "])
def test_decades(text: str) -> None:
    assert is_decade(text)


@pytest.mark.parametrize("text", ["80", "Rock", "8s", "s80s", "Electro 80s"])
def test_no_decades(text: str) -> None:
    assert not is_decade(text)


@given(st.text())
def test_any_text_has_a_spelling(text: str) -> None:
    assert spelling(spelling(text)) == spelling(text) or spelling(text).endswith("music")


def test_a_bad_table_is_refused(tmp_path: Path) -> None:
    for genres in (
        '"A" = { in = ["B"] }',
        '"A" = { in = ["B"] }\n"B" = { in = ["A"] }',
        '"A" = { as = ["C"] }\n"B" = { as = ["c"] }',
    ):
        path = tmp_path / "words.toml"
        path.write_text(f"[genres]\n{genres}\n[moods]\n")
        with pytest.raises(ValueError, match=r"there is no|lies in itself|is both"):
            words.load(path)
