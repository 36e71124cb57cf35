"""A cryostat: stages with heaters that a controller drives, and the thermometers on them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

__all__ = ["Cryostat", "HeatedStage", "Sensor"]

#: Gain of the controller that halves the time constant of a stage, and by how little the power may miss its limit [W].
GAIN_SCALE, TOLERANCE_W = 5.0, 1e-9
#: Stretches of the past that are remembered: thermometers lag, and look back.
REMEMBERED = 32


@dataclass(frozen=True)
class Stretch:
    """A stretch of time over which the temperature is ``a + b t + c exp(-t / tau)``, with t from its start."""

    start_s: float
    a_K: float
    b_K_per_s: float
    c_K: float
    tau_s: float
    setpoint_K: float
    rate_K_per_s: float

    def temperature_K(self, t_s: float) -> float:
        """Return the temperature at a bench time."""
        dt = t_s - self.start_s
        return self.a_K + self.b_K_per_s * dt + self.c_K * math.exp(-dt / self.tau_s)

    def slope_K_per_s(self, t_s: float) -> float:
        """Return how fast it changes."""
        return self.b_K_per_s - self.c_K / self.tau_s * math.exp(-(t_s - self.start_s) / self.tau_s)

    def setpoint_at_K(self, t_s: float) -> float:
        """Return the setpoint at a bench time."""
        return self.setpoint_K + self.rate_K_per_s * (t_s - self.start_s)


class HeatedStage:
    """Follow a stage that is cooled to a base temperature and heated against it.

    ``C dT/dt = P - G (T - T_base)``. A closed loop is reduced to a first-order approach, ``dT/dt = (s - T) / tau_c``
    with ``tau_c = (C / G) / (1 + gain / 5)``, as long as the heater can do it: its power stays between 0 and its
    maximum, at which the stage drifts as it can. Integral and derivative terms, so overshoot, are left out. After each
    command the whole future is worked out in stretches of closed form.

    Parameters
    ----------
    base_K : float
        Temperature without heat [K].
    conductance_W_per_K : float
        Thermal conductance G to the cold finger [W/K].
    heat_capacity_J_per_K : float
        C [J/K].
    start_K : float
        Temperature at the beginning [K], with the heater off.
    """

    def __init__(
        self,
        base_K: float = 4.0,
        conductance_W_per_K: float = 0.1,
        heat_capacity_J_per_K: float = 10.0,
        start_K: float = 4.0,
    ) -> None:
        self.base_K, self._G, self._C = base_K, conductance_W_per_K, heat_capacity_J_per_K
        self._tau_s = heat_capacity_J_per_K / conductance_W_per_K
        self._stretches = [Stretch(0.0, base_K, 0.0, start_K - base_K, self._tau_s, start_K, 0.0)]

    def temperature_K(self, t_s: float) -> float:
        """Return the temperature [K]."""
        return self._at(t_s).temperature_K(t_s)

    def setpoint_K(self, t_s: float) -> float:
        """Return the setpoint of the loop, on its ramp if there is one [K]."""
        return self._at(t_s).setpoint_at_K(t_s)

    def is_ramping(self, t_s: float) -> bool:
        """Return whether the setpoint is on a ramp."""
        return self._at(t_s).rate_K_per_s != 0.0

    def power_W(self, t_s: float) -> float:
        """Return the power of the heater, ``C dT/dt + G (T - T_base)`` [W]."""
        now = self._at(t_s)
        return max(self._C * now.slope_K_per_s(t_s) + self._G * (now.temperature_K(t_s) - self.base_K), 0.0)

    def heat(self, t_s: float, power_W: float) -> None:
        """Heat with a constant power from ``t_s`` on; the setpoint stays where it is."""
        start_K, setpoint_K = self.temperature_K(t_s), self.setpoint_K(t_s)
        self._forget_future(t_s)
        self._stretches.append(self._drift(t_s, start_K, power_W, setpoint_K, 0.0))

    def control(
        self, t_s: float, setpoint_K: float, most_W: float, gain: float = 50.0, rate_K_per_s: float = 0.0
    ) -> None:
        """Close the loop from ``t_s`` on.

        Parameters
        ----------
        t_s : float
            Bench time [s].
        setpoint_K : float
            Where to go [K].
        most_W : float
            Largest power of the heater [W].
        gain : float
            The controller's P.
        rate_K_per_s : float
            Rate at which the setpoint goes there from where it is; 0 to jump [K/s].
        """
        start_K, now_K = self.setpoint_K(t_s), self.temperature_K(t_s)
        self._forget_future(t_s)
        way_K = setpoint_K - start_K
        phases = [(setpoint_K, 0.0, math.inf)]
        if rate_K_per_s and way_K:
            phases.insert(0, (start_K, math.copysign(rate_K_per_s, way_K), abs(way_K / rate_K_per_s)))
        tau_c_s = self._tau_s / (1.0 + gain / GAIN_SCALE)
        for phase_K, rate, duration_s in phases:
            t_s, now_K = self._follow(t_s, now_K, phase_K, rate, duration_s, most_W, tau_c_s)

    def _follow(
        self, t_s: float, now_K: float, setpoint_K: float, rate: float, duration_s: float, most_W: float, tau_c_s: float
    ) -> tuple[float, float]:
        """Add the stretches of one phase of the setpoint; return its end."""
        end_s = t_s + duration_s
        wanted_W = self._C * (setpoint_K - now_K) / tau_c_s + self._G * (now_K - self.base_K)
        power_W = most_W if wanted_W > most_W else 0.0 if wanted_W < 0.0 else None  # None: the loop has its will
        while True:
            if power_W is None:
                lag_K = rate * tau_c_s
                own = Stretch(t_s, setpoint_K - lag_K, rate, now_K - setpoint_K + lag_K, tau_c_s, setpoint_K, rate)
                exits = [(most_W, 1.0), (0.0, -1.0)]
            else:
                own = self._drift(t_s, now_K, power_W, setpoint_K, rate)
                exits = [(power_W, -1.0 if power_W else 1.0)]
            self._stretches.append(own)
            leaves = [(self._first(own, tau_c_s, level_W, side, end_s), level_W) for level_W, side in exits]
            next_s, level_W = min(leaves)
            if next_s >= end_s or most_W <= 0.0:
                return end_s, own.temperature_K(end_s) if math.isfinite(end_s) else setpoint_K
            setpoint_K, now_K, t_s = own.setpoint_at_K(next_s), own.temperature_K(next_s), next_s
            power_W = level_W if power_W is None else None

    def _first(self, own: Stretch, tau_c_s: float, level_W: float, side: float, end_s: float) -> float:
        """Return when the wanted power first passes a level upwards (side 1) or downwards (-1); infinite if never."""

        def beyond_W(dt: float) -> float:
            t_s = own.start_s + dt
            now_K = own.temperature_K(t_s)
            wanted_W = self._C * (own.setpoint_at_K(t_s) - now_K) / tau_c_s + self._G * (now_K - self.base_K)
            return side * (wanted_W - level_W) - TOLERANCE_W

        # The wanted power is A + B t + D exp(-t / tau): at most one turning point parts it into monotonic pieces.
        factor = self._G - self._C / tau_c_s
        linear = self._C * own.rate_K_per_s / tau_c_s + factor * own.b_K_per_s
        falling = factor * own.c_K / own.tau_s
        last = min(end_s - own.start_s, 60.0 * self._tau_s)
        turn = own.tau_s * math.log(falling / linear) if linear and falling / linear > 0.0 else math.inf
        ends = [turn, last] if 0.0 < turn < last else [last]
        start = 0.0
        for stop in ends:
            if beyond_W(start) <= 0.0 < beyond_W(stop):
                root: Any = brentq(beyond_W, start, stop, xtol=1e-9)
                return own.start_s + root
            start = stop
        return math.inf

    def _drift(self, t_s: float, start_K: float, power_W: float, setpoint_K: float, rate: float) -> Stretch:
        settled_K = self.base_K + power_W / self._G
        return Stretch(t_s, settled_K, 0.0, start_K - settled_K, self._tau_s, setpoint_K, rate)

    def _at(self, t_s: float) -> Stretch:
        index = bisect_right(self._stretches, t_s, key=lambda stretch: stretch.start_s)
        return self._stretches[max(index - 1, 0)]

    def _forget_future(self, t_s: float) -> None:
        self._stretches = [one for one in self._stretches if one.start_s < t_s][-REMEMBERED:]


@dataclass(frozen=True)
class Sensor:
    """A thermometer: on which stage it is, and how far behind that it reads [s]."""

    stage: int
    lag_s: float = 0.0


class Cryostat:
    """Stages by the number of the controller's output, sensors by the letter of its input.

    Parameters
    ----------
    stages : mapping of int to HeatedStage
        By output.
    sensors : mapping of str to Sensor
        By input; an input that is missing here has no sensor connected.
    noise_K : float
        Rms noise of a reading [K].
    readings : numpy.random.Generator or None
        Draws it; without it there is none.
    """

    def __init__(
        self,
        stages: Mapping[int, HeatedStage],
        sensors: Mapping[str, Sensor],
        noise_K: float = 2e-3,
        readings: np.random.Generator | None = None,
    ) -> None:
        self.stages, self.sensors = dict(stages), dict(sensors)
        self._noise_K, self._readings = noise_K, readings

    def temperature_K(self, t_s: float, sensor: str) -> float:
        """Return the temperature that a sensor has [K]."""
        one = self.sensors[sensor]
        return self.stages[one.stage].temperature_K(max(t_s - one.lag_s, 0.0))

    def reading_K(self, t_s: float, sensor: str) -> float:
        """Return what a thermometer reads, with its noise [K]."""
        noise = 0.0 if self._readings is None else self._noise_K * float(self._readings.standard_normal())
        return self.temperature_K(t_s, sensor) + noise
