from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from msa_desktop.base import log


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("msa_desktop")
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


def test_what_an_error_quotes_cannot_command_a_terminal(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up(tmp_path)
    try:
        raise ValueError("\x1b]0;title\x07 \udcff")
    except ValueError:
        logger.exception("failed on a\x9b2J.mp3")
    for text in (capsys.readouterr().err, (tmp_path / "msa.log").read_text("utf-8")):
        first, *trace = text.splitlines()
        assert first.endswith("failed on a\ufffd2J.mp3")
        assert trace[-1] == "ValueError: \ufffd]0;title\ufffd \ufffd"
