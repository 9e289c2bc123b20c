from __future__ import annotations

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.model import TrackId
from msa_desktop.base.paths import resources
from msa_desktop.base.proposals import Policy, Proposal, Suggestion
from msa_desktop.base.settings import Settings
from msa_desktop.llm import words
from msa_desktop.services import policy

WORDS = words.load(resources() / "words.toml")


def propose(
    *suggestions: Suggestion,
    current: tuple[str, ...] = (),
    field: Field = Field.GENRE,
    rejected: frozenset[tuple[Field, str]] = frozenset(),
    **settings: object,
) -> Proposal | None:
    by = policy.rules(Settings(**settings), WORDS)  # type: ignore[arg-type]
    return policy.propose(
        TrackId(1), field, current, suggestions, by, WORDS, tagger="t", rejected=rejected
    )


def values(proposal: Proposal | None) -> tuple[str, ...]:
    return proposal.values if proposal else ()


ROCK, POP = Suggestion("Rock", 0.9), Suggestion("Pop", 0.7)
HIPHOP = Suggestion("Hip-Hop", 0.8)


def test_fill_proposes_only_where_the_file_says_nothing() -> None:
    assert values(propose(ROCK, POP)) == ("Rock", "Pop")
    assert propose(ROCK, current=("Jazz",)) is None


def test_add_keeps_what_is_there() -> None:
    made = propose(ROCK, HIPHOP, current=("hip hop", "Jazz"), genre_policy=Policy.ADD)
    assert values(made) == ("hip hop", "Jazz", "Rock")
    assert made is not None
    assert (made.current, made.suggestions) == (("hip hop", "Jazz"), (ROCK,))
    assert propose(HIPHOP, current=("HipHop",), genre_policy=Policy.ADD) is None


def test_room_is_where_something_can_be_proposed() -> None:
    add, never = Policy.ADD, Policy.NEVER
    by = policy.rules(
        Settings(genre_policy=add, mood_policy=never, renamed_words=("Rock = Rawk",)), WORDS
    )
    says = {Field.GENRE: ("Rawk", "Death Metal"), Field.SUMMARY: ("Mine.",)}
    refused = {(Field.GENRE, "jazz"), (Field.KEY, "*")}
    room = policy.room(says, by, WORDS, refused)
    assert {Field.GENRE, Field.BPM} <= set(room.fields)
    assert not {Field.MOOD, Field.SUMMARY, Field.KEY} & set(room.fields)
    words = ("Rock", "Death Metal", "Metal", "Jazz", "Thrash Metal", "Pop")
    taken = [word for word in words if room.takes(Field.GENRE, word)]
    assert taken == ["Thrash Metal", "Pop"]
    for word in words:  # as proposing itself has it
        one = propose(
            Suggestion(word, 0.9),
            current=says[Field.GENRE],
            rejected=frozenset(refused),
            genre_policy=add,
            renamed_words=("Rock = Rawk",),
        )
        assert (one is not None) is (word in taken)
    anew = policy.room(says, policy.rules(Settings(genre_policy=Policy.REPLACE), WORDS), WORDS)
    assert anew.takes(Field.GENRE, "Death Metal")


def test_a_proposal_says_who_made_its_new_values() -> None:
    model = Suggestion("Pop", 0.9, by="llama-tiny-1-s1")
    made = propose(model, current=("Jazz",), genre_policy=Policy.ADD)
    assert made is not None
    assert made.tagger == "llama-tiny-1-s1"
    made = propose(ROCK, current=("Jazz",), genre_policy=Policy.ADD)
    assert made is not None
    assert made.tagger == "t"


def test_add_means_fill_where_one_value_is_all() -> None:
    said = Suggestion("Calm music.", 0.9)
    add = Policy.ADD
    assert values(propose(said, field=Field.SUMMARY, summary_policy=add)) == ("Calm music.",)
    assert propose(said, field=Field.SUMMARY, current=("Mine.",), summary_policy=add) is None


def test_replace_proposes_what_differs() -> None:
    assert values(propose(ROCK, current=("Jazz",), genre_policy=Policy.REPLACE)) == ("Rock",)
    assert propose(ROCK, current=("rock",), genre_policy=Policy.REPLACE) is None
    assert propose(ROCK, current=("rock", "Pop"), genre_policy=Policy.REPLACE) is None


def test_never() -> None:
    assert propose(ROCK, genre_policy=Policy.NEVER) is None
    assert propose(Suggestion("x", 1), field=Field.TITLE) is None


def test_what_is_not_sure_enough_is_left_out() -> None:
    assert values(propose(ROCK, POP, least_confidence=0.8)) == ("Rock",)
    assert propose(POP, least_confidence=0.71) is None


