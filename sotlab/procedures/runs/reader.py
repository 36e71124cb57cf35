"""Reads a run back: its rows, its journal, how it ended. No code that is named in a file is ever imported."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.arrays import Arrays, read_arrays
from sotlab.procedures.runs.facts import status_of
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.journal import read_journal

__all__ = ["RunRecord", "read_rows", "read_run"]


@dataclass(frozen=True)
class RunRecord:
    """A run as it stands on the disk.

    Attributes
    ----------
    opened : dict
        The journal's ``run_open``: parameters, plan, station, sample, versions.
    status : str
        ``finished``, ``aborted``, ``failed``, or ``interrupted`` if the journal has no end.
    rows : DataFrame
        The rows; a torn last line is left out.
    """

    folder: RunFolder
    opened: dict[str, Any]
    status: str
    rows: pd.DataFrame

    @property
    def simulated(self) -> bool:
        """Whether the run was made on simulated instruments."""
        return bool(self.opened.get("simulated", False))

    @cached_property
    def arrays(self) -> Arrays:
        """The arrays that cells name as ``array:KEY``."""
        return read_arrays(self.folder.arrays)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by attribute name, in their units."""
        return {name: entry["value"] for name, entry in self.opened.get("parameters", {}).items()}


def read_run(path: Path) -> RunRecord:
    """Read a run folder.

    Raises
    ------
    RunError, DataError
        If it is no run folder, or its journal or its rows are damaged.
    """
    folder = RunFolder.open(path)
    events = read_journal(folder.journal)
    opened = next((event for event in events if event["event"] == "run_open"), None)
    if opened is None:
        raise RunError(f"{path}: the run ended before it began: its journal has no run_open")
    status = status_of(events)
    if not folder.data.exists():
        closed = next((event for event in reversed(events) if event["event"] == "run_close"), None)
        raise RunError(f"{path}: the run is {status} and has no rows: {closed['error'] if closed else 'it was killed'}")
    return RunRecord(folder, opened, status, read_rows(folder.data))


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a data file in PyMeasure's format, ours or PyMeasure's own.

    What follows the last line feed was being written when the run was killed, and is left out.

    Raises
    ------
    DataError
        If it cannot be read or holds no table.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the rows cannot be read: {error}") from error
    body = "".join(line for line in text[: text.rfind("\n") + 1].splitlines(keepends=True) if not line.startswith("#"))
    try:
        return pd.read_csv(io.StringIO(body))
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: there is no table in this file: {error}") from error
