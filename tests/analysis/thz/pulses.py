"""Fields and noises that the tests of terahertz analysis measure: written here, shared with nothing."""

import numpy as np
from scipy.signal import lfilter

STEP_S = 0.05e-12


def axis(points=200):
    return STEP_S * np.arange(points)


def pulse(t, at_s=5e-12, width_s=0.15e-12):
    """A single cycle, 1 at its centre, with its spectrum around 1.5 THz."""
    x = (t - at_s) / width_s
    return (1 - x**2) * np.exp(-(x**2) / 2)


def slope(t, at_s=5e-12, width_s=0.15e-12):
    x = (t - at_s) / width_s
    return (x**3 - 3 * x) * np.exp(-(x**2) / 2) / width_s


def noise(rng, points, sigma, rho=0.0):
    """Stationary first-order autoregressive noise."""
    white = rng.normal(0, sigma, points + 200)
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], white)[200:]


def covered(values, truth):
    """Return the share of values within their sigma of the truth, and the mean pull."""
    pulls = np.array([(v.value - truth) / v.sigma for v in values])
    return np.mean(np.abs(pulls) < 1), np.mean(pulls)
