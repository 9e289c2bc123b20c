"""What a summary may say, whoever words it: a model that the tests script, or the rules."""

from __future__ import annotations

import json

import pytest

from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.vocabulary import LabelKind
from msa_desktop.llm import candidates
from msa_desktop.llm._base import Evidence
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.grounding import Ungrounded
from msa_desktop.llm.llama import LlamaTagger, Told, parsed
from msa_desktop.llm.rules import RulesTagger
from tests.support_llm import GROUNDING, METAL, RULES, VOCABULARY, WORDS, evidence, near

SINGING = evidence(
    {"Instrumental": 0.8, "Rock": 0.7},
    (near(1, "Rock", "Instrumental"), near(2, "Instrumental")),
    female_vocals=0.8,
    guitar=0.8,
)
SUNG_BY_NOBODY = evidence(
    {"Rock": 0.7, "Female Vocalists": 0.8, "Saxophone": 0.75},
    (near(1, "Rock", "Female Vocalists", "Saxophone"),),
    guitar=0.8,
    no_vocals=0.8,
)
ODDLY_TAGGED = evidence({}, (), {Field.GENRE: ("Visit my site", "Not metal")}, guitar=0.9)
PIANO_TAGGED = evidence(
    {"Instrumental": 0.8, "Rock": 0.9, "Piano": 0.7}, female_vocals=0.8, guitar=0.8
)
STRANGELY_NAMED = evidence(
    {}, (), {Field.GENRE: ("With saxophone and trumpet", "Y", "And")}, guitar=0.9
)


class Says:
    """A backend whose model chooses nothing and says one sentence."""

    kind = "script"

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def ask(self, _: Evidence, known: Candidates, __: CancelToken | None) -> Told:
        return parsed(json.dumps({"summary": self.sentence}), known)

    def close(self) -> None:
        return


def summary(case: Evidence, sentence: str, rules: RulesTagger = RULES) -> str:
    """The summary of a track on which the model says a sentence; "" for none."""
    tagger = LlamaTagger("tiny", Says(sentence), rules, WORDS, GROUNDING, tell=print)
    return "".join(made.value for made in tagger.suggest(case).get(Field.SUMMARY, ()))


def by_the_rules(case: Evidence, rules: RulesTagger = RULES) -> str:
    return "".join(made.value for made in rules.suggest(case).get(Field.SUMMARY, ()))


@pytest.mark.parametrize(
    ("case", "sentences", "instead"),
    [
        (
            SINGING,
            ["Instrumental music, with female vocals."],
            "Rock music with guitar and female vocals.",
        ),
        (
            SUNG_BY_NOBODY,
            [
                "Female vocalists music featuring guitar, without vocals.",
                "Saxophone rock with guitar.",
            ],
            "Rock music with guitar, without vocals.",
        ),
        (
            ODDLY_TAGGED,
            ["Not metal music featuring guitar.", "Visit my site music with guitar."],
            "",
        ),
        (
            PIANO_TAGGED,
            [
                "Instrumental rock music with guitar, with female vocals.",
                "Piano and rock music with guitar.",
            ],
            "Rock music with guitar and female vocals.",
        ),
        (STRANGELY_NAMED, ["With saxophone and trumpet music with guitar."], ""),
    ],
)
def test_no_tag_puts_a_sound_a_denial_or_any_text_into_a_sentence(
    case: Evidence, sentences: list[str], instead: str
) -> None:
    known = candidates.gather(case, RULES, WORDS)
    for sentence in sentences:
        with pytest.raises(Ungrounded):
            GROUNDING.check(sentence, known)
        assert summary(case, sentence) == instead
    assert by_the_rules(case) == instead


def test_tags_themselves_stay() -> None:
    genres = [made.value for made in RULES.suggest(SINGING)[Field.GENRE]]
    assert genres == ["Instrumental", "Rock"]
    assert list(candidates.gather(SINGING, RULES, WORDS).tags[Field.GENRE]) == genres


