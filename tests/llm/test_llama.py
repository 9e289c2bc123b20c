"""The tagger on a model that says what the tests say; the real one is in test_llama_real.py."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.llm import llama, prompt
from msa_desktop.llm._base import NO_TOKENS, Evidence, Room, Tokens
from msa_desktop.llm._engine import Question, Reply, TooLong
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.candidates import Candidates
from msa_desktop.llm.llama import LlamaTagger, LocalModel, Told, parsed
from msa_desktop.llm.process import ModelProcess
from tests.support_llm import GROUNDING, METAL, RULES, WORDS, evidence, scripted

GENRE, MOOD, SUMMARY = Field.GENRE, Field.MOOD, Field.SUMMARY


class Script:
    """A backend that answers with a text, or raises."""

    kind = "script"

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked = 0

    def ask(self, _: Evidence, known: Candidates, __: CancelToken | None) -> Told:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return parsed(self.answer, known)

    def close(self) -> None:
        return


def room(*fields: Field) -> Room:
    return Room(fields, lambda _field, _word: True)


def tagger(answer: object) -> tuple[LlamaTagger, list[str]]:
    said: list[str] = []
    text = answer if isinstance(answer, (str, Exception)) else json.dumps(answer)
    backend = Script(text)
    return LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=said.append), said


def test_the_model_chooses_and_orders_and_the_evidence_says_how_sure() -> None:
    made, said = tagger(
        {"genre": ["Punk", "Metal"], "mood": ["Energetic"], "summary": "Punk with guitar."}
    )
    assert made.id == f"script-tiny-{prompt.VERSION}-s{llama.options('').seed}"
    sure = {s.value: s.confidence for s in RULES.candidates(METAL)[GENRE]}
    found = made.suggest(METAL)
    assert [s.value for s in found[GENRE]] == ["Punk", "Metal"]
    for suggestion in found[GENRE]:
        assert suggestion.confidence == sure[suggestion.value]
        assert suggestion.labels or suggestion.neighbours
        assert suggestion.reason == "chosen by tiny"
        assert suggestion.by == made.id
    assert [s.value for s in found[MOOD]] == ["Energetic"]
    (summary,) = found[SUMMARY]
    assert summary.value == "Punk with guitar."
    assert summary.confidence == 0.62
    assert {label.label for label in summary.labels} == {"guitar"}
    assert summary.by == made.id
    assert found[Field.GROUPING] == RULES.suggest(METAL)[Field.GROUPING]
    assert {made.by for made in found[Field.GROUPING]} == {""}
    assert made.fallbacks == 0
    assert said == []


def test_what_is_no_candidate_is_dropped() -> None:
    made, _ = tagger({"genre": ["Polka", "Metal", 7, "Metal"], "mood": ["Polka"], "summary": ""})
    found = made.suggest(METAL)
    assert [s.value for s in found[GENRE]] == ["Metal"]
    assert found[MOOD] == RULES.suggest(METAL)[MOOD]


def test_a_sentence_that_says_more_is_replaced_by_the_rules() -> None:
    made, said = tagger({"genre": ["Metal"], "summary": "Metal with guitar and saxophone."})
    assert made.suggest(METAL)[SUMMARY] == RULES.suggest(METAL)[SUMMARY]
    assert said == []


@pytest.mark.parametrize(
    "answer",
    ["", "{", "[]", "null", "7", '{"genre": "Metal"}x', '{"genre":["Metal"', "[" * 100_000],
)
def test_an_answer_that_is_none_is_that_of_the_rules(answer: str) -> None:
    made, said = tagger(answer)
    assert made.suggest(METAL) == RULES.suggest(METAL)
    assert len(said) == 1


def test_the_reason_is_said_once_in_a_run() -> None:
    made, said = tagger(ModelError("The model is gone."))
    for _ in range(3):
        assert made.suggest(METAL) == RULES.suggest(METAL)
    assert said == ["The model is gone. The rules answer in the language model's place."]
    assert made.fallbacks == 3
    made.begin()
    made.suggest(METAL)
    assert len(said) == 2


def test_an_answer_of_which_nothing_can_be_used_counts_as_the_rules() -> None:
    made, said = tagger({"genre": ["Polka"], "summary": "Metal with saxophone."})
    assert made.suggest(METAL) == RULES.suggest(METAL)
    assert (made.fallbacks, said) == (1, [])
    chose, _ = tagger({"genre": ["Metal"], "summary": "Metal with saxophone."})
    chose.suggest(METAL)
    assert chose.fallbacks == 0
    chose.suggest(METAL, room=room(SUMMARY))  # its genres cannot be proposed
    assert chose.fallbacks == 1


def test_cancelling_is_no_failure() -> None:
    made, said = tagger(Cancelled())
    with pytest.raises(Cancelled):
        made.suggest(METAL)
    assert said == []


def test_the_model_is_not_asked_without_candidates() -> None:
    backend = Script("{}")
    made = LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=print)
    assert made.suggest(evidence(guitar=0.9)) == RULES.suggest(evidence(guitar=0.9))
    assert backend.asked == 0


def test_the_model_is_not_asked_where_nothing_of_it_can_be_proposed() -> None:
    backend = Script('{"genre":["Punk"],"mood":[],"summary":"Punk with guitar."}')
    made = LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=print)
    assert made.suggest(METAL, room=room(Field.BPM, Field.GROUPING)) == RULES.suggest(METAL)
    assert made.suggest(METAL, room=room()) == RULES.suggest(METAL)
    none = Room({GENRE, MOOD}, lambda _field, _word: False)
    assert made.suggest(METAL, room=none) == RULES.suggest(METAL)
    assert (backend.asked, made.fallbacks) == (0, 0)
    for count, field in enumerate((GENRE, MOOD, SUMMARY), 1):
        made.suggest(METAL, room=room(field))
        assert backend.asked == count


def test_words_that_the_file_keeps_take_no_place_of_the_models() -> None:
    own = ("Rock", "Hard Rock", "Live")
    known = evidence({"Metal": 0.9, "Thrash Metal": 0.85, "Rock": 0.8}, says={GENRE: own})
    adds = Room({GENRE}, lambda _field, word: word not in own)
    made, _ = tagger({"genre": [*own, "Thrash Metal"], "summary": "Metal and rock music."})
    found = made.suggest(known, room=adds)
    assert [suggestion.value for suggestion in found[GENRE]] == ["Thrash Metal"]
    assert found[SUMMARY][0].value == "Metal and rock music."
    made, _ = tagger({"genre": own})
    assert made.suggest(known, room=adds)[GENRE] == RULES.suggest(known)[GENRE]


def test_faults_of_the_program_are_not_hidden() -> None:
    made, _ = tagger(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        made.suggest(METAL)


class Narrow(ModelProcess):
    """A process whose context holds so many characters."""

    def __init__(self, room: int) -> None:
        super().__init__(llama.options(""), main=scripted)
        self.room = room
        self.seen: list[Question] = []

    def ask(self, question: Question, _: CancelToken | None = None) -> Reply | TooLong:
        self.seen.append(question)
        if len(question.data) > self.room:
            return TooLong()
        return Reply('{"genre":["Metal"],"mood":[],"summary":""}', 90, 12, 0.4, 0.5)


def test_neighbours_are_left_out_until_the_question_fits() -> None:
    process = Narrow(220)
    made = LlamaTagger("tiny", LocalModel(process, GROUNDING), RULES, WORDS, GROUNDING, tell=print)
    assert [s.value for s in made.suggest(METAL)[GENRE]] == ["Metal"]
    assert [q.data.count("similar: ") for q in process.seen] == [2, 2, 0]


def test_the_tokens_of_every_answer_are_counted() -> None:
    backend = LocalModel(Narrow(9999), GROUNDING)
    made = LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=print)
    assert made.tokens == NO_TOKENS
    made.suggest(METAL)
    before = made.tokens
    assert before == Tokens(12, 0.5)
    made.suggest(METAL)
    assert made.tokens.rate_since(before) == pytest.approx(24.0)
    assert made.tokens.rate_since(made.tokens) == 0.0
    assert RULES.tokens == NO_TOKENS


def test_a_context_too_small_for_anything_is_said() -> None:
    said: list[str] = []
    backend = LocalModel(Narrow(0), GROUNDING)
    made = LlamaTagger("tiny", backend, RULES, WORDS, GROUNDING, tell=said.append)
    assert made.suggest(METAL) == RULES.suggest(METAL)
    assert "llm_context" in said[0]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, msa_desktop.llm.llama, msa_desktop.llm.server\n"
        "heavy = {'llama_cpp', 'jinja2', 'psutil', 'PySide6', 'av', 'faiss'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
