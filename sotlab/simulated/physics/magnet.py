"""An iron-yoke electromagnet on a bipolar supply: slew, inductive lag, remanence, a coil that warms up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Magnet", "PlayHysteresis"]


@dataclass(frozen=True)
class PlayHysteresis:
    """Model a yoke by play operators (Prandtl-Ishlinskii).

    ``B = (k - sum w_j) I + sum w_j p_j``, where each play ``p_j`` follows the current I but lags behind it by its
    threshold r_j. On the major loop the field is ``k I -+ sum w_j r_j``: the second term is the remanence; several
    thresholds give nested minor loops. The saturation of the iron is left out: it begins above 1 T.

    Parameters
    ----------
    coil_T_per_A : float
        Slope k of the major loop [T/A].
    remanence_T : float
        Field left at zero current after the current came down from well above the largest threshold [T], >= 0.
    thresholds_A : sequence of float
        The r_j [A], > 0; each carries an equal share of the remanence.

    References
    ----------
    A. Visintin, Differential Models of Hysteresis (Springer, 1994), chapter III.
    """

    coil_T_per_A: float
    remanence_T: float
    thresholds_A: tuple[float, ...]

    def weights_T_per_A(self) -> tuple[float, ...]:
        """Return the w_j [T/A]."""
        return tuple(self.remanence_T / (len(self.thresholds_A) * r) for r in self.thresholds_A)

    def follow(self, plays_A: Sequence[float], current_A: float) -> tuple[float, ...]:
        """Return the plays after the current has moved monotonically to ``current_A``."""
        return tuple(min(max(p, current_A - r), current_A + r) for p, r in zip(plays_A, self.thresholds_A, strict=True))


class Magnet:
    """Follow the current and the field of a magnet that is driven by a supply.

    The supply's reference ramps to its target at the slew limit; the coil's current follows by
    ``dI/dt = (reference - I) / tau`` with tau = L/R; the yoke follows the current by :class:`PlayHysteresis`.
    The coil's resistance is ``R (1 + w)``, with ``dw/dt = (k I^2 - w) / tau_h``. A supply that has come to its voltage
    limit V drives ``V / (R (1 + w))``, which sags while the coil warms.
    The state is known at the last change, and any later time follows in closed form.

    Parameters
    ----------
    yoke : PlayHysteresis
        Field from current.
    time_constant_s : float
        L/R of the coil [s].
    slew_A_per_s : float
        Slew limit of the supply's reference [A/s].
    resistance_ohm : float
        Resistance R of the cold coil and leads [ohm].
    heating_per_A2, heating_s : float
        k, the relative rise of the resistance per square ampere in the steady state [1/A^2], and its time constant
        tau_h [s], which should be far above tau: the lag keeps the cold coil's.

    Notes
    -----
    At the voltage limit w approaches its end, where ``w (1 + w)^2 = k (V/R)^2``, exponentially at the rate that holds
    near it, ``(1 + 2 w/(1 + w)) / tau_h``: exact at both ends and good to a part in a hundred of the rise between.

    Times must not run backwards: a time before the last change is taken to be that change.
    """

    def __init__(
        self,
        yoke: PlayHysteresis,
        time_constant_s: float,
        slew_A_per_s: float,
        resistance_ohm: float,
        heating_per_A2: float = 0.0,
        heating_s: float = 600.0,
    ) -> None:
        self._yoke = yoke
        self._tau_s = time_constant_s
        self._slew_A_per_s = slew_A_per_s
        self.resistance_ohm = resistance_ohm
        self._heating_per_A2, self._heating_s = heating_per_A2, heating_s
        self._weights_T_per_A = yoke.weights_T_per_A()
        self._slope_T_per_A = yoke.coil_T_per_A - sum(self._weights_T_per_A)
        # The state at the last change: a demagnetised yoke without current.
        self._start_s = -math.inf
        self._current_A = self._reference_A = self._target_A = 0.0
        self._rate_A_per_s = 0.0
        self._ramp_s = 0.0
        self._turn_s = math.inf
        self._turn_A = 0.0
        self._plays_A = tuple(0.0 for _ in yoke.thresholds_A)
        # The coil's warmth, and from when on the supply stands at its limit: seconds after the last change.
        self._warmth = self._limited_warmth = self._last_warmth = 0.0
        self._wanted_A = 0.0
        self._limited_s = math.inf

    def set_current(self, t_s: float, current_A: float, limit_V: float = math.inf) -> None:
        """Send the supply's reference to ``current_A`` at the slew limit, from the bench time ``t_s`` on.

        Parameters
        ----------
        t_s : float
            Bench time [s].
        current_A : float
            Wanted current [A].
        limit_V : float
            Size of the voltage that the supply does not exceed, >= 0 [V].
        """
        self._catch_up(t_s)
        self._wanted_A = current_A
        most_A = limit_V / (self.resistance_ohm * (1.0 + self._warmth))
        self._target_A = min(max(current_A, -most_A), most_A)
        distance_A = current_A - self._reference_A
        self._rate_A_per_s = math.copysign(self._slew_A_per_s, distance_A)
        self._ramp_s = abs(distance_A) / self._slew_A_per_s
        self._find_turn()
        self._find_limit(limit_V)

    def release(self, t_s: float) -> None:
        """Switch the supply's output off: no voltage drives the coil, its current decays with L/R."""
        self._catch_up(t_s)
        self._target_A = self._wanted_A = self._reference_A = self._rate_A_per_s = self._ramp_s = 0.0
        self._limited_s = math.inf
        self._find_turn()

    def reference_A(self, t_s: float) -> float:
        """Return the current to which the coil would settle if the supply's ramp stopped now [A]."""
        elapsed_s = max(t_s - self._start_s, 0.0)
        if elapsed_s < self._ramp_s:
            return self._reference_A + self._rate_A_per_s * elapsed_s
        return self._target_A if elapsed_s <= self._limited_s else self._target_A * self._sag(elapsed_s)

    def current_A(self, t_s: float) -> float:
        """Return the current through the coil [A]."""
        return self._current_after(max(t_s - self._start_s, 0.0))

    def voltage_V(self, t_s: float) -> float:
        """Return the voltage at the supply's terminals, ``R (1 + w) I + L dI/dt`` [V]."""
        cold_V = self.resistance_ohm * self.reference_A(t_s)
        if not self._heating_per_A2:
            return cold_V
        elapsed_s = max(t_s - self._start_s, 0.0)
        return cold_V + self.resistance_ohm * self._warmth_after(elapsed_s) * self._current_after(elapsed_s)

    def field_T(self, t_s: float) -> float:
        """Return mu0*H between the poles [T]."""
        elapsed_s = max(t_s - self._start_s, 0.0)
        current_A = self._current_after(elapsed_s)
        plays_A = self._plays_after(elapsed_s, current_A)
        field_T = self._slope_T_per_A * current_A
        for weight_T_per_A, play_A in zip(self._weights_T_per_A, plays_A, strict=True):
            field_T += weight_T_per_A * play_A
        return field_T

    @property
    def turn_s(self) -> float:
        """When the current turns round on its way since the last change; infinite if it does not [s]."""
        return self._start_s + self._turn_s if self._turn_s < math.inf else math.inf

    def travel_T(self, t_s: float) -> float:
        """Return an upper bound of how far the field will still move after ``t_s``, a warm coil's sag left out [T]."""
        elapsed_s = max(t_s - self._start_s, 0.0)
        sag = self._sag(elapsed_s) if elapsed_s > self._limited_s else 1.0
        target_A = self._target_A * sag
        to_go_A = abs(target_A - self.current_A(t_s)) + abs(target_A - self.reference_A(t_s))
        return to_go_A * self._yoke.coil_T_per_A

    def _current_after(self, elapsed_s: float) -> float:
        if elapsed_s == math.inf:  # nothing was ever set
            return self._target_A
        if elapsed_s <= self._ramp_s:
            return self._on_ramp(elapsed_s)
        at_end_A = self._on_ramp(self._ramp_s)
        current_A = self._target_A + (at_end_A - self._target_A) * math.exp(-(elapsed_s - self._ramp_s) / self._tau_s)
        return current_A if elapsed_s <= self._limited_s else current_A * self._sag(elapsed_s)

    # the coil's warmth

    def _find_limit(self, limit_V: float) -> None:
        """Find when the voltage limit begins to hold the current, if it does."""
        self._limited_s = math.inf
        if not self._heating_per_A2 or self._target_A == 0.0 or limit_V == math.inf:
            return
        self._limited_warmth = limit_V / (self.resistance_ohm * abs(self._target_A)) - 1.0
        if self._target_A != self._wanted_A:
            self._limited_s = 0.0
        elif self._heating_per_A2 * self._target_A**2 > self._limited_warmth:
            early_s, late_s = 0.0, self._ramp_s + 20.0 * self._tau_s + 40.0 * self._heating_s
            for _ in range(80):  # the warmth passes the limit once on its way up
                middle_s = (early_s + late_s) / 2
                if self._free_warmth(middle_s) < self._limited_warmth:
                    early_s = middle_s
                else:
                    late_s = middle_s
            self._limited_s = late_s
        else:
            return
        # w (1 + w)^2 = k (V/R)^2 has one real root, which Newton's method finds from above.
        drive = self._heating_per_A2 * (limit_V / self.resistance_ohm) ** 2
        warmth = max(1.0, drive)
        for _ in range(60):
            warmth -= (warmth * (1.0 + warmth) ** 2 - drive) / ((1.0 + warmth) * (1.0 + 3.0 * warmth))
        self._last_warmth = warmth

    def _sag(self, elapsed_s: float) -> float:
        """Return the current at the voltage limit over that at its beginning; never beyond what is wanted."""
        sag = (1.0 + self._limited_warmth) / (1.0 + self._warmth_after(elapsed_s))
        return min(sag, self._wanted_A / self._target_A)

    def _warmth_after(self, elapsed_s: float) -> float:
        if elapsed_s <= self._limited_s:
            return self._free_warmth(elapsed_s)
        last = self._last_warmth
        rate_per_s = (1.0 + 2.0 * last / (1.0 + last)) / self._heating_s
        return last + (self._limited_warmth - last) * math.exp(-rate_per_s * (elapsed_s - self._limited_s))

    def _free_warmth(self, elapsed_s: float) -> float:
        """Return the warmth as it is without a voltage limit: first on the ramp, then while the coil catches up."""
        if elapsed_s == math.inf or not self._heating_per_A2:
            return 0.0
        lag_A = self._rate_A_per_s * self._tau_s
        ramp_s = min(elapsed_s, self._ramp_s)
        behind_A = self._current_A - self._reference_A + lag_A
        warmth = self._warmed(self._warmth, ramp_s, self._reference_A - lag_A, self._rate_A_per_s, behind_A)
        if elapsed_s <= self._ramp_s:
            return warmth
        left_A = self._on_ramp(self._ramp_s) - self._target_A
        return self._warmed(warmth, elapsed_s - self._ramp_s, self._target_A, 0.0, left_A)

    def _warmed(self, warmth: float, for_s: float, a: float, b: float, c: float) -> float:
        """Return the warmth after a time in which the current was ``a + b t + c exp(-t/tau)``.

        ``w exp(-T/tau_h) + (k/tau_h) int exp(-(T - t)/tau_h) I^2 dt``; each product in I^2 is t^n exp(-j t/tau), whose
        integral follows by parts.
        """
        cooled = math.exp(-for_s / self._heating_s)
        total = 0.0
        for j, terms in enumerate(((a * a, 2 * a * b, b * b), (2 * a * c, 2 * b * c), (c * c,))):
            slope = 1.0 / self._heating_s - j / self._tau_s
            end = math.exp(-j * for_s / self._tau_s)
            integral = (end - cooled) / slope
            for n, factor in enumerate(terms):
                if n:
                    integral = (for_s**n * end - n * integral) / slope
                total += factor * integral
        return warmth * cooled + self._heating_per_A2 / self._heating_s * total

    def _on_ramp(self, elapsed_s: float) -> float:
        """Solve dI/dt = (reference - I) / tau for a reference that rises at a constant rate."""
        lag_A = self._rate_A_per_s * self._tau_s
        decaying_A = self._current_A - self._reference_A + lag_A
        reference_A = self._reference_A + self._rate_A_per_s * elapsed_s
        return reference_A - lag_A + decaying_A * math.exp(-elapsed_s / self._tau_s)

    def _find_turn(self) -> None:
        """Find where the current turns round: at most once after a change, and only while the reference ramps."""
        self._turn_s = math.inf
        lag_A = self._rate_A_per_s * self._tau_s
        decaying_A = self._current_A - self._reference_A + lag_A
        if decaying_A * lag_A > 0.0 and abs(decaying_A) > abs(lag_A):
            turn_s = self._tau_s * math.log(decaying_A / lag_A)
            if turn_s < self._ramp_s:
                self._turn_s, self._turn_A = turn_s, self._on_ramp(turn_s)

    def _plays_after(self, elapsed_s: float, current_A: float) -> tuple[float, ...]:
        plays_A = self._plays_A
        if elapsed_s > self._turn_s:
            plays_A = self._yoke.follow(plays_A, self._turn_A)
        if elapsed_s > (sags_s := max(self._limited_s, self._ramp_s + 8.0 * self._tau_s)):
            plays_A = self._yoke.follow(plays_A, self._current_after(sags_s))  # from here on it goes back
        return self._yoke.follow(plays_A, current_A)

    def _catch_up(self, t_s: float) -> None:
        """Make ``t_s`` the moment from which the state is counted."""
        t_s = max(t_s, self._start_s)
        elapsed_s = t_s - self._start_s if self._start_s > -math.inf else 0.0
        reference_A, current_A = self.reference_A(t_s), self._current_after(elapsed_s)
        self._plays_A = self._plays_after(elapsed_s, current_A)
        self._warmth = self._warmth_after(elapsed_s) if self._heating_per_A2 else 0.0
        self._start_s, self._reference_A, self._current_A = t_s, reference_A, current_A
