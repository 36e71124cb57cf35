"""Torque efficiencies of a spin Hall film against its thickness, by drift and diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.errors import UsageError

__all__ = ["TorqueEfficiency", "torque_efficiency"]


@dataclass(frozen=True)
class TorqueEfficiency:
    """Efficiencies per electric field [1/(ohm m)]; damping-like and field-like."""

    xi_dl_E: np.ndarray
    xi_fl_E: np.ndarray

    def per_current(self, resistivity_ohm_m: float) -> TorqueEfficiency:
        """Return the efficiencies per current density (plain numbers): xi_E times the resistivity."""
        return TorqueEfficiency(self.xi_dl_E * resistivity_ohm_m, self.xi_fl_E * resistivity_ohm_m)


def torque_efficiency(
    thickness_m: np.ndarray | float,
    spin_hall_conductivity: np.ndarray | float,
    diffusion_length_m: np.ndarray | float,
    resistivity_ohm_m: np.ndarray | float,
    mixing_conductance: np.ndarray | complex,
) -> TorqueEfficiency:
    """Return the torque efficiencies of a film of the given thickness.

    With ``g = 2 lambda rho Re G``, ``g_i = 2 lambda rho Im G``, ``T = tanh(t/lambda)``,
    ``p = sigma_s (1 - sech(t/lambda))`` and ``D = (g + T)**2 + g_i**2``:
    ``xi_DL = p (g (g + T) + g_i**2) / D``, ``xi_FL = -p g_i T / D``.

    Parameters
    ----------
    thickness_m : (N,) float
        Thickness t [m], above 0.
    spin_hall_conductivity : float
        ``(2e/hbar) sigma_s`` [1/(ohm m)].
    diffusion_length_m, resistivity_ohm_m : float
        lambda [m], rho [ohm m].
    mixing_conductance : complex
        G = Re G + i Im G [1/(ohm m**2)].

    All are broadcast against one another: many films' series come out of one call.

    References
    ----------
    Seed 000, eqs. 1 and 2.

    Notes
    -----
    With the fit values that the paper prints for NiFe, xi_FL exceeds xi_DL in magnitude only above 7.3438 nm, not "at
    all t".
    """
    t, length, resistivity = (np.asarray(one, float) for one in (thickness_m, diffusion_length_m, resistivity_ohm_m))
    conductance = np.asarray(mixing_conductance, complex)
    numbers = (t, np.asarray(spin_hall_conductivity, float), length, resistivity, conductance)
    if not all(np.isfinite(one).all() for one in numbers):
        raise UsageError("torque efficiency: thickness and parameters must be finite")
    if not (t.size and (t > 0).all() and (length > 0).all() and (resistivity > 0).all()):
        raise UsageError("torque efficiency: thickness, diffusion length and resistivity must be above 0")
    scale = 2 * length * resistivity
    real, imaginary = scale * np.real(conductance), scale * np.imag(conductance)
    tanh = np.tanh(t / length)
    decay = np.exp(-t / length)
    drive = spin_hall_conductivity * (1 - 2 * decay / (1 + decay**2))  # 1 - sech, without overflow
    total = (real + tanh) ** 2 + imaginary**2
    return TorqueEfficiency(drive * (real * (real + tanh) + imaginary**2) / total, -drive * imaginary * tanh / total)
