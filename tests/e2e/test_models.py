"""The models commands as a person types them, with a hub on loopback in place of the real one."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from msa_desktop.base import extras
from tests.support import Answer, Program
from tests.support_gguf import gguf
from tests.support_hub import Hub, Trouble, serving, until

SIZE = 807_694_464  # what the catalogue knows of llama-3.2-1b
PATH = "bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf"
INSTALL = ("models", "install", "llama-3.2-1b", "--yes")


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Has the first megabytes of a large model, and says that it has all of it."""
    with serving() as server:
        server.put(PATH, os.urandom(6_000_000))
        server.always["HEAD"] = Trouble(headers={"x-linked-size": str(SIZE)})
        yield server


def environment(hub: Hub, **more: str) -> dict[str, str]:
    hidden = ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "HF_ENDPOINT": hub.address, **more}


def model(program: Program, model_id: str) -> dict[str, Any]:
    document = program("models", "list", "--json").document
    (found,) = [entry for entry in document["models"] if entry["id"] == model_id]
    assert isinstance(found, dict)
    return found


def came(program: Program) -> int:
    return SIZE - int(model(program, "llama-3.2-1b")["to_download"])


def start(program: Program, hub: Hub) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program.command(*INSTALL, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(hub),
    )


def test_what_there_is(program: Program) -> None:
    answer = program("models", "list")
    assert answer.code == 0, answer.err
    assert "musicnn" in answer.out
    built_in = model(program, "musicnn")
    assert (built_in["state"], built_in["to_download"], built_in["licence"]) == (
        "built in", 0, "ISC"
    )  # fmt: skip
    clap = model(program, "clap-music")
    assert (clap["state"], clap["to_download"]) == ("needs download", 2_352_471_003)
    assert clap["terms_url"].startswith("https://")
    verified = program("models", "verify", "--json")
    assert verified.document == {"whole": ["musicnn"], "failed": []}


def test_a_model_of_ones_own_comes_and_goes(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(gguf({"general.name": "Mine"}))
    added = program("models", "add", "mine", path, "--json")
    assert added.document == {"added": ["mine"], "failed": []}
    assert model(program, "mine")["title"] == "Mine"
    assert program("models", "install", "mine", "--json").document["installed"] == ["mine"]
    assert program("models", "verify", "mine").code == 0

    kept = Path(model(program, "mine")["folder"]) / "model.gguf"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    kept.unlink()
    kept.write_bytes(damaged)
    answer = program("models", "verify", "mine", "--json")
    assert answer.code == 1
    assert "damaged" in answer.document["failed"][0]["reason"]

    assert program("models", "remove", "mine", input="n\n").code == 1
    assert program("models", "remove", "mine", "--yes").code == 0
    assert program("models", "verify", "mine").code == 2
    assert path.exists()


def test_wrong_words(program: Program, tmp_path: Path) -> None:
    for words in (
        ("install", "no-such-model", "--yes"),
        ("install",),
        ("install", "htdemucs", "--json"),  # nobody to ask
        ("remove", "../..", "--yes"),
        ("add", "x", tmp_path / "gone"),
    ):
        assert program("models", *words).code == 2, words
    assert program("models", "remove", "musicnn", "--yes").code == 1


def test_size_and_licence_are_shown_first(program: Program, hub: Hub) -> None:
    answer = program("models", "install", "llama-3.2-1b", env=environment(hub), input="n\n")
    assert answer.code == 1
    for words in ("808 MB", "Llama 3.2 Community License", "https://www.llama.com", "Download?"):
        assert words in answer.err
    assert hub.requests == []


def test_what_opens_a_model_is_asked_for_before_the_person(
    program: Program, hub: Hub, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text('import sys; sys.modules["torch"] = None')
    without = environment(hub, PYTHONPATH=os.pathsep.join([str(tmp_path), os.getcwd()]))
    answer = program("models", "install", "clap-music", env=without, input="y\n")
    assert answer.code == 1
    assert extras.command("clap") in answer.out
    assert "LAION-CLAP, music (clap-music)" not in answer.err
    assert hub.requests == []


def test_what_a_model_needs_is_offered_with_it(program: Program, hub: Hub) -> None:
    pytest.importorskip("torch", reason="a PyTorch file is not offered without it")
    answer = program("models", "install", "clap-music", env=environment(hub), input="n\n")
    assert answer.code == 1
    assert "RoBERTa's tokenizer (roberta-base)" in answer.err


def test_one_that_cannot_be_had_does_not_keep_the_others_away(program: Program, hub: Hub) -> None:
    hub.always.clear()
    hub.put("adefossez/HTDemucs-6s/5c90dfd2.safetensors", struct.pack("<Q", 2) + b"{}")
    answer = program(
        "models", "install", "ttmr-pp", "htdemucs-6s", env=environment(hub), input="y\n"
    )
    assert answer.code == 1
    assert "htdemucs-6s: installed" in answer.out
    assert "ttmr-pp: " in answer.out


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(404), "not there any more"),
        (Trouble(401), "HF_TOKEN"),
        (Trouble(429, {"retry-after": "9999"}), "167 minutes"),
        (Trouble(headers={"x-linked-size": "5"}), "another Llama-3.2-1B"),
    ],
)
def test_troubles_are_told_in_words(
    program: Program, hub: Hub, trouble: Trouble, words: str
) -> None:
    hub.always["HEAD"] = trouble
    answer = program(*INSTALL, "--json", env=environment(hub))
    assert answer.code == 1
    (failed,) = answer.document["failed"]
    assert failed["model"] == "llama-3.2-1b"
    assert words in failed["reason"]


