"""The rectified voltage: whether it follows the power."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["PowerLinearity"]


class PowerLinearity(Check):
    """Read the rectified voltage at a fixed field, RF on and off, against the power: how far it is from proportional.

    ``V_on - V_off = a p (1 + k p)`` with p the power over the largest one: k is 0 where nothing is compressed, heated
    or overdriven. RF off is read before and after each power, so that thermal voltages and their drift do not enter;
    the powers go up and down in turn, so that a slow change of the line is not taken for a bend.
    """

    NAME = "power_linearity"
    TITLE = "deviation of the rectified voltage from proportional to the power, at the largest power"
    UNIT = ""
    ORDER = 80
    ROLES = ("field", "microwave", "voltmeter")
    COLUMNS = ("Power (dBm)", "Voltage On (V)", "Voltage Off (V)")
    X_AXIS = "Power (dBm)"
    Y_AXIS = "Voltage On (V)"

    field = Quantity("Field", "T", default=0.06, minimum=-20.0, maximum=20.0, description="Near the resonance")
    frequency = Quantity("Frequency", "Hz", default=7e9, minimum=1e6, maximum=120e9)
    power = Quantity("Power", "dBm", default=15.0, minimum=-140.0, maximum=40.0, description="Largest")
    points = Integer("Points", default=6, minimum=3, maximum=1000)
    repeats = Integer("Repeats", default=2, minimum=1, maximum=10_000, description="Of all powers, up and down in turn")
    averages = Integer("Averages", default=24, minimum=1, maximum=10_000, description="Readings in a row, on and off")
    largest = Quantity("Largest", None, default=0.1, minimum=1e-6, maximum=10.0, description="Of either sign")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed, of both signs."""
        return -self.largest, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the powers, evenly spaced in milliwatt, up and down in turn."""
        parts = np.linspace(1.0 / self.points, 1.0, self.points)
        for number in range(self.repeats):
            for part in parts if number % 2 == 0 else parts[::-1]:
                yield {"power_dBm": self.power + 10.0 * math.log10(part)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the field, the frequency and every power against the station's limits."""
        bench["field"].check(self.field)
        for point in points:
            bench["microwave"].check(frequency_Hz=self.frequency, **point.settings)

    def prepare(self, bench: Station) -> None:
        """Set the frequency; the RF is still off."""
        bench["microwave"].set_frequency(self.frequency)

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp to the field."""
        bench["field"].ramp_to(self.field, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Set the power."""
        bench["microwave"].set_power(point.settings["power_dBm"])

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage with the RF off, on, and off again."""
        before_V, on_V, after_V = (self._read(on, bench) for on in (False, True, False))
        return {
            "Power (dBm)": point.settings["power_dBm"],
            "Voltage On (V)": on_V,
            "Voltage Off (V)": 0.5 * (before_V + after_V),
        }

    def _read(self, on: bool, bench: Station) -> float:
        bench["microwave"].set_output(on)
        count = self.averages if on else max(1, self.averages // 2)
        return float(np.mean([bench["voltmeter"].read_voltage() for _ in range(count)]))

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of switching and reading [s]."""
        return 3 * bench["microwave"].settling_s + 2 * self.averages * bench["voltmeter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return k, with the sigma that the scatter about the parabola leaves it."""
        part = 10.0 ** (0.1 * (rows["Power (dBm)"].to_numpy(float) - self.power))
        voltage_V = (rows["Voltage On (V)"] - rows["Voltage Off (V)"]).to_numpy(float)
        fit = fit_linear([part, part**2], voltage_V, self.NAME)
        slope_V, bend_V = fit.values
        if abs(slope_V) < 5.0 * fit.sigmas[0]:
            raise DataError(
                f"{self.NAME}: no rectified voltage stands out: {slope_V:.2g} V of {fit.sigmas[0]:.2g} V; choose a"
                " field nearer to the resonance, or more averages"
            )
        k = bend_V / slope_V
        gradient = np.array([-k, 1.0]) / slope_V
        return Finding(float(k), math.sqrt(float(gradient @ fit.covariance @ gradient)))
