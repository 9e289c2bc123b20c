"""Search by words: what was heard, what files say of themselves, and likeness, in one answer.

How the parts are joined is said in `services.fits`. What files say of a thing counts beside what
was heard as an independent witness (noisy or): a tag more than a name, a name more than a summary.

The weights: each thing or word 1, but half where no track stands out by it; likeness to the tracks
given 2, unlikeness 1; the encoders that read the sentence together as much as all its words, of
which they judge the whole; what a track's summary means (`services.summaries`) half as much, and a
track without one is taken to have the usual one: to have said nothing is neither good nor bad.

Words and summaries judge every track. Vectors of sound judge the 500 that words put first and the
500 nearest, so that a library of any size is answered quickly; but every track that fulfils the
conditions, up to 20,000, for these are seldom among the nearest of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import FloatArray, Hit, TrackId
from msa_desktop.base.paths import resources
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm.words import Words
from msa_desktop.services import lexicon, summaries
from msa_desktop.services.ears import Ears
from msa_desktop.services.fits import LEAST, STANDS_OUT, USUAL, Fits, Flags, Ids, among, fit
from msa_desktop.services.fusion import sample
from msa_desktop.services.label_scores import Heard, LabelScores
from msa_desktop.services.lexicon import Concept, Lexicon
from msa_desktop.services.summaries import Summaries
from msa_desktop.services.text_query import Condition, Operator, Term, parse
from msa_desktop.services.witnesses import Witness, audible, nobody, testimony
from msa_desktop.store.db import Database
from msa_desktop.store.label_rows import LabelRows
from msa_desktop.store.text import words
from msa_desktop.store.tracks import TrackReader
from msa_desktop.store.word_rows import Said, WordRows

Reading = Callable[[str], Mapping[str, FloatArray]]
"""A sentence as vectors: by each encoder that reads (its id), shape (dimension,)."""

_LIKE, _UNLIKE = 2.0, 1.0
_SUMMARY = 0.5  # of the weight of all words
_TAGGED, _NAMED, _SUMMARISED, _TITLE = 0.9, 0.6, 0.5, 0.9  # as witnesses for a thing
_TEXT, _TEXT_ELSEWHERE = 0.95, 0.7  # fits of text; elsewhere: in an album, folder or summary
_FAINT = 0.5  # the weight of a thing that no track stands out by
_CANDIDATES = 500  # judged by vectors: so many by words, and so many of each encoder
_CANDIDATES_LEFT = 1500  # of each encoder, where conditions will leave out some of them
_JUDGED_WHOLE = 20_000  # tracks that vectors judge one by one
_SAMPLE = 500  # tracks that show how an encoder's scores lie in this library


@dataclass(frozen=True, slots=True)
class Meaning:
    """A phrase that was taken as a thing to be heard.

    Attributes:
        words: The phrase.
        labels: The labels that speak for it, the strongest first.
        against: Whether it was negated.
        found: Whether any track stands out by it. Where none does, the order says little.
    """

    words: str
    labels: tuple[str, ...]
    against: bool
    found: bool


@dataclass(frozen=True, slots=True)
class Understood:
    """How a query was read.

    Attributes:
        meanings: What is to be heard.
        text: What is looked for in names, tags and summaries; with "-" before it where negated.
        operators: The conditions, as typed.
        ignored: Words that say nothing, or that nothing in the library knows.
        encoders: Those that read the sentence.
    """

    meanings: tuple[Meaning, ...] = ()
    text: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query: hits, best first, with scores from 0 to 1."""

    hits: tuple[Hit, ...]
    understood: Understood


