"""Noise behind a filter of several poles, such as a lock-in amplifier's 24 dB per octave.

Behind one pole noise is a first-order autoregression, r(t) = exp(-t/tau). Behind four it is

    r(t) = (1 + x + 2 x^2/5 + x^3/15) exp(-x),  x = t/tau,

which begins flat and then falls faster: neighbours that are as alike mean less slow noise, by a factor of three and
more. What points further apart have in common tells the two apart; between them noise is taken for a mixture.

References
----------
Matern, Spatial Variation (1960), for the family; it is white noise through that many equal RC stages.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["FILTERED_RHO", "filter_correlation", "filter_densities"]

#: The table of lag-1 autocorrelations; below its beginning the number of poles neither shows nor matters.
FILTERED_RHO = 1 - np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025, 0.018, 0.012])
#: Points over which noise of the last of them is forgotten.
_LAGS = 200


def filter_correlation(rho: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Return the autocorrelation (len(rho), len(lags)) behind four poles, ``rho`` from point to point."""
    grid = np.linspace(0.0, 10.0, 4001)
    per_point = np.interp(rho, _behind_four(grid)[::-1], grid[::-1])
    return _behind_four(np.outer(per_point, lags))


def _behind_four(x: np.ndarray) -> np.ndarray:
    return (1 + x + 0.4 * x**2 + x**3 / 15) * np.exp(-x)


@lru_cache(maxsize=8)
def filter_densities(length: int) -> np.ndarray:
    """Return the spectral densities (table, frequencies) of unit variance at those of a real transform."""
    lags = np.arange(1, _LAGS)
    angle = 2 * np.pi * np.outer(lags, np.arange(length // 2 + 1)) / length
    return np.maximum(1 + 2 * filter_correlation(FILTERED_RHO, lags) @ np.cos(angle), 1e-6)
