from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from msa_desktop.base.errors import UserError
from msa_desktop.ui import file_manager


def test_a_path_with_strange_characters_becomes_a_url_and_back() -> None:
    url = file_manager.url_of("/music/AC#DC/50% é ?.mp3")
    assert url.isLocalFile()
    assert url.toLocalFile() == "/music/AC#DC/50% é ?.mp3"


@pytest.mark.skipif(sys.platform == "win32", reason="names are always text there")
def test_a_name_that_is_not_text_keeps_its_bytes() -> None:
    url = file_manager.url_of(os.fsdecode(b"/music/\xff.mp3"))
    assert bytes(url.toEncoded().data()) == b"file:///music/%FF.mp3"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert file_manager.check(str(tmp_path)) == str(tmp_path)
    with pytest.raises(UserError, match=r"gone\.mp3 is not there"):
        file_manager.check(str(tmp_path / "gone.mp3"))
