"""What the page of the search says: how words were read, and why there is nothing to see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from msa_desktop.store.tracks import Counts
from msa_desktop.ui import text

if TYPE_CHECKING:  # loaded with the first search
    from msa_desktop.services.text_search import Meaning, Understood

EXAMPLES = (
    "calm piano, no vocals",
    "80s female singer",
    "upbeat electronic -drums",
    "dark and slow, with strings",
)
"""Searches to begin with."""

OPERATORS = (
    ("-drums", "without drums; “no drums” says the same"),
    ('"kind of blue"', "words that stand together in a name"),
    ("genre:jazz", "tagged so, or sounding so; also mood:calm"),
    ("bpm:120-128", "a tempo; also bpm:120 or bpm:>120"),
    ("key:F#m", 'a key; also key:Bb or key:"A minor"'),
    ("year:1990-1999", "years; also year:1994, year:90s or year:<1970"),
    ("artist:bach", "names; also album:abraxas"),
)
"""What may be typed besides words, and what it asks for."""

_LABELS = 3  # shown of those that speak for a word
_DOT = " \N{MIDDLE DOT} "


@dataclass(frozen=True, slots=True)
class Note:
    """What an empty page says: see `NotePage.say`."""

    icon: str
    title: str
    text: str
    button: str = ""


def told(understood: Understood) -> list[tuple[str, str]]:
    """How a query was read: for each kind of words a title, and the words."""
    meanings = understood.meanings
    return [
        (title, words)
        for title, words in (
            ("Sounds", _joined(_meaning(one) for one in meanings if not one.against)),
            ("Not", _joined(_meaning(one) for one in meanings if one.against)),
            ("In names, tags and summaries", _joined(understood.text)),
            ("Only", _joined(understood.operators)),
            ("No track stands out by", _joined(one.words for one in meanings if not one.found)),
            ("Passed over", _joined(understood.ignored)),
            ("Read by", _joined(map(text.encoder, understood.encoders))),
        )
        if words
    ]


def plain(lines: Iterable[tuple[str, str]]) -> str:
    """The same as one line of plain text."""
    return _DOT.join(f"{title}: {words}" for title, words in lines)


def rich(lines: Iterable[tuple[str, str]], muted: str) -> str:
    """The same as rich text, its titles in the colour `muted` ("#rrggbb")."""
    return f"<span style='color:{muted}'>{_DOT}</span>".join(
        f"<span style='color:{muted}'>{title}</span>&nbsp; {escape(words)}"
        for title, words in lines
    )


def nothing_found(understood: Understood, counts: Counts) -> Note:
    """Why no track fits, and what to try."""
    if not counts.analysed:
        return Note(
            "clock",
            "Nothing was listened to yet",
            "Names and tags can be searched at once, and none of them fits. What music sounds "
            "like can be searched as soon as it was listened to.",
        )
    if understood.operators:
        said = ", ".join(understood.operators)
        return Note(
            "search",
            "Nothing fits",
            f"No track is {said} and fits the rest. A condition leaves out every track of which "
            "it is not known.",
            "Search without conditions",
        )
    return Note(
        "search",
        "Nothing fits",
        "No name has these words, and they are no sound that the program knows. Try a mood, an "
        "instrument, a genre, a voice or a time.",
        "Show examples",
    )


NO_MUSIC = Note(
    "music",
    "No music to search yet",
    "Add a folder. Then ask for what you want to hear, in your own words.",
    "Add folder…",
)

NOTHING_HEARD = (
    "Nothing was listened to yet: for now, only names and tags are searched. "
    "Search by sound comes by itself as the listening goes on."
)


def _meaning(meaning: Meaning) -> str:
    """A phrase, with the labels that speak for it where they say more."""
    labels = [label for label in meaning.labels if label != meaning.words]
    if not labels:
        return meaning.words
    more = ", …" if len(labels) > _LABELS else ""
    return f"{meaning.words} ({', '.join(labels[:_LABELS])}{more})"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)
