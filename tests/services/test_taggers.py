from __future__ import annotations

from functools import partial
from pathlib import Path

import psutil
import pytest

from msa_desktop.app import App
from msa_desktop.base import extras
from msa_desktop.base.errors import UserError
from msa_desktop.base.events import Event, ModelProgress
from msa_desktop.base.fields import Field
from msa_desktop.base.settings import TaggerChoice
from msa_desktop.llm._engine import Question, Reply
from msa_desktop.llm.process import ModelProcess
from msa_desktop.services import taggers
from msa_desktop.services.models import Models
from tests.services.conftest import until
from tests.support_gguf import gguf
from tests.support_llm import METAL, scripted


def test_the_rules_are_the_default(app: App) -> None:
    assert app.taggers.current().id == "rules-1"


def test_a_model_that_is_not_there_is_told(app: App) -> None:
    app.override(tagger=TaggerChoice.MODEL)
    with pytest.raises(UserError, match="no language model yet"):
        app.taggers.current()
    with pytest.raises(UserError, match="no language model yet"):
        app.tagging.propose()
    app.override(llm_model="gemma-3-270m")
    with pytest.raises(UserError, match="Gemma"):
        app.taggers.current()


def give(app: App, folder: Path, name: str, *, values: int = 256) -> None:
    """Adds a small model."""
    path = folder / f"{name}.gguf"
    path.write_bytes(gguf({"general.name": name.title()}, values=values))
    app.models.add(name, [path])


@pytest.fixture
def runnable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has, what runs models counts as installed."""
    monkeypatch.setattr(Models, "_has_extra", lambda *_: True)


@pytest.fixture
def not_runnable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs models counts as not installed."""
    monkeypatch.setattr(Models, "_has_extra", lambda *_: False)


def reason(app: App) -> str:
    with pytest.raises(UserError) as error:
        app.taggers.current()
    return str(error.value)


@pytest.mark.usefixtures("not_runnable")
@pytest.mark.parametrize("chosen", ["", "small"])
def test_a_model_that_lacks_what_runs_it_is_told_so(app: App, tmp_path: Path, chosen: str) -> None:
    give(app, tmp_path, "small")
    app.override(tagger=TaggerChoice.MODEL, llm_model=chosen)
    assert extras.command("llm") in reason(app)


@pytest.mark.usefixtures("runnable")
@pytest.mark.parametrize("chosen", ["", "small"])
def test_a_damaged_model_is_told_so(app: App, tmp_path: Path, chosen: str) -> None:
    give(app, tmp_path, "small")
    app.override(tagger=TaggerChoice.MODEL, llm_model=chosen)
    app.models.status("small").file.unlink()
    assert "is damaged" in reason(app)


@pytest.mark.usefixtures("runnable")
@pytest.mark.parametrize("chosen", ["", "small"])
def test_a_model_that_is_being_installed_is_told_so(app: App, tmp_path: Path, chosen: str) -> None:
    give(app, tmp_path, "small")
    app.override(tagger=TaggerChoice.MODEL, llm_model=chosen)
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, ModelProgress) and event.running and not said:
            said.append(reason(app))

    app.events.subscribe(hear)
    give(app, tmp_path, "small")
    assert "is being installed" in said[0]


def test_a_model_of_another_kind_is_told_so(app: App) -> None:
    app.override(tagger=TaggerChoice.MODEL, llm_model="musicnn")
    assert "is no language model" in reason(app)


@pytest.mark.usefixtures("runnable")
def test_one_that_can_be_run_comes_before_a_larger_one_that_cannot(
    app: App, tmp_path: Path
) -> None:
    give(app, tmp_path, "small")
    give(app, tmp_path, "big", values=4096)
    app.models.status("big").file.unlink()
    app.override(tagger=TaggerChoice.MODEL)
    assert app.taggers.current().id.startswith("llama-small-")


@pytest.mark.usefixtures("runnable")
def test_a_model_that_came_or_went_meanwhile_is_noticed(app: App, tmp_path: Path) -> None:
    app.override(tagger=TaggerChoice.MODEL)
    give(app, tmp_path, "small")
    small = app.taggers.current()
    assert app.taggers.current() is small
    give(app, tmp_path, "big", values=4096)
    big = app.taggers.current()
    assert (small.id.split("-")[1], big.id.split("-")[1]) == ("small", "big")
    app.models.remove("big")
    again = app.taggers.current()
    assert again.id == small.id
    give(app, tmp_path, "small", values=512)  # another file by the same name
    assert app.taggers.current() is not again
    app.models.remove("small")
    assert "no language model yet" in reason(app)


@pytest.mark.usefixtures("runnable")
def test_the_process_of_a_model_that_went_ends(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taggers, "ModelProcess", partial(ModelProcess, main=scripted))
    app.override(tagger=TaggerChoice.MODEL)
    give(app, tmp_path, "small")
    app.taggers.current()
    process = app.taggers._process
    assert process is not None
    process.ask(Question("hello", "", 10))
    pid = process.pid
    assert pid is not None
    app.models_changed()
    assert process.ask(Question("hello", "", 10))
    assert process.pid == pid  # it is the one to use, still
    app.models.remove("small")
    app.models_changed()
    until(lambda: not psutil.pid_exists(pid))
    assert isinstance(process.ask(Question("hello", "", 10)), Reply)  # what has begun goes on


def test_one_is_kept_until_the_settings_change(app: App) -> None:
    app.override(tagger=TaggerChoice.SERVER, llm_server_model="mine")
    first = app.taggers.current()
    assert first.id.startswith("server-mine-")
    assert app.taggers.current() is first
    app.override(llm_server_model="other")
    assert app.taggers.current().id.startswith("server-other-")
    second = app.taggers.current()
    app.override(denied_words=("Rock",))
    assert app.taggers.current() is not second  # it must not choose what is not wanted
    app.override(tagger=TaggerChoice.RULES)
    assert app.taggers.current().id == "rules-1"


def test_a_summary_is_in_the_persons_words(app: App) -> None:
    def summary() -> str:
        return app.taggers.current().suggest(METAL)[Field.SUMMARY][0].value

    assert summary().startswith("Aggressive thrash metal and punk music")
    app.override(denied_words=("Thrash", "Guitar", "Angry"), renamed_words=("Punk = Noise",))
    assert summary() == "Energetic metal and noise music at 162 BPM in E minor."
    app.override(denied_words=(), renamed_words=(), allowed_words=("punk rock",))
    assert summary() == "Punk music at 162 BPM in E minor with guitar.", "guitar is no tag"
