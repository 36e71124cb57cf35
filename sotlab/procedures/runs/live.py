"""The live reduction: a fit of the rows so far, for eyes only.

It runs in a thread of its own, at most five times a second of wall time, always on the newest rows; when it is slow
it skips, and the measurement never waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.procedures.runs.bus import Bus

__all__ = ["LiveReduction"]

#: Shortest time between two reductions [s].
PERIOD_S = 0.2


class LiveReduction:
    """Reduces the rows of a run as they come and publishes the outcome as topic ``fit``.

    Parameters
    ----------
    bus : Bus
        Where rows come from (topic ``results``) and fits go to.
    columns : mapping of str to str
        The role of a column for ``reduce`` -> its header in the rows.
    reduce : callable
        Takes the columns as arrays by role; what it returns is published; None is not. An exception means that
        there is nothing to show yet.
    rows : sequence of dict
        Rows that there are already, of a run that is resumed.
    """

    def __init__(
        self,
        bus: Bus,
        columns: Mapping[str, str],
        reduce: Callable[[Mapping[str, np.ndarray]], Any | None],
        rows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._bus = bus
        self._columns = dict(columns)
        self._reduce = reduce
        self._rows: list[tuple[float, ...]] = [self._picked(row) for row in rows]
        self._news = threading.Event()
        self._stop = threading.Event()
        self._unsubscribe = bus.subscribe(self._hear)
        self._thread = threading.Thread(target=self._work, name="live reduction", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Reduce what has not been reduced yet, then end the thread."""
        self._unsubscribe()
        self._stop.set()
        self._news.set()
        self._thread.join()

    def _hear(self, topic: str, record: Any) -> None:
        if topic == "results":
            self._rows.append(self._picked(record))
            self._news.set()

    def _picked(self, row: Mapping[str, Any]) -> tuple[float, ...]:
        return tuple(row[header] for header in self._columns.values())

    def _work(self) -> None:
        seen = 0
        while True:
            self._news.wait()
            stopping = self._stop.is_set()
            self._news.clear()
            count = len(self._rows)  # the list only grows: its first `count` rows do not change under us
            if count > seen:
                seen = count
                self._publish(count)
            if stopping:
                return
            self._stop.wait(PERIOD_S)
            if self._stop.is_set():
                self._news.set()

    def _publish(self, count: int) -> None:
        table = np.array(self._rows[:count], dtype=float)
        try:
            fit = self._reduce(dict(zip(self._columns, table.T, strict=True)))
        except Exception:  # too few rows, no line yet: a watcher has nothing to see, and no one needs to act
            return
        if fit is not None:
            self._bus.publish("fit", fit)
