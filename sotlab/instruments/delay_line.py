"""A delay line: from the position of its stage to the delay of the light, as a calibration has it."""

from __future__ import annotations

from scipy.constants import c

from sotlab.errors import StationError
from sotlab.instruments.calibration import Calibration

__all__ = ["DelayLine"]


class DelayLine:
    """``t = 2 passes (x - zero) / c``.

    Parameters
    ----------
    zero_m : float
        Position of the stage at which the delay is zero [m].
    passes : float
        How often the light goes to and fro; negative where the delay falls as the position rises.
    """

    def __init__(self, zero_m: float, passes: float) -> None:
        self.zero_m = zero_m
        self.passes = passes

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> DelayLine:
        """Return the line of a calibration of the kind ``stage_zero``."""
        passes = calibration.value("passes", "1")[0]
        if passes == 0.0:
            raise StationError(f"{calibration.where}: [values.passes] is 0; calibrate anew")
        return cls(calibration.value("zero", "m")[0], passes)

    def delay_s(self, position_m: float) -> float:
        """Return the delay at a position [s]."""
        return 2.0 * self.passes * (position_m - self.zero_m) / c

    def position_m(self, delay_s: float) -> float:
        """Return the position of a delay [m]."""
        return self.zero_m + 0.5 * c * delay_s / self.passes