def test_offline_mode_asks_nobody(program: Program, hub: Hub) -> None:
    answer = program(*INSTALL, env=environment(hub, HF_HUB_OFFLINE="1"))
    assert answer.code == 1
    assert "HF_HUB_OFFLINE" in answer.out
    assert hub.requests == []


def test_a_proxy_is_used(program: Program, hub: Hub) -> None:
    hub.always["HEAD"] = Trouble(404)
    proxied = {"HTTP_PROXY": hub.address, "NO_PROXY": "", "no_proxy": ""}
    proxied["HF_ENDPOINT"] = "http://hub.invalid"
    answer = program(*INSTALL, env=environment(hub, **proxied))
    assert "not there any more" in answer.out
    (asked,) = hub.requests
    assert asked.headers["host"] == "hub.invalid"


@pytest.mark.skipif(os.name != "posix", reason="ends the program the POSIX way")
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_install_goes_on_later(program: Program, hub: Hub, way: int) -> None:
    hub.always["STORE"] = Trouble(pause=0.02)
    installing = start(program, hub)
    until(lambda: hub.sent > 1_000_000)
    installing.send_signal(way)
    out, err = installing.communicate(timeout=20)
    answer = Answer(installing.returncode, out.decode(), err.decode())
    if way == signal.SIGINT:
        assert answer.code == 1, err
        assert "Stopped" in answer.document["failed"][0]["reason"]
    assert model(program, "llama-3.2-1b")["state"] == "needs download"
    before = came(program)
    assert before > 500_000

    hub.always["STORE"] = Trouble(404)
    answer = program(*INSTALL, env=environment(hub))
    assert answer.code == 1
    assert hub.asked("STORE")[-1].start == before
    assert program("models", "remove", "llama-3.2-1b", "--yes").code == 0
    assert came(program) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk(program: Program, hub: Hub) -> None:
    import resource

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    answer = program(*INSTALL, "--json", env=environment(hub), preexec_fn=small_disk)
    assert answer.code == 1
    assert "is full" in answer.document["failed"][0]["reason"]
    assert model(program, "llama-3.2-1b")["state"] == "needs download"
    assert came(program) == 2_000_000
