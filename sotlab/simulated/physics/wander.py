"""Slow random drift as a function of time, whatever the order in which one asks."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

__all__ = ["Wander"]

#: Knots in a correlation time.
KNOTS = 64
#: Knots that are drawn at once.
CHUNK = 1024


class Wander:
    """An Ornstein-Uhlenbeck process, drawn at knots in the order of time and straight between them.

    A knot is drawn once, and its value depends on the stream and its number alone: so all detectors see the same drift,
    and asking more often, or for the past, changes nothing. The straight pieces take 1/64 off the variance between
    knots at most.

    Parameters
    ----------
    rms : float
        Standard deviation.
    correlation_s : float
        Time constant of its correlation [s].
    drifts : numpy.random.Generator or None
        Draws it; without it the drift is 0.
    """

    def __init__(self, rms: float, correlation_s: float, drifts: np.random.Generator | None) -> None:
        self._rms, self._step_s, self._drifts = rms, correlation_s / KNOTS, drifts
        self._kept = math.exp(-1.0 / KNOTS)
        self._knots: list[float] = []
        self._start_s: float | None = None

    def begin(self, t_s: float) -> None:
        """Let the first knot be at this time, if none is yet; before it the drift stands still."""
        if self._start_s is None:
            self._start_s = t_s

    def __call__(self, t_s: float) -> float:
        """Return the drift at ``t_s``."""
        if self._drifts is None or self._rms == 0.0:
            return 0.0
        self.begin(t_s)
        place = max((t_s - (self._start_s or 0.0)) / self._step_s, 0.0)
        knot = int(place)
        while knot + 1 >= len(self._knots):
            self._draw(self._drifts)
        before, after = self._knots[knot], self._knots[knot + 1]
        return before + (after - before) * (place - knot)

    def _draw(self, drifts: np.random.Generator) -> None:
        steps = drifts.standard_normal(CHUNK) * self._rms
        if self._knots:
            steps *= math.sqrt(1.0 - self._kept**2)
            first = self._knots[-1]
        else:
            steps[1:] *= math.sqrt(1.0 - self._kept**2)
            first = 0.0
        more, _ = lfilter([1.0], [1.0, -self._kept], steps, zi=[self._kept * first])
        self._knots += more.tolist()
