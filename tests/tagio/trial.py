"""Tries a format on bytes: what it lays out must do what was meant, and nothing else."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

import av
from av.audio.frame import AudioFrame

from msa_desktop.base.fields import Field, FieldValues
from msa_desktop.tagio._base import Edit, Format, Keep, Source


@contextmanager
def source_of(data: bytes) -> Iterator[Source]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield Source(file.fileno())


class Trial:
    """One format."""

    def __init__(self, module: ModuleType) -> None:
        self.format = cast(Format, module)

    def knows(self, data: bytes) -> bool:
        with source_of(data) as source:
            return self.format.knows(source)

    def read(self, data: bytes) -> dict[Field, tuple[str, ...]]:
        with source_of(data) as source:
            return self.format.read(source)

    def edit(self, data: bytes, changes: FieldValues) -> Edit:
        with source_of(data) as source:
            return self.format.edit(source, changes)

    def sound(self, data: bytes) -> bytes:
        with source_of(data) as source:
            return b"".join(source.read(at, length) for at, length in self.format.sound(source))

    def others(self, data: bytes, changes: FieldValues) -> dict[str, bytes]:
        with source_of(data) as source:
            return dict(self.format.others(source, changes))

    def changed(self, data: bytes, changes: FieldValues) -> bytes:
        """The file after a change, of which everything but the bytes' meaning was checked."""
        edit = self.edit(data, changes)
        new = composed(data, edit)
        said, before = self.read(new), self.read(data)
        for field in Field:
            assert said.get(field, ()) == changes.get(field, before.get(field, ())), field
        assert self.sound(new) == self.sound(data) != b""
        assert self.others(new, changes) == self.others(data, changes)
        assert self.edit(new, changes) == Edit((Keep(0, len(new)),), ())
        return new


def composed(data: bytes, edit: Edit) -> bytes:
    return b"".join(
        data[piece.offset : piece.end] if isinstance(piece, Keep) else piece
        for piece in edit.pieces
    )


def heard(data: bytes) -> tuple[int, str]:
    """How many samples FFmpeg decodes, and a hash of them."""
    digest, samples = hashlib.sha256(), 0
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, AudioFrame)
            digest.update(frame.to_ndarray().tobytes())
            samples += frame.samples
    return samples, digest.hexdigest()
