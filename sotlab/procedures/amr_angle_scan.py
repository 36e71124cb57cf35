"""R(phi): the strip's resistance against the direction of a field in its plane, by source meter and rotator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point, Scan

__all__ = ["AMRAngleScan"]


class AMRAngleScan(Scan):
    """Turn a field that saturates the film and read the resistance; the ST-FMR analysis needs its swing.

    Each resistance is that of a current and its reverse, so that thermal voltages do not count. The microwave stays
    off. The current heats the strip, and the swing grows with the resistance: tell the analysis ``heating``, as the
    calibration ``rf_current`` finds it, or use so little that it does not matter.
    """

    ROLES = ("field", "azimuth", "source_meter")
    COLUMNS = ("Angle (deg)", "Resistance (ohm)", "Field Set (T)", "Current (A)")
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "amr",
        columns={"angle": "Angle (deg)", "resistance": "Resistance (ohm)"},
        axes={"field": "Field Set (T)", "current": "Current (A)"},
    )
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Resistance (ohm)"

    field = Quantity("Field", "T", default=0.1, minimum=-20.0, maximum=20.0, description="Well above the anisotropy")
    current = Quantity("Current", "A", default=0.5e-3, minimum=1e-9, maximum=1.0)
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=180.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=25, minimum=6, maximum=100_000)
    repeats = Integer("Repeats", default=2, minimum=1, maximum=10_000, description="Rows at each angle")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the angles from start to stop, evenly spaced."""
        for angle_deg in np.linspace(self.start, self.stop, self.points):
            yield {"angle_deg": float(angle_deg)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check field, currents and angles against the station's limits."""
        bench["field"].check(self.field)
        for sign in (1.0, -1.0):
            bench["source_meter"].check(sign * self.current)
        for point in points:
            bench["azimuth"].check(point.settings["angle_deg"])

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field and switch the source meter on, at zero."""
        bench["field"].ramp_to(self.field, self.should_stop)
        bench["source_meter"].set_current(0.0)
        bench["source_meter"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Turn to the angle."""
        bench["azimuth"].move_to(point.settings["angle_deg"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage at the current and at its reverse."""
        meter, read_V = bench["source_meter"], []
        for sign in (1.0, -1.0):
            meter.set_current(sign * self.current)
            read_V.append(meter.read_voltage())
        return {
            "Angle (deg)": bench["azimuth"].read_angle(),
            "Resistance (ohm)": (read_V[0] - read_V[1]) / (2.0 * self.current),
            "Field Set (T)": self.field,
            "Current (A)": self.current,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning and two readings [s]."""
        reading_s = 2 * bench["source_meter"].reading_time_s
        if before is None or before.index == point.index:
            return reading_s
        turn_s = bench["azimuth"].move_time_s(before.settings["angle_deg"], point.settings["angle_deg"])
        return turn_s + reading_s
