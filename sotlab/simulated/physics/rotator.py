"""A sample on two rotators in the field of a magnet: which way the field points in the sample's frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

__all__ = ["FieldDirection"]


@dataclass
class FieldDirection:
    """Turn the readings of two axes into the direction of the field, with what is misaligned.

    With the polar angle theta from the film's normal z and the azimuth phi from the current x, both as the operator
    means them, the field is along ``(sin(theta) cos(phi), sin(theta) sin(phi), cos(theta))``; the errors are added to
    the angles. Then the frame is turned about x by the tilt: rotating theta at phi = 0, the field does not go through
    the normal, but misses it by this angle towards y.

    Parameters
    ----------
    polar_sense, azimuth_sense : float
        +1 or -1: whether the angle grows with the axis's position.
    polar_zero_deg, azimuth_zero_deg : float
        Angle that the operator means at position 0.
    polar_error_deg, azimuth_error_deg : float
        By how much the true angle is larger.
    tilt_deg : float
        Of the rotator's axis against the film's plane.
    """

    polar_sense: float = 1.0
    polar_zero_deg: float = 0.0
    polar_error_deg: float = 0.0
    azimuth_sense: float = 1.0
    azimuth_zero_deg: float = 0.0
    azimuth_error_deg: float = 0.0
    tilt_deg: float = 0.0

    def field_T(self, size_T: float, polar_axis_deg: float, azimuth_axis_deg: float) -> tuple[float, float, float]:
        """Return the field in the sample's frame at two positions [T]."""
        theta = radians(self.polar_sense * polar_axis_deg + self.polar_zero_deg + self.polar_error_deg)
        phi = radians(self.azimuth_sense * azimuth_axis_deg + self.azimuth_zero_deg + self.azimuth_error_deg)
        tilt = radians(self.tilt_deg)
        x, y, z = sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)
        return size_T * x, size_T * (y * cos(tilt) + z * sin(tilt)), size_T * (z * cos(tilt) - y * sin(tilt))
