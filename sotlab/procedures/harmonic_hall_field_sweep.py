"""Low-field harmonic Hall: both harmonics against a field in the plane, along and across the current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.harmonic_scan import ANALYSED, AXES, CONDITIONS, READINGS, HarmonicScan
from sotlab.procedures.runs.scan import AnalysisInput, Point

__all__ = ["HarmonicHallFieldSweep"]

STATES = {"both": (1.0, -1.0), "up": (1.0,), "down": (-1.0,)}
#: Polar angle of the normal and of the plane [deg].
NORMAL_DEG, PLANE_DEG = 0.0, 90.0


class HarmonicHallFieldSweep(HarmonicScan):
    """Magnetise a film along its normal, then sweep a small field in its plane, along and across the current.

    For each state of m_z and direction: turn the field to the normal, ramp to the saturation field (below 0 for m_z <
    0) and back to zero, turn into the plane, and sweep. Within about an eighth of the anisotropy field R_1w is nearly a
    parabola and R_2w a line; the analysis needs r_p, r_ane and r_one of angle scans.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "harmonic-hall",
        columns={**ANALYSED, "state": "State (1)"},
        axes=AXES,
    )
    COLUMNS = ("Field Set (T)", "Angle (deg)", "State (1)", *READINGS, *CONDITIONS)
    ROLES = ("field", "rotator", "azimuth", "ac_source", "lockin_1w", "lockin_2w")
    X_AXIS = "Field Set (T)"
    Y_AXIS = "Y 2w (V)"

    field = Quantity("Field", "T", default=0.1, minimum=1e-6, maximum=20.0, description="The sweep's largest")
    points = Integer("Points", default=41, minimum=5, maximum=1_000_000, description="Of each sweep")
    saturation = Quantity("Saturation", "T", default=1.0, minimum=1e-3, maximum=20.0, description="Along the normal")
    states = Choice("States", choices=list(STATES), default="both", description="Of m_z")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the sweeps along and across the current, for each state of m_z."""
        for state in STATES[self.states]:
            for azimuth_deg in (0.0, 90.0):
                for field_T in np.linspace(-self.field, self.field, self.points):
                    yield {"state": state, "azimuth_deg": azimuth_deg, "field_T": float(field_T)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check fields, angles and the current against the station's limits."""
        self.check_source(bench, self.amplitude)
        for angle_deg in (NORMAL_DEG, PLANE_DEG):
            bench["rotator"].check(angle_deg)
        for point in points:
            bench["field"].check(point.settings["state"] * self.saturation)
            bench["field"].check(point.settings["field_T"])
            bench["azimuth"].check(point.settings["azimuth_deg"])

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, magnetise, and switch the current on."""
        self.settle_temperature(bench)
        self._magnetise(point, bench)
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Begin the next sweep where it is one; go to the field and let both filters settle."""
        if _sweep_of(point) != self._sweep:
            self._magnetise(point, bench)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        self.let_filters_settle(bench)

    def _magnetise(self, point: Point, bench: Station) -> None:
        """Bring m_z into the sweep's state, and turn the field into the plane while it is zero."""
        field, sweep = bench["field"], _sweep_of(point)
        field.ramp_to(0.0, self.should_stop)
        bench["rotator"].move_to(NORMAL_DEG, self.should_stop)
        field.ramp_to(sweep[0] * self.saturation, self.should_stop)
        field.ramp_to(0.0, self.should_stop)
        bench["rotator"].move_to(PLANE_DEG, self.should_stop)
        bench["azimuth"].move_to(sweep[1], self.should_stop)
        self._sweep = sweep

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read both phasors; a repetition waits, or it would show the noise of the reading before."""
        if point.repeat:
            self.let_filters_settle(bench)
        return {
            "Field Set (T)": point.settings["field_T"],
            "Angle (deg)": bench["azimuth"].read_angle(),
            "State (1)": point.settings["state"],
            **self.read_harmonics(bench),
            **self.read_conditions(bench, self.amplitude),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramps, turns, settling and reading [s]."""
        reading_s = self.reading_time_s(bench)
        if before is not None and before.index == point.index:
            return self.settling_time_s(bench) + reading_s
        field, start_T = bench["field"], 0.0 if before is None else before.settings["field_T"]
        waiting_s = self.settling_time_s(bench) + reading_s
        if before is not None and _sweep_of(before) == _sweep_of(point):
            return field.ramp_time_s(start_T, point.settings["field_T"]) + waiting_s
        moving_s = field.ramp_time_s(start_T, 0.0) + 2 * field.ramp_time_s(0.0, self.saturation)
        moving_s += 2 * bench["rotator"].move_time_s(PLANE_DEG, NORMAL_DEG)
        return moving_s + field.ramp_time_s(0.0, point.settings["field_T"]) + waiting_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the geometry, that currents are peak, and what is known of sample and source."""
        return self.known_settings(bench, "low-field")


def _sweep_of(point: Point) -> tuple[float, float]:
    return point.settings["state"], point.settings["azimuth_deg"]
