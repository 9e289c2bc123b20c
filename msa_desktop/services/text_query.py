"""What a person typed, taken apart: things meant, words, and conditions. Pure; asks no library.

    calm piano -drums "moonlight sonata" genre:classical year:1950-1999

A word or a phrase that the lexicon knows is a thing to be heard; any other is text. "no",
"without", "not" and "-" turn what follows around. `name:value` is a condition.

What is typed above a list is simpler: conditions on tempo and key, and words as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from msa_desktop.base.errors import UserError
from msa_desktop.base.music import key_named
from msa_desktop.base.text import fold
from msa_desktop.services.lexicon import Concept, Lexicon, decade
from msa_desktop.store.text import words
from msa_desktop.store.word_rows import Phrase

_DASHES = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"  # as phones and word processors write "-"
_PART = re.compile(
    rf'(?P<minus>[-{_DASHES}](?=\S))?(?:(?P<name>[a-z]+):)?(?P<value>"[^"]*"?|\S+)?', re.I
)
_NEGATIONS = frozenset({"no", "without", "not", "minus"})
# What goes on with what turned the last around: "no drums or vocals", "without drums and vocals".
_GOING_ON = {"or": _NEGATIONS, "nor": _NEGATIONS, "and": frozenset({"without"})}
_FILLERS = frozenset({
    "a", "an", "and", "any", "are", "as", "at", "be", "but", "by", "for", "from", "i", "in",
    "into", "is", "it", "like", "me", "music", "my", "nor", "of", "on", "or", "piece", "pieces",
    "play", "please", "really", "show", "some", "something", "song", "songs", "sound",
    "sounding", "sounds", "that", "the", "to", "track", "tracks", "tune", "tunes", "very",
    "want", "which", "with",
})  # fmt: skip
_MOST_TERMS = 32
_SLOWEST = 20.0  # beats a minute: "bpm:12" is on the way to "bpm:124"
_RANGE = re.compile(r"(?P<low>\d+(?:\.\d+)?)?\s*(?:-|\.\.)\s*(?P<high>\d+(?:\.\d+)?)?")
_PLAIN_DASH = str.maketrans(dict.fromkeys(_DASHES, "-"))
_BOUND = re.compile(r"(?P<sign>[<>]=?)?\s*(?P<number>\d+(?:\.\d+)?)")


class Operator(StrEnum):
    """The name of a condition."""

    GENRE = "genre"
    MOOD = "mood"
    BPM = "bpm"
    KEY = "key"
    YEAR = "year"
    ARTIST = "artist"
    ALBUM = "album"


_EXAMPLES = {
    Operator.GENRE: "genre:techno",
    Operator.MOOD: "mood:calm",
    Operator.BPM: "bpm:120, bpm:120-128 or bpm:>120",
    Operator.KEY: 'key:F#m, key:8A or key:"A minor"',
    Operator.YEAR: "year:1994, year:1990-1999, year:90s or year:<1970",
    Operator.ARTIST: 'artist:bach or artist:"nina simone"',
    Operator.ALBUM: 'album:abraxas or album:"kind of blue"',
}


@dataclass(frozen=True, slots=True)
class Term:
    """One thing or word asked for.

    Attributes:
        typed: As the person wrote it.
        words: The same, folded; at least one.
        concept: What it means in sound, or None: text.
        negated: How it was turned around: "-", "no", "without"; "" where it was not.
        quoted: Whether the words stand one after another.
    """

    typed: str
    words: Phrase
    concept: Concept | None = None
    negated: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What every track found must fulfil.

    Attributes:
        typed: As the person wrote it.
        text: What follows the name.
        span: For numbers: the lowest and the highest.
        key: For `Operator.KEY`: one of `base.music.KEYS`.
        negated: Whether tracks that fulfil it are left out instead.
    """

    operator: Operator
    typed: str
    text: str
    span: tuple[float, float] = (0.0, 0.0)
    key: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a person typed.

    Attributes:
        sentence: What is wanted, as one text for an encoder that reads: no conditions, nothing
            negated.
        ignored: Words that say nothing by themselves, and what goes beyond the most terms.
    """

    terms: tuple[Term, ...] = ()
    conditions: tuple[Condition, ...] = ()
    sentence: str = ""
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """What a person typed above a list of tracks.

    Attributes:
        words: All that is no condition.
        bpm: The lowest and the highest tempo; None for any.
        keys: Some of `base.music.KEYS`, each as good as the others; empty for any.
        problem: What cannot be read, and is passed over, in words; or "".
    """

    words: str = ""
    bpm: tuple[float, float] | None = None
    keys: tuple[str, ...] = ()
    problem: str = ""


def parse_filter(text: str) -> Filter:
    """Takes what was typed above a list apart. Any text is one, and so is every part of it."""
    kept, keys = list[str](), list[str]()
    bpm: tuple[float, float] | None = None
    problem = ""
    for part in _PART.finditer(text):
        name, value = (part["name"] or "").lower(), (part["value"] or "").strip('" ')
        if part["minus"] or name not in (Operator.BPM, Operator.KEY):
            kept.append(part[0])
            continue
        key = key_named(value) if name == Operator.KEY else None
        span = _span(value, Operator.BPM) if name == Operator.BPM else None
        if not (key or span):
            problem = problem or _unreadable(Operator(name), part[0], value)
            if name == Operator.BPM:  # "120-1" is on the way to "120-128": all from 120 on
                span = _span(value.rstrip("0123456789."), Operator.BPM)
        if key:
            keys.append(key)
        if span:
            bpm = (max(bpm[0], span[0]), min(bpm[1], span[1])) if bpm else span
    return Filter(" ".join(filter(None, kept)), bpm, tuple(keys), problem)


def parse(text: str, lexicon: Lexicon) -> TextQuery:
    """Takes a query apart. Any text is one, but for a condition that cannot be read.

    Raises:
        UserError: A condition says nothing, or no number where one is meant.
    """
    conditions: list[Condition] = []
    terms: list[Term] = []
    ignored: list[str] = []
    together: list[tuple[str, bool]] = []  # words since the last quotation or condition

    def take() -> None:
        found, left = _terms(together, lexicon)
        terms.extend(found)
        ignored.extend(left)
        together.clear()

    for part in _PART.finditer(text):
        value, minus = part["value"] or "", bool(part["minus"])
        name = (part["name"] or "").lower()
        if name in _EXAMPLES:
            take()
            conditions.append(_condition(Operator(name), part[0], value.strip('" '), minus))
        elif value.startswith('"') and not name:
            take()
            terms += _quotation(value.strip('" '), minus, lexicon)
        else:
            typed = words(part[0])
            together += [(word, minus and i == 0) for i, word in enumerate(typed)]
    take()
    if not terms and ignored:  # "The The": it is all there is
        terms, ignored = [Term(word, (word,)) for word in ignored], []
    terms, more = terms[:_MOST_TERMS], terms[_MOST_TERMS:]
    taken = {term.typed for term in terms}
    ignored += [term.typed for term in more if term.typed not in taken]
    sentence = " ".join(term.typed for term in terms if _readable(term))
    return TextQuery(tuple(terms), tuple(conditions), sentence, tuple(dict.fromkeys(ignored)))


def _readable(term: Term) -> bool:
    """Whether it may stand in an encoder's sentence: encoders hear "no vocals" as vocals."""
    return not term.negated and (term.quoted or term.words[0] not in _NEGATIONS)


