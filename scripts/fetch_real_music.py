#!/usr/bin/env python3
"""Fetches real, freely licensed music: the soundtracks of free games, as Debian ships them.

    fetch_real_music.py DEST [PACK ...]

Each pack is one composer or album and becomes a folder of DEST, which is the label that "find
similar" is judged by (scripts/bench/similarity.py). Without PACK all come, about 420 MB. Needs
apt-get and dpkg-deb (Debian, Ubuntu). Packs that are there already are kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PACKS = (
    "wesnoth-1.16-music",
    "warzone2100-music",
    "singularity-music",
    "marsshooter-data",
    "fretsonfire-songs-sectoid",
    "lugaru-data",
    "extremetuxracer-data",
    "lincity-ng-data",
)
_ENDINGS = (".ogg", ".mp3", ".flac", ".opus", ".wav", ".m4a")
_LEAST_BYTES = 400_000  # what is smaller is a jingle or a sound effect


class FetchFailed(Exception):  # noqa: N818 - told to the person as it is
    """The music cannot be had here; the message says why."""


def fetch(dest: Path, packs: tuple[str, ...] = PACKS) -> list[Path]:
    """Brings packs into folders of `dest`; returns the folders.

    Raises:
        FetchFailed: This is no Debian, or its packages cannot be reached.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise FetchFailed("apt-get and dpkg-deb are needed, and are not here")
    dest.mkdir(parents=True, exist_ok=True)
    for pack in packs:
        if not (dest / pack).is_dir():
            with tempfile.TemporaryDirectory(dir=dest) as folder:
                unfinished = Path(folder) / pack
                unfinished.mkdir()
                _unpack(_download(pack, Path(folder)), unfinished)
                os.replace(unfinished, dest / pack)
    return [dest / pack for pack in packs]


def _download(pack: str, folder: Path) -> Path:
    command = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", pack]
    for attempt in range(2):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return next(folder.glob("*.deb"))
        if attempt == 0:  # most often the package lists are missing or old
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
    raise FetchFailed(f"the package {pack} could not be fetched: {done.stderr.strip()}")


def _unpack(package: Path, folder: Path) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            wanted = member.name.lower().endswith(_ENDINGS) and member.size > _LEAST_BYTES
            content = archive.extractfile(member) if wanted and member.isfile() else None
            if content is None:
                continue
            path = PurePosixPath(member.name)
            target = folder / path.name
            if target.exists():  # two songs have a file of one name
                target = folder / f"{path.parent.name}-{path.name}"
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
    package.unlink()


def main() -> int:
    """Fetches what the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dest", type=Path, metavar="DEST")
    parser.add_argument("packs", nargs="*", metavar="PACK")
    args = parser.parse_args()
    try:
        for folder in fetch(args.dest, tuple(args.packs) or PACKS):
            print(f"{folder}: {len(list(folder.iterdir()))} files")
    except FetchFailed as error:
        print(f"No music: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
