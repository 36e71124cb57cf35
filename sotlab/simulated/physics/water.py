"""Water vapour in the terahertz beam: absorption lines, and the dispersion that belongs to them."""

from __future__ import annotations

import math

import numpy as np
from scipy.constants import c, k

__all__ = ["LINES", "number_density_per_m3", "refractivity", "strength_Hz_m2"]

#: The strongest rotational lines of H2-16O below 3 THz: frequency [Hz], Einstein A [1/s], degeneracy of the upper
#: level (with nuclear spin), energy of the lower level over k [K], half width at half maximum in 1 atm of air [Hz].
#: Frequencies as in public lists of the JPL catalogue's lines. The rest is from memory and unverified, with round
#: guesses for the weaker lines above 1.4 THz. Read in programs that carry ITU-R P.676 were only the widths at 557 and
#: 752 GHz and the ratio of the strengths there (1 % off); the absolute strengths are compared with no source.
LINES = (
    (556.936e9, 3.458e-3, 9, 34.2, 3.25e9),
    (752.033e9, 7.062e-3, 5, 100.8, 3.10e9),
    (987.927e9, 5.835e-3, 5, 53.4, 3.1e9),
    (1097.365e9, 1.648e-2, 21, 196.8, 3.0e9),
    (1113.343e9, 1.842e-2, 3, 0.0, 3.2e9),
    (1153.127e9, 2.634e-3, 21, 194.1, 3.0e9),
    (1162.912e9, 2.290e-2, 21, 249.4, 3.0e9),
    (1207.639e9, 2.83e-2, 9, 396.4, 2.9e9),
    (1228.789e9, 1.876e-2, 5, 136.9, 3.0e9),
    (1410.618e9, 4.0e-2, 33, 574.7, 2.8e9),
    (1602.219e9, 3.74e-2, 9, 319.5, 2.8e9),
    (1661.008e9, 3.056e-2, 15, 114.4, 3.1e9),
    (1669.905e9, 5.593e-2, 15, 34.2, 3.2e9),
    (1716.770e9, 5.051e-2, 21, 114.4, 3.1e9),
    (1867.749e9, 8.0e-2, 33, 642.4, 2.7e9),
    (1919.360e9, 4.12e-2, 7, 204.7, 3.0e9),
    (2040.477e9, 7.0e-2, 9, 454.3, 2.8e9),
    (2074.432e9, 1.6e-2, 9, 296.8, 2.9e9),
    (2164.132e9, 1.252e-1, 7, 100.8, 3.1e9),
    (2196.346e9, 6.6e-2, 21, 305.3, 2.9e9),
    (2221.751e9, 7.0e-2, 33, 468.1, 2.7e9),
    (2264.150e9, 5.257e-2, 27, 323.5, 2.8e9),
    (2365.900e9, 8.6e-2, 7, 296.8, 2.9e9),
    (2391.573e9, 1.176e-1, 9, 204.7, 3.0e9),
    (2773.977e9, 2.564e-1, 15, 61.0, 3.1e9),
    (2968.749e9, 2.607e-1, 5, 53.4, 3.1e9),
)
#: Partition function at 296 K, with nuclear spin (HITRAN), and how it grows.
PARTITION_296 = 174.58
PLANCK_OVER_BOLTZMANN_K_PER_HZ = 4.799243e-11


def strength_Hz_m2(line: tuple[float, float, int, float, float], temperature_K: float) -> float:
    """Return a line's cross section, integrated over frequency [Hz m^2].

    ``c^2 / (8 pi f^2) A g_u / Q (exp(-E_l / kT) - exp(-E_u / kT))``, with ``E_u = E_l + h f`` and ``Q ~ T^(3/2)``.
    """
    frequency_Hz, einstein_per_s, degeneracy, lower_K, _ = line
    partition = PARTITION_296 * (temperature_K / 296.0) ** 1.5
    upper_K = lower_K + PLANCK_OVER_BOLTZMANN_K_PER_HZ * frequency_Hz
    populations = math.exp(-lower_K / temperature_K) - math.exp(-upper_K / temperature_K)
    return c**2 / (8.0 * math.pi * frequency_Hz**2) * einstein_per_s * degeneracy / partition * populations


def refractivity(frequency_Hz: np.ndarray, temperature_K: float) -> np.ndarray:
    """Return the complex cross section sigma: a field is multiplied by ``exp(-sigma N L / 2)`` [m^2].

    Each line is ``S / pi [1 / (w - i (f - f0)) + 1 / (w - i (f + f0))]`` in the convention exp(-i omega t): a
    Lorentzian of half width w as the real part, its dispersion as the imaginary one, and nothing before the pulse.
    """
    f = np.asarray(frequency_Hz, dtype=float)
    total = np.zeros(f.shape, dtype=complex)
    for line in LINES:
        center_Hz, width_Hz = line[0], line[4]
        both = 1.0 / (width_Hz - 1j * (f - center_Hz)) + 1.0 / (width_Hz - 1j * (f + center_Hz))
        total += strength_Hz_m2(line, temperature_K) / math.pi * both
    return total


def number_density_per_m3(relative_humidity: float, temperature_K: float) -> float:
    """Return the molecules per volume at a relative humidity of 0 to 1 [1/m^3].

    The saturation pressure is Magnus's, ``611.2 Pa exp(17.62 t / (243.12 + t))`` with t in deg C (WMO, 2008).
    """
    t = temperature_K - 273.15
    saturation_Pa = 611.2 * math.exp(17.62 * t / (243.12 + t))
    return relative_humidity * saturation_Pa / (k * temperature_K)
