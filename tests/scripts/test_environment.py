from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from scripts import _environment as environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment is to be made, in place of the checkout's own."""
    folder = tmp_path / ".venv"
    monkeypatch.setattr(environment, "VENV", folder)
    return folder


def test_an_old_python_is_told_in_words() -> None:
    environment.check_python((3, 11))
    environment.check_python((3, 20))
    for version in ((3, 10), (2, 7)):
        with pytest.raises(environment.SetupFailed) as told:
            environment.check_python(version)
        assert "Python 3.11 or newer" in str(told.value)
        assert ".".join(map(str, version)) in str(told.value)


def test_python_is_looked_at_before_anything_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (4, 0))
    with pytest.raises(environment.SetupFailed, match=r"4\.0"):
        environment.ensure()
    assert not folder.exists()


def test_an_interrupted_environment_is_made_anew(folder: Path) -> None:
    venv.create(folder, with_pip=False)  # ended while pip was on its way into it
    (folder / "left over").touch()
    assert not environment.is_ours(environment.read_stamp())
    assert not environment.has_pip()
    environment.make()
    assert environment.has_pip()
    assert environment.is_ours(environment.read_stamp())
    assert not (folder / "left over").exists()


def test_a_stamp_knows_python_and_the_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    environment.write_stamp("pins", {"dev"})
    stamp = environment.read_stamp()
    assert environment.is_ours(stamp)
    assert (stamp["pins"], stamp["extras"]) == ("pins", ["dev"])
    assert not environment.is_ours({**stamp, "python": "3.10"})

    monkeypatch.setattr(environment, "PROJECT", folder.parent / "moved")
    assert not environment.is_ours(stamp)


@pytest.mark.parametrize("content", [b"", b'{"python": ', b"[]", b"\xff"])
def test_a_stamp_that_cannot_be_read_is_none(folder: Path, content: bytes) -> None:
    folder.mkdir()
    environment.write_stamp("pins", set())
    (stamp,) = folder.iterdir()
    stamp.write_bytes(content)
    assert environment.read_stamp() == {}


def test_what_is_installed_is_not_installed_again(folder: Path) -> None:
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # No shell, no network: this is as far as an installed environment may need to go.
        patch.setattr(environment, "python", lambda: Path(sys.executable))
        patch.setattr(environment, "make", pytest.fail)
        patch.setattr(subprocess, "run", pytest.fail)
        environment.write_stamp(environment.pins(), {"dev"})
        assert environment.ensure() == Path(sys.executable)
        assert environment.ensure(("dev",)) == Path(sys.executable)


def test_the_demo_outlives_the_environment() -> None:
    assert environment.VENV not in environment.DEMO.parents
    ignored = (environment.PROJECT / ".gitignore").read_text("utf-8").split()
    assert f"{environment.DEMO.name}/" in ignored


def test_the_browser_is_dropped_and_nothing_else(folder: Path) -> None:
    qt = folder / "lib" / "python3.11" / "site-packages" / "PySide6" / "Qt"
    kept = [qt / "lib" / "libQt6Multimedia.so.6", qt / "translations" / "qtbase_de.qm"]
    dropped = [
        qt / "lib" / "libQt6WebEngineCore.so.6",
        qt / "resources" / "qtwebengine_resources.pak",
        qt / "translations" / "qtwebengine_locales" / "de.pak",
    ]
    for path in kept + dropped:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    environment.drop_browser()
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in dropped)
