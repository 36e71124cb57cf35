"""The coil: field at the sample against what drives the magnet, for each polarity, with the iron's remanence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["CoilCalibration"]

#: Column of each kind of drive.
DRIVES = {"A": "Current Set (A)", "V": "Voltage Set (V)"}


class CoilCalibration(CalibrationScan):
    """Drive the magnet around its loop and read the gaussmeter: field per ampere (or volt), and remanence.

    ``B = offset + branch remanence + slope I``, branch +1 while the drive falls and -1 while it rises, with a slope for
    each polarity of I. What was measured within ``turnaround`` of a turning point is left out: there the field is on
    its way from branch to branch. B is the field at the sample if the gaussmeter has a ``probe_ratio``, else that at
    the probe; ``offset``, the zero of the gaussmeter and the field of everything else, is told and not used.
    """

    KIND = "coil"
    ROLES = ("field", "gaussmeter")
    COLUMNS = (
        *DRIVES.values(),
        "Branch (1)",
        "Field (T)",
        "Field Probe (T)",
        "Field Scatter (T)",
        "Field Sigma (T)",
    )
    X_AXIS = "Current Set (A)"
    Y_AXIS = "Field (T)"
    calibrated_role: ClassVar[str] = "field"  # type: ignore[assignment]

    maximum = Quantity(
        "Maximum", None, default=15.0, minimum=1e-3, maximum=1e3, description="Largest drive of both polarities, A or V"
    )
    points = Integer("Points", default=61, minimum=11, maximum=10_000, description="On each of the two branches")
    turnaround = Quantity(
        "Turnaround",
        None,
        default=3.0,
        minimum=0.0,
        maximum=1e3,
        description="How much of the drive after a turning point is left out, A or V",
    )
    averages = Integer("Averages", default=5, minimum=2, maximum=10_000, description="Readings averaged in a row")
    settle = Quantity(
        "Settle", "s", default=1.0, minimum=0.0, maximum=600.0, description="Waited at each point after the ramp"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the drives down from the maximum to its negative, and up again."""
        drives = np.linspace(self.maximum, -self.maximum, self.points)
        for branch, way in ((1.0, drives), (-1.0, drives[::-1])):
            for drive in way:
                yield {"drive": float(drive), "branch": branch}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every drive and its field against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            bench["field"].check_drive(point.settings["drive"])

    def approach(self, point: Point, bench: Station) -> None:
        """Go to the maximum from below: what the iron remembers is wiped out by the turn there."""
        bench["field"].ramp_drive_to(point.settings["drive"] - self.maximum / 2, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the drive, settle, and wait for what is still on its way."""
        bench["field"].ramp_drive_to(point.settings["drive"], self.should_stop)
        bench.clock.sleep(self.settle, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the field."""
        meter = bench["gaussmeter"]
        probe_T, scatter_T = self.mean_of(meter.read_field, self.averages, meter.reading_time_s, bench)
        field_T, sigma_T = meter.sample_field(probe_T)
        return {
            DRIVES[bench["field"].drive_unit]: bench["field"].drive,
            "Branch (1)": point.settings["branch"],
            "Field (T)": field_T,
            "Field Probe (T)": probe_T,
            "Field Scatter (T)": scatter_T,
            "Field Sigma (T)": sigma_T,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, waiting and readings [s]; of the ramp by the present calibration."""
        reading_s = self.averages * bench["gaussmeter"].reading_time_s
        from_drive = point.settings["drive"] if before is None else before.settings["drive"]
        return bench["field"].drive_time_s(from_drive, point.settings["drive"]) + self.settle + reading_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return slopes, remanence and offset."""
        unit, header = next(((u, h) for u, h in DRIVES.items() if np.isfinite(rows[h].to_numpy(float)).all()), ("", ""))
        if not unit:
            raise DataError("coil: the rows have no drive")
        drive, branch = rows[header].to_numpy(float), rows["Branch (1)"].to_numpy(float)
        field_T, sigma_T = rows["Field (T)"].to_numpy(float), rows["Field Sigma (T)"].to_numpy(float)
        used = branch * (branch * self.maximum - drive) > self.turnaround
        columns = [np.ones_like(drive), branch, np.maximum(drive, 0.0), np.minimum(drive, 0.0)]
        fit = fit_linear([column[used] for column in columns], field_T[used], "coil")
        offset_sigma_T, scale_sigma = common_sigmas(field_T, sigma_T)
        offset, remanence, positive, negative = fit.values
        sigmas = fit.sigmas
        per_drive = f"T/{unit}"
        values = {
            "slope_positive": (positive, math.hypot(sigmas[2], scale_sigma * positive), per_drive),
            "slope_negative": (negative, math.hypot(sigmas[3], scale_sigma * negative), per_drive),
            "remanence": (remanence, math.hypot(sigmas[1], scale_sigma * remanence), "T"),
            "offset": (offset, math.hypot(sigmas[0], offset_sigma_T), "T"),
        }
        values = {name: (float(value), float(sigma), unit) for name, (value, sigma, unit) in values.items()}
        residual = field_T - np.column_stack(columns) @ fit.values
        scatter_T = float(np.median(rows["Field Scatter (T)"])) / math.sqrt(self.averages)
        notes = []
        if fit.scatter > 3.0 * scatter_T > 0.0:
            notes.append(
                f"the field departs from straight lines by {fit.scatter:.2g} T rms, the readings by {scatter_T:.2g} T:"
                " saturation, a longer turnaround, or a field that has not settled"
            )
        points = {
            header: drive,
            "Branch (1)": branch,
            "Field (T)": field_T,
            "Residual (T)": residual,
            "Used (1)": used.astype(float),
        }
        return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the loop, and what is left of it when the lines are taken away."""
        header = next(header for header in DRIVES.values() if header in calibration.points)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        table = {name: np.array(column) for name, column in calibration.points.items()}
        for branch, colour, name in ((1.0, "#0072B2", "falling"), (-1.0, "#D55E00", "rising")):
            here = table["Branch (1)"] == branch
            top.plot(table[header][here], 1e3 * table["Field (T)"][here], ".-", ms=4, lw=0.8, color=colour, label=name)
            for used, face in ((1.0, colour), (0.0, "none")):
                these = here & (table["Used (1)"] == used)
                bottom.plot(table[header][these], 1e6 * table["Residual (T)"][these], "o", ms=3, color=colour, mfc=face)
        top.set_ylabel("field (mT)")
        top.legend(frameon=False)
        bottom.set_ylabel("left over (µT)")
        bottom.set_xlabel(f"{header}; open circles: left out after a turn")
        used = table["Used (1)"] == 1.0
        reach_uT = 1e6 * 2.0 * float(np.abs(table["Residual (T)"][used]).max())
        if reach_uT > 0.0:
            bottom.set_ylim(-reach_uT, reach_uT)


def common_sigmas(field_T: np.ndarray, sigma_T: np.ndarray) -> tuple[float, float]:
    """Return what is common to all fields, from ``sigma^2 = zero_sigma^2 + (scale_sigma B)^2``: [T] and relative."""
    squares = field_T**2
    if np.ptp(squares) == 0.0:
        return float(sigma_T.max()), 0.0
    slope, intercept = np.polyfit(squares, sigma_T**2, 1)
    tiny = 1e-9 * float(np.max(sigma_T**2))  # rounding of the fit
    return math.sqrt(max(intercept, 0.0)), math.sqrt(slope) if slope * squares.max() > tiny else 0.0
