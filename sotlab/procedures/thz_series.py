"""Series of delay scans in one run: against the azimuth of the sample, the angle of the field, the pump's fluence.

Each is a mixin before :class:`ThzDelayScan` (in steps) or :class:`ThzFlyScan` (on the fly), and says what it puts
around the scans: at each of its settings there are ``scans`` at fields + - - +.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.errors import PlanError
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point
from sotlab.procedures.thz_delay_scan import ThzDelayScan
from sotlab.procedures.thz_fly_scan import ThzFlyScan
from sotlab.procedures.thz_scan import ThzScan

__all__ = [
    "ThzAzimuthFlyScan",
    "ThzAzimuthScan",
    "ThzFieldAngleFlyScan",
    "ThzFieldAngleScan",
    "ThzFluenceFlyScan",
    "ThzFluenceScan",
]


def _with_axis(scan: type[ThzScan], kind: str, role: str, header: str) -> AnalysisInput:
    """Return what an analysis of a series takes: the scan's own columns, and the series' axis."""
    own = scan.ANALYSIS
    if own is None:
        raise TypeError(f"{scan.__name__} names no analysis")
    return AnalysisInput(kind, own.columns, {**own.axes, role: header})


class _Turned(ThzScan):
    """Scans at angles; ``TURNED`` is the role that turns."""

    TURNED: ClassVar[str]
    HEADER: ClassVar[str]

    angle_start = Quantity("Angle start", "deg", default=0.0, minimum=-360.0, maximum=360.0)
    angle_stop = Quantity("Angle stop", "deg", default=330.0, minimum=-360.0, maximum=360.0)
    angles = Integer("Angles", default=12, minimum=1, maximum=10_000)

    def around(self) -> Iterable[Mapping[str, float]]:
        """Yield the angles, evenly spaced."""
        for angle in np.linspace(self.angle_start, self.angle_stop, self.angles):
            yield {"angle_deg": float(angle)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the angles, too."""
        super().check_plan(points, bench)
        for angle in {point.settings["angle_deg"] for point in points}:
            bench[self.TURNED].check(angle)

    def go_around(self, point: Point, bench: Station) -> None:
        """Turn to the angle."""
        bench[self.TURNED].move_to(point.settings["angle_deg"], self.should_stop)

    def told_around(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return the angle that is set: what the scans are grouped by."""
        return {self.HEADER: point.settings["angle_deg"]}

    def around_time_s(self, before: Point, point: Point, bench: Station) -> float:
        """Return the time of turning [s]."""
        if before.settings["angle_deg"] == point.settings["angle_deg"]:
            return 0.0
        return bench[self.TURNED].move_time_s(before.settings["angle_deg"], point.settings["angle_deg"])


class _Azimuth(_Turned):
    TURNED, HEADER = "azimuth", "Azimuth (deg)"


class _FieldAngle(_Turned):
    TURNED, HEADER = "rotator", "Field Angle (deg)"


class _Fluence(ThzScan):
    """Scans at transmissions of the pump's attenuator; the power meter says what power that is."""

    lowest = Quantity("Lowest", "1", default=0.1, minimum=1e-4, maximum=1.0, description="Transmission")
    highest_transmission = Quantity("Highest transmission", "1", default=1.0, minimum=1e-4, maximum=1.0)
    fluences = Integer("Fluences", default=8, minimum=2, maximum=1000)

    def around(self) -> Iterable[Mapping[str, float]]:
        """Yield the transmissions, evenly spaced on a logarithmic scale, every other one on the way up, then down."""
        values = np.geomspace(self.lowest, self.highest_transmission, self.fluences)
        for transmission in (*values[::2], *values[1::2][::-1]):
            yield {"transmission": float(transmission)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Ask for a power meter: an attenuator's scale is no measurement."""
        super().check_plan(points, bench)
        if "power_meter" not in bench:
            raise PlanError(f"{type(self).__name__}: the station has no role 'power_meter', which says the fluence")

    def go_around(self, point: Point, bench: Station) -> None:
        """Set the attenuator."""
        bench["pump_attenuator"].set_transmission(point.settings["transmission"])

    def told_around(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return the transmission that is set: what the scans are grouped by."""
        return {"Transmission (1)": point.settings["transmission"]}


class ThzAzimuthScan(_Azimuth, ThzDelayScan):
    """Scan the delay in steps at azimuths of the sample, the field fixed."""

    ROLES = (*ThzDelayScan.ROLES, "azimuth")
    COLUMNS = (*ThzDelayScan.COLUMNS, "Azimuth (deg)")
    ANALYSIS = _with_axis(ThzDelayScan, "thz-azimuth", "angle", "Azimuth (deg)")


class ThzAzimuthFlyScan(_Azimuth, ThzFlyScan):
    """Scan the delay on the fly at azimuths of the sample, the field fixed."""

    ROLES = (*ThzFlyScan.ROLES, "azimuth")
    COLUMNS = (*ThzFlyScan.COLUMNS, "Azimuth (deg)")
    ANALYSIS = _with_axis(ThzFlyScan, "thz-azimuth", "angle", "Azimuth (deg)")


class ThzFieldAngleScan(_FieldAngle, ThzDelayScan):
    """Scan the delay in steps at angles of the field, the sample fixed."""

    ROLES = (*ThzDelayScan.ROLES, "rotator")
    COLUMNS = (*ThzDelayScan.COLUMNS, "Field Angle (deg)")
    ANALYSIS = _with_axis(ThzDelayScan, "thz-azimuth", "angle", "Field Angle (deg)")


class ThzFieldAngleFlyScan(_FieldAngle, ThzFlyScan):
    """Scan the delay on the fly at angles of the field, the sample fixed."""

    ROLES = (*ThzFlyScan.ROLES, "rotator")
    COLUMNS = (*ThzFlyScan.COLUMNS, "Field Angle (deg)")
    ANALYSIS = _with_axis(ThzFlyScan, "thz-azimuth", "angle", "Field Angle (deg)")


class ThzFluenceScan(_Fluence, ThzDelayScan):
    """Scan the delay in steps at powers of the pump."""

    COLUMNS = (*ThzDelayScan.COLUMNS, "Transmission (1)")
    ANALYSIS = _with_axis(ThzDelayScan, "thz-fluence", "transmission", "Transmission (1)")


class ThzFluenceFlyScan(_Fluence, ThzFlyScan):
    """Scan the delay on the fly at powers of the pump."""

    COLUMNS = (*ThzFlyScan.COLUMNS, "Transmission (1)")
    ANALYSIS = _with_axis(ThzFlyScan, "thz-fluence", "transmission", "Transmission (1)")
