"""The field of a magnet with an iron yoke against its drive, as a calibration of the coil has it."""

from __future__ import annotations

from sotlab.errors import StationError
from sotlab.instruments.calibration import Calibration

__all__ = ["FieldLine"]


class FieldLine:
    """The field of a magnet with an iron yoke against what drives it, on the loop's two branches.

    ``B = slope I + branch remanence``: the slope may differ between the polarities of the drive; ``branch`` is +1 while
    the drive falls (from a large positive one), -1 while it rises, and 0 where nothing is known of the past.

    Parameters
    ----------
    slope_positive, slope_negative : float
        Field per drive [T/A or T/V], > 0 for both polarities, or < 0 for both.
    remanence_T : float
        Field that is left at zero drive on the falling branch [T].

    Notes
    -----
    After the drive has turned round, the true field changes over from branch to branch within a few thresholds of the
    iron; this line does so at once. Read a gaussmeter.
    """

    def __init__(self, slope_positive: float, slope_negative: float, remanence_T: float = 0.0) -> None:
        self.slope_positive = slope_positive
        self.slope_negative = slope_negative
        self.remanence_T = remanence_T

    @classmethod
    def from_calibration(cls, calibration: Calibration, drive_unit: str) -> FieldLine:
        """Return the line that a calibration of the kind ``coil`` describes.

        Raises
        ------
        StationError
            If it has not what is needed, or its slopes do not make sense.
        """
        per_drive = f"T/{drive_unit}"
        positive, negative = (calibration.value(f"slope_{sign}", per_drive)[0] for sign in ("positive", "negative"))
        if positive * negative <= 0.0:
            raise StationError(
                f"{calibration.where}: slopes of {positive:g} and {negative:g} {per_drive}; both must have one sign,"
                f" and none be zero"
            )
        return cls(positive, negative, calibration.value("remanence", "T")[0])

    def field_T(self, drive: float, branch: int = 0) -> float:
        """Return the field that belongs to a drive [T]."""
        slope = self.slope_positive if drive >= 0.0 else self.slope_negative
        return slope * drive + branch * self.remanence_T

    def drive(self, field_T: float, branch: int = 0) -> float:
        """Return the drive that belongs to a field [A or V]."""
        driven_T = field_T - branch * self.remanence_T
        positive = driven_T * self.slope_positive >= 0.0
        return driven_T / (self.slope_positive if positive else self.slope_negative)
