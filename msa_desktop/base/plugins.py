"""Finds drop-in adapters: every public module of a package, without a list to keep in step."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def module_names(package: ModuleType) -> list[str]:
    """Full names of the package's modules that do not start with an underscore, sorted.

    Uses the import system's own listing, so a frozen (PyInstaller) program finds the same ones.
    """
    found = pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    return sorted(m.name for m in found if not m.name.rpartition(".")[2].startswith("_"))


def load(package: ModuleType) -> list[ModuleType]:
    """Imports the package's adapters. Each must be cheap to import: heavy libraries load late."""
    return [importlib.import_module(name) for name in module_names(package)]