class TextSearch:
    """Answers words. Thread-safe; needs no writer.

    Args:
        reader: The library's tracks.
        rows: What files say.
        scores: What was heard.
        meanings: What words mean.
        ears: The encoders' vectors.
        reading: What makes vectors of sentences, where encoders are installed that read.
        summaries: What the tracks' summaries mean, where it is one of them that reads these.
    """

    def __init__(
        self,
        reader: TrackReader,
        rows: WordRows,
        scores: LabelScores,
        meanings: Lexicon,
        ears: Ears,
        reading: Reading | None = None,
        summaries: Summaries | None = None,
    ) -> None:
        self._reader = reader
        self._rows = rows
        self._scores = scores
        self._lexicon = meanings
        self._ears = ears
        self._reading = reading
        self._summaries = summaries

    def search(
        self,
        text: str,
        count: int,
        *,
        like: Sequence[TrackId] = (),
        unlike: Sequence[TrackId] = (),
    ) -> Found:
        """The tracks that fit words, or sound like some tracks and unlike others.

        Args:
            text: What the person typed (`services.text_query`); may be blank with `like`.
            count: How many at most. Fewer come where fewer fit any of it.
            like: What those found shall sound like; these tracks themselves are left out.
            unlike: What they shall not sound like; left out too.

        Raises:
            UserError: Nothing is asked for, a condition cannot be read, or a track given cannot be
                compared.
        """
        query = parse(text, self._lexicon)
        if not (query.terms or query.conditions or like or unlike):
            raise UserError('Say what to look for: "calm piano", an artist, genre:techno.')
        heard = self._scores.refreshed()
        read = dict(self._reading(query.sentence) if self._reading and query.sentence else {})
        said, meant = self._meant(read)
        conditions = [(self._fulfilling(one, heard), one.negated) for one in query.conditions]
        known, unknown = self._witnesses(query.terms)
        more = [
            said,
            *(witness.all() for witness in known),
            *(ids for ids, negated in conditions if not negated),
        ]
        by_vectors = bool(read or like or unlike)
        # Where conditions choose, or nothing says where to look, all that is left is judged.
        whole = by_vectors and bool(conditions or not (known or read or like))
        most = max(count, _CANDIDATES)
        near = nobody()
        if whole:
            more += self._ears.heard()
        elif by_vectors:
            near = self._nearest(read, like, most)
            more.append(near)
        fits = Fits(_joined(heard.ids, more))
        meanings = self._weigh_terms(fits, heard, known)
        for ids, negated in conditions:
            fits.keep(ids, negated=negated)
        fits.keep(np.array([*like, *unlike], np.int64), negated=True)
        all_words = max(1, len(query.terms))
        if len(said):
            good = fits.spread(said, fit(meant), USUAL)
            fits.weigh(good, _SUMMARY * all_words)
            fits.credit(summaries.ENCODER, good >= STANDS_OUT)
        if by_vectors:
            if whole:
                candidates = self._left(fits, read, like)
            else:
                candidates = np.union1d(fits.leading(most), near)
            fits.keep(candidates)
            self._weigh_readings(fits, candidates, read, all_words)
            self._weigh_likeness(fits, candidates, like, _LIKE)
            self._weigh_likeness(fits, candidates, unlike, _UNLIKE, negated=True)

        readers = (*read, *((summaries.ENCODER,) if len(said) else ()))
        understood = Understood(
            meanings,
            tuple(_shown(w.term) for w in known if not audible(w.term.concept)),
            tuple(one.typed for one in query.conditions),
            (*query.ignored, *(() if readers else map(_shown, unknown))),
            readers,
        )
        asked = known or conditions or readers or like or unlike
        return Found(self._hits(fits, count) if asked else (), understood)

    def _hits(self, fits: Fits, count: int) -> tuple[Hit, ...]:
        best = {one.id: one for one in fits.best(count)}
        return tuple(
            Hit(track, best[track.id].score, best[track.id].labels, best[track.id].encoders)
            for track in self._reader.get_many(list(best))
        )

    # -- vectors -------------------------------------------------------------------------------

    def _meant(self, read: dict[str, FloatArray]) -> tuple[Ids, FloatArray]:
        """The tracks with a summary, and how far each stands out; takes its reader off the rest."""
        sentence = read.pop(summaries.ENCODER, None)
        if sentence is None or self._summaries is None:
            return nobody(), np.empty(0, np.float32)
        return self._summaries.standing(sentence)

    def _left(self, fits: Fits, read: Mapping[str, FloatArray], like: Sequence[TrackId]) -> Ids:
        """What vectors are to judge of the tracks that conditions leave, rising: all, or many."""
        left = fits.left()
        if len(left) <= _JUDGED_WHOLE:
            return left
        if read or like:
            some = self._nearest(read, like, _CANDIDATES_LEFT)
            some = some[among(some, left)]
        else:  # whom to be unlike says nothing of where to look
            some = sample(left, _JUDGED_WHOLE)
        return np.union1d(fits.leading(_CANDIDATES), some)

    def _nearest(self, read: Mapping[str, FloatArray], like: Sequence[TrackId], count: int) -> Ids:
        """The tracks nearest to sentences and tracks, so many to each, rising."""
        found = [self._ears.near(encoder, vector, count)[0] for encoder, vector in read.items()]
        try:
            found += [self._ears.nearest(seed, count).ids for seed in like]
        except KeyError:
            raise UserError("A track to compare with was not listened to yet.") from None
        return np.unique(np.concatenate([nobody(), *found]))

    def _weigh_readings(
        self, fits: Fits, candidates: Ids, read: Mapping[str, FloatArray], weight: float
    ) -> None:
        """Adds what the encoders that read say; for those that cannot, the others speak."""
        if not read:
            return
        each = np.stack([
            fits.spread(candidates, fit(self._ears.nearness(encoder, vector, candidates)), np.nan)
            for encoder, vector in read.items()
        ])  # fmt: skip
        with np.errstate(invalid="ignore"):  # NaN where none can
            others = np.nansum(each, axis=0) / np.count_nonzero(~np.isnan(each), axis=0)
        for encoder, good in zip(read, each, strict=True):
            fits.weigh(np.where(np.isnan(good), others, good), weight / len(read))
            fits.credit(encoder, good >= STANDS_OUT)

    def _weigh_likeness(
        self,
        fits: Fits,
        candidates: Ids,
        seeds: Sequence[TrackId],
        weight: float,
        *,
        negated: bool = False,
    ) -> None:
        """Adds the mean likeness to some tracks."""
        if not seeds:
            return
        usual = sample(fits.ids, _SAMPLE)
        ids = np.union1d(usual, candidates)
        standing = np.zeros(len(ids), np.float32)
        for seed in seeds:
            try:
                alike = self._ears.alike(seed, ids)
            except KeyError:
                raise UserError("A track to compare with was not listened to yet.") from None
            others = alike.scores[among(ids, usual) & (ids != seed) & ~np.isnan(alike.scores)]
            mean = others.mean() if len(others) else 0
            deviation = max(float(others.std()), 1e-6) if len(others) else 1
            standing += (alike.scores - mean) / np.float32(deviation * len(seeds))
        good = fits.spread(ids, fit(standing), np.nan)
        fits.weigh(good, weight, negated=negated, least=0)
        if not negated:
            for encoder in {name for names in alike.encoders for name in names}:
                heard = ids[[encoder in names for names in alike.encoders]]
                fits.credit(encoder, fits.flags(heard) & (good >= STANDS_OUT))

    # -- terms ---------------------------------------------------------------------------------

    def _witnesses(self, terms: Sequence[Term]) -> tuple[list[Witness], list[Term]]:
        """What files say of each term; and the terms that nothing is known of."""
        known, unknown = [], []
        for term in terms:
            witness = testimony(self._rows, term)
            if audible(term.concept) or len(witness.all()):
                known.append(witness)
            else:
                unknown.append(term)
        return known, unknown

    def _weigh_terms(
        self, fits: Fits, heard: Heard, known: Sequence[Witness]
    ) -> tuple[Meaning, ...]:
        wanted = [w.term for w in known if not w.term.negated]
        # Things that are all in one track's names may just as well be its title.
        title = nobody()
        if any(audible(term.concept) for term in wanted):
            title = self._rows.named(tuple(word for term in wanted for word in term.words))
        meanings = []
        for witness in known:
            term, concept = witness.term, witness.term.concept
            if not audible(concept):
                fits.weigh(_text_fit(fits, witness), negated=bool(term.negated))
                continue
            good = self._heard_fit(fits, heard, concept)
            for ids, trust in (
                (witness.tagged, _TAGGED),
                (witness.summarised, _SUMMARISED),
                (witness.named, _NAMED),
                (nobody() if term.negated else title, _TITLE),
            ):
                good = np.where(fits.flags(ids), 1 - (1 - good) * (1 - trust), good)
            heard_out = _heard_out(heard, concept)
            tagged = fits.flags(witness.tagged)
            found = bool(heard_out.any() or tagged.any() or concept.years)
            fits.weigh(good, 1 if found else _FAINT, negated=bool(term.negated))
            if not term.negated:
                out = fits.spread(heard.ids, heard_out.astype(np.float32), 0) > 0
                fits.explain(concept.name, (good >= STANDS_OUT) & (out | tagged))
            meanings.append(Meaning(term.typed, _speaking_for(concept), bool(term.negated), found))
        return tuple(meanings)

    def _heard_fit(self, fits: Fits, heard: Heard, concept: Concept) -> FloatArray:
        good = np.full(len(fits.ids), LEAST, np.float32)
        if concept.weights:
            good = fits.spread(heard.ids, _sounding(heard, concept), USUAL)
        if concept.years:  # a year that is known says more than the sound
            good[fits.flags(self._rows.dated())] = LEAST
            good[fits.flags(self._rows.by_year(*concept.years))] = _TEXT
        return good

    # -- conditions ----------------------------------------------------------------------------

    def _fulfilling(self, condition: Condition, heard: Heard) -> Ids:
        """The tracks that fulfil a condition, rising."""
        rows, text = self._rows, condition.text
        if condition.operator in (Operator.GENRE, Operator.MOOD):
            return self._said_or_heard(Said(condition.operator.value), text, heard)
        if condition.operator is Operator.KEY:
            return rows.by_key(condition.key)
        if condition.operator in (Operator.BPM, Operator.YEAR):
            by_number = rows.by_bpm if condition.operator is Operator.BPM else rows.by_year
            return by_number(*condition.span)
        by_name = rows.by_artist if condition.operator is Operator.ARTIST else rows.by_album
        return by_name(text)

    def _said_or_heard(self, column: Said, text: str, heard: Heard) -> Ids:
        """Tracks whose files say so; of those whose files say nothing, the ones that sound so."""
        concept = self._lexicon.find(text)
        said = self._rows.said((column,), concept.phrases if concept else [tuple(words(text))])
        if not concept or not concept.weights:
            return said
        sounds = (_sounding(heard, concept) >= STANDS_OUT) & _heard_out(heard, concept)
        return np.union1d(said, self._rows.silent(column, heard.ids[sounds]))


