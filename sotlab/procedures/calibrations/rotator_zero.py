"""The zero of a rotator: where the field lies along the strip, from the strip's anisotropic magnetoresistance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["RotatorZero"]


class RotatorZero(CalibrationScan):
    """Turn the field in the film's plane and measure the strip's resistance: it is largest along the current.

    ``R = R_0 + A cos^2(angle - zero) + drift t``, with A > 0 as in NiFe and most ferromagnets (``sign`` -1 otherwise).
    Two readings with opposite currents cancel the thermal voltage. The field must turn the magnetisation along with it:
    take one far above the anisotropy. R does not tell 0 from 180 deg: the zero found is the one nearest to the old.
    """

    KIND = "rotator_zero"
    ROLES = ("field", "source_meter")
    COLUMNS = ("Angle (deg)", "Angle Stage (deg)", "Resistance (ohm)", "Current (A)", "Field Set (T)")
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Resistance (ohm)"

    axis = Choice("Axis", choices=["rotator", "azimuth"], default="azimuth", description="The role that turns")
    field = Quantity("Field", "T", default=0.2, minimum=-20.0, maximum=20.0)
    current = Quantity("Current", "A", default=1e-3, minimum=1e-9, maximum=1.0)
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=180.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=37, minimum=7, maximum=100_000)
    averages = Integer("Averages", default=1, minimum=1, maximum=10_000, description="Pairs of readings averaged")
    sign = Choice("Sign", choices=["+1", "-1"], default="+1", description="Of the anisotropic magnetoresistance")

    @property
    def calibrated_role(self) -> str:
        """The role that turns."""
        return self.axis

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the angles from start to stop, evenly spaced."""
        for angle_deg in np.linspace(self.start, self.stop, self.points):
            yield {"angle_deg": float(angle_deg)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check angles, field and current against the station's limits."""
        super().check_plan(points, bench)
        bench["field"].check(self.field)
        bench["source_meter"].check(self.current)
        for point in points:
            bench[self.axis].check(point.settings["angle_deg"])

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field, turn to the first angle, then switch the current on."""
        bench["field"].ramp_to(self.field, self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        bench["source_meter"].set_current(self.current)
        bench["source_meter"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Turn to the angle."""
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage at both signs of the current."""
        meter, half_V = bench["source_meter"], []
        for _ in range(self.averages):
            pair_V = []
            for sign in (1.0, -1.0):
                meter.set_current(sign * self.current)
                pair_V.append(meter.read_voltage())
            half_V.append(0.5 * (pair_V[0] - pair_V[1]))
        angle_deg = bench[self.axis].read_angle()
        return {
            "Angle (deg)": angle_deg,
            "Angle Stage (deg)": angle_deg + bench[self.axis].zero_deg,
            "Resistance (ohm)": float(np.mean(half_V)) / self.current,
            "Current (A)": self.current,
            "Field Set (T)": self.field,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning and reading [s]."""
        from_deg = point.settings["angle_deg"] if before is None else before.settings["angle_deg"]
        reading_s = 2 * self.averages * bench["source_meter"].reading_time_s
        return bench[self.axis].move_time_s(from_deg, point.settings["angle_deg"]) + reading_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the stage's reading where the field lies along the strip."""
        stage_deg, resistance_ohm = rows["Angle Stage (deg)"].to_numpy(float), rows["Resistance (ohm)"].to_numpy(float)
        twice = np.radians(2.0 * stage_deg)
        time_s = rows["Time (s)"].to_numpy(float)
        columns = [np.ones_like(twice), np.cos(twice), np.sin(twice), time_s - time_s.mean()]
        fit = fit_linear(columns, resistance_ohm, "rotator_zero")
        _, cosine, sine, drift = fit.values
        half_ohm = math.hypot(cosine, sine)
        half_sigma_ohm = math.hypot(cosine * fit.sigmas[1], sine * fit.sigmas[2]) / half_ohm
        if half_ohm < 5.0 * half_sigma_ohm:
            raise DataError(
                f"rotator_zero: the resistance changes by {2 * half_ohm:.2g} ohm over a turn, known to"
                f" {2 * half_sigma_ohm:.2g}: no direction is determined; average more, or a larger current"
            )
        sign = float(self.sign)
        zero_deg = 0.5 * math.degrees(math.atan2(sign * sine, sign * cosine))
        sigma_deg = 0.5 * math.degrees(math.hypot(cosine * fit.sigmas[2], sine * fit.sigmas[1]) / half_ohm**2)
        old_deg = float(np.mean(stage_deg - rows["Angle (deg)"].to_numpy(float)))
        zero_deg += 180.0 * round((old_deg - zero_deg) / 180.0)
        values = {
            "zero": (zero_deg, sigma_deg, "deg"),
            "amr": (sign * 2.0 * half_ohm, 2.0 * half_sigma_ohm, "ohm"),
            "drift": (float(drift), float(fit.sigmas[3]), "ohm/s"),
        }
        points = {
            "Angle Stage (deg)": stage_deg,
            "Resistance (ohm)": resistance_ohm,
            "Residual (ohm)": fit.residuals,
        }
        return Findings(values, {name: column.tolist() for name, column in points.items()})

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the resistance against the stage's angle, and what the fit leaves over."""
        table = {name: np.array(column) for name, column in calibration.points.items()}
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        fitted_ohm = table["Resistance (ohm)"] - table["Residual (ohm)"]
        top.plot(table["Angle Stage (deg)"], table["Resistance (ohm)"], ".", color="#0072B2")
        top.plot(table["Angle Stage (deg)"], fitted_ohm, "-", lw=1, color="#D55E00")
        top.axvline(calibration.values["zero"].value % 180.0, color="0.5", lw=0.8)
        top.set_ylabel("R (ohm)")
        bottom.plot(table["Angle Stage (deg)"], 1e3 * table["Residual (ohm)"], ".", color="#0072B2")
        bottom.set_ylabel("left over (mohm)")
        bottom.set_xlabel("reading of the stage (deg)")
