"""What files say of the things and words asked for: titles, tags, summaries, folders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeGuard

import numpy as np

from msa_desktop.services.fits import Ids
from msa_desktop.services.lexicon import Concept
from msa_desktop.services.text_query import Term
from msa_desktop.store.word_rows import Said, WordRows

_TAGS = (Said.GENRE, Said.MOOD, Said.GROUPING)


def nobody() -> Ids:
    """No tracks."""
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Witness:
    """Where files speak of a term: track ids, rising.

    Attributes:
        tagged: In genre, mood or grouping.
        summarised: In the summary.
        named: In a name: title, artist, album, file, folder.
        titled: Those of the named where it is the title or the artist.
    """

    term: Term
    tagged: Ids = field(default_factory=nobody)
    summarised: Ids = field(default_factory=nobody)
    named: Ids = field(default_factory=nobody)
    titled: Ids = field(default_factory=nobody)

    def all(self) -> Ids:
        """The tracks that speak of it anywhere."""
        return np.unique(np.concatenate([self.tagged, self.summarised, self.named]))


def testimony(rows: WordRows, term: Term) -> Witness:
    """Where files speak of a term."""
    concept = term.concept
    return _thing(rows, term, concept) if audible(concept) else _text(rows, term)


def audible(concept: Concept | None) -> TypeGuard[Concept]:
    """Whether a thing is found by more than its name."""
    return bool(concept and (concept.weights or concept.years))


def _thing(rows: WordRows, term: Term, concept: Concept) -> Witness:
    tagged = rows.said(_TAGS, concept.phrases)
    if concept.years:
        tagged = np.union1d(tagged, rows.by_year(*concept.years))
    if term.negated:  # names say what music is, seldom what it is not
        return Witness(term, tagged)
    named = rows.named(term.words)
    if concept.voice:  # a summary that says "no vocals" speaks of vocals too
        return Witness(term, tagged, named=named)
    return Witness(term, tagged, rows.said((Said.SUMMARY,), [term.words]), named)


def _text(rows: WordRows, term: Term) -> Witness:
    if term.negated not in ("", "-"):
        whole = f"{term.negated} {term.typed}"
        band = rows.quoted(whole)
        if len(band):  # "No Doubt"
            term = replace(term, typed=whole, words=(term.negated, *term.words), negated="")
            return Witness(term, named=band, titled=rows.titled(band, term.words))
    if term.quoted:
        named = rows.quoted(term.typed)
        return Witness(term, named=named, titled=rows.titled(named, term.words))
    named = rows.named(term.words)
    found = Witness(
        term,
        rows.said(_TAGS, term.concept.phrases if term.concept else [term.words]),
        rows.said((Said.SUMMARY,), [term.words]),
        named,
        rows.titled(named, term.words),
    )
    if len(found.all()):
        return found
    named = rows.named(term.words, begins=True)  # half a word, perhaps
    return Witness(term, named=named, titled=rows.titled(named, term.words))
