"""Electro-optic sampling in zinc telluride: from the terahertz field to the polarisation of the probe.

Everything is in the convention exp(-i omega t), in which absorption is a positive imaginary part of an index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.constants import c

__all__ = ["ZnTe"]

#: Lattice vibration: high-frequency permittivity, strength, TO frequency and damping [Hz]; parameters from memory.
EPSILON_INFINITY, STRENGTH, TO_HZ, DAMPING_HZ = 7.4, 2.7, 5.3e12, 0.09e12
#: Share of the lattice in the electro-optic coefficient (Faust-Henry); from memory.
FAUST_HENRY = -0.07
#: Index and group index at 810 nm: Marple (1964), and its derivative.
INDEX, GROUP_INDEX = 2.848, 3.2206
#: Electro-optic coefficient without dispersion [m/V]; from memory.
R41_M_PER_V = 4e-12


@dataclass(frozen=True)
class ZnTe:
    """A <110> crystal.

    Parameters
    ----------
    thickness_m : float
        L [m].
    probe_fwhm_s : float
        Full width at half maximum of the probe's intensity [s].
    wavelength_m : float
        Of the probe [m]; index and group index are those at 810 nm.
    """

    thickness_m: float = 500e-6
    probe_fwhm_s: float = 100e-15
    wavelength_m: float = 810e-9

    @staticmethod
    def index(frequency_Hz: np.ndarray) -> np.ndarray:
        """Return n + i k of one damped oscillator."""
        f = np.asarray(frequency_Hz, dtype=float)
        return np.sqrt(EPSILON_INFINITY + STRENGTH * TO_HZ**2 / (TO_HZ**2 - f**2 - 1j * DAMPING_HZ * f))

    def phase_matching(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return ``(exp(i dk L) - 1) / (i dk L)``, ``dk = (omega / c) (n - n_g)``."""
        f = np.asarray(frequency_Hz, dtype=float)
        x = 1j * (2.0 * np.pi * f / c * (self.index(f) - GROUP_INDEX) * self.thickness_m)
        small = np.abs(x) < 1e-9
        x = np.where(small, 1.0, x)
        return np.where(small, 1.0, np.expm1(x) / x)

    @staticmethod
    def coefficient(frequency_Hz: np.ndarray) -> np.ndarray:
        """Return r41(f) / r41(0), with the part of the lattice: ``1 + C / (1 - f^2/f_TO^2 - i g f/f_TO^2)``."""
        f = np.asarray(frequency_Hz, dtype=float)
        lattice = FAUST_HENRY / (1.0 - (f**2 + 1j * DAMPING_HZ * f) / TO_HZ**2)
        return (1.0 + lattice) / (1.0 + FAUST_HENRY)

    def response(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return G(f): field inside over field outside, phase matching, r41(f) and the probe's duration."""
        f = np.asarray(frequency_Hz, dtype=float)
        sigma_s = self.probe_fwhm_s / math.sqrt(8.0 * math.log(2.0))
        probe = np.exp(-((2.0 * np.pi * f * sigma_s) ** 2) / 2.0)
        return 2.0 / (1.0 + self.index(f)) * self.phase_matching(f) * self.coefficient(f) * probe

    def echo(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return ``1 + r^2 exp(i omega 2 n L / c)``: the field that went to and fro once more."""
        f = np.asarray(frequency_Hz, dtype=float)
        n = self.index(f)
        return 1.0 + ((n - 1.0) / (n + 1.0)) ** 2 * np.exp(4j * np.pi * f * n * self.thickness_m / c)

    @property
    def phase_rad_per_field(self) -> float:
        """Phase retardation per field inside the crystal, ``2 pi n^3 r41 L / wavelength`` [rad/(V/m)].

        A balanced detector sees ``dI/I = sin(phase)``.
        """
        return 2.0 * math.pi * INDEX**3 * R41_M_PER_V * self.thickness_m / self.wavelength_m
