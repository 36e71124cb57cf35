"""A lock-in that reads the dc voltage which a modulated microwave makes, as a voltmeter would.

The rectified voltage is proportional to the power, so the modulation of the carrier's envelope is in it::

    square_am   on and off, half of the time each, on at the source's level (pulse modulation of the E8257D):
                V(t) = V_dc (1/2 + (2/pi) cos wt - (2/(3 pi)) cos 3wt ...)      X_rms = sqrt(2)/pi V_dc
    sine_am     amplitude 1 + m cos wt, m the depth, power (1 + m cos wt)^2 of the source's level:
                V(t) = V_dc (1 + m^2/2 + 2m cos wt + (m^2/2) cos 2wt)           X_rms = sqrt(2) m V_dc

with V_dc what the source's level makes without modulation. The terms in m^2 are at dc and at the second harmonic, so
that the second line is exact at any depth up to 1. What is slower than the modulation (thermal voltages, drift of the
meter) is not in the reading.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field as Option

from sotlab.instruments.driver import Driver, Options

__all__ = ["LockinVoltmeter", "LockinVoltmeterOptions"]


class LockinVoltmeterOptions(Options):
    """Options of a lock-in as ``voltmeter``."""

    #: The role of the lock-in.
    lockin: str = "lockin"
    #: How the source is modulated; the source's own options must say the same.
    modulation: Literal["square_am", "sine_am"] = "square_am"
    #: Depth of ``sine_am``, 1 for 100 %.
    depth: float = Option(default=1.0, gt=0.0, le=1.0)


class LockinVoltmeter(Driver):
    """A lock-in that fills the role ``voltmeter``: the dc voltage without modulation [V].

    The sign is that of X: set the lock-in's ``phase_deg`` such that a known positive voltage reads positive, and Y
    vanishes.
    """

    role = "voltmeter"
    options_model = LockinVoltmeterOptions

    @classmethod
    def needs(cls, options: LockinVoltmeterOptions) -> tuple[str, ...]:
        """Return the lock-in's role."""
        return (options.lockin,)

    def identify(self) -> str:
        """Return the lock-in's identity."""
        return self._lockin.identify()

    @property
    def _lockin(self) -> Any:
        return self.others[self.options.lockin]

    @property
    def rms_per_volt(self) -> float:
        """X [V rms] for one volt of dc."""
        if self.options.modulation == "square_am":
            return math.sqrt(2.0) / math.pi
        return math.sqrt(2.0) * self.options.depth

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]: the lock-in's settling, then its reading."""
        return self._lockin.settling_s + self._lockin.reading_time_s

    def read_voltage(self) -> float:
        """Return the dc voltage [V] of now: the lock-in forgets first what was before."""
        self.clock.sleep(self._lockin.settling_s)
        return self._lockin.read_phasor().real / self.rms_per_volt
