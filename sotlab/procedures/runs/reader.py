"""Reads a run back: its rows, its journal, how it ended. No code that is named in a file is ever imported."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.arrays import PREFIX, Arrays, read_arrays
from sotlab.procedures.runs.facts import status_of
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.journal import read_journal

__all__ = ["RunRecord", "read_rows", "read_run", "rows_without_arrays"]

#: How old the oldest row may be, against the last, whose array was lost with the power [s]; older ones are damage.
LOST_S = 10.0


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
        The rows; a torn last line is left out, and so are last rows whose arrays a loss of power took.
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
    rows = read_rows(folder.data)
    lost = rows_without_arrays(rows, folder)
    return RunRecord(folder, opened, status, rows.iloc[: len(rows) - lost])


def rows_without_arrays(rows: pd.DataFrame, folder: RunFolder) -> int:
    """Return how many rows at the end name an array that never reached the disk.

    Rows and arrays are synced within a second, each by itself: a loss of power may take an array and leave its row.
    """
    named = [column for column in rows if any(map(_names_array, rows[column].iloc[-1:]))]
    if not named:
        return 0
    arrays, lost = read_arrays(folder.arrays), 0
    for _, row in rows[named].iloc[::-1].iterrows():
        if all(cell in arrays for cell in row if _names_array(cell)):
            break
        lost += 1
    if not lost or "Time (s)" not in rows:  # without times nothing says how long ago they were measured
        return 0
    time_s = rows["Time (s)"]
    return lost if time_s.iloc[-1] - time_s.iloc[-lost] <= LOST_S else 0


def _names_array(cell: object) -> bool:
    return isinstance(cell, str) and cell.startswith(PREFIX)


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
    start, end = 0, text.rfind("\n") + 1
    while text.startswith("#", start, end):  # the labels, which stand at the beginning
        start = text.index("\n", start) + 1
    body = text[start:end]
    if "\n#" in body:
        body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("#"))
    try:
        return pd.read_csv(io.StringIO(body))
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: there is no table in this file: {error}") from error
