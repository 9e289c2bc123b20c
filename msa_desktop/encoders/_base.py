"""What every encoder is: the facts of its module, and the object that listens.

An encoder is one module of this package whose name has no leading underscore. The module says what
the store and the decoder must know as constants, so that nobody loads a heavy library to read
them, and its `create` makes the encoder, in the worker process that uses it.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Protocol

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec

MANIFEST = "manifest.toml"


class Encoder(Protocol):
    """Turns a track's windows into a vector and label scores."""

    def embed(self, windows: FloatArray) -> Embedding:
        """What the track sounds like.

        Args:
            windows: Shape (n, samples), n at least 1, float32 mono, as the module's `SPEC` asks
                for; a short track has fewer. All values are finite.
        """
        ...


class EncoderModule(Protocol):
    """What a module of this package holds.

    Attributes:
        ID: Name in the store and on the command line.
        VERSION: Changes with everything that changes the vector: weights, front end, windows.
        DIMENSION: Length of the vector.
        SPEC: The windows it listens to.
        LABEL_SOURCES: The sources (see `base.vocabulary`) of its label scores.
    """

    ID: str
    VERSION: str
    DIMENSION: int
    SPEC: WindowSpec
    LABEL_SOURCES: tuple[str, ...]

    def create(self, models: Path) -> Encoder:
        """Loads the encoder.

        Args:
            models: The folder of the models, one folder an encoder.

        Raises:
            UserError: A model file is missing or is not the one the program was made for.
        """
        ...


def read_model(folder: Path, name: str) -> bytes:
    """A model file's bytes, checked against the folder's manifest.

    Args:
        folder: Holds the file and a manifest.toml with a table for each model.
        name: The model's table in the manifest, which has `file` and `sha256`.

    Raises:
        UserError: The file or the manifest is missing, or the SHA-256 differs.
    """
    remedy = "Install the program again."
    try:
        entry = tomllib.loads((folder / MANIFEST).read_text("utf-8"))[name]
        path = folder / str(entry["file"])
        data = path.read_bytes()
        expected = entry["sha256"]
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise UserError(f'The model "{name}" in {folder} cannot be read. {remedy}') from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise UserError(f"The model file {path} is damaged (its SHA-256 differs). {remedy}")
    return data
