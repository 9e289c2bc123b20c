from __future__ import annotations

import io
import sys

import pytest

from msa_desktop.base.events import AnalysisProgress, Notice, ScanProgress
from msa_desktop.cli._progress import Teller


def heard(done: int) -> AnalysisProgress:
    return AnalysisProgress(done, 100, 0, 0.0, None, False)


def test_off_a_terminal_progress_is_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    teller = Teller(live=False, clock=lambda: now)
    teller(ScanProgress(True, 200))
    for step in range(1, 101):
        now = step / 4
        teller(heard(step))
    teller.end_line()
    assert capsys.readouterr().err.splitlines() == [
        "Listening: 40 of 100",
        "Listening: 80 of 100",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_line_is_cleared_before_anything_else_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    clear = "\r\x1b[K"
    teller = Teller(live=True)
    teller(heard(1))
    teller(Notice("A disk \x1b[2Jwent away."))
    teller(heard(2))
    teller.end_line()
    teller.end_line()
    assert terminal.getvalue() == (
        f"{clear}Listening: 1 of 100{clear}A disk \ufffd[2Jwent away.\n"
        f"{clear}Listening: 2 of 100{clear}"
    )
