"""What every encoder is: the facts of its module, and the object that listens.

An encoder is one module of this package whose name has no leading underscore. The module says what
the store and the decoder must know as constants, so that nobody loads a heavy library to read
them, and its `create` makes the encoder, in the worker process that uses it.
"""

from __future__ import annotations

import hashlib
import importlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.settings import Device

MANIFEST = "manifest.toml"


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """An encoder and the model it runs here: all that is known without loading it.

    Attributes:
        id: Name in the store and on the command line.
        version: Of its vectors; those of another version are not comparable.
        dimension: Length of its vectors.
        module: Its module, to be imported where it is to run.
        folder: Where its model's files are.
        memory: Megabytes that a process comes to need for it.
        tokenizer: Where the files are that cut words into tokens for it; "" if it reads no words,
            or they are not here.
    """

    id: str
    version: str
    dimension: int
    module: str = ""
    folder: str = ""
    memory: int = 0
    tokenizer: str = ""

    def load(self) -> EncoderModule:
        """The module."""
        return cast(EncoderModule, importlib.import_module(self.module))


class Encoder(Protocol):
    """Turns tracks' windows into vectors and label scores.

    Attributes:
        together: Tracks it would rather hear at once, for they make one batch on its device; 1
            where a batch is no quicker.
    """

    together: int

    def embed(self, tracks: Sequence[FloatArray]) -> list[Embedding]:
        """What each track sounds like, whichever others it is heard with.

        Args:
            tracks: At least one. Of each its windows, shape (n, samples), n at least 1, float32
                mono, as the module's `SPEC` asks for; a short track has fewer. All are finite.
        """
        ...


class TextEncoder(Protocol):
    """Turns words into vectors that lie near those of the sounds they describe."""

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Where the sounds would lie.

        Args:
            texts: At least one; each in the person's own words, cut where it is too long.

        Returns:
            Shape (n, dimension), float32, each of unit length.
        """
        ...


class EncoderModule(Protocol):
    """What a module of this package holds.

    Attributes:
        ID: Name in the store and on the command line.
        VERSION: Changes with everything that changes the vector, but for the model: front end,
            windows.
        DIMENSION: Length of the vector.
        SPEC: The windows it listens to.
        MEMORY: Megabytes that a process comes to need for it (scripts/bench/encoders.py).
        LABEL_SOURCES: The sources (see `base.vocabulary`) of its label scores.
        MODELS: The models of the catalogue (resources/models.toml) that it can run, any one of
            which it needs, the preferred first. Each is a version of its own. Empty: its model
            comes with the program, in the folder of its id.
        TOKENIZER: The model of the catalogue whose files cut words into tokens for `create_text`;
            "" for an encoder that reads no words.
    """

    ID: str
    VERSION: str
    DIMENSION: int
    SPEC: WindowSpec
    MEMORY: int
    LABEL_SOURCES: tuple[str, ...]
    MODELS: tuple[str, ...]
    TOKENIZER: str

    def create(self, folder: Path, device: Device) -> Encoder:
        """Loads what listens.

        Args:
            folder: Holds the model's files.
            device: Where it is to run; one that runs on the processor only takes no notice.

        Raises:
            UserError: A model file is missing or is not one this encoder can run, a library it
                needs is not installed, or there is no such device.
        """
        ...

    def create_text(self, folder: Path, tokenizer: Path, device: Device) -> TextEncoder:
        """Loads what reads; only where there is a `TOKENIZER`.

        Args:
            folder: As for `create`.
            tokenizer: The folder of the files of `TOKENIZER`.
            device: As for `create`.

        Raises:
            UserError: As for `create`.
        """
        ...

    def check(self, folder: Path) -> None:
        """Looks whether a model's files are ones that both halves can run; only with `MODELS`.

        Args:
            folder: As for `create`.

        Raises:
            UserError: As for `create`.
        """
        ...


def facts(
    module: ModuleType, built_in: Path, installed: Callable[[str], Path | None]
) -> EncoderFacts | None:
    """An encoder with the model it prefers of those that are here; None where there is none.

    Args:
        module: An encoder.
        built_in: The folder of the models that come with the program.
        installed: The folder of a model of the catalogue that can be run; None where it cannot.
    """
    known = cast(EncoderModule, module)
    if not known.MODELS:
        folder, version = built_in / known.ID, known.VERSION
    else:
        here = ((model, installed(model)) for model in known.MODELS)
        found = next(((model, folder) for model, folder in here if folder is not None), None)
        if found is None:
            return None
        folder, version = found[1], f"{known.VERSION}-{found[0]}"
    tokenizer = installed(known.TOKENIZER) if known.TOKENIZER else None
    return EncoderFacts(
        known.ID,
        version,
        known.DIMENSION,
        module.__name__,
        str(folder),
        known.MEMORY,
        str(tokenizer or ""),
    )


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
