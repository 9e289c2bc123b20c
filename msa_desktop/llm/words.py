"""The words that are written into files: genres as a tree, and moods. Their table is words.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msa_desktop.base.fields import Field
from msa_desktop.base.text import spelling

_DECADE = re.compile(r"(19|20)?\d0\W?s")


@dataclass(frozen=True, slots=True)
class Genre:
    """One genre.

    Attributes:
        broader: The genres above it in the tree, nearest first, all the way up.
        labels: How much each word of the label vocabulary says of it, up to 1.
        mixes: Whether it goes with genres of every kind.
        variants: Its other names.
        heard: Labels of which one must be heard before a sentence uses its name, or None.
    """

    name: str
    broader: tuple[str, ...]
    labels: Mapping[str, float]
    mixes: bool = False
    variants: tuple[str, ...] = ()
    heard: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Mood:
    """One mood.

    Attributes:
        labels: How much each label says of it: up to 1 for, down to -1 against.
        variants: Its other names.
    """

    name: str
    labels: Mapping[str, float]
    variants: tuple[str, ...] = ()


class Words:
    """The table of words.

    Args:
        genres: By name.
        moods: By name.
        variants: By field: the table's name of a word by `spelling`.
    """

    def __init__(
        self,
        genres: Mapping[str, Genre],
        moods: Mapping[str, Mood],
        variants: Mapping[Field, Mapping[str, str]],
    ) -> None:
        self.genres = genres
        self.moods = moods
        self._variants = variants

    def canonical(self, field: Field, text: str) -> str:
        """The table's name for a word: "hip hop" is "Hip-Hop". Others are what they are."""
        return self._variants.get(field, {}).get(spelling(text), text.strip())

    def broader(self, genre: str) -> tuple[str, ...]:
        """The genres above one, nearest first; none for a genre the table does not know."""
        known = self.genres.get(genre)
        return known.broader if known else ()

    def akin(self, one: str, other: str) -> bool:
        """Whether two genres go together: they share a branch of the tree, or one mixes."""
        both = [self.genres.get(one), self.genres.get(other)]
        if any(genre is None or genre.mixes for genre in both):
            return True
        return bool({one, *self.broader(one)} & {other, *self.broader(other)})


def is_decade(text: str) -> bool:
    """Whether a word is a time ("80s", "1990's"), which some files give as a genre."""
    return _DECADE.fullmatch(text.strip().lower()) is not None


def load(path: Path) -> Words:
    """Reads a table in the form of resources/words.toml, which describes it.

    Raises:
        ValueError: A genre lies in one that is not there, or two words share a spelling.
    """
    table = tomllib.loads(path.read_text("utf-8"))
    parents = {name: tuple(entry.get("in", ())) for name, entry in table["genres"].items()}
    genres = {
        name: Genre(
            name,
            _above(name, parents),
            entry.get("labels", {}),
            entry.get("mixes", False),
            tuple(entry.get("as", ())),
            tuple(entry["heard"]) if "heard" in entry else None,
        )
        for name, entry in table["genres"].items()
    }
    moods = {
        name: Mood(name, entry.get("labels", {}), tuple(entry.get("as", ())))
        for name, entry in table["moods"].items()
    }
    return Words(
        genres,
        moods,
        {Field.GENRE: _spellings(table["genres"]), Field.MOOD: _spellings(table["moods"])},
    )


def _above(name: str, parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Everything above a genre, nearest first."""
    found: list[str] = []
    nearest = list(parents[name])
    while nearest:
        found += [parent for parent in nearest if parent not in found]
        nearest = [upper for parent in nearest for upper in _known(parent, parents)]
        if name in found or len(found) > len(parents):
            raise ValueError(f"{name} lies in itself")
    return tuple(found)


def _known(name: str, parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if name not in parents:
        raise ValueError(f"there is no genre {name}")
    return parents[name]


def _spellings(entries: Mapping[str, Mapping[str, list[str]]]) -> dict[str, str]:
    names = {spelling(name): name for name in entries}
    found = dict(names)
    for name, entry in entries.items():
        for variant in entry.get("as", ()):
            if found.setdefault(spelling(variant), name) != name:
                raise ValueError(f"{variant} is both {name} and {found[spelling(variant)]}")
    return found
