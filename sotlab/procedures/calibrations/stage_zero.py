"""The zero of a delay stage: where the pulse's largest excursion lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.constants import c

from sotlab.errors import DataError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["StageZero", "along_its_axis"]

#: What the operator is asked for where the role is missing.
BY_HAND = {
    "chopper": "let the chopper run, locked",
    "pump_attenuator": "open the pump's attenuator",
    "shutter": "open the shutter",
}


class StageZero(CalibrationScan):
    """Scan the delay stage through a pulse: delay zero is where the lock-in's signal goes furthest from its median.

    The field, the chopper, the attenuator and the shutter are brought to what is asked for, those that the station has;
    for the others the operator is asked. The signal is taken along the axis of the X-Y plane on which it moves, so the
    lock-in need not be in phase. The extremum is that of a cubic through the points within ``window`` of the largest
    one. Its sigma has their scatter about it and ``drift``: by how much the delay between pump and probe wanders, which
    no scan can know. With backlash the zero holds for the direction of the scan. How often the light goes to and fro,
    ``passes``, and the sign are the set-up's: recorded, since a stage and a lock-in alone do not know a time.
    """

    KIND = "stage_zero"
    ROLES = ("delay", "lockin", "field")
    COLUMNS = ("Position Set (m)", "Position (m)", "X (V)", "Y (V)")
    X_AXIS = "Position (m)"
    Y_AXIS = "X (V)"
    calibrated_role: ClassVar[str] = "delay"  # type: ignore[assignment]

    start = Quantity("Start", "m", default=-300e-6, minimum=-10.0, maximum=10.0)
    stop = Quantity("Stop", "m", default=300e-6, minimum=-10.0, maximum=10.0)
    points = Integer("Points", default=201, minimum=11, maximum=100_000)
    window = Quantity(
        "Window", "m", default=15e-6, minimum=1e-9, maximum=1.0, description="Half of what the parabola is fitted to"
    )
    drift = Quantity(
        "Drift", "s", default=10e-15, minimum=0.0, maximum=1e-9, description="Rms of the delay's own wandering"
    )
    passes = Integer("Passes", default=1, minimum=1, maximum=100, description="How often the light goes to and fro")
    sign = Choice("Sign", choices=["+1", "-1"], default="+1", description="Of the delay as the position rises")
    field = Quantity("Field", "T", default=0.05, minimum=-20.0, maximum=20.0)
    chop = Quantity("Chop", "Hz", default=6000.0, minimum=1.0, maximum=1e5, description="Frequency of the chopper")
    transmission = Quantity(
        "Transmission", None, default=1.0, minimum=1e-6, maximum=1.0, description="Of the pump's attenuator"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the positions from start to stop, evenly spaced."""
        for position_m in np.linspace(self.start, self.stop, self.points):
            yield {"position_m": float(position_m)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check positions and field against the station's limits."""
        super().check_plan(points, bench)
        bench["field"].check(self.field)
        for point in points:
            bench["delay"].check(point.settings["position_m"])

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field, start the chopper, and let the pump pass, the shutter last."""
        bench["field"].ramp_to(self.field, self.should_stop)
        if "chopper" in bench:
            bench["chopper"].run_at(self.chop, self.should_stop)
        if "pump_attenuator" in bench:
            bench["pump_attenuator"].set_transmission(self.transmission)
        if "shutter" in bench and not self.should_stop():
            bench["shutter"].set_open(True)
        if by_hand := [what for role, what in BY_HAND.items() if role not in bench]:
            bench.ask_operator(f"{', '.join(by_hand)}; both beams on the sample")

    def apply(self, point: Point, bench: Station) -> None:
        """Move, and let the lock-in settle."""
        bench["delay"].move_to(point.settings["position_m"], self.should_stop)
        bench.clock.sleep(bench["lockin"].settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read position and signal."""
        signal_V = bench["lockin"].read_phasor()
        return {
            "Position Set (m)": point.settings["position_m"],
            "Position (m)": bench["delay"].read_position(),
            "X (V)": signal_V.real,
            "Y (V)": signal_V.imag,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of moving, settling and reading [s]."""
        from_m = point.settings["position_m"] if before is None else before.settings["position_m"]
        settling_s = bench["lockin"].settling_s + bench["lockin"].reading_time_s
        return bench["delay"].move_time_s(from_m, point.settings["position_m"]) + settling_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the position of the extremum."""
        position_m = rows["Position (m)"].to_numpy(float)
        signal_V = along_its_axis(rows["X (V)"].to_numpy(float) + 1j * rows["Y (V)"].to_numpy(float))
        median_V = float(np.median(signal_V))
        largest = int(np.argmax(np.abs(signal_V - median_V)))
        near = np.abs(position_m - position_m[largest]) <= self.window
        if largest in (0, len(signal_V) - 1) or near.sum() < 6:
            raise DataError(
                "stage_zero: the peak lies at the end of the scan, or fewer than 6 points on it; scan finer"
            )
        x = (position_m[near] - position_m[largest]) / self.window
        fit = fit_linear([np.ones_like(x), x, x**2, x**3], signal_V[near], "stage_zero")
        height_V, tilt, bend, twist = fit.values
        vertex = 0.0
        for _ in range(20):  # Newton's method, from the largest point
            vertex -= (tilt + 2 * bend * vertex + 3 * twist * vertex**2) / (2 * bend + 6 * twist * vertex)
        peak_V = height_V + tilt * vertex + bend * vertex**2 + twist * vertex**3 - median_V
        if not abs(vertex) < 1.0 or abs(peak_V) < 5.0 * fit.scatter:
            raise DataError(
                f"stage_zero: no pulse stands out: the largest excursion is {peak_V:.2g} V, the points scatter by"
                f" {fit.scatter:.2g} V"
            )
        # d(vertex) = -d(slope at the vertex) / (second derivative)
        slope = np.array([0.0, 1.0, 2 * vertex, 3 * vertex**2])
        fitted = math.sqrt(slope @ fit.covariance @ slope) / abs(2 * bend + 6 * twist * vertex) * self.window
        wandering = 0.5 * c * self.drift / self.passes
        values = {
            "zero": (float(position_m[largest] + vertex * self.window), math.hypot(fitted, wandering), "m"),
            "passes": (float(self.sign) * self.passes, 0.0, "1"),
            "peak": (float(peak_V), float(fit.sigmas[0]), "V"),
        }
        points = {"Position (m)": position_m, "Signal (V)": signal_V, "Used (1)": near.astype(float)}
        return Findings(values, {name: column.tolist() for name, column in points.items()})

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the trace, what was fitted, and the zero."""
        table = {name: np.array(column) for name, column in calibration.points.items()}
        used = table["Used (1)"] == 1.0
        axes = figure.subplots()
        axes.plot(1e6 * table["Position (m)"], 1e6 * table["Signal (V)"], ".-", ms=3, lw=0.6, color="#0072B2")
        axes.plot(1e6 * table["Position (m)"][used], 1e6 * table["Signal (V)"][used], ".", color="#D55E00")
        axes.axvline(1e6 * calibration.values["zero"].value, color="0.5", lw=0.8)
        axes.set_xlabel("position of the stage (µm)")
        axes.set_ylabel("signal (µV)")


def along_its_axis(phasor_V: np.ndarray) -> np.ndarray:
    """Return the component along the axis through the origin of the X-Y plane on which the phasors lie, X positive.

    The axis is that of the largest sum of squares about the median, ``2 phi = arg sum z^2``.
    """
    moved = phasor_V - (np.median(np.real(phasor_V)) + 1j * np.median(np.imag(phasor_V)))
    phase = 0.5 * np.angle(np.sum(moved**2))
    return np.real(phasor_V * np.exp(-1j * phase))
