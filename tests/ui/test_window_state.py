from __future__ import annotations

from pathlib import Path

import pytest

from msa_desktop.ui.window_state import WindowState


def test_what_is_saved_comes_back_also_names_that_are_not_text(tmp_path: Path) -> None:
    state = {"open": ["/music/\udcff"], "sort": ["title", True]}
    WindowState(tmp_path / "window.json").save(state)
    assert WindowState(tmp_path / "window.json").load() == state
    assert [file.name for file in tmp_path.iterdir()] == ["window.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_broken_file_costs_only_the_layout(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "window.json").write_bytes(content)
    assert WindowState(tmp_path / "window.json").load() == {}


def test_a_folder_that_cannot_be_written_does_not_stop_the_program(tmp_path: Path) -> None:
    WindowState(tmp_path / "missing" / "window.json").save({"a": 1})
    assert WindowState(tmp_path / "missing" / "window.json").load() == {}