def _quotation(text: str, minus: bool, lexicon: Lexicon) -> list[Term]:
    """What stands in quotation marks is a name; behind "-", it may be a thing too."""
    folded = tuple(words(text))
    if not folded:
        return []
    if minus:
        return [_term(folded, lexicon.find(text), "-", lexicon)]
    return [Term(text, folded, quoted=True)]


def _terms(parts: Sequence[tuple[str, bool]], lexicon: Lexicon) -> tuple[list[Term], list[str]]:
    """The things and the text in some folded words; and the words that say nothing.

    Args:
        parts: Each word, and whether a minus stands before it.
        lexicon: What phrases mean.
    """
    terms: list[Term] = []
    ignored: list[str] = []
    negated = last = ""  # what turns the next term around, and what turned the last
    i = 0
    while i < len(parts):
        word, minus = parts[i]
        end = next((n for n in range(i + 1, len(parts)) if parts[n][1]), len(parts))
        run = [part[0] for part in parts[i:end]]
        count, concept = lexicon.longest(run)
        i += count
        if minus:
            negated = "-"
        if concept is None and not minus and word in _NEGATIONS and len(run) > 1:
            negated = word
        elif concept is None and not minus and last in _GOING_ON.get(word, ()):
            negated = last
        elif concept is None and not minus and word in _FILLERS:
            ignored.append(word)
        else:
            terms.append(_term(tuple(run[:count]), concept, negated, lexicon))
            negated, last = "", negated
    return terms, ignored


def _term(folded: Phrase, concept: Concept | None, negated: str, lexicon: Lexicon) -> Term:
    """A term; "-vocals" and "without vocals" are the thing that "no vocals" is."""
    typed = " ".join(folded)
    opposite = lexicon.find(f"no {typed}") if negated else None
    if opposite:
        return Term(f"no {typed}", ("no", *folded), opposite)
    return Term(typed, folded, concept, negated)


def _condition(operator: Operator, typed: str, text: str, negated: bool) -> Condition:
    span, key = (0.0, 0.0), ""
    valid = bool(words(text))
    if operator in (Operator.BPM, Operator.YEAR):
        found = _span(text, operator)
        valid, span = found is not None, found or span
    elif operator is Operator.KEY:
        key = key_named(text) or ""
        valid = bool(key)
    if not valid:
        raise UserError(_unreadable(operator, typed, text))
    return Condition(operator, typed, text, span, key, negated)


def _unreadable(operator: Operator, typed: str, text: str) -> str:
    said = "cannot be read" if text else "says nothing"
    return f'"{typed}" {said}: write it like {_EXAMPLES[operator]}.'


def _span(text: str, operator: Operator) -> tuple[float, float] | None:
    """The lowest and the highest number meant, or None."""
    text = text.replace(" ", "").translate(_PLAIN_DASH)
    if operator is Operator.YEAR and (years := decade(fold(text))):
        return float(years[0]), float(years[1])
    if operator is Operator.YEAR:
        return _numbers(text, near=0.0)
    span = _numbers(text, near=0.5)  # a tempo is seldom a whole number: 120 means what rounds to it
    return span if span and span[1] >= _SLOWEST else None


def _numbers(text: str, near: float) -> tuple[float, float] | None:
    """A range of numbers; one alone stands for those that are not farther from it than `near`."""
    if found := _RANGE.fullmatch(text):
        low, high = float(found["low"] or 0), float(found["high"] or math.inf)
        return (low, high) if low <= high and text[0] + text[-1] != "--" else None
    found = _BOUND.fullmatch(text)
    if not found:
        return None
    number = float(found["number"])
    return {
        "": (number - near, number + near),
        "<": (0.0, number - 0.001),
        "<=": (0.0, number),
        ">": (number + 0.001, math.inf),
        ">=": (number, math.inf),
    }[found["sign"] or ""]
