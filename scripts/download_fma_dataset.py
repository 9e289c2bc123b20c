#!/usr/bin/env python3
"""Downloads the Free Music Archive's dataset, which reference indexes can be built from.

    download_fma_dataset.py DEST [--subset small|medium|large|full] [--keep]

The metadata (tracks.csv, genres.csv) come into DEST/fma_metadata, the audio into DEST/fma_SUBSET.
A download that was ended goes on where it was; the archives are checked by their published SHA-1.
Each track has its artist's own licence, most of them Creative Commons; the metadata are CC BY 4.0.

Source: Defferrard, Benzi, Vandergheynst & Bresson, "FMA: A Dataset For Music Analysis", ISMIR 2017;
https://github.com/mdeff/fma.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import _environment as environment

if TYPE_CHECKING:
    from msa_desktop.weights.hub import Remote

BASE = "https://os.unil.cloud.switch.ch/fma"
SHA1 = {
    "metadata": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "small": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "medium": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "large": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "full": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
}
SIZES = {"small": "7.2 GiB", "medium": "22 GiB", "large": "93 GiB", "full": "879 GiB"}
_WANTED = ("tracks.csv", "genres.csv", "README.txt")  # of the metadata; the rest is 1 GB more
_TWICE = 2.1  # the room that an archive and what is in it take


def bring(part: str, dest: Path, *, keep: bool = False, base: str = BASE) -> Path:
    """Brings one part, unless it is here; returns its folder.

    Args:
        part: "metadata" or a subset.
        dest: Holds the folder; made where it is not there.
        keep: Whether the archive stays beside it.
        base: Where the archives are.

    Raises:
        UserError: It cannot be had, is damaged, or the disk is full.
    """
    # The program itself is needed only here, inside its environment.
    from msa_desktop.base.errors import UserError  # noqa: PLC0415
    from msa_desktop.base.jobs import CancelToken  # noqa: PLC0415
    from msa_desktop.weights import files, transfer  # noqa: PLC0415
    from msa_desktop.weights.catalogue import ModelFile  # noqa: PLC0415

    folder, archive = dest / f"fma_{part}", dest / f"fma_{part}.zip"
    if folder.is_dir():
        return folder
    url = f"{base}/{archive.name}"
    dest.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        size = _locate(url).size
        files.check_room(dest, round(_TWICE * size) - transfer.came_so_far(archive))
        transfer.fetch(
            lambda: _locate(url),
            ModelFile(name=archive.name),
            archive,
            cancel=CancelToken(),
            progress=_Telling("Downloading", archive.name, size),
            checking=_Telling("Checking", archive.name, size),
        )
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha1").hexdigest() != SHA1[part]:
            archive.unlink()
            raise UserError(
                f"{archive} came damaged or is another file (its SHA-1 differs). It was thrown "
                "away. Run this again."
            )
    with files.writing(dest):
        _unpack(archive, folder, _WANTED if part == "metadata" else (".mp3",))
        if not keep:
            archive.unlink()
    return folder


def _locate(url: str) -> Remote:
    """Asks the server for an archive; errors as of `weights.hub.locate`."""
    from msa_desktop.weights.hub import Remote, TryAgain, opened, refusal  # noqa: PLC0415

    with opened("HEAD", url, {"accept-encoding": "identity"}) as response:
        if response.status_code >= 400:
            raise refusal(response, url, BASE)
        size = response.headers.get("content-length", "")
        if not size.isdecimal():
            raise TryAgain(f"{response.url.host} does not say how large {url} is")
        mark = response.headers.get("etag", "").removeprefix("W/").strip('"')
        return Remote(str(response.url), int(size), mark)


def _unpack(archive: Path, folder: Path, endings: tuple[str, ...]) -> None:
    """Unpacks the archive's one folder; it gets its name when all is there."""
    unfinished = folder.with_name(f".{folder.name}.part")
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            name = member.filename
            if not (name.startswith(f"{folder.name}/") and name.endswith(endings)):
                continue
            there = unfinished / name
            if not (there.is_file() and there.stat().st_size == member.file_size):
                opened.extract(member, unfinished)  # which leads no name out of the folder
    os.replace(unfinished / folder.name, folder)
    shutil.rmtree(unfinished)


class _Telling:
    """Prints progress, a line for each percent."""

    def __init__(self, doing: str, name: str, size: int) -> None:
        self._words = f"{doing} {name}"
        self._size = max(size, 1)
        self._told = -1

    def __call__(self, done: int) -> None:
        percent = 100 * done // self._size
        if percent != self._told:
            self._told = percent
            print(f"\r{self._words}: {percent} %", end="", file=sys.stderr, flush=True)
            if done >= self._size:
                print(file=sys.stderr)


def main() -> int:
    """Brings what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dest", type=Path, metavar="DEST")
    told = ", ".join(f"{name} {size}" for name, size in SIZES.items())
    parser.add_argument("--subset", choices=SIZES, default="small", help=told)
    parser.add_argument("--keep", action="store_true", help="keep the archives")
    args = parser.parse_args()
    try:
        python = environment.ensure()
    except environment.SetupFailed as error:
        print(error, file=sys.stderr)
        return 1
    if Path(sys.prefix) != environment.VENV:
        return subprocess.run([python, *sys.argv], check=False).returncode
    from msa_desktop.base.errors import UserError  # noqa: PLC0415
    from msa_desktop.weights.hub import TryAgain  # noqa: PLC0415

    try:
        for part in ("metadata", args.subset):
            print(bring(part, args.dest, keep=args.keep))
    except (UserError, TryAgain) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What came is kept; run this again to go on.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
