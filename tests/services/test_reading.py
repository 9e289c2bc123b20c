from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from msa_desktop.base.events import Event, EventBus, Notice
from msa_desktop.base.settings import Device
from msa_desktop.encoders._base import EncoderFacts
from msa_desktop.services.reading import Reading
from tests.services.tiny_reader import facts

Make = Callable[..., Reading]


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def make(told: list[Event]) -> Iterator[Make]:
    made: list[Reading] = []

    def one(*encoders: EncoderFacts, idle: float = 60) -> Reading:
        events = EventBus()
        events.subscribe(told.append)
        made.append(Reading(lambda: encoders, lambda: Device.CPU, events, idle=idle))
        return made[-1]

    yield one
    for reading in made:
        reading.close()


def test_those_that_read_nothing_cost_nothing(make: Make) -> None:
    reading = make(facts("deaf", ""))
    assert reading("calm piano") == {}
    assert reading._process is None


def test_one_that_lacks_its_tokenizer_is_told_once(
    make: Make, tmp_path: Path, told: list[Event]
) -> None:
    lacking = EncoderFacts("clap", "1", 512, "msa_desktop.encoders.clap", "here")
    reading = make(lacking, facts("one", tmp_path))
    assert set(reading("calm")) == set(reading("piano")) == {"one"}
    (notice,) = told
    assert isinstance(notice, Notice)
    assert "clap" in notice.text
    assert "msa-desktop models install roberta-base" in notice.text
    alone = make(lacking)
    assert alone("calm") == {}
    assert len(told) == 2


def test_every_encoder_that_reads_answers(make: Make, tmp_path: Path, told: list[Event]) -> None:
    reading = make(facts("one", tmp_path), facts("deaf", ""), facts("two", tmp_path))
    found = reading("calm")
    assert set(found) == {"one", "two"}
    assert found["one"].tolist() == found["two"].tolist()
    assert found["one"][0] == 4
    assert reading("piano")["one"].tolist()[:2] == [5, found["one"][1]]  # by the same process
    assert told == []


def test_one_that_cannot_be_loaded_is_told_once(
    make: Make, tmp_path: Path, told: list[Event]
) -> None:
    reading = make(facts("one", tmp_path), facts("two", tmp_path / "gone"))
    assert set(reading("calm")) == set(reading("piano")) == {"one"}
    (notice,) = told
    assert isinstance(notice, Notice)
    assert "gone" in notice.text


@pytest.mark.parametrize(
    ("way", "words"),
    [("full", "out of memory"), ("broken", "out of memory"), ("nan", "finite numbers")],
)
def test_one_that_fails_silences_no_other(
    make: Make, tmp_path: Path, told: list[Event], way: str, words: str
) -> None:
    reading = make(facts("ill", tmp_path, way), facts("one", tmp_path))
    first, second = reading("calm"), reading("piano")
    assert set(first) == set(second) == {"one"}
    assert first["one"][1] == second["one"][1], "their process lives"
    (notice,) = told
    assert isinstance(notice, Notice)
    assert words in notice.text
    assert '"ill"' in notice.text
    reading.encoders_changed()
    assert set(reading("calm")) == {"one"}
    assert len(told) == 2


def test_another_device_is_gone_to(tmp_path: Path, told: list[Event]) -> None:
    events = EventBus()
    events.subscribe(told.append)
    chosen = [Device.MPS]
    reading = Reading(lambda: (facts("one", tmp_path),), lambda: chosen[-1], events)
    try:
        assert reading("calm") == {}
        chosen.append(Device.CPU)
        reading.encoders_changed()
        assert set(reading("calm")) == {"one"}
    finally:
        reading.close()
    (notice,) = told
    assert isinstance(notice, Notice)
    assert notice.text == "There is no mps."


def test_several_sentences_by_one_encoder(make: Make, tmp_path: Path, told: list[Event]) -> None:
    reading = make(facts("one", tmp_path), facts("two", tmp_path))
    process = reading("calm")["one"][1]
    assert reading.embed("two", ["a", "abc"]).tolist() == [[1, process, 1], [3, process, 1]]  # type: ignore[union-attr]
    assert reading.embed("nobody", ["a"]) is None
    assert reading.embed("one", ["a", "die"]) is None
    assert len(told) == 1


def test_a_process_that_dies_costs_one_answer(
    make: Make, tmp_path: Path, told: list[Event]
) -> None:
    reading = make(facts("one", tmp_path))
    first = reading("calm")["one"][1]
    assert reading("die") == {}
    assert reading("calm")["one"][1] != first
    assert len(told) == 1


def test_memory_is_given_back(make: Make, tmp_path: Path) -> None:
    reading = make(facts("one", tmp_path), idle=0.3)
    first = reading("calm")["one"][1]
    process = reading._process
    assert process is not None
    process.join(20)
    assert process.exitcode == 0
    time.sleep(0.1)
    assert reading("calm")["one"][1] != first


def test_stopping_ends_what_is_waited_for(make: Make, tmp_path: Path, told: list[Event]) -> None:
    reading = make(facts("one", tmp_path))
    reading("calm")
    began = time.monotonic()
    threading.Timer(0.3, reading.stop).start()
    assert reading("sleep") == {}
    assert time.monotonic() - began < 30
    assert reading("calm") == {}
    assert told == []
