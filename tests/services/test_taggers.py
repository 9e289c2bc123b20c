from __future__ import annotations

import pytest

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.base.fields import Field
from msa_desktop.base.settings import TaggerChoice
from tests.support_llm import METAL


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
