"""The rows of a running measurement as columns in memory: looking at them costs the same however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.procedures.runs.bus import Bus

__all__ = ["LiveColumns"]

#: Rows for which there is room at first.
ROOM = 1024


class LiveColumns:
    """Collects the numbers of a run's rows; what is no number is nan.

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
        if count == len(self._table):  # a new table: whoever has a view of the old one keeps it
            grown = np.empty((2 * count, len(self.columns)))
            grown[:count] = self._table
            self._table = grown
        try:
            self._table[count] = [row[column] for column in self.columns]
        except (KeyError, TypeError, ValueError):
            self._table[count] = [_number(row.get(column)) for column in self.columns]
        self._count = count + 1


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
