"""Finds classes by name: those of entry points, ours too, and those named by module or file."""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from sotlab.errors import StationError

__all__ = ["load_class"]


def load_class(group: str, name: str, where: str, folder: Path | None = None) -> Any:
    """Return the class that ``name`` stands for: an entry point of ``group``, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    StationError
        If there is no such class; the message begins with ``where`` and lists what there is.
    """
    installed = _installed(group)
    if name in installed:
        return installed[name].load()
    module_name, colon, class_name = name.rpartition(":")
    if not colon:
        known = ", ".join(sorted(installed))
        raise StationError(
            f"{where}: '{name}' is not installed; installed: {known}; or give module:Class or file.py:Class"
        )
    try:
        if module_name.endswith(".py"):
            module = _module_from_file((folder or Path()) / module_name)
        else:
            module = importlib.import_module(module_name)
        return getattr(module, class_name)
    except (ImportError, OSError, AttributeError) as error:
        raise StationError(f"{where}: '{name}' cannot be loaded: {error}") from error


@lru_cache
def _installed(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group; looking for them reads a file of every package that is installed."""
    return {entry.name: entry for entry in entry_points(group=group)}


def _module_from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no Python file '{path}'")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
