"""The magnet: whether its field is the same for both signs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.runs.scan import Point

__all__ = ["FieldSymmetry"]


class FieldSymmetry(Check):
    """Ramp to +B and -B in turn: half the sum of two neighbours, (B+ + B-) / 2, which is 0 on a symmetric bench.

    Each field is reached from the other one, so that the iron's remanence, of opposite sign on the two branches, does
    not enter. Sigma has the scatter and how well the gaussmeter's zero is known.
    """

    NAME = "field_symmetry"
    TITLE = "half the sum of the fields at +B and -B"
    UNIT = "T"
    ORDER = 40
    ROLES = ("field", "gaussmeter")
    COLUMNS = ("Field Set (T)", "Field (T)", "Field Sigma (T)")
    X_AXIS = "Field Set (T)"
    Y_AXIS = "Field (T)"

    field = Quantity("Field", "T", default=0.1, minimum=1e-4, maximum=20.0)
    pairs = Integer("Pairs", default=4, minimum=2, maximum=1000)
    readings = Integer("Readings", default=10, minimum=1, maximum=10_000, description="Of the gaussmeter at each field")
    largest = Quantity("Largest", "T", default=0.5e-3, minimum=1e-9, maximum=1.0, description="Of either sign")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed, of both signs."""
        return -self.largest, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield -B to come from, then +B and -B in turn."""
        for number in range(2 * self.pairs + 1):
            yield {"field_T": self.field if number % 2 else -self.field}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check both fields against the station's limits."""
        for field_T in (-self.field, self.field):
            bench["field"].check(field_T)

    def approach(self, point: Point, bench: Station) -> None:
        """Begin at +B, so that the first field, too, is reached from the other side."""
        bench["field"].ramp_to(self.field, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field and let it settle."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the gaussmeter."""
        gaussmeter = bench["gaussmeter"]
        probe_T = self.mean_of(gaussmeter.read_field, self.readings, gaussmeter.reading_time_s, bench)[0]
        return {
            "Field Set (T)": point.settings["field_T"],
            "Field (T)": gaussmeter.sample_field(float(probe_T))[0],
            "Field Sigma (T)": gaussmeter.sample_field(0.0)[1],
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp and readings [s]."""
        from_T = self.field if before is None else before.settings["field_T"]
        reading_s = self.readings * bench["gaussmeter"].reading_time_s
        return bench["field"].ramp_time_s(from_T, point.settings["field_T"]) + reading_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the mean of half the sums; each is of fields that no other has, so that they scatter independently."""
        field_T = rows["Field (T)"].to_numpy(float)[1:]  # the first one has no neighbour left
        halves_T = 0.5 * (field_T[::2] + field_T[1::2])
        scatter_T = float(np.std(halves_T, ddof=1)) / math.sqrt(len(halves_T))
        zero_T = float(rows["Field Sigma (T)"].iloc[0])
        return Finding(float(np.mean(halves_T)), math.hypot(scatter_T, zero_T))
