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
    spin_hall_conductivity: float,
    diffusion_length_m: float,
    resistivity_ohm_m: float,
    mixing_conductance: complex,
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

    References
    ----------
    Seed 000, eqs. 1 and 2.

    Notes
    -----
    With the fit values that the paper prints for NiFe, xi_FL exceeds xi_DL in magnitude only above 7.3438 nm, not "at
    all t".
    """
    t = np.asarray(thickness_m, float)
    numbers = [spin_hall_conductivity, diffusion_length_m, resistivity_ohm_m, mixing_conductance.real]
    if not (np.isfinite(t).all() and np.isfinite(numbers).all() and np.isfinite(mixing_conductance.imag)):
        raise UsageError("torque efficiency: thickness and parameters must be finite")
    if not (t.size and (t > 0).all() and diffusion_length_m > 0 and resistivity_ohm_m > 0):
        raise UsageError("torque efficiency: thickness, diffusion length and resistivity must be above 0")
    scale = 2 * diffusion_length_m * resistivity_ohm_m
    real, imaginary = scale * mixing_conductance.real, scale * mixing_conductance.imag
    tanh = np.tanh(t / diffusion_length_m)
    decay = np.exp(-t / diffusion_length_m)
    drive = spin_hall_conductivity * (1 - 2 * decay / (1 + decay**2))  # 1 - sech, without overflow
    total = (real + tanh) ** 2 + imaginary**2
    return TorqueEfficiency(drive * (real * (real + tanh) + imaginary**2) / total, -drive * imaginary * tanh / total)
