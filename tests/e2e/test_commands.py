from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support import Program, write_wav


def test_settings_are_shown_changed_and_reset(program: Program) -> None:
    assert program("config", "--json").document["theme"] == "system"
    assert program("config", "theme", "dark").code == 0
    assert program("config", "theme", "--json").document == {"theme": "dark"}
    assert program("config", "theme", "--reset", "--json").document == {"theme": "system"}
    wrong = program("config", "workers", "-1")
    assert wrong.code == 2  # click takes -1 for an option
    refused = program("config", "theme", "purple")
    assert refused.code == 2
    assert "purple" in refused.err
    unknown = program("config", "nonsense", "--json")
    assert unknown.code == 2
    assert "theme" in unknown.document["error"]


def test_an_empty_library_has_a_status(program: Program) -> None:
    status = program("status", "--json").document
    assert (status["tracks"], status["analysed"], status["failed"], status["offline"]) == (0,) * 4
    assert status["encoders"][0]["ready"]
    assert program("doctor").code == 0


def test_options_may_stand_before_or_after_the_command(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    answer = program("status", "--json", "--data-dir", other)
    assert answer.document["data_dir"] == str(other)


def test_every_command_explains_itself(program: Program) -> None:
    page = program("--help").out
    for command in (
        "scan", "status", "similar", "labels", "doctor", "demo", "config", "window"
    ):  # fmt: skip
        assert command in page
        help_page = program(command, "--help")
        assert help_page.code == 0
        assert "--json" in help_page.out
        assert "--data-dir" in help_page.out


def test_a_track_that_is_not_analysed_is_told_with_its_reason(
    program: Program, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "bad.mp3").write_text("no music")
    program("scan", music)
    answer = program("similar", music / "bad.mp3")
    assert answer.code == 1
    assert "could not be analysed" in answer.err


def test_a_folder_stands_for_its_first_analysed_track(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    (music / "empty").mkdir(parents=True)
    (music / "a.wav").write_text("no music")
    write_wav(music / "b.wav", 5)
    write_wav(music / "c.wav", 5, pitch=500)
    program("scan", music)
    document = program("similar", music, "--json").document
    assert document["query"]["path"] == str(music / "b.wav")
    assert [hit["path"] for hit in document["hits"]] == [str(music / "c.wav")]
    assert program("labels", music, "--json").document["track"] == document["query"]

    empty = program("similar", music / "empty", "--json")
    assert empty.code == 1
    assert "No track in" in empty.document["error"]


def test_a_failed_file_is_tried_again_when_asked_for(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    song = write_wav(music / "song.wav", 5)
    sound = song.read_bytes()

    def put(content: bytes) -> None:
        song.write_bytes(content)
        os.utime(song, (1e9, 1e9))  # the file looks the same, as after a disk was mended

    put(bytes(len(sound)))
    assert len(program("scan", music, "--json").document["failed"]) == 1
    put(sound)
    assert program("scan", music, "--json").document["unchanged"] == 1
    assert program("status", "--json").document["failed"] == 1
    again = program("scan", music, "--retry", "--json")
    assert again.code == 0, again.err
    status = program("status", "--json").document
    assert (status["failed"], status["analysed"]) == (0, 1)


@pytest.mark.parametrize("wrong", ["folder", "settings.toml", "logs", "library.db", "writer.lock"])
def test_a_data_folder_that_cannot_be_used_is_told_in_words(
    program: Program, tmp_path: Path, wrong: str
) -> None:
    if wrong == "folder":
        tmp_path.joinpath("file").touch()
        program = Program(tmp_path / "file" / "state")
    elif wrong == "logs":
        program.data_dir.mkdir()
        (program.data_dir / wrong).touch()
    else:
        (program.data_dir / wrong).mkdir(parents=True)
    answer = program("scan", "--json")
    assert answer.code == 1
    assert str(program.data_dir) in answer.document["error"]
    assert "--data-dir" in answer.document["error"]
    assert "bug" not in answer.err
    if wrong in ("folder", "settings.toml"):
        for arguments in (["config"], ["config", "theme", "dark"]):
            changed = program(*arguments)
            assert changed.code == 1, arguments
            assert "--data-dir" in changed.err


def test_a_picture_of_the_window_is_told_as_asked_for(program: Program, tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    answer = program("window", "--draw", picture, "--json")
    assert answer.code == 0, answer.err
    assert answer.document == {"picture": str(picture)}
    assert picture.stat().st_size > 1000


@pytest.mark.skipif(os.name != "posix", reason="ends the program the POSIX way")
@pytest.mark.parametrize("setting", ["true", "false"])
def test_watching_goes_on_until_it_is_ended(program: Program, tmp_path: Path, setting: str) -> None:
    program("config", "watch", setting)  # who asks for --watch means it
    music = tmp_path / "music"
    music.mkdir()
    write_wav(music / "first.wav", 5)
    watching = program.start("scan", str(music), "--watch", "--json")
    analysed = 0
    for step in range(300):
        status = program("status", "--json")
        analysed = status.document["analysed"] if status.code == 0 else 0
        if analysed == 1 and step and not (music / "second.wav").exists():
            write_wav(tmp_path / "second.wav", 5, pitch=500).rename(music / "second.wav")
        if analysed == 2:
            break
        time.sleep(0.1)
    assert analysed == 2
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 0, err
    assert json.loads(out)["added"] == 1
    assert program("config", "watch", "--json").document == {"watch": setting == "true"}
