"""Runs in formats of other programs. A format is an entry point of ``sotlab.exports``: an :class:`Exporter`."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sotlab.errors import RunError, SotlabError, StationError, UsageError
from sotlab.instruments.installed import load_class
from sotlab.procedures.runs.run_data import RunData, load_run

__all__ = ["Exporter", "export_run", "find_exporter", "formats", "needed"]

GROUP = "sotlab.exports"


@dataclass(frozen=True)
class Exporter:
    """A format.

    Parameters
    ----------
    suffix : str
        How its files end: ``.parquet``.
    write : callable
        ``write(path, run)`` writes a :class:`~sotlab.procedures.runs.run_data.RunData` into a new file. It must say
        ``SIMULATED`` in the file, as ``run.about`` does.
    """

    suffix: str
    write: Callable[[Path, RunData], None]


def formats() -> list[str]:
    """Return the names of the formats."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find_exporter(name: str) -> Exporter:
    """Return a format: an entry point, ``module:NAME`` or ``file.py:NAME``.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    try:
        found = load_class(GROUP, name, "--format")
    except StationError as error:
        raise UsageError(str(error)) from error
    if not isinstance(found, Exporter):
        raise UsageError(f"--format: '{name}' is no Exporter")
    return found


def export_run(folder: Path, exporter: Exporter, out: Path, overwrite: bool = False, means: bool = False) -> Path:
    """Write a run, or the means of its repeats, as one file of a format into ``out``, which is made; return where.

    Raises
    ------
    RunError, DataError
        If the run cannot be read, the file is there already, or it cannot be written.
    UsageError
        If the format needs a package that is not installed.
    """
    path = out / f"{folder.resolve().name}{'_means' if means else ''}{exporter.suffix}"
    if path.exists() and not overwrite:
        raise RunError(f"{path}: is there already; say --overwrite, or another --out")
    run = load_run(folder, means)
    # Not with_suffix(): netCDF and HDF5 libraries care for no suffix, and a run's name may hold dots.
    partial = out / f".{secrets.token_hex(4)}{exporter.suffix}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        exporter.write(partial, run)
        os.replace(partial, path)  # nobody meets half a file under its name
    except SotlabError:
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def needed(package: str, extra: str = "tables") -> Any:
    """Import a package of an extra.

    Raises
    ------
    UsageError
        If it is not installed: the line says how to.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise UsageError(
            f"this format needs the package {name}, which is not installed; pip install 'sotlab[{extra}]'"
        ) from error
