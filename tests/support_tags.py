"""Small music files with some tags, and changes of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from mutagen.id3 import APIC, ID3, POPM, TCON, TIT2

from msa_desktop.audio.encode import FORMS, write
from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.base.history import Change

JAZZ: FieldValues = {Field.GENRE: ("Jazz", "Cool"), Field.MOOD: ("calm",), Field.BPM: ("98",)}


@cache
def _sound(extension: str, folder: Path) -> Path:
    path = folder / f"master{extension}"
    time = np.arange(22_050) / 44_100
    tone = np.sin(2 * np.pi * 300 * time).astype(np.float32)
    write(path, np.stack([tone, tone]), 44_100, FORMS[extension])
    if extension == ".mp3":
        tags = ID3()
        picture = bytes(range(256)) * 20
        for frame in (
            TIT2(encoding=3, text="Title"),
            TCON(encoding=3, text="Rock"),
            POPM(email="someone", rating=200, count=3),
            APIC(encoding=3, mime="image/png", type=3, desc="cover", data=picture),
        ):
            tags.add(frame)
        tags.save(path)
    return path


Maker = Callable[[Path], Path]


def make_in(folder: Path) -> Maker:
    """What makes a music file of any path's format; `folder` keeps one of each to copy."""

    def make(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(_sound(path.suffix, folder), path))

    return make


def jazz(path: Path) -> Change:
    """What the tests write."""
    return Change(str(path), JAZZ)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
