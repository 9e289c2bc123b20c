from __future__ import annotations

from msa_desktop.base.fields import Field
from msa_desktop.llm import candidates
from msa_desktop.llm.rules import RulesTagger
from tests.support_llm import HOSTILE, METAL, RULES, WORDS, evidence, near


def test_every_word_that_something_speaks_for_the_surest_first() -> None:
    known = candidates.gather(METAL, RULES, WORDS)
    genres = known.tags[Field.GENRE]
    assert list(genres) == ["Metal", "Thrash Metal", "Punk", "Grunge"]
    assert genres["Punk"].confidence == 0.62
    assert [n.track_id for n in genres["Punk"].neighbours] == [2]
    assert "Aggressive" in known.tags[Field.MOOD]
    assert {"metal", "guitar"} <= {made.value for made in known.stated}
    numbers = {name: made.value for name, made in known.numbers.items()}
    assert numbers == {"{tempo}": "162 BPM", "{key}": "E minor"}


def test_the_rules_never_suggest_a_word_that_is_no_candidate() -> None:
    suggested = RULES.suggest(METAL)
    known = candidates.gather(METAL, RULES, WORDS)
    for field, tags in known.tags.items():
        assert {made.value for made in suggested[field]} <= set(tags)


def test_the_files_own_words_come_first_and_keep_what_speaks_for_them() -> None:
    said = {Field.GENRE: ("hip hop", "Polka", "80s")}
    known = candidates.gather(evidence({"Hip-Hop": 0.4, "Rock": 0.9}, says=said), RULES, WORDS)
    genres = known.tags[Field.GENRE]
    assert list(genres) == ["Hip-Hop", "Polka", "Rock"]
    assert genres["Hip-Hop"].confidence == 0.4
    assert (genres["Polka"].confidence, genres["Polka"].reason) == (1.0, "the file's own tags")


def test_what_the_person_does_not_want_is_not_offered() -> None:
    def wanted(field: Field, word: str) -> bool:
        return field is not Field.GENRE or word == "Punk"

    known = candidates.gather(METAL, RULES, WORDS, wanted)
    assert list(known.tags[Field.GENRE]) == ["Punk"]
    assert known.tags[Field.MOOD]


def test_what_the_file_keeps_is_said_and_not_offered() -> None:
    own = ("hip hop", "Polka", *(f"My own {number}" for number in range(30)))
    votes = {"Hip-Hop": 0.4, "Rock": 0.9, "Jazz": 0.8}
    gone = {"Hip-Hop", "Jazz", *own}
    known = candidates.gather(
        evidence(votes, says={Field.GENRE: own}),
        RULES,
        WORDS,
        takes=lambda _field, word: word not in gone,
    )
    assert list(known.offered[Field.GENRE]) == ["Rock"]
    said = known.tags[Field.GENRE]
    assert list(said)[:2] == ["Hip-Hop", "Polka"]
    assert (len(said), list(said)[-1]) == (13, "Rock"), "its own words leave room for others"
    assert "Jazz" not in said, "it was rejected"
    everything = candidates.gather(METAL, RULES, WORDS)
    assert everything.offered == everything.tags


def test_thousands_of_tags_are_a_dozen_candidates() -> None:
    votes = {f"Genre {n}": 0.2 + n / 10_000 for n in range(5000)}
    found = evidence(votes, tuple(near(n, *list(votes)[n : n + 300]) for n in range(20)))
    genres = candidates.gather(found, RULES, WORDS).tags[Field.GENRE]
    assert len(genres) == 12
    assert next(iter(genres)) == "Genre 4999"


def test_hostile_tags_are_shown_bare_or_not_at_all() -> None:
    known = candidates.gather(evidence(dict.fromkeys(HOSTILE, 0.9)), RULES, WORDS)
    for word in known.tags[Field.GENRE]:
        assert len(word) <= 40
        assert not set(word) & set('<>[]{}|#"\\\n\x1b\x00\u202e\ud800')


def test_nothing_is_offered_without_evidence() -> None:
    assert isinstance(RULES, RulesTagger)
    known = candidates.gather(evidence(), RULES, WORDS)
    assert not any(known.tags.values())
    assert known.stated == ()
