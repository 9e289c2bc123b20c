from __future__ import annotations

import json
import re

import pytest

from msa_desktop.base.fields import Field
from msa_desktop.base.proposals import MOST_VALUES
from msa_desktop.llm import candidates, prompt
from tests.support_llm import HOSTILE, METAL, RULES, WORDS, evidence, near


@pytest.mark.parametrize("text", HOSTILE)
def test_other_peoples_text_is_one_bare_line(text: str) -> None:
    shown = prompt.plain(text, 40)
    assert len(shown) <= 40
    assert shown.isprintable()
    assert not re.search(r"[<>\[\]{}|#`\"\\]", shown)
    shown.encode()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_title_or_tag_adds_no_line(text: str) -> None:
    neighbours = (near(1, text, "Metal", title=text, artist=text),)
    found = evidence({text: 0.5, "Metal": 0.7}, neighbours)
    lines = prompt.data(found, candidates.gather(found, RULES, WORDS), 5).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "", "BEGIN", "genres", "moods", "heard", "similar", "END",
    ]  # fmt: skip


def test_what_is_known_is_told() -> None:
    text = prompt.data(METAL, candidates.gather(METAL, RULES, WORDS), 5)
    assert "genres: Metal 100%, Thrash Metal 65%, Punk 62%, Grunge 30%" in text
    assert "also: {tempo}, {key}" in text
    assert "similar: 0.90, Thrash Metal, Punk, Grunge (Song 2 by Ada)" in text
    assert "similar" not in prompt.data(METAL, candidates.gather(METAL, RULES, WORDS), 0)


def test_what_the_file_keeps_is_told_apart_from_the_choice() -> None:
    found = evidence({"Metal": 0.7}, says={Field.GENRE: ("Rock", "Live")})
    known = candidates.gather(found, RULES, WORDS, takes=lambda _, word: word == "Metal")
    assert "genres: Metal 70%\ngenres it has: Rock, Live\nmoods: none\n" in prompt.data(
        found, known, 5
    )
    schema = prompt.schema(known, MOST_VALUES, 240)
    assert schema["properties"]["genre"]["items"]["enum"] == ["Metal"]


def test_a_track_with_thousands_of_tags_is_told_shortly() -> None:
    votes = {f"Genre {n}": 0.2 + n / 10_000 for n in range(5000)}
    neighbours = tuple(near(n, *votes, title="x" * 9000, artist="y" * 9000) for n in range(20))
    found = evidence(votes, neighbours)
    assert len(prompt.data(found, candidates.gather(found, RULES, WORDS), 5)) < 2500


def test_the_instruction_holds_no_word_that_could_leak() -> None:
    said = set(re.findall(r"\w+", prompt.INSTRUCTION.lower()))
    assert not said & {name.lower() for name in (*WORDS.genres, *WORDS.moods)}


def test_the_schema_allows_candidates_alone() -> None:
    known = candidates.gather(METAL, RULES, WORDS)
    schema = json.loads(json.dumps(prompt.schema(known, MOST_VALUES, 240)))
    genre = schema["properties"]["genre"]
    assert genre["items"]["enum"] == list(known.tags[Field.GENRE])
    assert (genre["minItems"], genre["maxItems"]) == (1, 3)
    assert schema["required"] == ["genre", "mood", "summary"]
    assert schema["additionalProperties"] is False
