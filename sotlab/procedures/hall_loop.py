"""Loops and turns of the Hall resistance with a direct current: the anomalous and the planar Hall effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.dc_scan import CONDITIONS, DCScan
from sotlab.procedures.runs.scan import AnalysisInput, Point

__all__ = ["HallLoop", "PlanarHallScan"]

#: Polar angle of the field along the normal, and in the plane [deg].
NORMAL_DEG, PLANE_DEG = 0.0, 90.0


class HallLoop(DCScan):
    """Sweep a field along the normal from +B to -B and back, and read the Hall resistance.

    Each resistance is that of a current and its reverse. The field's rotator, where there is one, stands at the normal.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "hall-loop",
        columns={"field": "Field Set (T)", "resistance": "Hall Resistance (ohm)"},
        axes={"temperature": "Temperature Set (K)"},
    )
    ROLES = ("field", "source_meter", "voltmeter")
    COLUMNS = ("Field Set (T)", "Hall Resistance (ohm)", *CONDITIONS)
    PATH_AXIS = "field_T"
    X_AXIS = "Field Set (T)"
    Y_AXIS = "Hall Resistance (ohm)"

    field = Quantity("Field", "T", default=1.0, minimum=1e-6, maximum=20.0, description="The loop's largest")
    points = Integer("Points", default=81, minimum=5, maximum=1_000_000, description="Of each branch")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the fields down and up again."""
        down_T = np.linspace(self.field, -self.field, self.points)
        for field_T in (*down_T, *down_T[-2::-1]):
            yield {"field_T": float(field_T)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check fields and currents against the station's limits."""
        self.check_current(bench)
        if "rotator" in bench:
            bench["rotator"].check(NORMAL_DEG)
        for point in points:
            bench["field"].check(point.settings["field_T"])

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, stand at the normal, saturate, and switch the source meter on, at zero."""
        self.settle_temperature(bench)
        if "rotator" in bench:
            bench["rotator"].move_to(NORMAL_DEG, self.should_stop)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Go to the field."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the Hall resistance."""
        return {
            "Field Set (T)": point.settings["field_T"],
            "Hall Resistance (ohm)": self.read_resistance(bench),
            **self.conditions(bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of the ramp and the readings [s]."""
        start_T = 0.0 if before is None else before.settings["field_T"]
        return bench["field"].ramp_time_s(start_T, point.settings["field_T"]) + self.reading_time_s(bench)


class PlanarHallScan(DCScan):
    """Turn a field that saturates the film in its plane and read the Hall resistance: R_P sin 2 phi."""

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "planar-hall",
        columns={"angle": "Angle (deg)", "resistance": "Hall Resistance (ohm)"},
        axes={"temperature": "Temperature Set (K)", "field": "Field Set (T)"},
    )
    ROLES = ("field", "azimuth", "source_meter", "voltmeter")
    COLUMNS = (
        "Angle (deg)",
        "Hall Resistance (ohm)",
        "Field Set (T)",
        *CONDITIONS,
    )
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Hall Resistance (ohm)"

    field = Quantity("Field", "T", default=1.0, minimum=-20.0, maximum=20.0, description="Beyond the anisotropy")
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=350.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=36, minimum=8, maximum=1_000_000)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the angles from start to stop, evenly spaced."""
        for angle_deg in np.linspace(self.start, self.stop, self.points):
            yield {"angle_deg": float(angle_deg)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check field, currents and angles against the station's limits."""
        self.check_current(bench)
        bench["field"].check(self.field)
        if "rotator" in bench:
            bench["rotator"].check(PLANE_DEG)
        for point in points:
            bench["azimuth"].check(point.settings["angle_deg"])

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, turn into the plane, ramp the field and switch the source meter on, at zero."""
        self.settle_temperature(bench)
        if "rotator" in bench:
            bench["rotator"].move_to(PLANE_DEG, self.should_stop)
        bench["field"].ramp_to(self.field, self.should_stop)
        bench["azimuth"].move_to(point.settings["angle_deg"], self.should_stop)
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Turn to the angle."""
        bench["azimuth"].move_to(point.settings["angle_deg"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the Hall resistance."""
        return {
            "Angle (deg)": bench["azimuth"].read_angle(),
            "Hall Resistance (ohm)": self.read_resistance(bench),
            "Field Set (T)": self.field,
            **self.conditions(bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning and reading [s]."""
        from_deg = point.settings["angle_deg"] if before is None else before.settings["angle_deg"]
        return bench["azimuth"].move_time_s(from_deg, point.settings["angle_deg"]) + self.reading_time_s(bench)
