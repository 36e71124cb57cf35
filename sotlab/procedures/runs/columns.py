"""The rows of a running measurement as columns in memory: looking at them costs the same however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.procedures.runs.bus import Bus

__all__ = ["LiveColumns", "samples_of", "table_of"]

#: Rows for which there is room at first.
ROOM = 1024


def samples_of(row: Mapping[str, Any], columns: Sequence[str]) -> list[list[float]]:
    """Return the numbers of a row's columns; a line for each sample where cells are arrays of one length.

    What is no number, and an array beside others of another length, is nan.
    """
    cells = [row.get(column) for column in columns]
    lengths = [len(cell) for cell in cells if isinstance(cell, np.ndarray) and cell.ndim == 1 and len(cell) != 1]
    if not lengths:
        return [[_number(cell) for cell in cells]]
    table = np.full((lengths[0], len(cells)), np.nan)
    for k, cell in enumerate(cells):
        if not isinstance(cell, np.ndarray) or cell.size == 1:
            table[:, k] = _number(cell)
        elif cell.shape == (lengths[0],) and cell.dtype.kind in "fiu":
            table[:, k] = cell
    return table.tolist()


def table_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> np.ndarray:
    """Return the numbers of rows (N, columns), as :func:`samples_of` has those of each."""
    try:
        table = np.array([[row[column] for column in columns] for row in rows], float)
    except (KeyError, TypeError, ValueError):  # not one number in each cell
        table = np.empty(0)
    if table.shape == (len(rows), len(columns)):
        return table
    return np.array([line for row in rows for line in samples_of(row, columns)], float).reshape(-1, len(columns))


class LiveColumns:
    """Collects the numbers of a run's rows; what is no number is nan, and arrays are as many rows as they have samples.

    Rows come in the worker's thread; :meth:`arrays` may be called from any other.

    Parameters
    ----------
    bus : Bus
        Where rows come from (topic ``results``).
    columns : sequence of str
        The columns to keep.
    rows : sequence of dict
        Rows that there are already, of a run that is resumed.
    """

    def __init__(self, bus: Bus, columns: Sequence[str], rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.columns = tuple(columns)
        self._table = np.empty((ROOM, len(self.columns)))
        self._count = 0
        for row in rows:
            self._append(row)
        self.close = bus.subscribe(self._hear)

    def __len__(self) -> int:
        return self._count

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns so far, by name: views that stay as they are when more rows come."""
        count, table = self._count, self._table  # in this order: the table has at least so many rows
        return dict(zip(self.columns, table[:count].T, strict=True))

    def _hear(self, topic: str, record: Any) -> None:
        if topic == "results":
            self._append(record)

    def _append(self, row: Mapping[str, Any]) -> None:
        count = self._count
        self._make_room(count + 1)
        try:
            self._table[count] = [row[column] for column in self.columns]
            self._count = count + 1
        except (KeyError, TypeError, ValueError):
            lines = samples_of(row, self.columns)
            self._make_room(count + len(lines))
            self._table[count : count + len(lines)] = lines
            self._count = count + len(lines)

    def _make_room(self, rows: int) -> None:
        if rows > len(self._table):  # a new table: whoever has a view of the old one keeps it
            grown = np.empty((max(2 * len(self._table), rows), len(self.columns)))
            grown[: self._count] = self._table[: self._count]
            self._table = grown


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
