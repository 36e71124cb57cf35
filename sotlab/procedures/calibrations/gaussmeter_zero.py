"""The gaussmeter's zero: what it reads where there is no field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.runs.scan import Point

__all__ = ["GaussmeterZero"]


class GaussmeterZero(CalibrationScan):
    """Read the gaussmeter in the zero chamber: its zero is the mean, which is subtracted from then on.

    The operator puts the probe into the chamber first. Sigma is the readings' standard deviation over sqrt(N): it says
    how well the zero was known then, not how it drifts afterwards.
    """

    KIND = "gaussmeter_zero"
    ROLES = ("gaussmeter",)
    COLUMNS = ("Field Raw (T)",)
    Y_AXIS = "Field Raw (T)"
    calibrated_role: ClassVar[str] = "gaussmeter"  # type: ignore[assignment]

    readings = Integer("Readings", default=100, minimum=10, maximum=100_000)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield one point a reading."""
        for number in range(self.readings):
            yield {"reading": float(number)}

    def approach(self, point: Point, bench: Station) -> None:
        """Ask for the probe to be put into the chamber."""
        bench.ask_operator("Put the gaussmeter's probe into the zero chamber, and take it out when the run has ended")

    def apply(self, point: Point, bench: Station) -> None:
        """Wait for a new reading."""
        bench.clock.sleep(bench["gaussmeter"].reading_time_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the field as the instrument has it, whatever zero was calibrated before."""
        return {"Field Raw (T)": bench["gaussmeter"].read_probe()}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of one reading [s]."""
        return bench["gaussmeter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return mean and scatter of the readings."""
        readings_T = rows["Field Raw (T)"].to_numpy(float)
        count = len(readings_T)
        scatter_T = float(np.std(readings_T, ddof=1))
        sigma_T = scatter_T / math.sqrt(count)
        first, last = np.mean(readings_T[: count // 2]), np.mean(readings_T[count // 2 :])
        notes = []
        if abs(last - first) > 4.0 * 2.0 * sigma_T:  # the difference of two halves has twice the sigma of the mean
            notes.append(
                f"the zero drifted by {last - first:.2g} T from the first half to the second: warm up, do it again"
            )
        values = {
            "zero": (float(np.mean(readings_T)), sigma_T, "T"),
            "noise": (scatter_T, scatter_T / math.sqrt(2 * count - 2), "T"),
        }
        points = {"Time (s)": rows["Time (s)"].tolist(), "Field Raw (T)": readings_T.tolist()}
        return Findings(values, points, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the readings and their mean."""
        axes = figure.subplots()
        zero = calibration.values["zero"]
        axes.plot(
            calibration.points["Time (s)"], 1e6 * np.array(calibration.points["Field Raw (T)"]), ".", color="#0072B2"
        )
        axes.axhline(1e6 * zero.value, color="#D55E00")
        axes.axhspan(1e6 * (zero.value - zero.sigma), 1e6 * (zero.value + zero.sigma), color="#D55E00", alpha=0.3)
        axes.set_xlabel("time (s)")
        axes.set_ylabel("reading in the zero chamber (µT)")
