"""A real model in a real process: what it says whatever it is given, and when it is unusable."""

from __future__ import annotations

import importlib.util
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from msa_desktop.base.errors import Cancelled
from msa_desktop.base.fields import Field
from msa_desktop.base.jobs import CancelToken
from msa_desktop.llm import _engine, candidates, llama, prompt
from msa_desktop.llm._base import Evidence
from msa_desktop.llm._engine import Question, Reply
from msa_desktop.llm._rest import ModelError
from msa_desktop.llm.llama import LlamaTagger, LocalModel
from msa_desktop.llm.process import ModelProcess
from tests.support_llm import (
    CALM,
    GROUNDING,
    HOSTILE,
    METAL,
    RULES,
    WORDS,
    cramped,
    evidence,
    near,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)


@pytest.fixture(scope="module")
def gguf(language_model: Path) -> str:
    return str(language_model)


@pytest.fixture(scope="module")
def process(gguf: str) -> Iterator[ModelProcess]:
    made = ModelProcess(llama.options(gguf))
    yield made
    made.close()


def tagger(process: ModelProcess, said: list[str]) -> LlamaTagger:
    backend = LocalModel(process, GROUNDING)
    return LlamaTagger("real", backend, RULES, WORDS, GROUNDING, tell=said.append)


def question(case: Evidence) -> Question:
    known = candidates.gather(case, RULES, WORDS)
    return Question(prompt.data(case, known, 5), GROUNDING.grammar(known), prompt.LONGEST_ANSWER)


def answer(process: ModelProcess, case: Evidence) -> Reply:
    reply = process.ask(question(case))
    assert isinstance(reply, Reply)
    return reply


def assert_grounded(case: Evidence, made: LlamaTagger) -> None:
    known = candidates.gather(case, RULES, WORDS)
    found = made.suggest(case)
    for field, tags in known.tags.items():
        offered = {tag.value: tag for tag in tags.values()}
        for suggestion in found.get(field, ()):
            assert suggestion.confidence == offered[suggestion.value].confidence
            assert suggestion.reason.endswith("chosen by real")
    for summary in found.get(Field.SUMMARY, ()):
        text = summary.value
        for number in known.numbers.values():
            text = text.replace(number.value, "")
        assert not any(character.isdigit() for character in text)
        if summary.reason:
            GROUNDING.check(text.replace(" at .", ".").replace(" in .", "."), known)
        assert "polka" not in text.lower()


def test_it_chooses_among_what_is_known_and_says_only_that(process: ModelProcess) -> None:
    said: list[str] = []
    made = tagger(process, said)
    for case in (METAL, CALM):
        assert_grounded(case, made)
    assert said == []
    (summary,) = made.suggest(METAL)[Field.SUMMARY]
    assert summary.reason == "chosen by real"


@pytest.mark.parametrize("text", HOSTILE)
def test_titles_and_tags_give_no_orders(process: ModelProcess, text: str) -> None:
    said: list[str] = []
    votes = {"Metal": 0.7, "Punk": 0.65, text: 0.3}
    neighbours = tuple(near(n, "Metal", text, title=text, artist=text) for n in range(5))
    assert_grounded(evidence(votes, neighbours, guitar=0.6), tagger(process, said))
    assert said == []


def test_a_track_with_thousands_of_tags(process: ModelProcess) -> None:
    said: list[str] = []
    votes = {f"Genre {n}": 0.2 + n / 10_000 for n in range(5000)}
    neighbours = tuple(near(n, *votes, title="x" * 9000, artist="y" * 9000) for n in range(20))
    found = evidence(votes, neighbours, {Field.GENRE: tuple(f"My own {n}" for n in range(5000))})
    made = tagger(process, said).suggest(found)
    assert 1 <= len(made[Field.GENRE]) <= 3
    assert said == []


def test_the_same_question_has_the_same_answer(process: ModelProcess, gguf: str) -> None:
    first = answer(process, METAL)
    answer(process, CALM)
    assert answer(process, METAL).text == first.text
    anew = ModelProcess(llama.options(gguf, keep_prefix=False))
    try:
        assert answer(anew, METAL).text == first.text
    finally:
        anew.close()


