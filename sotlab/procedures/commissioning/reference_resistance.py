"""The reference device: whether it is there, and is the one that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.instruments.station_file import ProtectionTable
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["ReferenceResistance"]


class ReferenceResistance(Check):
    """Measure the reference device's resistance: the slope of voltage against small currents of both signs.

    Thermal voltages do not enter. ``expected`` and ``tolerance`` say which device it is; without them anything is
    allowed that ``[protection] resistance_ohm`` takes for a contact. Sigma is that of the readings, not the meter's.
    """

    NAME = "reference_resistance"
    TITLE = "resistance of the reference device"
    UNIT = "ohm"
    ORDER = 10
    GATE = True  # without a contact nothing else means anything, and the rest would drive what is not there
    ROLES = ("source_meter",)
    COLUMNS = ("Current Set (A)", "Voltage (V)")
    X_AXIS = "Current Set (A)"
    Y_AXIS = "Voltage (V)"

    current = Quantity("Current", "A", default=1e-5, minimum=1e-9, maximum=1.0, description="Largest, of both signs")
    points = Integer("Points", default=12, minimum=4, maximum=1000)
    expected = Quantity("Expected", "ohm", default=0.0, minimum=0.0, maximum=1e9, description="0: not stated")
    tolerance = Quantity("Tolerance", None, default=0.1, minimum=1e-6, maximum=1.0, description="Relative")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return what is expected, or what the station takes for a contact."""
        if self.expected:
            return self.expected * (1.0 - self.tolerance), self.expected * (1.0 + self.tolerance)
        return (bench.config.protection or ProtectionTable()).resistance_ohm

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the currents, evenly spaced through zero."""
        for current_A in np.linspace(-self.current, self.current, self.points):
            yield {"current_A": float(current_A)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every current against the station's limits."""
        for point in points:
            bench["source_meter"].check(point.settings["current_A"])

    def approach(self, point: Point, bench: Station) -> None:
        """Switch the output on at zero current."""
        bench["source_meter"].set_current(0.0)
        bench["source_meter"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Send the current."""
        bench["source_meter"].set_current(point.settings["current_A"])

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage."""
        return {"Current Set (A)": point.settings["current_A"], "Voltage (V)": bench["source_meter"].read_voltage()}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of a reading [s]."""
        return bench["source_meter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the slope."""
        current_A, voltage_V = rows["Current Set (A)"].to_numpy(float), rows["Voltage (V)"].to_numpy(float)
        fit = fit_linear([np.ones_like(current_A), current_A], voltage_V, self.NAME)
        return Finding(float(fit.values[1]), float(fit.sigmas[1]))
