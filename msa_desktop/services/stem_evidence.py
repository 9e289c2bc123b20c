"""What stems say against what was heard in the whole track. Pure decisions.

A model that listens to a mix guesses at the voice in it; where a track was taken apart, the
loudness of its voice was measured, and the voice was heard alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msa_desktop.base.model import FloatArray, LabelScore
from msa_desktop.base.vocabulary import Vocabulary
from msa_desktop.llm import rules
from msa_desktop.services import kind
from msa_desktop.services.kind import Kind
from msa_desktop.stems.record import VOCALS
from msa_desktop.store.stem_rows import HeardStem

_SURE = 0.7  # a kind less sure than this lies at the border of two: the labels may know better
_SOURCE = "stems"
_WHOSE = ("vocals", "female vocals", "male vocals")


def readable(labels: Mapping[str, FloatArray], vocabulary: Vocabulary) -> dict[str, FloatArray]:
    """The label scores that the vocabulary can read.

    Stems are heard when a person asks, not anew with each version of the program: scores that a
    former one stored may be of other labels.
    """
    known = vocabulary.sources
    return {
        source: scores
        for source, scores in labels.items()
        if source in known and len(scores) == len(known[source].labels)
    }


def refined(
    heard: Sequence[LabelScore], stems: Mapping[str, HeardStem], vocabulary: Vocabulary
) -> tuple[LabelScore, ...]:
    """A track's labels, with what its stems know better: whether there is a voice, and whose.

    Where the stems make it an instrumental, every word for a voice goes, and "no vocals" becomes
    as sure as they are. Where they hold a voice "no vocals" goes and "vocals" becomes as sure;
    a woman's or a man's voice that is heard clearer alone counts as it is heard there. Nothing
    changes where the kind of track is uncertain.

    The voice alone does not stand in for the mix, as the model learned from mixes: of 32 mixes with
    a made voice (scripts/bench/stem_ears.py) the mix named 24 rightly a woman's or a man's, the
    voice alone 17, the stronger of the two 26; and alone 4 were taken for a choir. Words for
    instruments stay as they are: the other stems, heard alone, were no better at them.

    Args:
        heard: In the vocabulary's words, opposites settled (`Vocabulary.merged`).
        stems: What was heard in its stems, by their names; empty where it was not taken apart.
        vocabulary: The words.

    Returns:
        The strongest first.
    """
    found = kind.from_stems({name: stem.level for name, stem in stems.items()})
    if found.kind is Kind.UNKNOWN or found.confidence < _SURE:
        return tuple(heard)
    word, against = kind.VOICE, {kind.NO_VOICE}
    if found.kind is Kind.INSTRUMENTAL:
        word, against = kind.NO_VOICE, set(kind.VOICES)
    sure = LabelScore(word, rules.score_of(found.confidence, vocabulary.usual()[word]), _SOURCE)
    claims = [sure, *heard]
    if word == kind.VOICE:
        alone = vocabulary.merged(readable(stems[VOCALS].labels, vocabulary))
        claims += [one for one in alone if one.label in _WHOSE]
    best: dict[str, LabelScore] = {}
    for one in sorted(claims, key=lambda claim: (-claim.score, claim.label)):
        if one.label not in against:
            best.setdefault(one.label, one)
    return tuple(best.values())
