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
from sotlab.procedures.runs.columns import LiveColumns

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
        self._roles = dict(columns)
        self._reduce = reduce
        self._columns = LiveColumns(bus, list(self._roles.values()), rows)
        self._news = threading.Event()
        self._stop = threading.Event()
        self._unsubscribe = bus.subscribe(self._hear)
        self._thread = threading.Thread(target=self._work, name="live reduction", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Reduce what has not been reduced yet, then end the thread."""
        self._unsubscribe()
        self._columns.close()
        self._stop.set()
        self._news.set()
        self._thread.join()

    def _hear(self, topic: str, record: Any) -> None:
        if topic == "results":
            self._news.set()

    def _work(self) -> None:
        seen = 0
        while True:
            self._news.wait()
            stopping = self._stop.is_set()
            self._news.clear()
            if len(self._columns) > seen:
                seen = len(self._columns)
                self._publish(self._columns.arrays())
            if stopping:
                return
            self._stop.wait(PERIOD_S)
            if self._stop.is_set():
                self._news.set()

    def _publish(self, columns: Mapping[str, np.ndarray]) -> None:
        try:
            fit = self._reduce({role: columns[header] for role, header in self._roles.items()})
        except Exception:  # too few rows, no line yet: a watcher has nothing to see, and no one needs to act
            return
        if fit is not None:
            self._bus.publish("fit", fit)
