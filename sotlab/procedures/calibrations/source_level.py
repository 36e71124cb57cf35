"""The microwave source's level: what a power meter finds, over what the source is set to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity, Text
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.runs.scan import Point

__all__ = ["PowerMeterScan", "SourceLevel"]


class PowerMeterScan(CalibrationScan):
    """What the scans with source and power meter have in common."""

    ROLES = ("microwave", "rf_power_meter")
    X_AXIS = "Frequency (Hz)"
    Y_AXIS = "Power (dBm)"
    calibrated_role: ClassVar[str] = "microwave"  # type: ignore[assignment]

    def begin(self, bench: Station) -> None:
        """Zero the meter with the RF off, then switch it on."""
        bench["microwave"].set_output(False)
        bench["rf_power_meter"].zero(self.should_stop)
        if not self.should_stop():
            bench["microwave"].set_output(True)

    def set_level(self, frequency_Hz: float, power_dBm: float, bench: Station) -> None:
        """Set source and meter, and let the level settle."""
        bench["microwave"].set_frequency(frequency_Hz)
        bench["microwave"].set_power(power_dBm)
        bench["rf_power_meter"].set_frequency(frequency_Hz)
        bench.clock.sleep(bench["microwave"].settling_s, self.should_stop)

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and one reading [s]."""
        settling_s = 0.0 if before is not None and before.index == point.index else bench["microwave"].settling_s
        return settling_s + bench["rf_power_meter"].reading_time_s


class SourceLevel(PowerMeterScan):
    """Measure the source's power over frequency and set power: level = measured - set, at the power sensor's plane.

    The sensor is led there by a switch (``switch_position``), or connected by the operator. The calibration does not
    change what the source is set to: an analysis asks it what arrived. Sigma is the readings' scatter, pooled over the
    frequencies of a power, with ``meter_sigma``: what is not known of the meter, which is common to all points.
    """

    KIND = "source_level"
    COLUMNS = ("Frequency (Hz)", "Power Set (dBm)", "Power (dBm)")

    start = Quantity("Start", "Hz", default=2e9, minimum=1e6, maximum=120e9)
    stop = Quantity("Stop", "Hz", default=18e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=65, minimum=2, maximum=100_000)
    power_start = Quantity("Power start", "dBm", default=0.0, minimum=-140.0, maximum=40.0)
    power_stop = Quantity("Power stop", "dBm", default=15.0, minimum=-140.0, maximum=40.0)
    powers = Integer("Powers", default=4, minimum=1, maximum=1000)
    repeats = Integer("Repeats", default=3, minimum=2, maximum=10_000, description="Of each frequency and power")
    meter_sigma = Quantity(
        "Meter sigma", "dB", default=0.05, minimum=0.0, maximum=3.0, description="Standard uncertainty of the meter"
    )
    switch_position = Text(
        "Switch position", default="", description="Of rf_switch, that leads the source to the sensor; or by hand"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the powers at each frequency."""
        for frequency_Hz in np.linspace(self.start, self.stop, self.points):
            for power_dBm in np.linspace(self.power_start, self.power_stop, self.powers):
                yield {"frequency_Hz": float(frequency_Hz), "power_dBm": float(power_dBm)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every setting against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            bench["microwave"].check(**point.settings)

    def approach(self, point: Point, bench: Station) -> None:
        """Lead the source to the sensor, zero the meter, and switch the RF on at the first level."""
        bench["microwave"].set_output(False)
        if self.switch_position:
            bench["rf_switch"].select(self.switch_position)
        else:
            bench.ask_operator("The RF is off: connect the power sensor to where the level is to be known")
        self.set_level(**point.settings, bench=bench)
        self.begin(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Go to a level."""
        self.set_level(**point.settings, bench=bench)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the meter."""
        return {
            "Frequency (Hz)": point.settings["frequency_Hz"],
            "Power Set (dBm)": point.settings["power_dBm"],
            "Power (dBm)": bench["rf_power_meter"].read_power(),
        }

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the level of each point, and what of it can be said in a number."""
        grid = rows.groupby(["Frequency (Hz)", "Power Set (dBm)"])["Power (dBm)"].agg(["mean", "var"]).reset_index()
        frequency_Hz, set_dBm = grid["Frequency (Hz)"].to_numpy(), grid["Power Set (dBm)"].to_numpy()
        level_dB = grid["mean"].to_numpy() - set_dBm
        variance = grid.groupby("Power Set (dBm)")["var"].transform("mean").to_numpy() / self.repeats
        if not np.isfinite(variance).all():
            raise DataError("source_level: each level needs two readings at least")
        sigma_dB = np.sqrt(variance + self.meter_sigma**2)
        mean_sigma_dB = math.hypot(math.sqrt(float(np.sum(variance))) / len(variance), self.meter_sigma)
        low, high = (level_dB[set_dBm == power] for power in (set_dBm.min(), set_dBm.max()))
        scatter_dB = math.sqrt(float(np.max(variance)))
        # The line from neighbour to neighbour misses the point between them by f'' h^2 / 2; one to the next point is
        # half as long and misses by a quarter of that.
        high = level_dB[set_dBm == set_dBm.max()]
        bends_dB = high[1:-1] - 0.5 * (high[:-2] + high[2:])
        between_dB = math.sqrt(float(np.mean(bends_dB**2))) / 4.0 if len(bends_dB) else 0.0
        notes = []
        if between_dB > max(self.meter_sigma, 3.0 * scatter_dB):
            notes.append(
                f"between the frequencies the level is known to {between_dB:.2g} dB only: it ripples; measure at more"
            )
        values = {
            "level": (float(np.mean(level_dB)), mean_sigma_dB, "dB"),
            "flatness": (float(np.std(high)), scatter_dB, "dB"),
            "interpolation": (between_dB, between_dB / math.sqrt(2.0 * max(len(bends_dB), 1)), "dB"),
            "compression": (float(np.mean(low - high)), scatter_dB * math.sqrt(2.0 / len(high)), "dB"),
        }
        points = {
            "Frequency (Hz)": frequency_Hz,
            "Power Set (dBm)": set_dBm,
            "Level (dB)": level_dB,
            "Level Sigma (dB)": sigma_dB,
        }
        return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the level against frequency, a line for each power."""
        axes = figure.subplots()
        table = {name: np.array(column) for name, column in calibration.points.items()}
        for power_dBm in np.unique(table["Power Set (dBm)"]):
            here = table["Power Set (dBm)"] == power_dBm
            axes.plot(
                table["Frequency (Hz)"][here] / 1e9,
                table["Level (dB)"][here],
                ".-",
                ms=3,
                lw=0.8,
                label=f"{power_dBm:g} dBm",
            )
        axes.set_xlabel("frequency (GHz)")
        axes.set_ylabel("measured over set power (dB)")
        axes.legend(frameon=False)
