"""The split between sweeps up and down: a bench that waits too little shows it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.analysis.lineshape import fit_lineshape
from sotlab.errors import DataError
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.runs.scan import Point

__all__ = ["UpDownSplit"]


class UpDownSplit(Check):
    """Sweep the field up through the resonance and down again: difference of the two resonance fields, up - down.

    The field is read by the gaussmeter at each point, so the magnet's remanence does not enter; what remains is what
    follows the field too late: voltmeter, filter, gaussmeter. Each sweep begins outside the window.
    """

    NAME = "up_down_split"
    TITLE = "resonance field of the sweep up less that of the sweep down"
    UNIT = "T"
    ORDER = 90
    ROLES = ("field", "gaussmeter", "microwave", "voltmeter")
    COLUMNS = ("Branch (1)", "Field Set (T)", "Field (T)", "Voltage (V)")
    X_AXIS = "Field (T)"
    Y_AXIS = "Voltage (V)"

    frequency = Quantity("Frequency", "Hz", default=7e9, minimum=1e6, maximum=120e9)
    power = Quantity("Power", "dBm", default=15.0, minimum=-140.0, maximum=40.0)
    start = Quantity("Start", "T", default=0.03, minimum=-20.0, maximum=20.0)
    stop = Quantity("Stop", "T", default=0.095, minimum=-20.0, maximum=20.0)
    points = Integer("Points", default=41, minimum=12, maximum=1_000_000)
    run_up = Quantity("Run-up", "T", default=0.01, minimum=0.0, maximum=5.0)
    largest = Quantity("Largest", "T", default=0.5e-3, minimum=1e-9, maximum=1.0, description="Of either sign")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed, of both signs."""
        return -self.largest, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the fields upwards, then downwards."""
        fields_T = np.linspace(self.start, self.stop, self.points)
        for branch, along in ((1.0, fields_T), (-1.0, fields_T[::-1])):
            for field_T in along:
                yield {"branch": branch, "field_T": float(field_T)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every field, the run-ups, frequency and power against the station's limits."""
        bench["microwave"].check(frequency_Hz=self.frequency, power_dBm=self.power)
        for point in (points[0], points[-1]):
            bench["field"].check(point.settings["field_T"])
        for branch in (1.0, -1.0):
            bench["field"].check(self._outside_T(branch))

    def prepare(self, bench: Station) -> None:
        """Set frequency and power; the output goes on when the field is at the window."""
        bench["microwave"].set_frequency(self.frequency)
        bench["microwave"].set_power(self.power)

    def approach(self, point: Point, bench: Station) -> None:
        """Come to outside the window, then switch the microwave on."""
        self._branch = point.settings["branch"]
        bench["field"].ramp_to(self._outside_T(self._branch), self.should_stop)
        bench["microwave"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field and let it settle; turn outside the window."""
        if point.settings["branch"] != self._branch:
            self._branch = point.settings["branch"]
            bench["field"].ramp_to(self._outside_T(self._branch), self.should_stop)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read field, voltage and field again, as the sweep does."""
        gaussmeter = bench["gaussmeter"]
        before_T = gaussmeter.read_field()
        voltage_V = bench["voltmeter"].read_voltage()
        after_T = gaussmeter.read_field()
        return {
            "Branch (1)": point.settings["branch"],
            "Field Set (T)": point.settings["field_T"],
            "Field (T)": gaussmeter.sample_field(0.5 * (before_T + after_T))[0],
            "Voltage (V)": voltage_V,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp and readings [s]."""
        reading_s = 2 * bench["gaussmeter"].reading_time_s + bench["voltmeter"].reading_time_s
        from_T = self._outside_T(1.0) if before is None else before.settings["field_T"]
        return bench["field"].ramp_time_s(from_T, point.settings["field_T"]) + reading_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the difference of the two lines' centres."""
        branch, field_T, voltage_V = (rows[name].to_numpy(float) for name in ("Branch (1)", "Field (T)", "Voltage (V)"))
        up, down = branch > 0.0, branch < 0.0
        fit = fit_lineshape([field_T[up], field_T[down]], [voltage_V[up], voltage_V[down]])
        if not fit.good.all():
            reasons = "; ".join(flag for flags in fit.flags for flag in flags)
            raise DataError(f"{self.NAME}: no line to be believed in one of the sweeps: {reasons}")
        split_T = float(fit.field_res[0] - fit.field_res[1]) * float(fit.field_sign[0])
        return Finding(split_T, math.hypot(*fit.field_res_sigma))

    def _outside_T(self, branch: float) -> float:
        edge_T = self.start if branch > 0.0 else self.stop
        inwards = 1.0 if self.stop >= self.start else -1.0
        return edge_T - branch * inwards * self.run_up
