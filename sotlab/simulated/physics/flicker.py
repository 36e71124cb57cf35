"""1/f noise as a sum of relaxing fluctuators, in closed form from one reading to the next."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Flicker"]

#: Relaxation rates: lowest and highest [1/s], and how many in each decade.
LOWEST_PER_S, HIGHEST_PER_S, PER_DECADE = 1e-4, 1e5, 2


class Flicker:
    """A random process x(t) with the one-sided density ``S(f) = strength^2 / f`` between 0.1 mHz and 10 kHz.

    A sum of Ornstein-Uhlenbeck processes whose rates stand at equal distances on a logarithmic scale: each has the
    variance ``strength^2 ln r`` with r the ratio of two neighbours. The state and the mean over a window are drawn
    together, so that the windows may have any lengths and distances.

    Parameters
    ----------
    strength_per_rtHz : float
        Root of the density at 1 Hz.
    rng : numpy.random.Generator

    References
    ----------
    P. Dutta and P. M. Horn, Rev. Mod. Phys. 53, 497 (1981), eq. 1.5 to 1.7: a flat distribution of ln(rate).
    """

    def __init__(self, strength_per_rtHz: float, rng: np.random.Generator) -> None:
        count = round(PER_DECADE * math.log10(HIGHEST_PER_S / LOWEST_PER_S)) + 1
        self._rates_per_s = np.geomspace(LOWEST_PER_S, HIGHEST_PER_S, count)
        self._rms = strength_per_rtHz * math.sqrt(math.log(10.0) / PER_DECADE)
        self._rng = rng
        self._state = self._rms * rng.standard_normal(count)
        self._time_s = -math.inf

    def mean(self, start_s: float, stop_s: float) -> float:
        """Return the mean of the process over a window; windows that go back in time follow on the last one."""
        draws = self._rng.standard_normal((3, len(self._rates_per_s)))
        gap_s = max(start_s - self._time_s, 0.0)
        decay = np.exp(-self._rates_per_s * gap_s) if math.isfinite(gap_s) else np.zeros_like(self._rates_per_s)
        state = self._state * decay + self._rms * np.sqrt(1.0 - decay**2) * draws[0]
        theta = self._rates_per_s * max(stop_s - start_s, 1e-12)
        kept, lost = np.exp(-theta), -np.expm1(-theta)
        # Variances of the state's and the mean's new parts, and their covariance, in units of the process's variance.
        var_state = -np.expm1(-2.0 * theta)
        small = theta < 1e-3  # there the exact form is a difference of near equals
        exact = (2.0 * theta - 3.0 + 4.0 * kept - kept**2) / theta**2
        var_mean = np.where(small, 2.0 / 3.0 * theta - 0.5 * theta**2, exact)
        covariance = lost**2 / theta
        new = self._rms * np.sqrt(var_state) * draws[1]
        own = np.sqrt(np.maximum(var_mean - covariance**2 / var_state, 0.0))
        means = state * lost / theta + self._rms * (covariance / np.sqrt(var_state) * draws[1] + own * draws[2])
        self._state, self._time_s = state * kept + new, stop_s
        return float(means.sum())
