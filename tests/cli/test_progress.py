from __future__ import annotations

from dataclasses import replace

import pytest

from msa_desktop.base.events import AnalysisProgress, TagProgress, TagWork
from msa_desktop.cli._progress import Teller, listening, tagging

_PROPOSE = TagWork.PROPOSE


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (TagProgress(_PROPOSE, 0, 125), "Proposing: 0 of 125"),
        (
            TagProgress(_PROPOSE, 12, 125, rate=0.92, seconds_left=122.8),
            "Proposing: 12 of 125, 0.9 a second, 2:03 left",
        ),
        (
            TagProgress(_PROPOSE, 12, 125, rate=0.05, seconds_left=2260, tokens_rate=30.7),
            "Proposing: 12 of 125, 3.0 a minute, 37:40 left, 31 tokens a second",
        ),
        (TagProgress(TagWork.WRITE, 3, 60, "/music/a.flac"), "Writing: 3 of 60"),
    ],
)
def test_work_on_tags_in_words(progress: TagProgress, words: str) -> None:
    assert tagging(progress) == words


def test_listening_in_words() -> None:
    progress = AnalysisProgress(5, 10, 0, rate=3.14, seconds_left=61.0, paused=False)
    assert listening(progress) == "Listening: 5 of 10, 3.1 a second, 1:01 left"
    measuring = replace(progress, measuring=True, seconds_left=None)
    assert listening(measuring) == "Measuring tempo, key and loudness: 5 of 10, 3.1 a second"


def test_the_end_of_work_on_tags_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(live=True)
    teller(TagProgress(_PROPOSE, 12, 125, rate=0.9, seconds_left=123.0))
    teller(TagProgress(_PROPOSE, 125, 125, running=False))
    assert capsys.readouterr().err == "\rProposing: 12 of 125, 0.9 a second, 2:03 left"
