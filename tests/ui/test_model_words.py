from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from msa_desktop.base import extras
from msa_desktop.base.events import ModelProgress, ModelStep
from msa_desktop.services.models import ModelState, ModelStatus
from msa_desktop.ui import model_words
from msa_desktop.ui.action_table import Act
from msa_desktop.ui.model_words import Doing, Entry, Pace, Trouble
from msa_desktop.weights.catalogue import Hub, Kind, Model, ModelFile

_MODEL = Model(
    id="talker",
    title="Talker",
    purpose="Words tags.",
    kind=Kind.LLM,
    extra="llm",
    licence="MIT",
    hub=Hub(repository="maker/talker", revision="main"),
    files=(ModelFile(name="talker.gguf", size=2_300_000_000),),
)
_GONE = ModelStatus(_MODEL, ModelState.MISSING, Path("/models/talker"), True)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (_GONE, "Needs a download of 2.3 GB"),
        (replace(_GONE, has_extra=False), "Needs a download of 2.3 GB and the extra llm"),
        (replace(_GONE, came=1_100_000_000), "Unfinished: 1.1 GB of 2.3 GB is here"),
        (replace(_GONE, state=ModelState.READY), "Ready"),
        (
            replace(_GONE, state=ModelState.NEEDS_EXTRA, has_extra=False),
            "Installed, needs the extra llm",
        ),
        (replace(_GONE, state=ModelState.DAMAGED), "Damaged"),
        (replace(_GONE, state=ModelState.BUILT_IN), "Built in"),
    ],
)
def test_a_state_in_words(status: ModelStatus, words: str) -> None:
    assert model_words.state(status) == words


def test_the_next_step() -> None:
    gone = Entry(_GONE)
    assert gone.button() == (Act.INSTALL_MODEL, "Install…")
    assert replace(gone, status=replace(_GONE, came=1)).button() == (
        Act.INSTALL_MODEL,
        "Continue…",
    )
    assert replace(gone, doing=Doing.INSTALL).button() == (Act.CANCEL_MODEL, "Cancel")
    assert replace(gone, doing=Doing.REMOVE).button() is None
    failed = replace(gone, trouble=Trouble("The line is dead.", Act.INSTALL_MODEL))
    assert failed.button() == (Act.INSTALL_MODEL, "Retry")
    assert "The line is dead." in model_words.in_words(failed)
    ready = Entry(replace(_GONE, state=ModelState.READY))
    assert ready.button() is None
    assert ready.allows(Act.VERIFY_MODEL)
    assert not ready.allows(Act.INSTALL_MODEL)


def test_what_has_to_be_converted_needs_what_converts_it_first() -> None:
    file = ModelFile(name="a.pt", becomes="a.safetensors")
    model = _MODEL.model_copy(update={"files": (file,)})
    entry = Entry(replace(_GONE, model=model, has_extra=False))
    assert not entry.allows(Act.INSTALL_MODEL)
    assert entry.button() is None
    assert entry.command == extras.command("llm")
    assert not Entry(replace(_GONE, has_extra=False)).command, "its install asks for it"
    there = replace(_GONE, state=ModelState.NEEDS_EXTRA, has_extra=False)
    assert Entry(there).command
    assert Entry(replace(_GONE, model=model)).allows(Act.INSTALL_MODEL)


def test_the_pace_is_of_the_latest_seconds() -> None:
    now = 100.0
    pace = Pace(lambda: now)
    rates = []
    done = 500_000_000  # of an earlier install
    for second in range(20):
        rates.append(pace.take(ModelProgress("m", ModelStep.DOWNLOAD, done, 10**9)))
        now += 1
        done += 10_000_000 if second < 10 else 1_000_000
    assert rates[0] == 0
    assert rates[9] == pytest.approx(10_000_000)
    assert rates[-1] == pytest.approx(1_000_000)
    assert pace.take(ModelProgress("m", ModelStep.CHECK, 5, 10**9)) == 0, "another step"


def test_progress_in_words() -> None:
    progress = ModelProgress("m", ModelStep.DOWNLOAD, 1_100_000_000, 2_300_000_000)
    assert model_words.progress_words(progress, 0) == "Downloading: 1.1 GB of 2.3 GB"
    told = model_words.progress_words(progress, 10_000_000)
    assert told == "Downloading: 1.1 GB of 2.3 GB · 10.0 MB/s · about 2 min left"
    assert model_words.progress_words(replace(progress, step=ModelStep.CONVERT, total=0), 0) == (
        "Converting…"
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/x/Qwen2.5 0.5B (Q4_K_M).gguf", "qwen2.5-0.5b-q4_k_m"),
        ("/x/talker.gguf", "talker-3"),
        ("/x/\udcff.gguf", "model"),
        ("/x/" + "a" * 200, "a" * 60),
    ],
)
def test_a_file_gives_its_model_an_id(path: str, expected: str) -> None:
    assert model_words.new_id(path, ["talker", "talker-2"]) == expected
