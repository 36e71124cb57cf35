"""A superconducting magnet with a persistent switch: ramps in segments, switch heating and cooling, quench."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["SuperconductingMagnet"]

#: A switch that opens while supply and coil differ by more than this share of the rating quenches the coil.
MISMATCH = 0.01


class SuperconductingMagnet:
    """Follow the currents of a coil and of its supply, which a persistent switch across the coil parts or joins.

    The field is ``B = k I_coil``. The supply's current is piecewise linear in time. A warm switch is resistive: the
    supply's current flows through the coil. A cold one shorts the coil, which keeps its current (persistent mode)
    while the supply is free to move at its own rate. Warming takes ``heat_s``, cooling ``cool_s``. Through the coil the
    rate is limited by the voltage, ``|dI/dt| <= V / L``. After a quench both currents decay as ``exp(-t / tau)``.
    The state is known in closed form at any time after the last change; times must not run backwards.

    Parameters
    ----------
    coil_T_per_A : float
        Field per current k [T/A].
    current_limit_A : float
        Largest current of coil and supply, of either sign [A].
    inductance_H : float
        L of the coil [H].
    heat_s, cool_s : float
        Until the heated switch is resistive, until the unheated one is superconducting [s].
    supply_rate_A_per_s : float
        Rate of the supply when the switch is cold [A/s].
    quench_s : float
        Time constant tau of the decay after a quench [s].
    noise_A : float
        Rms noise of a reading of the supply's current [A].
    readings : numpy.random.Generator or None
        Draws that noise; without it there is none.
    has_switch : bool
        False for a coil that is always driven by the supply.
    """

    def __init__(
        self,
        coil_T_per_A: float = 0.1182,
        current_limit_A: float = 80.0,
        inductance_H: float = 10.0,
        heat_s: float = 20.0,
        cool_s: float = 30.0,
        supply_rate_A_per_s: float = 10.0,
        quench_s: float = 2.0,
        noise_A: float = 2e-4,
        readings: np.random.Generator | None = None,
        has_switch: bool = True,
    ) -> None:
        self.has_switch = has_switch
        self.coil_T_per_A, self.current_limit_A, self.inductance_H = coil_T_per_A, current_limit_A, inductance_H
        self.heat_s, self.cool_s = heat_s, cool_s
        self._supply_rate_A_per_s, self._quench_tau_s = supply_rate_A_per_s, quench_s
        self._noise_A, self._readings = noise_A, readings
        self._knots_s, self._knots_A = [0.0], [0.0]
        self._heater = False
        self._warm_from_s = math.inf  # when the switch is resistive: from here
        self._cold_from_s = -math.inf  # ... or, while that is infinite, until here
        self._kept_A = 0.0
        self._quench_at_s = math.inf

    # what the supply does

    def ramp(
        self, t_s: float, target_A: float, segments: Sequence[tuple[float, float]], voltage_limit_V: float = math.inf
    ) -> float:
        """Send the supply to ``target_A`` and return when it will be there [s].

        Parameters
        ----------
        t_s : float
            Bench time of the start [s].
        target_A : float
            Where to go [A].
        segments : sequence of (float, float)
            Rate [A/s] and upper bound [A] of each; bounds rise and hold for both signs, the last rate also beyond.
        voltage_limit_V : float
            Limit of the voltage across the coil [V].
        """
        most_A_per_s = voltage_limit_V / self.inductance_H
        if self.is_cold(t_s):
            segments, most_A_per_s = [(self._supply_rate_A_per_s, math.inf)], math.inf
        start_A, now_s = self.supply_A(t_s), t_s
        sign = math.copysign(1.0, target_A - start_A)
        inner = {bound_A * side for _, bound_A in segments[:-1] for side in (-1.0, 1.0)}
        stops_A = sorted(
            (a for a in inner if min(start_A, target_A) < a < max(start_A, target_A)), key=lambda a: sign * a
        )
        self._knots_s, self._knots_A = [t_s], [start_A]
        for stop_A in [*stops_A, target_A]:
            middle_A = abs(self._knots_A[-1] + stop_A) / 2
            rate_A_per_s = next((rate for rate, bound_A in segments if middle_A < bound_A), segments[-1][0])
            now_s += abs(stop_A - self._knots_A[-1]) / min(rate_A_per_s, most_A_per_s)
            self._knots_s.append(now_s)
            self._knots_A.append(stop_A)
        return now_s

    def hold(self, t_s: float) -> None:
        """Keep the supply's current as it is at ``t_s``."""
        self._knots_s, self._knots_A = [t_s], [self.supply_A(t_s)]

    def supply_A(self, t_s: float) -> float:
        """Return the current of the supply [A]."""
        current_A = float(np.interp(min(t_s, self._quench_at_s), self._knots_s, self._knots_A))
        return current_A * self._decay(t_s)

    def supply_reading_A(self, t_s: float) -> float:
        """Return what the supply's meter shows, with its noise [A]."""
        noise = 0.0 if self._readings is None else self._noise_A * float(self._readings.standard_normal())
        return self.supply_A(t_s) + noise

    def voltage_V(self, t_s: float) -> float:
        """Return the voltage across the coil, ``L dI/dt``; 0 when the switch is cold [V]."""
        if self.is_cold(t_s) or self.is_quenched(t_s):
            return 0.0
        after = int(np.searchsorted(self._knots_s, t_s, side="right"))
        if not 0 < after < len(self._knots_s):
            return 0.0
        run_s = self._knots_s[after] - self._knots_s[after - 1]
        return self.inductance_H * (self._knots_A[after] - self._knots_A[after - 1]) / run_s

    # the switch

    def heat(self, t_s: float, on: bool) -> None:
        """Switch the heater of the persistent switch; the supply holds its current.

        A switch that becomes resistive while supply and coil differ drives the coil normal: a quench.
        """
        if on == self._heater:
            return
        self.hold(t_s)
        if on:
            if self.is_cold(t_s):
                self._warm_from_s = t_s + self.heat_s
                if abs(self.supply_A(t_s) - self._kept_A) > MISMATCH * self.current_limit_A:
                    self._quench_at_s = min(self._quench_at_s, self._warm_from_s)
            else:
                self._warm_from_s = t_s
        else:
            was_cold = self.is_cold(t_s)
            self._kept_A = self.current_A(t_s)
            if was_cold and self._quench_at_s > t_s:
                self._quench_at_s = math.inf  # it never became resistive
            self._cold_from_s = t_s if was_cold else t_s + self.cool_s
            self._warm_from_s = math.inf
        self._heater = on

    def is_heated(self) -> bool:
        """Return whether the heater is on."""
        return self._heater

    def is_cold(self, t_s: float) -> bool:
        """Return whether the switch is superconducting, so that the coil keeps its current."""
        if not self.has_switch:
            return False
        return t_s < self._warm_from_s if self._heater else t_s >= self._cold_from_s

    # the coil

    def current_A(self, t_s: float) -> float:
        """Return the current of the coil [A]."""
        if self.is_cold(min(t_s, self._quench_at_s - 1e-9)):
            return self._kept_A * self._decay(t_s)
        return self.supply_A(t_s)

    def field_T(self, t_s: float) -> float:
        """Return mu0*H in the bore [T]."""
        return self.coil_T_per_A * self.current_A(t_s)

    def quench(self, t_s: float) -> None:
        """Drive the coil normal at ``t_s``."""
        self._quench_at_s = min(self._quench_at_s, t_s)

    def is_quenched(self, t_s: float) -> bool:
        """Return whether a quench has happened that was not cleared."""
        return t_s >= self._quench_at_s

    def clear_quench(self, t_s: float) -> None:
        """Take the coil for superconducting again, with the current that is left."""
        if not self.is_quenched(t_s):
            return
        coil_A, supply_A = self.current_A(t_s), self.supply_A(t_s)
        self._quench_at_s = math.inf
        self._knots_s, self._knots_A, self._kept_A = [t_s], [supply_A], coil_A

    def _decay(self, t_s: float) -> float:
        return math.exp(-max(t_s - self._quench_at_s, 0.0) / self._quench_tau_s)
