from __future__ import annotations

import math

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.services.text_query import Filter, Operator, parse, parse_filter
from tests.services.text_house import LEXICON


def terms(text: str) -> list[tuple[str, str, str]]:
    """How each term is negated, its words, and the name of what it means."""
    return [
        (term.negated, term.typed, term.concept.name if term.concept else "")
        for term in parse(text, LEXICON).terms
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("calm piano", [("", "calm", "Calm"), ("", "piano", "piano")]),
        ("Hip-Hop", [("", "hip hop", "hip-hop")]),
        ("no vocals", [("", "no vocals", "no vocals")]),
        ("without any singing", [("", "no singing", "no vocals")]),
        ("-vocals", [("", "no vocals", "no vocals")]),
        ("\u2212vocals", [("", "no vocals", "no vocals")]),
        (
            "rock \u2013drums post\u2212punk",
            [
                ("", "rock", "rock"),
                ("-", "drums", "drums"),
                ("", "post punk", "Post-Punk"),
            ],
        ),
        ("instrumental", [("", "instrumental", "no vocals")]),
        ("80s female singer", [("", "80s", "80s"), ("", "female singer", "female vocals")]),
        ("rock no drums", [("", "rock", "rock"), ("no", "drums", "drums")]),
        ("rock -drums", [("", "rock", "rock"), ("-", "drums", "drums")]),
        ('-"classic rock"', [("-", "classic rock", "classic rock")]),
        ("no drums or harp", [("no", "drums", "drums"), ("no", "harp", "harp")]),
        ("without drums and harp", [("without", "drums", "drums"), ("without", "harp", "harp")]),
        ("no drums but harp", [("no", "drums", "drums"), ("", "harp", "harp")]),
        ("Björk", [("", "bjork", "")]),
        ('"no vocals"', [("", "no vocals", "")]),
        ('"AC/DC', [("", "AC/DC", "")]),
        ("-christmas-songs", [("-", "christmas", "Christmas")]),
        ("Re:Zero 12:30", [("", "re", ""), ("", "zero", ""), ("", "12", ""), ("", "30", "")]),
        ("The The", [("", "the", ""), ("", "the", "")]),
        ("-", []),
        ('"" -"" \t', []),
    ],
)
def test_words_are_read(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert terms(text) == expected


def test_what_says_nothing_is_told() -> None:
    query = parse("some sad songs with a cello, please", LEXICON)
    assert query.ignored == ("some", "songs", "with", "a", "please")
    assert query.sentence == "sad cello"


def test_the_sentence_holds_nothing_negated() -> None:
    query = parse('calm -drums "moon river" no rock genre:jazz', LEXICON)
    assert query.sentence == "calm moon river"


@pytest.mark.parametrize(
    "text",
    ["calm piano -vocals", "calm piano no vocals", "calm piano, not sung", "calm piano \u2212sung"],
)
def test_what_a_negation_was_turned_into_is_not_read_either(text: str) -> None:
    assert parse(text, LEXICON).sentence == "calm piano"
    assert parse('"no vocals" instrumental', LEXICON).sentence == "no vocals instrumental"


def test_a_genre_that_no_model_knows_is_heard_as_the_one_above_and_its_words() -> None:
    (dark,) = parse("dark ambient", LEXICON).terms
    assert dark.concept
    assert dark.concept.weights["ambient"] == 1
    assert dark.concept.weights["happy"] < 0
    assert ("dark", "ambient") in dark.concept.phrases


def test_a_genre_is_said_by_those_below_it() -> None:
    (metal,) = parse("metal", LEXICON).terms
    assert metal.concept
    assert ("grindcore",) in metal.concept.phrases
    assert ("death", "metal") not in metal.concept.phrases, "metal says it already"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("bpm:120", 119.5, 120.5),
        ("bpm:120-128.5", 120, 128.5),
        ("BPM:>=120", 120, math.inf),
        ("bpm:-100", 0, 100),
        ("year:1994", 1994, 1994),
        ("year:1990-1999", 1990, 1999),
        ("year:1990\u22121999", 1990, 1999),
        ("year:1990..", 1990, math.inf),
        ("year:90s", 1990, 1999),
        ("year:2010s", 2010, 2019),
        ('year:"1990 - 1999"', 1990, 1999),
    ],
)
def test_numbers(text: str, low: float, high: float) -> None:
    (condition,) = parse(text, LEXICON).conditions
    assert condition.span == (low, high)


