"""The microwave: whether it arrives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity, Text
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.runs.scan import Point

__all__ = ["MicrowaveLevel"]


class MicrowaveLevel(Check):
    """Read the power meter at a few frequencies: mean of measured over set power.

    The sensor is led there by a switch (``switch_position``), or connected by the operator. Sigma is that of the
    readings, with ``repeatability``: what a new zero and a new connection do to the meter.
    """

    NAME = "microwave_level"
    TITLE = "power at the power meter over the set power"
    UNIT = "dB"
    ORDER = 70
    ROLES = ("microwave", "rf_power_meter")
    COLUMNS = ("Frequency (Hz)", "Power (dBm)")
    X_AXIS = "Frequency (Hz)"
    Y_AXIS = "Power (dBm)"

    start = Quantity("Start", "Hz", default=4e9, minimum=1e6, maximum=120e9)
    stop = Quantity("Stop", "Hz", default=10e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=7, minimum=1, maximum=10_000)
    power = Quantity("Power", "dBm", default=10.0, minimum=-140.0, maximum=40.0)
    repeats = Integer("Repeats", default=3, minimum=2, maximum=10_000, description="Readings at each frequency")
    switch_position = Text(
        "Switch position", default="", description="Of rf_switch, that leads the source to the sensor; or by hand"
    )
    repeatability = Quantity("Repeatability", "dB", default=0.02, minimum=0.0, maximum=3.0)
    expected = Quantity("Expected", "dB", default=0.0, minimum=-100.0, maximum=100.0)
    tolerance = Quantity("Tolerance", "dB", default=1.0, minimum=1e-3, maximum=100.0)

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return what is expected, and how far off it may be."""
        return self.expected - self.tolerance, self.expected + self.tolerance

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the frequencies."""
        for frequency_Hz in np.linspace(self.start, self.stop, self.points):
            yield {"frequency_Hz": float(frequency_Hz)}

    def repeats_of_a_point(self) -> int:
        """Return how often each is read."""
        return self.repeats

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check frequencies and power against the station's limits."""
        for point in points:
            bench["microwave"].check(**point.settings, power_dBm=self.power)

    def approach(self, point: Point, bench: Station) -> None:
        """Lead the source to the sensor with the RF off, zero the meter, and switch the RF on."""
        microwave = bench["microwave"]
        microwave.set_output(False)
        if self.switch_position:
            bench["rf_switch"].select(self.switch_position)
        else:
            bench.ask_operator("The RF is off: connect the power sensor to where the level is to be checked")
        microwave.set_frequency(point.settings["frequency_Hz"])
        microwave.set_power(self.power)
        bench["rf_power_meter"].zero(self.should_stop)
        if not self.should_stop():
            microwave.set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Go to a frequency, source and meter, and let the level settle."""
        bench["microwave"].set_frequency(point.settings["frequency_Hz"])
        bench["rf_power_meter"].set_frequency(point.settings["frequency_Hz"])
        bench.clock.sleep(bench["microwave"].settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the meter."""
        power_dBm = bench["rf_power_meter"].read_power()
        return {"Frequency (Hz)": point.settings["frequency_Hz"], "Power (dBm)": power_dBm}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and one reading [s]."""
        return bench["microwave"].settling_s + bench["rf_power_meter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the mean over the frequencies, and the sigma that the readings' scatter leaves it."""
        grid = rows.groupby("Frequency (Hz)")["Power (dBm)"].agg(["mean", "var"])
        sigma_dB = math.sqrt(float(np.mean(grid["var"])) / (len(grid) * self.repeats))
        return Finding(float(np.mean(grid["mean"])) - self.power, math.hypot(sigma_dB, self.repeatability))
