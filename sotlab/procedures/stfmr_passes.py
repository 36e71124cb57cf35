"""What sweeps have in common that go through the line more than once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.instruments.station import Station
from sotlab.procedures.runs.plan import Point
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

__all__ = ["STFMRPasses"]


class STFMRPasses(STFMRFieldSweep):
    """A spectrum in several passes, each in the direction of the first and from outside.

    All points then lie on one branch of the yoke's loop. A pass begins where the field turns back.
    """

    def prepare(self, bench: Station) -> None:
        """Nothing is set yet, and nowhere has been gone."""
        super().prepare(bench)
        self._last_T: float | None = None

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field; a further pass begins outside, as the first did."""
        field_T = point.settings["field_T"]
        if self._last_T is not None and self.direction * (field_T - self._last_T) < 0:
            bench["field"].ramp_to(self._run_up_T(point), self.should_stop)
        super().apply(point, bench)
        self._last_T = field_T

    def passes(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Return how many passes there were after the first, in rows of one spectrum."""
        by_plan = sorted(rows, key=lambda row: int(row["Index"]))
        steps = self.direction * np.diff([row["Field Set (T)"] for row in by_plan])
        return int(np.count_nonzero(steps < 0))
