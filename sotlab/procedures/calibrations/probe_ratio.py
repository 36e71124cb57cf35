"""Where the probe is and where the sample is: the ratio of the two fields."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["ProbeRatio"]


class ProbeRatio(CalibrationScan):
    """Read the same fields with the probe at its usual place and at the sample's: field at the sample = ratio * probe.

    The magnet goes the same way both times, from its largest field down, so that the iron remembers the same; between
    them it goes to zero and the operator moves the probe. ``ratio`` contains the angle at which the probe usually
    stands to the field. At the sample's place its normal should lie along the field: what is known of that, ``angle``
    and ``angle_sigma``, is divided out.
    """

    KIND = "probe_ratio"
    ROLES = ("field", "gaussmeter")
    COLUMNS = ("Place (1)", "Field Set (T)", "Field Probe (T)", "Field Scatter (T)")
    X_AXIS = "Field Set (T)"
    Y_AXIS = "Field Probe (T)"
    calibrated_role: ClassVar[str] = "gaussmeter"  # type: ignore[assignment]

    maximum = Quantity("Maximum", "T", default=0.2, minimum=1e-4, maximum=20.0, description="Largest field, both signs")
    points = Integer("Points", default=21, minimum=5, maximum=10_000, description="Fields at each place")
    averages = Integer("Averages", default=5, minimum=2, maximum=10_000, description="Readings averaged in a row")
    angle = Quantity(
        "Angle",
        "deg",
        default=0.0,
        minimum=-80.0,
        maximum=80.0,
        description="From the field to the probe's normal at the sample's place",
    )
    angle_sigma = Quantity(
        "Angle sigma", "deg", default=1.0, minimum=0.0, maximum=30.0, description="Standard uncertainty of that angle"
    )
    settle = Quantity(
        "Settle", "s", default=1.0, minimum=0.0, maximum=600.0, description="Waited at each point after the ramp"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the fields from the largest down, at the probe's place (0) and at the sample's (1)."""
        for place in (0.0, 1.0):
            for field_T in np.linspace(self.maximum, -self.maximum, self.points):
                yield {"place": place, "field_T": float(field_T)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every field against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            bench["field"].check(point.settings["field_T"])

    def prepare(self, bench: Station) -> None:
        """Nobody has moved the probe yet."""
        self._place = 0.0

    def approach(self, point: Point, bench: Station) -> None:
        """Come to the largest field from zero."""
        bench["field"].ramp_to(0.0, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field; between the two places to zero, where the operator moves the probe."""
        if point.settings["place"] != self._place:
            bench["field"].ramp_to(0.0, self.should_stop)
            if self.should_stop():
                return
            bench.ask_operator(
                "The magnet is at zero: move the gaussmeter's probe to the sample's place, its normal along the field."
                " Put it back when the run has ended"
            )
            self._place = point.settings["place"]
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench.clock.sleep(self.settle, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the field at the probe."""
        meter = bench["gaussmeter"]
        probe_T, scatter_T = self.mean_of(meter.read_field, self.averages, meter.reading_time_s, bench)
        return {
            "Place (1)": point.settings["place"],
            "Field Set (T)": point.settings["field_T"],
            "Field Probe (T)": probe_T,
            "Field Scatter (T)": scatter_T,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, waiting and readings [s]; the operator's is not known."""
        from_T = 0.0 if before is None else before.settings["field_T"]
        ramp_s = bench["field"].ramp_time_s(from_T, point.settings["field_T"])
        return ramp_s + self.settle + self.averages * bench["gaussmeter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the ratio, and what it does not describe."""
        probe_T, sample_T = (
            rows.loc[rows["Place (1)"] == place, "Field Probe (T)"].to_numpy(float) for place in (0, 1)
        )
        set_T = rows.loc[rows["Place (1)"] == 0, "Field Set (T)"].to_numpy(float)
        # The probe's own noise is 1e-4 of the range or less: regression dilution, its square, does not count.
        fit = fit_linear([np.ones_like(probe_T), probe_T], sample_T, "probe_ratio")
        cosine = math.cos(math.radians(self.angle))
        # Of the angle: to first order by its tangent, to second by what a small tilt about 0 takes away.
        tilt = math.radians(self.angle_sigma)
        angle_part = math.hypot(math.tan(math.radians(self.angle)) * tilt, tilt**2 / math.sqrt(2.0))
        ratio = float(fit.values[1] / cosine)
        sigma = math.hypot(float(fit.sigmas[1] / cosine), ratio * angle_part)
        values = {
            "ratio": (ratio, sigma, "1"),
            "difference": (float(fit.values[0]), float(fit.sigmas[0]), "T"),
            "angle": (self.angle, self.angle_sigma, "deg"),
        }
        bent = fit_linear([np.ones_like(probe_T), probe_T, probe_T**3], sample_T, "probe_ratio")
        notes = []
        if abs(bent.values[2]) > 4.0 * bent.sigmas[2]:
            change = float(bent.values[2] * np.max(np.abs(probe_T)) ** 2 / bent.values[1])
            notes.append(
                f"the ratio changes by {100 * change:.2g} % up to the largest field; one ratio does not describe it"
            )
        points = {
            "Field Set (T)": set_T,
            "Field Probe (T)": probe_T,
            "Field Sample (T)": sample_T,
            "Residual (T)": fit.residuals,
        }
        return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw one field against the other, and what the line leaves over."""
        table = {name: np.array(column) for name, column in calibration.points.items()}
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        top.plot(1e3 * table["Field Probe (T)"], 1e3 * table["Field Sample (T)"], ".", color="#0072B2")
        ratio = calibration.values["ratio"].value * math.cos(math.radians(calibration.values["angle"].value))
        line_T = calibration.values["difference"].value + ratio * table["Field Probe (T)"]
        top.plot(1e3 * table["Field Probe (T)"], 1e3 * line_T, "-", lw=1, color="#D55E00")
        top.set_ylabel("at the sample's place (mT)")
        bottom.plot(1e3 * table["Field Probe (T)"], 1e6 * table["Residual (T)"], ".", color="#0072B2")
        bottom.axhline(0.0, color="0.5", lw=0.8)
        bottom.set_ylabel("left over (µT)")
        bottom.set_xlabel("at the probe's place (mT)")