def test_the_fixed_part_is_read_once(gguf: str) -> None:
    process = ModelProcess(llama.options(gguf))
    try:
        first, second = answer(process, METAL), answer(process, METAL)
        assert first.read > second.read
        assert first.text == second.text
    finally:
        process.close()


def test_killed_at_work_it_costs_one_answer(gguf: str) -> None:
    said: list[str] = []
    process = ModelProcess(llama.options(gguf))
    made = tagger(process, said)
    try:
        made.suggest(METAL)
        psutil.Process(process.pid).kill()
        assert made.suggest(METAL) == RULES.suggest(METAL)
        assert "signal 9" in said[0]
        assert made.suggest(METAL)[Field.GENRE][0].reason == "chosen by real"
        assert len(said) == 1
    finally:
        process.close()


def test_cancelled_at_work_the_model_stays(process: ModelProcess) -> None:
    first = answer(process, METAL)
    pid, cancel = process.pid, CancelToken()
    threading.Timer(first.reading / 2 + 0.1, cancel.cancel).start()
    with pytest.raises(Cancelled):
        while True:
            process.ask(question(METAL), cancel)
    assert answer(process, METAL).text == first.text
    assert process.pid == pid


def test_more_memory_than_allowed(gguf: str) -> None:
    said: list[str] = []
    process = ModelProcess(llama.options(gguf), memory_limit=100 * 10**6)
    try:
        assert tagger(process, said).suggest(METAL) == RULES.suggest(METAL)
    finally:
        process.close()
    assert "100 MB" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may map")
def test_too_little_memory_to_load(gguf: str) -> None:
    process = ModelProcess(llama.options(gguf, context=65_536), main=cramped)
    try:
        with pytest.raises(ModelError, match=r"not enough memory .*alloc.*llm_context") as error:
            process.ask(question(METAL))
    finally:
        process.close()
    assert "damaged" not in str(error.value)


def test_a_chat_template_is_told_the_same_date_every_day() -> None:
    template = (
        "{{ bos_token }}{% if strftime_now is defined %}Today: {{ strftime_now('%d %b %Y') }}\n"
        "{% endif %}{{ messages[0].content }}{{ eos_token }}"
    )
    framed = _engine.framed(template, "Tag this: ", "<s>", "</s>")
    assert framed == ("<s>Today: 26 Jul 2024\nTag this: ", "</s>")


@pytest.mark.parametrize("template", ["{{ nothing.at.all }}", "{% for", "Hello."])
def test_a_chat_template_that_fails_is_not_used(template: str) -> None:
    assert _engine.framed(template, "Tag this: ", "<s>", "</s>") is None


def test_a_context_that_holds_no_question(gguf: str) -> None:
    said: list[str] = []
    process = ModelProcess(llama.options(gguf, context=256))
    try:
        assert tagger(process, said).suggest(METAL) == RULES.suggest(METAL)
    finally:
        process.close()
    assert "llm_context" in said[0]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def of_another_architecture(path: Path) -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    path.write_bytes(head + text("general.architecture") + struct.pack("<I", 8) + text("mystery"))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "cannot be read"),
        ("empty", "is not a language model in the GGUF format"),
        ("text", "is not a language model in the GGUF format"),
        ("architecture", "cannot be used as a language model .*mystery"),
        ("cut short", "cannot be used as a language model"),
        ("garbage", "cannot be used as a language model"),
    ],
)
def test_a_file_that_is_no_model(kind: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    match kind:
        case "empty":
            path.touch()
        case "text":
            path.write_text("I am a model.")
        case "architecture":
            of_another_architecture(path)
        case "garbage":
            path.write_bytes(b"GGUF" + bytes(range(256)) * 64)
        case "cut short":
            of_another_architecture(path)
            path.write_bytes(path.read_bytes()[:-3])
    process = ModelProcess(llama.options(str(path)))
    try:
        with pytest.raises(ModelError, match=reason):
            process.ask(question(METAL))
    finally:
        process.close()


def test_a_real_model_cut_short(gguf: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    with open(gguf, "rb") as file:
        path.write_bytes(file.read(Path(gguf).stat().st_size // 4))
    process = ModelProcess(llama.options(str(path)))
    try:
        with pytest.raises(ModelError, match=r"cannot be used as a language model .*data"):
            process.ask(question(METAL))
    finally:
        process.close()
