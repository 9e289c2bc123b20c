"""The table of models, resources/models.toml: what each is for, its source, its licence."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from msa_desktop.base.errors import UserError

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a model may be called; it is also its folder's name."""

# Names come from tables, never from a server or an archive, and still cannot leave the folder.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
FileName = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})?$", max_length=200)]
"""A file below a model's folder, at most one folder down."""

_Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
_Package = Annotated[str, Field(pattern=rf"^{_PART}==[0-9][0-9A-Za-z.]*$")]


class Kind(StrEnum):
    """What a model is for."""

    ENCODER = "encoder"  # sound to vector
    TEXT = "text"  # words to vector
    STEMS = "stems"  # sound to its parts
    LLM = "llm"  # words to words


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFile(_Table):
    """One file of a model.

    Attributes:
        name: Its name in the model's folder, and in the hub's repository.
        size: Bytes; None where only the hub knows.
        sha256: Of the file as it comes, or "".
        becomes: What a PyTorch file is converted to: the file that is kept. "" for others.
        members: What it is joined from, in the packages of a `Pypi` source.
    """

    name: FileName
    size: Annotated[int, Field(gt=0)] | None = None
    sha256: _Digest = ""
    becomes: FileName | Annotated[str, Field(max_length=0)] = ""
    members: tuple[str, ...] = ()

    @property
    def kept(self) -> str:
        """The name of the file in the model's folder."""
        return self.becomes or self.name


class Hub(_Table):
    """A repository of the Hugging Face hub, at one revision."""

    repository: Annotated[str, Field(pattern=rf"^{_PART}/{_PART}$")]
    revision: Annotated[str, Field(pattern=rf"^{_PART}$")]


class Pypi(_Table):
    """Packages of the Python package index, each pinned to a version."""

    packages: Annotated[tuple[_Package, ...], Field(min_length=1)]


class Model(_Table):
    """One model; the attributes are the table's.

    Attributes:
        id: Its name on the command line and in the settings.
        extra: The extra of this program's package that can use it, or "".
        licence: The licence's name.
        terms: What it asks of the person, in a sentence.
        built_in: It comes with the program.
    """

    id: Annotated[str, Field(pattern=f"^{ID.pattern}$")]
    title: str
    purpose: str
    kind: Kind
    extra: str = ""
    licence: str
    terms: str = ""
    terms_url: str = ""
    built_in: bool = False
    hub: Hub | None = None
    pypi: Pypi | None = None
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Model:
        if self.built_in + (self.hub is not None) + (self.pypi is not None) > 1:
            raise ValueError(f"{self.id} has more than one source")
        if self.pypi and not all(file.members and file.size and file.sha256 for file in self.files):
            raise ValueError(f"{self.id} needs members, size and sha256 for every file")
        names = [name for file in self.files for name in {file.name, file.kept}]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.id} names a file twice")
        return self

    @property
    def size(self) -> int | None:
        """Bytes of all files as they come; None where only the hub knows."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size)

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        if self.hub:
            return f"hub: {self.hub.repository}"
        if self.pypi:
            return f"PyPI: {', '.join(self.pypi.packages)}"
        return "comes with the program" if self.built_in else "a file of yours"


class Catalogue(_Table):
    """All models.

    Attributes:
        extras: The modules that each extra of this program's package brings.
        models: In the order of the table.
    """

    extras: dict[str, tuple[str, ...]]
    models: Annotated[tuple[Model, ...], Field(alias="model")]

    @model_validator(mode="after")
    def _whole(self) -> Catalogue:
        ids = [model.id for model in self.models]
        if len(ids) != len(set(ids)):
            raise ValueError("a model is declared twice")
        unknown = {model.extra for model in self.models} - {"", *self.extras}
        if unknown:
            raise ValueError(f"there is no extra {', '.join(sorted(unknown))}")
        return self

    def find(self, model_id: str) -> Model | None:
        """The model of that id, or None."""
        return next((model for model in self.models if model.id == model_id), None)


def load(path: Path) -> Catalogue:
    """Reads a table in the form of resources/models.toml, which describes it.

    Raises:
        pydantic.ValidationError: The table is not one.
    """
    return Catalogue.model_validate(tomllib.loads(path.read_text("utf-8")))


def check_id(model_id: str) -> None:
    """Refuses what is no id.

    Raises:
        UserError: It could not be the name of a model's folder.
    """
    if not ID.fullmatch(model_id):
        raise UserError(
            f'A model cannot be called "{model_id}": use small letters, digits, ".", "-" and "_".'
        )