def make(
    database: Database,
    reader: TrackReader,
    vocabulary: Vocabulary,
    table: Words,
    ears: Ears,
    reading: Reading | None = None,
    said: Summaries | None = None,
) -> TextSearch:
    """A search over one library.

    Args:
        database: The library.
        reader: Its tracks.
        vocabulary: The words for what is heard.
        table: The genres and moods that files are given.
        ears: As for `TextSearch`.
        reading: As for `TextSearch`.
        said: Its `summaries`.
    """
    sources = {source.id: len(source.labels) for source in vocabulary.sources.values()}
    return TextSearch(
        reader,
        WordRows(database),
        LabelScores(LabelRows(database, sources), vocabulary),
        lexicon.load(resources() / "search_words.toml", vocabulary, table),
        ears,
        reading,
        said,
    )


def _speaking_for(concept: Concept) -> tuple[str, ...]:
    weights = concept.weights
    return tuple(
        sorted((one for one in weights if weights[one] > 0), key=lambda one: -weights[one])
    )


def _sounding(heard: Heard, concept: Concept) -> FloatArray:
    """How well each track that was heard fits a concept by its sound."""
    return fit(heard.standing(concept.weights), half_at=-1.0 if concept.lack else 1.0)


def _heard_out(heard: Heard, concept: Concept) -> Flags:
    """Which tracks have one of a concept's main labels more than music at large has."""
    strongest = max(concept.weights.values(), default=0)
    flags = np.zeros(len(heard.ids), np.bool_)
    for label, weight in concept.weights.items():
        if weight == strongest:
            flags |= heard.unusual(label)
    return flags


def _text_fit(fits: Fits, witness: Witness) -> FloatArray:
    good = np.full(len(fits.ids), LEAST, np.float32)
    good[fits.flags(witness.summarised) | fits.flags(witness.named)] = _TEXT_ELSEWHERE
    good[fits.flags(witness.titled) | fits.flags(witness.tagged)] = _TEXT
    return good


def _joined(ids: Ids, more: Sequence[Ids]) -> Ids:
    """All ids, rising; the first ones themselves where they are all, as they mostly are."""
    strange = [one[~among(one, ids)] for one in more]
    return np.unique(np.concatenate([ids, *strange])) if any(map(len, strange)) else ids


def _shown(term: Term) -> str:
    return f"-{term.typed}" if term.negated else term.typed