def test_a_narrower_genre_takes_the_place_of_the_broader() -> None:
    rock, hard = Suggestion("Rock", 0.9), Suggestion("Hard Rock", 0.8)
    assert values(propose(rock, hard)) == ("Hard Rock",)
    assert values(propose(rock, Suggestion("Hard Rock", 0.65))) == ("Rock", "Hard Rock")
    assert values(propose(rock, hard, denied_words=("Hard Rock",))) == ("Rock",)
    assert values(propose(rock, hard, allowed_words=("rock",))) == ("Rock",)
    assert values(propose(rock, hard, rejected=frozenset({(Field.GENRE, "hardrock")}))) == ("Rock",)


def test_add_knows_the_tree() -> None:
    metal = Suggestion("Metal", 0.9)
    made = propose(metal, ROCK, POP, current=("Death Metal",), genre_policy=Policy.ADD)
    assert values(made) == ("Death Metal", "Pop")


def test_what_a_file_says_oddly_stops_nothing() -> None:
    long = "x" * 2000
    assert propose(Suggestion(long, 0.9), ROCK) is None
    made = propose(ROCK, current=(long,), genre_policy=Policy.ADD)
    assert values(made) == (long, "Rock")
    assert (
        propose(ROCK, current=("Pop",), genre_policy=Policy.REPLACE, renamed_words=("Rock=;",))
        is None
    )


def test_only_so_many_values() -> None:
    many = [Suggestion(name, 0.9) for name in ("Jazz", "Blues", "Latin", "Reggae")]
    assert len(values(propose(*many))) == 3


def test_single_values_get_the_surest() -> None:
    two = (Suggestion("Calm music.", 0.9), Suggestion("Loud music.", 0.7))
    assert values(propose(*two, field=Field.SUMMARY)) == ("Calm music.",)


def test_the_persons_own_words() -> None:
    assert values(propose(ROCK, HIPHOP, denied_words=("HipHop",))) == ("Rock",)
    assert values(propose(ROCK, HIPHOP, allowed_words=("rap",))) == ("Hip-Hop",)
    renamed = propose(ROCK, HIPHOP, renamed_words=("hip hop = Rap", "Rock=Rock & Roll"))
    assert values(renamed) == ("Rock & Roll", "Rap")
    assert propose(HIPHOP, renamed_words=("Hip-Hop = Rap",), denied_words=("Hip-Hop",)) is None
    heavy = ("Metal = Heavy Stuff",)
    metal = Suggestion("Metal", 0.9)
    add = Policy.ADD
    assert propose(metal, current=("metal",), genre_policy=add, renamed_words=heavy) is None
    gone = frozenset({(Field.GENRE, "metal")})
    assert propose(metal, renamed_words=heavy, rejected=gone) is None
    with pytest.raises(UserError, match=r"write it like Hip-Hop = Rap"):
        propose(ROCK, renamed_words=("Rock",))


def test_what_was_rejected_is_not_proposed_again() -> None:
    assert values(propose(ROCK, POP, rejected=frozenset({(Field.GENRE, "rock")}))) == ("Pop",)
    summary = Suggestion("Calm music.", 0.9)
    assert propose(summary, field=Field.SUMMARY, rejected=frozenset({(Field.SUMMARY, "*")})) is None


def test_tempo_and_key_fill_what_is_missing() -> None:
    tempo, key = Suggestion("128", 0.8), Suggestion("Am", 0.7)
    assert values(propose(tempo, field=Field.BPM)) == ("128",)
    assert values(propose(key, field=Field.KEY)) == ("Am",)
    assert propose(tempo, field=Field.BPM, current=("90",)) is None
    assert propose(key, field=Field.KEY, current=("8A",)) is None
    assert propose(tempo, field=Field.BPM, bpm_policy=Policy.NEVER) is None
    assert propose(key, field=Field.KEY, current=("C",), key_policy=Policy.ADD) is None
    assert propose(key, field=Field.KEY, least_confidence=0.71) is None


@pytest.mark.parametrize("said", ["128", "127.45", "124", "132"])
def test_a_tempo_is_not_replaced_by_the_same_one(said: str) -> None:
    tempo, replace = Suggestion("128", 0.8), Policy.REPLACE
    assert propose(tempo, field=Field.BPM, current=(said,), bpm_policy=replace) is None
    for other in ("64", "122", "fast", "0"):
        made = propose(tempo, field=Field.BPM, current=(other,), bpm_policy=replace)
        assert values(made) == ("128",)


@pytest.mark.parametrize("said", ["Am", "8A", "A minor"])
def test_a_key_is_not_replaced_by_the_same_one(said: str) -> None:
    key, replace = Suggestion("Am", 0.8), Policy.REPLACE
    assert propose(key, field=Field.KEY, current=(said,), key_policy=replace) is None
    assert values(propose(key, field=Field.KEY, current=("A",), key_policy=replace)) == ("Am",)
