"""The pump beam on its way to the sample: laser, shutter, attenuator, and what can go wrong with it."""

from __future__ import annotations

import math

from sotlab.simulated.physics.optics import PumpLaser
from sotlab.simulated.physics.wander import Wander

__all__ = ["PumpBeam"]

#: Time in which the shutter's blade crosses the beam [s].
BLADE_S = 0.03


class PumpBeam(PumpLaser):
    """A pump laser whose power at the sample is a function of time between any two changes.

    Parameters
    ----------
    power_W, wavelength_m : float
        Of :class:`PumpLaser`, with shutter open and no attenuation.
    repetition_Hz : float
        Pulses per second.
    spot_m2 : float
        Area of the spot on the sample [m^2].
    wander : Wander
        Relative drift of the power.
    """

    def __init__(
        self, power_W: float, wavelength_m: float, repetition_Hz: float, spot_m2: float, wander: Wander
    ) -> None:
        super().__init__(power_W, wavelength_m)
        self._full_W, self.wander = power_W, wander
        self._area_rate_m2_per_s = repetition_Hz * spot_m2
        # Each moves straight from one value to another, beginning at a time, at a speed.
        self._blade = 0.0, 0.0, 0.0, 1.0 / BLADE_S
        self._wheel_dB = 0.0, 0.0, 0.0, 1.0
        self._dropouts: list[tuple[float, float, float]] = []
        self.is_enabled = True

    def set_shutter(self, t_s: float, is_open: bool) -> None:
        """Open or close the shutter."""
        self._blade = _place(self._blade, t_s), float(is_open), t_s, 1.0 / BLADE_S

    def set_attenuation(self, start_dB: float, stop_dB: float, start_s: float, speed_dB_per_s: float) -> None:
        """Turn the attenuator."""
        self._wheel_dB = start_dB, stop_dB, start_s, speed_dB_per_s

    def drop_out(self, t_s: float, for_s: float, remaining: float) -> None:
        """Let the laser lose its power for a while, but for a remaining share."""
        self._dropouts.append((t_s, t_s + for_s, remaining))

    def is_open(self, t_s: float) -> bool:
        """Return whether the shutter lets anything pass."""
        return _place(self._blade, t_s) > 0.0

    def attenuation_dB(self, t_s: float) -> float:
        """Return where the attenuator is [dB]."""
        return _place(self._wheel_dB, t_s)

    @property
    def rests_from_s(self) -> float:
        """From when on nothing but the drift changes the power [s]."""
        ends = [start_s + abs(stop - start) / speed for start, stop, start_s, speed in (self._blade, self._wheel_dB)]
        return max(*ends, *(end_s for _, end_s, _ in self._dropouts))

    def undrifted_W(self, t_s: float) -> float:
        """Return the mean power at the sample, were there no drift [W]."""
        power_W = self._full_W * _place(self._blade, t_s)
        if power_W == 0.0 or not self.is_enabled:
            return 0.0
        power_W *= 10.0 ** (-_place(self._wheel_dB, t_s) / 10.0)
        for begin_s, end_s, remaining in self._dropouts:
            if begin_s <= t_s < end_s:
                power_W *= remaining
        return power_W

    def power_W(self, t_s: float) -> float:
        """Return the mean power at the sample [W]."""
        return self.undrifted_W(t_s) * (1.0 + self.wander(t_s))

    def fluence_J_per_m2(self, power_W: float) -> float:
        """Return the energy of a pulse over the spot, ``P / (f_rep A)`` [J/m^2]."""
        return power_W / self._area_rate_m2_per_s


def _place(travel: tuple[float, float, float, float], t_s: float) -> float:
    """Return where something is that moves straight from one value to another."""
    start, stop, start_s, speed = travel
    way = min(speed * max(t_s - start_s, 0.0), abs(stop - start))
    return start + math.copysign(way, stop - start)
