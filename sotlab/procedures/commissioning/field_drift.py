"""The magnet: whether a field that is held stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["FieldDrift"]


class FieldDrift(Check):
    """Hold a field and read the gaussmeter: the slope of the readings against time."""

    NAME = "field_drift"
    TITLE = "drift of a field that is held"
    UNIT = "T/s"
    ORDER = 50
    ROLES = ("field", "gaussmeter")
    COLUMNS = ("Field (T)",)
    Y_AXIS = "Field (T)"

    field = Quantity("Field", "T", default=0.1, minimum=-20.0, maximum=20.0)
    readings = Integer("Readings", default=300, minimum=10, maximum=100_000)
    wait = Quantity("Wait", "s", default=5.0, minimum=0.0, maximum=1e5, description="After the ramp")
    largest = Quantity("Largest", "T/s", default=5e-8, minimum=1e-15, maximum=1.0, description="Of either sign")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed, of both signs."""
        return -self.largest, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield one point a reading."""
        for number in range(self.readings):
            yield {"reading": float(number)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the field against the station's limits."""
        bench["field"].check(self.field)

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp to the field, and wait."""
        bench["field"].ramp_to(self.field, self.should_stop)
        bench.clock.sleep(self.wait, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Wait for a new reading."""
        bench.clock.sleep(bench["gaussmeter"].reading_time_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the field at the sample."""
        return {"Field (T)": bench["gaussmeter"].sample_field(bench["gaussmeter"].read_field())[0]}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of a reading [s]."""
        return bench["gaussmeter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the slope; sigma from the scatter about the line."""
        time_s, field_T = rows["Time (s)"].to_numpy(float), rows["Field (T)"].to_numpy(float)
        fit = fit_linear([np.ones_like(time_s), time_s - time_s.mean()], field_T - field_T.mean(), self.NAME)
        return Finding(float(fit.values[1]), float(fit.sigmas[1]))
