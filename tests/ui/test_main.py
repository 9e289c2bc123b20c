from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from msa_desktop.app import App
from msa_desktop.base.errors import UserError
from msa_desktop.ui import main
from tests.support import Program
from tests.ui.conftest import Fill

_HEAVY = ("torch", "faiss", "transformers", "librosa", "llama_cpp", "av", "onnxruntime", "demucs")


def _python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )


def test_opening_the_window_loads_nothing_heavy(app: App, fill: Fill) -> None:
    fill(50)
    data = app.paths.root
    app.close()
    code = """
        import sys
        from pathlib import Path
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication
        from msa_desktop.app import App
        from msa_desktop.base.paths import DataPaths
        from msa_desktop.ui import main

        with App(DataPaths(Path(sys.argv[1]))) as app:
            # Created first, so that the timer has a loop to live in; `run` takes it over.
            qt = QApplication([])
            QTimer.singleShot(3000, qt.closeAllWindows)
            code = main.run(app, None)
        print(code, *sorted(set(sys.argv[2:]) & set(sys.modules)))
    """
    done = _python(code, data, *_HEAVY)
    assert done.stdout.split() == ["0"], done.stderr


def test_the_window_opens_on_a_folder_and_ends_well_with_a_signal(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = Program(tmp_path / "state").command("window", music)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        state = tmp_path / "state" / "library.db-wal"
        for _ in range(400):
            if state.exists() and state.stat().st_size > 0:
                break
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert (tmp_path / "state" / "window.json").exists(), "it closed in good order"


def test_without_a_display_the_window_says_what_to_do(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UserError, match="no display"):
        main.run(app, None)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_window_is_drawn_with_its_content(
    qtbot: QtBot, app: App, fill: Fill, tmp_path: Path, colours: str
) -> None:
    fill(30)
    picture = tmp_path / "window.png"
    main.draw(app, picture, (1000, 640), colours)
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1000, 640)
    corner = image.pixelColor(990, 320).lightness()
    assert corner > 200 if colours == "light" else corner < 60
    assert not (app.paths.root / "window.json").exists(), "the person's layout is left alone"
    right = image.copy(740, 150, 250, 300)
    colours_there = {right.pixel(x, y) for x in range(0, 250, 2) for y in range(0, 300, 2)}
    assert len(colours_there) > 30, "the similar tracks are in the picture"


def test_a_picture_that_cannot_be_written_is_told(qtbot: QtBot, app: App, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be written"):
        main.draw(app, tmp_path / "no folder" / "window.png", (800, 600))
