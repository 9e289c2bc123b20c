"""Finds the format of a file."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType
from typing import cast

from msa_desktop import tagio
from msa_desktop.base import plugins
from msa_desktop.base.fields import Field
from msa_desktop.tagio._base import Format, Source, TagError, damaged, opened


@cache
def _formats() -> tuple[ModuleType, ...]:
    return tuple(module for module in plugins.load(tagio) if hasattr(module, "knows"))


def format_of(source: Source, name: str) -> Format:
    """The format of an open file: by its content, those that its name suggests first.

    Raises:
        TagError: None of those the program can read and write.
    """
    extension = os.path.splitext(name)[1].lower()
    for module in sorted(_formats(), key=lambda module: extension not in module.EXTENSIONS):
        known = cast(Format, module)
        if known.knows(source):
            return known
    if source.size == 0:
        raise damaged("The file is empty.")
    raise TagError(
        "This is no music file whose tags the program can read and write. If a player plays it, "
        "convert it to another format."
    )


def read(path: str) -> dict[Field, tuple[str, ...]]:
    """The tags of one file.

    Raises:
        TagError: It is no music file the program knows, or its tags are damaged.
        OSError: It cannot be opened or read.
    """
    with opened(path) as source:
        return format_of(source, path).read(source)
