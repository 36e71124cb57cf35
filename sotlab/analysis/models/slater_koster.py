"""Hopping between s and p orbitals, and spin-orbit coupling, as matrices; generic, no material is known here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["PAULI", "bloch", "both_spins", "onsite", "sp3_hopping"]

#: The Pauli matrices x, y, z.
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def sp3_hopping(bond: np.ndarray, integrals_eV: Sequence[float]) -> np.ndarray:
    """Return the hopping matrix (4, 4) between s, p_x, p_y, p_z along a bond.

    ``<s|H|p_i> = l_i V_sp = -<p_i|H|s>``, ``<p_i|H|p_j> = l_i l_j (V_pps - V_ppp) + delta_ij V_ppp``.

    Parameters
    ----------
    bond : (3,) float
        From the atom of the bra to that of the ket, any unit.
    integrals_eV : four floats
        V_ss, V_sp, V_pps, V_ppp [eV].
    """
    v_ss, v_sp, v_pps, v_ppp = integrals_eV
    cosines = np.asarray(bond, float) / np.linalg.norm(bond)
    hopping = np.zeros((4, 4))
    hopping[0, 0] = v_ss
    hopping[0, 1:] = cosines * v_sp
    hopping[1:, 0] = -cosines * v_sp
    hopping[1:, 1:] = np.outer(cosines, cosines) * (v_pps - v_ppp) + np.eye(3) * v_ppp
    return hopping


def onsite(e_s_eV: float, e_p_eV: float, soc_eV: float) -> np.ndarray:
    """Return the on-site matrix (8, 8) with ``(lambda / 3) L.sigma``: spin up s, p_x, p_y, p_z, then spin down."""
    energy = np.kron(np.eye(2), np.diag([e_s_eV, e_p_eV, e_p_eV, e_p_eV])).astype(complex)
    for axis in range(3):
        angular = np.zeros((4, 4), complex)  # (L_k)_ij = -i epsilon_kij between p orbitals
        i, j = 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
        angular[i, j], angular[j, i] = -1j, 1j
        energy += soc_eV / 3 * np.kron(PAULI[axis], angular)
    return energy


def bloch(k: np.ndarray, bonds: np.ndarray, hoppings: np.ndarray, derivative: int | None = None) -> np.ndarray:
    """Return the Bloch sum of hoppings (K, n, n), ``sum_b hoppings_b exp(i k.bond_b)``: phases have true positions.

    Parameters
    ----------
    k : (K, D) float
        Wave vectors.
    bonds : (B, D) float
        From bra to ket, in the inverse unit of k.
    hoppings : (B, n, n)
        One matrix for each bond.
    derivative : int, optional
        Return the derivative by this component of k instead.
    """
    phases = np.exp(1j * (k @ bonds.T))
    if derivative is not None:
        phases = phases * (1j * bonds[:, derivative])
    size = hoppings.shape[1]
    return (phases @ hoppings.reshape(len(bonds), -1)).reshape(-1, size, size)


def both_spins(orbital: np.ndarray) -> np.ndarray:
    """Return matrices (K, 8, 8) that act on the orbitals as (K, 4, 4) do, and leave the spin alone."""
    full = np.zeros((len(orbital), 8, 8), complex)
    full[:, :4, :4] = full[:, 4:, 4:] = orbital
    return full
