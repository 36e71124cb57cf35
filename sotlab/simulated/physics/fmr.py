"""Ferromagnetic resonance of an in-plane macrospin: the linear response, solved exactly.

Here m rests along the field in the plane; where it does not (anisotropy, a direct current, a field that is not quite
in the plane), :mod:`sotlab.simulated.physics.rest` finds where it rests and linearises there.

The equation of motion is the Landau-Lifshitz-Gilbert equation

    dm/dt = -gamma m x B_eff + alpha m x dm/dt,    B_eff = B + h(t) - mu0*M_eff m_z z,

with m along the field B at rest (in the plane). With e1 along m, e2 = z x e1 and e3 = z, a drive
``h = Re[(h2 e2 + h3 e3) exp(i omega t)]`` and ``Omega = omega/gamma``, the two transverse components obey

    [ i Omega              B + M + i alpha Omega ] [m2]   [ h3 ]
    [ -(B + i alpha Omega) i Omega               ] [m3] = [-h2 ],

which is a 2x2 complex linear system; its determinant is a quadratic polynomial of B.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from scipy.constants import h, physical_constants

__all__ = ["Macrospin", "Resonance"]

_BOHR_MAGNETON_J_PER_T: float = physical_constants["Bohr magneton"][0]


@dataclass(frozen=True)
class Resonance:
    """One pole of a macrospin's response in the field.

    Attributes
    ----------
    field_T : float
        Resonance field B0, the real part of the pole [T].
    width_T : float
        Half width at half maximum W, minus its imaginary part [T].
    residue : complex
        Residue of m2(B) there [T].
    """

    field_T: float
    width_T: float
    residue: complex


@dataclass(frozen=True)
class Macrospin:
    """A film's magnetisation, in the plane and along the field.

    Parameters
    ----------
    mu0_meff_T : float
        Effective magnetisation mu0*M_eff [T], > 0 (easy plane).
    g : float
        Spectroscopic splitting factor.
    alpha : float
        Gilbert damping.
    width_0_T : float
        Inhomogeneous broadening W0: half width of a Lorentzian distribution of local fields [T].

    Notes
    -----
    Averaging the response over the distribution ``(W0/pi) / ((B' - B)**2 + W0**2)`` closes the contour in the upper
    half plane, where the response has no pole (damping puts both poles below the real axis), so the average is the
    response at ``B + i W0``: exact, and the width becomes ``W0 + alpha Omega``.
    """

    mu0_meff_T: float
    g: float
    alpha: float
    width_0_T: float

    @property
    def gamma_rad_per_s_T(self) -> float:
        """Gyromagnetic ratio g mu_B / hbar [rad/s/T]."""
        return 2 * pi * self.g * _BOHR_MAGNETON_J_PER_T / h

    def system(self, field_T: complex, frequency_Hz: float) -> np.ndarray:
        """Return the 2x2 matrix of the linearised equation [T], at the field ``field_T`` (>= 0, may be complex)."""
        omega_T = 2 * pi * frequency_Hz / self.gamma_rad_per_s_T
        damped_T = field_T + 1j * self.alpha * omega_T
        return np.array([[1j * omega_T, damped_T + self.mu0_meff_T], [-damped_T, 1j * omega_T]])

    def in_plane_response(self, field_T: float, frequency_Hz: float, in_plane_T: complex, normal_T: complex) -> complex:
        """Return the complex amplitude of m2, the in-plane rotation of m towards e2 = z x m [rad].

        Parameters
        ----------
        field_T : float
            Size of the applied field [T], > 0.
        frequency_Hz : float
            Frequency of the drive [Hz].
        in_plane_T, normal_T : complex
            Peak amplitudes of the effective field along e2 and along the normal [T].

        Notes
        -----
        Cramer's rule on :meth:`system`, written out because the virtual voltmeter calls this for every reading.
        """
        omega_T = 2 * pi * frequency_Hz / self.gamma_rad_per_s_T
        damped_T = complex(field_T, self.width_0_T + self.alpha * omega_T)
        stiff_T = damped_T + self.mu0_meff_T
        return (1j * omega_T * normal_T + stiff_T * in_plane_T) / (damped_T * stiff_T - omega_T**2)

    def resonance(self, frequency_Hz: float, in_plane_T: complex, normal_T: complex) -> Resonance:
        """Return the pole of m2 at a positive field, found numerically from the determinant of :meth:`system`.

        Near it the response is exactly ``residue / (B - B0 + i W)`` plus the tail of the pole at negative field.
        """
        # The determinant and the numerator are polynomials of B of degree 2 and 1: their values at a few fields give
        # them exactly, whatever the matrix is.
        shift_T = 1j * self.width_0_T
        nodes_T = np.array([-1.0, 0.0, 1.0])
        matrices = [self.system(b + shift_T, frequency_Hz) for b in nodes_T]
        drive_T = np.array([normal_T, -in_plane_T])
        determinants = [np.linalg.det(m) for m in matrices]
        numerators = [np.linalg.det(np.column_stack([drive_T, m[:, 1]])) for m in matrices]
        determinant = np.polynomial.Polynomial(np.linalg.solve(np.vander(nodes_T, 3, increasing=True), determinants))
        numerator = np.polynomial.Polynomial(np.linalg.solve(np.vander(nodes_T, 3, increasing=True), numerators))
        pole_T = max(determinant.roots(), key=lambda root: root.real)
        residue = numerator(pole_T) / determinant.deriv()(pole_T)
        return Resonance(float(pole_T.real), float(-pole_T.imag), complex(residue))
