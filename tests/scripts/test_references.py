from __future__ import annotations

import hashlib
import importlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from msa_desktop.base.errors import UserError
from tests.support_hub import Trouble, in_place

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def fma(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(_SCRIPTS))
    return importlib.import_module("download_fma_dataset")


def archive(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_BZIP2) as file:
        for name in names:
            file.writestr(name, name * 5000)
    return content.getvalue()


def test_the_scripts_explain_themselves() -> None:
    for script in ("build_reference_index.py", "download_fma_dataset.py"):
        done = subprocess.run(
            [sys.executable, _SCRIPTS / script, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "usage" in done.stdout


def test_fma_comes_and_is_unpacked(
    fma: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = archive(
        "fma_small/000/000002.mp3", "fma_small/README.txt", "fma_small/../../../evil.mp3"
    )
    tables = archive("fma_metadata/tracks.csv", "fma_metadata/features.csv")
    sums = {"small": audio, "metadata": tables}
    monkeypatch.setattr(
        fma, "SHA1", {name: hashlib.sha1(data).hexdigest() for name, data in sums.items()}  # noqa: S324
    )  # fmt: skip
    with in_place(monkeypatch) as server:
        server.put("fma/fma_small.zip", audio, large=False)
        server.put("fma/fma_metadata.zip", tables, large=False)
        server.plan("GET", Trouble(cut=len(audio) // 2))
        base = f"{server.address}/fma"
        dest = tmp_path / "in" / "here"
        assert fma.bring("small", dest, base=base) == dest / "fma_small"
        assert [request.start for request in server.asked("GET")][1] > 0, "it went on"
        assert (dest / "fma_small/000/000002.mp3").read_text().startswith("fma_small")
        assert not list(tmp_path.glob("evil.mp3"))
        assert not list(dest.parent.glob("evil.mp3"))
        fma.bring("metadata", dest, keep=True, base=base)
        assert sorted(path.name for path in dest.rglob("*.csv")) == ["tracks.csv"]
        asked = len(server.requests)
        fma.bring("small", dest, base=base)
        assert len(server.requests) == asked, "what is here is not asked for"
    assert (dest / "fma_metadata.zip").exists()
    assert not (dest / "fma_small.zip").exists()


def test_another_archive_than_the_published_is_thrown_away(
    fma: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_place(monkeypatch) as server:
        server.put("fma/fma_small.zip", archive("fma_small/000/000002.mp3"), large=False)
        with pytest.raises(UserError, match="SHA-1"):
            fma.bring("small", tmp_path, base=f"{server.address}/fma")
        with pytest.raises(UserError, match="404"):
            fma.bring("large", tmp_path, base=f"{server.address}/fma")
    assert list(tmp_path.iterdir()) == []