@pytest.mark.parametrize(
    ("genre", "heard", "said"),
    [
        ("Instrumental", "no_vocals", True),
        ("Instrumental", "vocals", False),
        ("Vocal", "vocals", True),
        ("Vocal Jazz", "female_vocals", True),  # which are vocals
        ("Vocal Jazz", "guitar", False),
        ("Choral", "choir", True),
        ("Choral", "male_vocals", False),
        ("Piano", "piano", True),
        ("Piano", "guitar", False),
        ("Opera", "choir", True),
        ("Opera", "no_vocals", False),
        ("Spoken Word", "no_vocals", False),
        ("Orchestral", "violin", True),  # which is strings
        ("Orchestral", "classical", False),  # though that may be called orchestral
        ("Instrumental Hip-Hop", "no_vocals", True),
        ("Instrumental Hip-Hop", "drums", False),
        ("A Cappella", "vocals", False),  # nothing hears that nobody plays
        ("Bass", "drums", False),
        # Genres of their own, which name no instrument.
        ("Drum and Bass", "guitar", True),
        ("Synthpop", "guitar", True),
        ("Big Band", "no_vocals", True),
    ],
)
def test_genres_that_tell_who_plays_are_said_where_that_was_heard(
    genre: str, heard: str, said: bool
) -> None:
    case = evidence({genre: 0.9, "Soundtrack": 0.8}, (), None, harp=0.8, **{heard: 0.8})
    known = candidates.gather(case, RULES, WORDS)
    assert (genre in known.said) is said
    assert by_the_rules(case).lower().startswith(genre.lower()) is said
    sentence = f"{genre} music with harp."
    assert (summary(case, sentence) == sentence) is said
    own = evidence({}, (), {Field.GENRE: (genre,)}, harp=0.8, **{heard: 0.8})
    assert by_the_rules(own).lower().startswith(genre.lower()) is said


def test_what_contradicts_something_surer_was_not_heard() -> None:
    both = evidence({"Rock": 0.9, "Instrumental": 0.9}, female_vocals=0.9, no_vocals=0.7)
    assert [made.value for made in RULES.stated(both)] == ["female vocals"]
    assert by_the_rules(both) == "Rock music with female vocals."


def test_no_name_of_the_tables_is_an_instrument_or_a_voice_that_need_not_be_heard() -> None:
    sounds = {
        name.lower()
        for label in VOCABULARY.labels
        if label.kind in (LabelKind.INSTRUMENT, LabelKind.VOICE)
        for name in (label.name, *label.variants)
    }
    for field, names in ((Field.GENRE, WORDS.genres), (Field.MOOD, WORDS.moods)):
        for name in names:
            free = RULES.sayable.tag(field, name, frozenset()) is not None
            words = set(name.lower().replace("-", " ").split())
            assert not (free and words & sounds - {"drum"}), name
    assert RULES.sayable.tag(Field.GENRE, "dnb", frozenset()) == "Drum and Bass"


def test_every_label_that_the_table_asks_for_is_there() -> None:
    labels = {label.name for label in VOCABULARY.labels}
    asked = {label for genre in WORDS.genres.values() for label in genre.heard or ()}
    assert asked
    assert asked <= labels


def without(*denied: str) -> RulesTagger:
    def worded(_: Field, word: str) -> str | None:
        return None if word.lower() in denied else word

    return RulesTagger(WORDS, VOCABULARY, worded)


def test_what_the_person_never_wants_is_not_said() -> None:
    rules = without("metal", "rock", "guitar")
    known = candidates.gather(METAL, rules, WORDS)
    assert not {"Metal", "metal", "Rock", "rock", "guitar"} & set(known.said)
    assert {"Thrash Metal", "Punk", "loud"} <= set(known.said)
    instead = "Aggressive thrash metal and punk music at 162 BPM in E minor."
    assert by_the_rules(METAL, rules) == instead
    for sentence in ("Loud metal and punk music.", "Loud rock and punk.", "Loud punk with guitar."):
        assert summary(METAL, sentence, rules) == instead
    assert summary(METAL, "Loud thrash metal.", rules) == "Loud thrash metal."


def test_what_the_person_calls_otherwise_is_said_so() -> None:
    names = {"thrash metal": "Old School Thrash", "guitar": "Axe", "punk": "Piano", "metal": "Oi!"}
    rules = RulesTagger(WORDS, VOCABULARY, lambda _, word: names.get(word.lower(), word))
    known = candidates.gather(METAL, rules, WORDS)
    assert list(known.tags[Field.GENRE]) == ["Oi!", "Old School Thrash", "Piano", "Grunge"]
    assert {made.value for made in known.tags[Field.GENRE].values()} >= {"Thrash Metal", "Punk"}
    assert "Axe" in {made.value for made in known.stated}
    assert not {"Thrash Metal", "guitar", "Oi!"} & set(known.said)
    assert "Piano" not in known.said, "a name of one's own is no measurement, either"
    own = "Old school thrash with axe."
    assert summary(METAL, own, rules) == own
    by_rules = "Aggressive old school thrash music at 162 BPM in E minor with axe."
    assert by_the_rules(METAL, rules) == by_rules
    assert "thrash" in GROUNDING.grammar(known)
    assert "guitar" not in GROUNDING.grammar(known)