def test_bounds_leave_out_the_number_itself() -> None:
    (condition,) = parse("year:<1970", LEXICON).conditions
    assert 1969 <= condition.span[1] < 1970


def test_conditions_stand_anywhere() -> None:
    query = parse('calm -genre:Rock artist:"Nina Simone" piano', LEXICON)
    assert [(one.operator, one.text, one.negated) for one in query.conditions] == [
        (Operator.GENRE, "Rock", True),
        (Operator.ARTIST, "Nina Simone", False),
    ]
    assert [term.typed for term in query.terms] == ["calm", "piano"]


@pytest.mark.parametrize(
    "text",
    [
        "bpm:fast", "bpm:", "bpm:-", "bpm:128-120", "bpm:12", "bpm:<12", "year:soon",
        "year:1999-1990", "key:H", "key:Cmm", "genre:", 'artist:""', "album:?",
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    name = text.partition(":")[0]
    with pytest.raises(UserError, match=rf'"{name}:.*write it like {name}:'):
        parse(f"calm {text} piano", LEXICON)


def test_keys_are_read_in_any_spelling() -> None:
    (condition,) = parse('key:"Gb minor"', LEXICON).conditions
    assert condition.key == "F#m"
    assert parse("key:11a", LEXICON).conditions[0].key == "F#m"


def test_a_very_long_query() -> None:
    query = parse("zebra " * 5000, LEXICON)
    assert (len(query.terms), query.ignored) == (32, ())
    query = parse(" ".join(f"a zebra{n}" for n in range(35)), LEXICON)
    assert query.ignored == ("a", "zebra32", "zebra33", "zebra34")
    assert query.sentence.endswith("zebra31")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Filter()),
        ("  Re:Zero   genre:jazz ", Filter("Re:Zero genre:jazz")),
        ("BPM:120-128 key:8A blue", Filter("blue", (120, 128), ("Am",))),
        ('moon key:"F# minor" river', Filter("moon river", None, ("F#m",))),
        ("key:8A key:9A", Filter("", None, ("Am", "Em"))),
        ("bpm:100-130 bpm:>=120", Filter("", (120, 130))),
        ("-key:8A", Filter("-key:8A")),
    ],
)
def test_what_is_typed_above_a_list(text: str, expected: Filter) -> None:
    assert parse_filter(text) == expected


def test_a_filter_on_its_way_to_a_range_is_never_narrower_than_it() -> None:
    for end in range(len("bpm:120-"), len("bpm:120-128")):
        typed = parse_filter("bpm:120-128"[:end])
        assert typed.words == ""
        assert typed.bpm == (120, math.inf)
    for early in ("bpm:", "bpm:1", "bpm:12", "bpm:<", "bpm:<1", "bpm:-", "bpm:-1"):
        assert parse_filter(early).bpm is None, early


def test_half_a_key_is_no_tempo() -> None:
    typed = parse_filter("key:50-")
    assert (typed.bpm, typed.keys) == (None, ())
    assert "write it like key:" in typed.problem


@pytest.mark.parametrize("text", ["bpm:", "bpm:fast", "bpm:12", "bpm:128-120", "key:", "key:H"])
def test_what_cannot_be_read_in_a_filter_is_passed_over_and_told(text: str) -> None:
    typed = parse_filter(f"blue {text} moon")
    assert (typed.words, typed.keys) == ("blue moon", ())
    assert typed.problem.startswith(f'"{text}"')
    assert f"write it like {text.partition(':')[0]}:" in typed.problem
