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
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import numpy as np

from msa_desktop.base.errors import UserError
from msa_desktop.base.model import Embedding, FloatArray, WindowSpec
from msa_desktop.base.settings import Device
from msa_desktop.base.text import printable

MANIFEST = "manifest.toml"
_LONGEST_REASON = 200  # characters of what a library says of its failure


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """An encoder and the model it runs here: all that is known without loading it.

    Attributes:
        id: Name in the store and on the command line. What an encoder hears through its first model
            has the encoder's id, through another that model's: each has vectors of its own, and
            who goes from one to the other and back has nothing heard again.
        version: Of its vectors; those of another version are not comparable.
        dimension: Length of its vectors.
        module: Its module, to be imported where it is to run.
        folder: Where its model's files are.
        memory: Megabytes that a process comes to need for it.
        tokenizer: Where the files are that cut words into tokens for it; "" if it reads no words,
            or they are not here.
        spec: The windows it listens to; None for those of its module.
    """

    id: str
    version: str
    dimension: int
    module: str = ""
    folder: str = ""
    memory: int = 0
    tokenizer: str = ""
    spec: WindowSpec | None = None

    def load(self) -> EncoderModule:
        """The module."""
        return cast(EncoderModule, importlib.import_module(self.module))

    def trouble(self, error: Exception) -> str:
        """Why it does not work, in a sentence for the person.

        Args:
            error: What it raised: a graphics card's driver, or a library, can raise anything.
        """
        if isinstance(error, UserError):
            return str(error)
        said = printable(str(error).partition("\n")[0])[:_LONGEST_REASON]
        what = f"{type(error).__name__}: {said}".rstrip(": ")
        return (
            f'The encoder "{self.id}" does not work here ({what}). The others go on without it. '
            "It may run on the processor: msa-desktop config device cpu"
        )


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
        VERSION: Changes with everything that changes the vector, but for the model, and for the
            windows where it has `MODELS`.
        DIMENSION: Length of the vector.
        SPEC: The windows it listens to; with `MODELS`, the person may want another number.
        MEMORY: Megabytes that a process comes to need for it (scripts/bench/encoders.py).
        LABEL_SOURCES: The sources (see `base.vocabulary`) of its label scores.
        MODELS: The models of the catalogue (resources/models.toml) that it can run, any one of
            which it needs, the usual one first. Empty: its model comes with the program, in the
            folder of its id.
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


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model of the catalogue that can be run.

    Attributes:
        folder: Where its files are.
        mark: What tells its weights from others under the same name; "" for those that the
            catalogue knows.
    """

    folder: Path
    mark: str = ""


def facts(
    module: ModuleType,
    built_in: Path,
    installed: Callable[[str], InstalledModel | None],
    *,
    preferred: str = "",
    windows: int | None = None,
) -> EncoderFacts | None:
    """An encoder with a model that is here; None where there is none.

    Args:
        module: An encoder.
        built_in: The folder of the models that come with the program.
        installed: A model of the catalogue, where it can be run; None where it cannot.
        preferred: The model to take of those it can run; else, the first of its own order.
        windows: How many an encoder hears whose model was installed; None for its own number.
    """
    known = cast(EncoderModule, module)
    encoder, spec, version = known.ID, getattr(known, "SPEC", None), known.VERSION
    folder = built_in / known.ID
    if known.MODELS:
        here = (
            (name, installed(name))
            for name in sorted(known.MODELS, key=lambda name: name != preferred)
        )
        found = next(((name, model) for name, model in here if model is not None), None)
        if found is None:
            return None
        name, model = found
        folder = model.folder
        if name != known.MODELS[0]:
            encoder = name
        if spec is not None:
            spec = replace(spec, count=windows or spec.count)
            version += f"-{spec.count}x{spec.seconds:g}s"
        version = "-".join(filter(None, (version, name, model.mark)))
    tokenizer = installed(known.TOKENIZER) if known.TOKENIZER else None
    return EncoderFacts(
        encoder,
        version,
        known.DIMENSION,
        module.__name__,
        str(folder),
        known.MEMORY,
        "" if tokenizer is None else str(tokenizer.folder),
        spec,
    )


def heard(encoder: Encoder, tracks: Sequence[FloatArray]) -> list[Embedding]:
    """What an encoder says of tracks (`Encoder.embed`), if it says anything.

    Raises:
        ValueError: Something of it is no finite number.
    """
    said = encoder.embed(tracks)
    for one in said:
        if not all(np.isfinite(numbers).all() for numbers in (one.vector, *one.labels.values())):
            raise ValueError("what it heard is no row of finite numbers")
    return said


def try_out(encoder: Encoder, spec: WindowSpec) -> None:
    """Has an encoder hear a sound that hurts nobody: soft noise.

    Raises:
        Exception: It does not work, whatever the track.
    """
    noise = np.random.default_rng(0).standard_normal((1, spec.samples), np.float32)
    heard(encoder, [0.1 * noise])


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
