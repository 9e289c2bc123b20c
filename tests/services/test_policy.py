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


def test_add_means_fill_where_one_value_is_all() -> None:
    am = Suggestion("Am", 0.9)
    assert values(propose(am, field=Field.KEY, key_policy=Policy.ADD)) == ("Am",)
    assert propose(am, field=Field.KEY, current=("C",), key_policy=Policy.ADD) is None


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


def test_single_values_get_the_surest() -> None:
    two = (Suggestion("120", 0.9), Suggestion("60", 0.7))
    assert values(propose(*two, field=Field.BPM)) == ("120",)


def test_the_persons_own_words() -> None:
    assert values(propose(ROCK, HIPHOP, denied_words=("HipHop",))) == ("Rock",)
    assert values(propose(ROCK, HIPHOP, allowed_words=("rap",))) == ("Hip-Hop",)
    renamed = propose(ROCK, HIPHOP, renamed_words=("hip hop = Rap", "Rock=Rock & Roll"))
    assert values(renamed) == ("Rock & Roll", "Rap")
    assert propose(HIPHOP, renamed_words=("Hip-Hop = Rap",), denied_words=("Hip-Hop",)) is None
    with pytest.raises(UserError, match=r"write it like Hip-Hop = Rap"):
        propose(ROCK, renamed_words=("Rock",))


def test_what_was_rejected_is_not_proposed_again() -> None:
    assert values(propose(ROCK, POP, rejected=frozenset({(Field.GENRE, "rock")}))) == ("Pop",)
    summary = Suggestion("Calm music.", 0.9)
    assert propose(summary, field=Field.SUMMARY, rejected=frozenset({(Field.SUMMARY, "*")})) is None
