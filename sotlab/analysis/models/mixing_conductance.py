"""Spin-mixing conductance through a depleted interface, in closed form, and the Sharvin conductance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.errors import UsageError

__all__ = ["CONDUCTANCE_QUANTUM_S", "MixingConductance", "mixing_conductance", "reflection", "sharvin_conductance"]

ELEMENTARY_CHARGE_C = 1.602176634e-19  # exact
PLANCK_J_S = 6.62607015e-34  # exact
#: e**2 / h [S], per spin.
CONDUCTANCE_QUANTUM_S = ELEMENTARY_CHARGE_C**2 / PLANCK_J_S


@dataclass(frozen=True)
class MixingConductance:
    """The spin-mixing conductance of one interface, per lattice cell, in units of e**2 / h.

    Parameters
    ----------
    g : complex
        G in e**2 / (h a**2).
    channels : float
        Open channels of a cell and spin: the share of the Brillouin zone where a wave of that energy exists.
    """

    g: complex
    channels: float

    @property
    def per_channel(self) -> complex:
        """G for each open channel, in e**2 / h; zero where none is open."""
        return self.g / self.channels if self.channels else 0j

    def per_area(self, spacing_m: float) -> complex:
        """Return G [1/(ohm m**2)] for a lattice spacing a."""
        return self.g * CONDUCTANCE_QUANTUM_S / spacing_m**2


def reflection(cos_k: np.ndarray, offset: np.ndarray | float, exchange: float, coupling: float = 1.0) -> np.ndarray:
    """Return the reflection amplitude of one spin at the magnetic layer; of magnitude 1.

    ``r = -[(u - 2 cos k)/t_c + t_c exp(-ik)] / [(u - 2 cos k)/t_c + t_c exp(ik)]``, all energies in units of t0; with
    ``t_c = 1``: ``r = -(u - exp(ik)) / (u - exp(-ik))``.

    Parameters
    ----------
    cos_k : array
        cos k of the wave normal to the interface.
    offset : array
        v = -2 (delta t / t0) (cos k_x + cos k_y): how the layer's in-plane band differs from the semimetal's.
    exchange : float
        s J / t0, with s = +1 or -1.
    coupling : float
        t_c / t0 between the layer and the semimetal.
    """
    u = offset + exchange
    wave = cos_k + 1j * np.sqrt(np.clip(1 - cos_k**2, 0.0, None))
    rest = (u - 2 * cos_k) / coupling
    return -(rest + coupling * wave.conj()) / (rest + coupling * wave)


def mixing_conductance(
    exchange: float, hopping_difference: float, energy: float, points: int = 400, coupling: float = 1.0
) -> MixingConductance:
    """Return the spin-mixing conductance between a semi-infinite cubic lattice and a magnetic layer.

    The lattice has hopping t0 (``E = -2 t0 (cos k + C)``); its last layer has the in-plane hopping t_m and the energy
    -s J for the spin s. For each wave vector in the plane, ``cos k = -(E + 2 C t0)/(2 t0)``, ``j = J/t0``,
    ``v = -2 (delta t/t0) C`` and

    ``1 - r_up conj(r_down) = -4 i j sin k / (1 + v**2 - j**2 - 2 v cos k - 2 i j sin k)``,

    ``G = (e**2/h) a**-2 integral d2k/(2 pi)**2 (1 - r_up conj(r_down))`` over the open channels.

    Parameters
    ----------
    exchange : float
        J / t0, the exchange of the interface: spin-dependent hopping over the barrier.
    hopping_difference : float
        delta t / t0 = (t0 - t_m) / t0: spin-independent hopping, the depletion.
    energy : float
        E / t0, between -6 (empty band) and 6; -5 is low filling, as in a semimetal. The paper does not print it.
    points : int
        Of the midpoint grid along each axis of the plane's Brillouin zone.
    coupling : float
        t_c / t0 between the lattice and its last layer; only 1 has the closed form.

    Raises
    ------
    UsageError
        If a number is not finite, or there are no points, or no coupling.

    Notes
    -----
    With ``delta t = 0``, ``Im G / Re G = -(1 - j**2) / (2 j sin k)`` for each channel: large for small J, and 0 at
    J = t0. Re G falls with the barrier as ``(1 + 4 delta t)**-4`` at low filling; at half filling it only falls two- to
    tenfold: the paper's "orders of magnitude" need low filling.

    References
    ----------
    Seed 000, Fig. 4 and its caption, from which this is derived; axes, filling and spacing are not printed there.
    """
    if not np.isfinite([exchange, hopping_difference, energy, coupling]).all():
        raise UsageError("mixing conductance: J, delta t, E and the coupling must be finite")
    if points < 1:
        raise UsageError(f"points: {points} asked, the grid needs 1 or more")
    if coupling <= 0:
        raise UsageError(f"coupling: {coupling:g} asked, it must be above 0")
    k = (np.arange(points) + 0.5) * 2 * np.pi / points - np.pi
    in_plane = np.add.outer(np.cos(k), np.cos(k))
    cos_k = -(energy + 2 * in_plane) / 2
    is_open = np.abs(cos_k) < 1
    in_plane, cos_k = in_plane[is_open], cos_k[is_open]
    v, j, sin_k = -2 * hopping_difference * in_plane, exchange, np.sqrt(1 - cos_k**2)
    if coupling == 1.0:
        terms = -4j * j * sin_k / (1 + v**2 - j**2 - 2 * v * cos_k - 2j * j * sin_k)
    else:
        up, down = (reflection(cos_k, v, sign * j, coupling) for sign in (1, -1))
        terms = 1 - up * down.conj()
    return MixingConductance(complex(terms.sum() / points**2), float(is_open.mean()))


def sharvin_conductance(density_per_m3: float, fermi_sphere: float = 3.0) -> float:
    """Return the Sharvin conductance [1/(ohm m**2)] as seed 000 prints it: ``(1/hbar) (e k_F / 2 pi)**2``.

    Parameters
    ----------
    density_per_m3 : float
        Carrier density n.
    fermi_sphere : float
        c in ``k_F = (c pi**2 n)**(1/3)``: 3 as printed; 12 is what the paper's numbers would need, nearly.

    Notes
    -----
    Twice the usual ``(e**2/h) k_F**2 / 4 pi`` of one spin. For n = 1e26 to 1.2e27 1/m3 it gives 1.3e13 to 6.7e13, not
    the 3e13 to 17e13 that the paper states: a factor of 2.4 to 2.6 is unexplained; with c = 12 it is 3.2e13 to 16.8e13.
    """
    if not (np.isfinite(density_per_m3) and density_per_m3 > 0):
        raise UsageError(f"density: {density_per_m3:g} 1/m3 asked, it must be above 0")
    hbar = PLANCK_J_S / (2 * np.pi)
    fermi = (fermi_sphere * np.pi**2 * density_per_m3) ** (1 / 3)
    return float((ELEMENTARY_CHARGE_C * fermi / (2 * np.pi)) ** 2 / hbar)
